"""From what was found to what it means: pure, with every bound in one place."""

import enum
from collections.abc import Mapping, Sequence

import msgspec

from router.config import Finding, Severity
from router.identity.lookup import Absent, Broken, Found, Outcome, Unreachable

_MIB = 1_048_576
DISK_LOW_BYTES = 1_024 * _MIB
DISK_EMPTY_BYTES = 256 * _MIB
WAL_LARGE_BYTES = 256 * _MIB
"""The log is cut to 64 MiB when it starts anew; four times that means that it cannot."""
SPARE_FILES = 256
"""Descriptors beside those of connections: database, logs, control socket, resolvers."""
SKEW_SECONDS = 5.0
SLOW_SECONDS = 1.0
"""Somebody waits for it: at a login, or at the first word of an account of elsewhere."""
OLDEST_SANE = 1_767_225_600
"""2026-01-01: no server of this version ran before."""


class State(enum.StrEnum):
    """What is to be done about it."""

    GOOD = "ok"
    ADVICE = "advice"
    MEND = "mend"


class Diagnosis(msgspec.Struct, frozen=True):
    """One check: what was found, and what to do unless it is good."""

    check: str
    state: State
    found: str
    mend: str | None = None


def good(check: str, found: str) -> Diagnosis:
    """Nothing to do."""
    return Diagnosis(check, State.GOOD, found)


def must_mend(check: str, found: str, mend: str) -> Diagnosis:
    """It will not work, or is not safe, as it is."""
    return Diagnosis(check, State.MEND, found, mend)


def advice(check: str, found: str, mend: str) -> Diagnosis:
    """It works, and could be better."""
    return Diagnosis(check, State.ADVICE, found, mend)


def judge_findings(check: str, findings: Sequence[Finding]) -> list[Diagnosis]:
    """Refusals and warnings of a start."""
    if not findings:
        return [good(check, "nothing to remark")]
    return [
        Diagnosis(
            check,
            State.MEND if finding.severity is Severity.REFUSE else State.ADVICE,
            f"{', '.join(finding.about)}: {finding.wrong}",
            finding.mend,
        )
        for finding in findings
    ]


def judge_health(checks: Mapping[str, str]) -> list[Diagnosis]:
    """The running server's own checks: «ok», or what is wrong."""
    return [
        good(f"health {name}", "ok")
        if found == "ok"
        else must_mend(
            f"health {name}", found, "See the server's log; `rookery tree` shows which part is ill."
        )
        for name, found in checks.items()
    ]


def judge_disk(free_bytes: int, total_bytes: int) -> Diagnosis:
    """Room for the log."""
    found = f"{free_bytes // _MIB:,} MiB of {total_bytes // _MIB:,} MiB are free"
    if free_bytes < DISK_EMPTY_BYTES:
        return must_mend("disk", found, "Make room: a full disk refuses every send.")
    if free_bytes < DISK_LOW_BYTES:
        return advice("disk", found, "Make room before it is full; a full disk refuses every send.")
    return good("disk", found)


def judge_wal(size_bytes: int) -> Diagnosis:
    """The write-ahead log beside the database."""
    found = f"the write-ahead log has {size_bytes // _MIB} MiB"
    if size_bytes > WAL_LARGE_BYTES:
        mend = "Something reads the database and does not let go (a backup, a sqlite3 shell): end it."
        return must_mend("write-ahead log", found, mend)
    return good("write-ahead log", found)


def judge_files(limit: int, used: int | None, connections: int) -> Diagnosis:
    """File descriptors: `limit` is what the process may open, `used` what it has open now."""
    needed = connections + SPARE_FILES
    found = f"{limit:,} may be open" + ("" if used is None else f", {used:,} are")
    if used is not None and used > limit * 9 // 10:
        return must_mend("file descriptors", found, "Raise the limit (systemd: LimitNOFILE) and restart.")
    if limit < needed:
        mend = f"server.max_connections asks for {needed:,}: raise the limit (LimitNOFILE), or lower it."
        return must_mend("file descriptors", found, mend)
    return good("file descriptors", found)


def judge_clock(now: float, newest_file: float | None, skew: float | None) -> Diagnosis:
    """Whether the time can be right. `skew`: by how much another clock is ahead of ours, if one was asked."""
    if now < OLDEST_SANE:
        return must_mend("clock", "the year is before this server was written", "Set the clock (NTP).")
    if newest_file is not None and newest_file > now + SKEW_SECONDS:
        ahead = newest_file - now
        return must_mend(
            "clock",
            f"a file of the data folder was written {ahead:,.0f} s in the future: the clock went back",
            "Set the clock (NTP): tokens that ended would count again.",
        )
    if skew is not None and abs(skew) > SKEW_SECONDS:
        way = "behind" if skew > 0 else "ahead"
        return must_mend(
            "clock",
            f"this machine's clock is {abs(skew):,.0f} s {way} of the proxy's",
            "Set both by NTP: fresh tokens are refused otherwise.",
        )
    return good("clock", "plausible" if skew is None else "agrees with the proxy's")


def judge_document(document: object, did: str, audience: str, endpoint: str, where: str) -> Diagnosis:
    """A DID document against what this server says it is."""
    check = f"DID document ({where})"
    if not isinstance(document, Mapping) or document.get("id") != did:
        return must_mend(
            check,
            f"it is not the document of {did}",
            "Let the proxy hand on the Host header, and /.well-known/did.json to this server.",
        )
    entries = document.get("service")
    for entry in entries if isinstance(entries, list) else ():
        if isinstance(entry, Mapping) and entry.get("id") in (audience, audience.removeprefix(did)):
            if entry.get("serviceEndpoint") == endpoint:
                return good(check, f"names {endpoint}")
            return must_mend(
                check, f"it names {entry.get('serviceEndpoint')}, not {endpoint}", "Set server.public_url."
            )
    return must_mend(check, f"it has no service {audience}", "Serve the document of this server there.")


def judge_directory(url: str, outcome: Outcome, seconds: float) -> Diagnosis:
    """The directory of did:plc, which was asked for a DID that nobody has; `seconds`: how long it took.

    Without it the server runs on: accounts of here, and those whose documents are cached, do not need it.
    """
    check = "DID directory"
    match outcome:
        case Absent() if seconds <= SLOW_SECONDS:
            return good(check, f"{url} answers in {seconds * 1000:,.0f} ms")
        case Absent():
            mend = "New accounts of elsewhere wait for it: use one that is nearer, or look at the network."
            return advice(check, f"{url} takes {seconds:,.1f} s to answer", mend)
        case Unreachable():
            mend = (
                "Accounts with a did:plc that are new here cannot speak meanwhile: look at the network, or "
                "set identity.plc_url (identity.outside_accounts = false where they are not wanted)."
            )
            return advice(check, f"{url} does not answer: {outcome.reason}", mend)
        case Broken():
            found = f"{url} answers, but not as a directory does: {outcome.reason}"
        case Found():
            found = f"{url} has a document for a DID that nobody can have"
    return must_mend(check, found, "Set identity.plc_url to the origin of a did:plc directory.")


def judge_provider(name: str, issuer: str, found: int | str, seconds: float) -> Diagnosis:
    """An identity provider: how many keys it signs with and how long it took to say so, or what is wrong."""
    check = f"identity provider {name}"
    if isinstance(found, str):
        return must_mend(
            check,
            f"{issuer}: {found}",
            f"Nobody can log in with it. Compare the section login_{name} with the provider's discovery "
            "document, whose issuer must be the same to the letter, and look at the network.",
        )
    shown = f"{issuer} describes itself and {_keys(found)} in {seconds * 1000:,.0f} ms"
    if seconds > SLOW_SECONDS:
        return advice(check, shown, "People wait for it at each login: look at the network between.")
    return good(check, shown)


def _keys(count: int) -> str:
    return "1 key" if count == 1 else f"{count} keys"


def judge_version(ours: str, running: str) -> Diagnosis:
    """The server that runs against the program that asks."""
    if ours == running:
        return good("version", f"rookery {ours}")
    return must_mend(
        "version",
        f"rookery {running} runs, {ours} is installed",
        "Restart the server to have the one installed.",
    )
