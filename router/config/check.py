"""Settings that are each well-formed but unsafe or useless together: judged here, purely.

A *refusal* keeps the server from starting, a *warning* is shown and logged. Each says what is wrong and how
to mend it, in that order, in one sentence each.
"""

import re
from collections.abc import Callable, Iterator

from protocol import InvalidId, parse_account_did
from router.config.findings import Finding, Severity, refuse, warn
from router.config.hardening import HARDENING
from router.config.login import provider_problems
from router.config.mls import BadSuiteError, parse_suites
from router.config.named import provider_sections
from router.config.origin import BadUrlError, is_loopback, parse_origin, superadmins
from router.config.redirects import BadRedirectError, Redirects
from router.config.sections import Settings

_DID = re.compile(r"did:(web:[A-Za-z0-9.-]+(%3A[0-9]{1,5})?(:[A-Za-z0-9._%-]+)*|plc:[a-z2-7]{24})")
_SHORTEST_TOKEN = 24
_FEWEST_CHARACTERS = 8
MAX_CIPHERTEXT_BYTES = 10 * 1_048_576  # the lexicons' limit
_ENVELOPE_BYTES = 4_096  # room for the other fields of a send beside its ciphertext


def check(settings: Settings) -> tuple[Finding, ...]:
    """Everything wrong with these settings as a whole, refusals first."""
    found = [finding for rule in _RULES for finding in rule(settings)]
    return tuple(sorted(found, key=lambda finding: finding.severity is not Severity.REFUSE))


def _transport(settings: Settings) -> Iterator[Finding]:
    server = settings.server
    if not (is_loopback(server.host) or server.behind_proxy):
        yield refuse(
            "server.host",
            wrong=f"{server.host} can be reached from other machines, and this server ends no TLS.",
            mend="Put a proxy that does in front and set server.behind_proxy = true, or bind to 127.0.0.1.",
        )


def _identity(settings: Settings) -> Iterator[Finding]:
    server, did = settings.server, settings.service.did
    origin = None
    if server.public_url is None:
        if not is_loopback(server.host) or server.behind_proxy:
            yield refuse(
                "server.public_url",
                wrong="Clients from elsewhere need a URL, and the service DID is made from it.",
                mend='Set server.public_url = "https://your.host".',
            )
    else:
        try:
            origin = parse_origin(server.public_url)
        except BadUrlError as error:
            yield refuse("server.public_url", wrong=f"It {error}.", mend="Write it as https://your.host.")
        else:
            if origin.scheme == "http" and not is_loopback(origin.host):
                yield refuse(
                    "server.public_url",
                    wrong="Tokens would travel in the clear to a public http:// address.",
                    mend="Use https://.",
                )
    if did is None:
        return
    if not _DID.fullmatch(did):
        yield refuse(
            "service.did",
            wrong="It is not a did:web or did:plc (without a #fragment).",
            mend="Write did:web:your.host, or leave it out to have it made from server.public_url.",
        )
    elif origin and did.startswith("did:web:") and did != "did:web:" + origin.netloc.replace(":", "%3A"):
        yield warn(
            "service.did",
            "server.public_url",
            wrong="The did:web names another host than the public URL, so its document is served elsewhere.",
            mend="Leave service.did out unless that is meant.",
        )


def _admin(settings: Settings) -> Iterator[Finding]:
    admin, server = settings.admin, settings.server
    if admin.token is None:
        if not is_loopback(admin.host):
            yield refuse(
                "admin.host",
                "admin.token",
                wrong=f"The admin listener on {admin.host} could be read by anybody who reaches it.",
                mend="Set admin.token, or bind it to 127.0.0.1.",
            )
    elif len(admin.token) < _SHORTEST_TOKEN or len(set(admin.token)) < _FEWEST_CHARACTERS:
        yield refuse(
            "admin.token",
            wrong="It is short enough to be guessed.",
            mend=f"Use at least {_SHORTEST_TOKEN} random characters, as `openssl rand -hex 32` makes them.",
        )
    if admin.port == server.port != 0:
        yield refuse(
            "admin.port",
            "server.port",
            wrong="Both listeners have the same port.",
            mend="Give the admin listener one of its own; 9090 is its default.",
        )


def _outside(settings: Settings) -> Iterator[Finding]:
    identity, server = settings.identity, settings.server
    try:
        origin = parse_origin(identity.plc_url)
    except BadUrlError as error:
        yield refuse("identity.plc_url", wrong=f"It {error}.", mend="Write it as https://plc.directory.")
    else:
        if origin.scheme == "http" and not is_loopback(origin.host):
            yield refuse(
                "identity.plc_url",
                wrong="Whoever is between could give any account another key.",
                mend="Use https://.",
            )
    if identity.loopback_hosts is not None:
        if not is_loopback(server.host) or server.behind_proxy:
            yield refuse(
                "identity.loopback_hosts",
                wrong="A stranger's DID could lead a public server to ports of its own machine.",
                mend="Leave it out; it is for development on 127.0.0.1.",
            )
        else:
            yield warn(
                "identity.loopback_hosts",
                wrong=f"DIDs may lead to this machine: {identity.loopback_hosts}.",
                mend="Leave it out where that is not meant for development.",
            )
    for did in sorted(superadmins(identity.superadmins)):
        try:
            parse_account_did(did)
        except InvalidId:
            yield refuse(
                "identity.superadmins",
                wrong=f"{did!r} is no DID.",
                mend="List DIDs, divided by commas; `rookery account list` shows them.",
            )
    if identity.document_fresh > identity.document_stale:
        yield refuse(
            "identity.document_fresh",
            "identity.document_stale",
            wrong="A document would be stale before it is no longer fresh.",
            mend="Lower the first.",
        )


def _login(settings: Settings) -> Iterator[Finding]:
    shown: dict[str, str] = {}
    for name, section in provider_sections(settings).items():
        for key, problem in provider_problems(section):
            path = f"{name}.{key}"
            yield refuse(path, wrong=f"It {problem}.", mend="Set it, or leave the whole section out.")
        if section.client_id is not None:
            twin = shown.setdefault(section.name, name)
            if twin != name:
                yield refuse(
                    f"{name}.name",
                    f"{twin}.name",
                    wrong="People could not tell these two providers apart.",
                    mend="Call them by different names.",
                )
    try:
        Redirects(settings.login.redirects)
    except BadRedirectError as error:
        yield refuse("login.redirects", wrong=f"{error}.", mend="List only where apps of yours are.")


def _mls(settings: Settings) -> Iterator[Finding]:
    chosen = settings.mls
    try:
        parse_suites(chosen.cipher_suites)
    except BadSuiteError as error:
        yield refuse("mls.cipher_suites", wrong=f"{error}.", mend="List names or numbers of suites, as 1, 3.")
    if chosen.low_stock > chosen.max_key_packages:
        yield refuse(
            "mls.low_stock",
            "mls.max_key_packages",
            wrong="A device could never have enough key packages.",
            mend="Lower the first.",
        )


def _sizes(settings: Settings) -> Iterator[Finding]:
    # a message is accepted when its body fits; what it passes through then must be able to hold it
    largest = min(MAX_CIPHERTEXT_BYTES, settings.server.max_body_bytes) + _ENVELOPE_BYTES
    for path, size in (
        ("conversations.mailbox_bytes", settings.conversations.mailbox_bytes),
        ("store.queue_bytes", settings.store.queue_bytes),
    ):
        if size < largest:
            yield refuse(
                path,
                wrong=f"{size} bytes cannot hold the largest message that server.max_body_bytes lets in.",
                mend=f"Set it to {largest} or more.",
            )


def _times(settings: Settings) -> Iterator[Finding]:
    supervision = settings.supervision
    if supervision.backoff_initial > supervision.backoff_maximum:
        yield refuse(
            "supervision.backoff_initial",
            "supervision.backoff_maximum",
            wrong="The first wait is longer than the longest.",
            mend="Lower the first.",
        )


def _weaker(settings: Settings) -> Iterator[Finding]:
    if settings.store.synchronous == "normal":
        yield warn(
            "store.synchronous",
            wrong="An answered send survives a killed process but not a power cut.",
            mend='Use "full" where an answer must mean durable.',
        )
    if not settings.blocks.enabled or settings.blocks.when_unknown == "allow":
        yield warn(
            "blocks.when_unknown" if settings.blocks.enabled else "blocks.enabled",
            wrong="People may be brought together with somebody who blocks them, or whom they block.",
            mend='Leave blocks.enabled on, and blocks.when_unknown = "refuse".',
        )
    if settings.logging.exception_messages and not is_loopback(settings.server.host):
        yield warn(
            "logging.exception_messages",
            wrong="Texts of exceptions in the log may name people or messages.",
            mend="Leave it off on a public server.",
        )


_RULES: tuple[Callable[[Settings], Iterator[Finding]], ...] = (
    _transport,
    _identity,
    _admin,
    _outside,
    _login,
    _mls,
    _sizes,
    _times,
    _weaker,
    *HARDENING,
)
