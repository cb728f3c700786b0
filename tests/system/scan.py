"""Looks for what must not be kept: who sent, with what token, at what moment. Knows no code of the router's.

`Secrets` is what a run knows and a server must not have kept. Each function returns what it found, as
sentences; an empty list is the promise kept. What an account may stand in is the table `ACCOUNTS`: every
other column of every table is searched, so that a new column is guilty until it is named here.
"""

import base64
import datetime as dt
import json
import re
import sqlite3
import uuid
from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path

import attrs

ACCOUNTS: dict[str, frozenset[str]] = {
    "accounts": frozenset({"did", "name"}),
    "additions": frozenset({"device", "leased_to"}),
    "api_keys": frozenset({"account", "device"}),
    "audit": frozenset({"record"}),
    "chat_requests": frozenset({"sender", "recipient"}),
    "complaints": frozenset({"recipient", "sender"}),
    "conversations": frozenset({"creator", "group_state"}),
    "convo_settings": frozenset({"account"}),
    "devices": frozenset({"id", "account"}),
    "evidence": frozenset({"sender", "body"}),  # of a commit, never of a message
    "grants": frozenset({"account"}),
    "group_infos": frozenset({"body"}),
    "identities": frozenset({"account"}),
    "invites": frozenset({"created_by", "target", "revoked_by"}),
    "key_packages": frozenset({"device", "account", "claimed_by", "package"}),
    "members": frozenset({"account", "device"}),
    "opt_ins": frozenset({"account"}),
    "passkeys": frozenset({"account"}),
    "read_marks": frozenset({"device"}),
    "reports": frozenset({"reporter", "reported", "resolved_by"}),
    "request_blocks": frozenset({"recipient", "sender"}),
    "request_settings": frozenset({"account"}),
    "results": frozenset({"body"}),  # the first answer to a creation: its members; a send has none
    "scheme_keys": frozenset({"device"}),
    "standings": frozenset({"account"}),
    "suspensions": frozenset({"account"}),
    "welcomes": frozenset({"device", "account"}),
}
"""Who is in what, and since when: membership is known to the server. Who said what is not."""

PUBLIC_KEYS = {
    "accounts": frozenset({"verification_key"}),
    "devices": frozenset({"signature_key"}),
    "evidence": frozenset({"body"}),
    "group_infos": frozenset({"body"}),
    "key_packages": frozenset({"package"}),
    "scheme_keys": frozenset({"signature_key"}),
}
"""Where a public key is kept, which is what it is for. Trees, key packages and commits in clear hold some."""

DAYS = frozenset(
    {
        ("accounts", "created_day"),
        ("api_keys", "created_day"),
        ("devices", "registered_day"),
        ("devices", "last_seen_day"),
        ("passkeys", "created_day"),
        ("passkeys", "used_day"),
        ("suspensions", "since_day"),
    }
)
_TIMES = re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(?:\.\d+)?")
_NUMBERS = re.compile(r"\d+(?:\.\d+)?(?:e\+?\d+)?")


@attrs.frozen
class Secrets:
    """Of a run: who took part, the messages' ids, the tokens, and between which moments it was."""

    people: frozenset[bytes]
    """Names, DIDs and device ids, as text and as the sixteen bytes of a UUID."""
    messages: frozenset[bytes]
    tokens: frozenset[bytes]
    """Whole tokens, their parts, and their jti, as text and as bytes."""
    convos: frozenset[bytes]
    keys: frozenset[bytes]
    """Private keys and idempotency keys: kept nowhere."""
    public_keys: frozenset[bytes]
    began: float
    ended: float
    bucket: int

    @classmethod
    def of(
        cls,
        *,
        names: Iterable[str],
        devices: Iterable[str],
        messages: Iterable[str],
        tokens: Iterable[str],
        convos: Iterable[str],
        keys: Iterable[bytes] = (),
        public_keys: Iterable[bytes] = (),
        began: float,
        ended: float,
        bucket: int,
    ) -> "Secrets":
        """The secrets in each form in which they could be kept."""
        people = {name.encode() for name in names}  # a DID holds its name
        for device in devices:
            people |= {device.encode(), uuid.UUID(device).bytes}
        return cls(
            frozenset(people),
            frozenset(message.encode() for message in messages),
            frozenset(part for token in tokens for part in _parts(token)),
            frozenset(convo.encode() for convo in convos),
            frozenset(form for key in keys for form in _spellings(key)),
            frozenset(form for key in public_keys for form in _spellings(key)),
            began,
            ended,
            bucket,
        )

    def is_a_fine_time(self, value: float) -> bool:
        """Whether a number is a moment of the run, in seconds or finer units, not on a bucket's edge."""
        for unit in (1, 10**3, 10**6, 10**9):
            seconds = value / unit
            # a day on either side: expiries lie ahead
            if self.began - 86_400 <= seconds <= self.ended + 2 * 86_400:
                return unit > 1 or seconds % self.bucket != 0
        return False


def _spellings(key: bytes) -> Iterator[bytes]:
    yield key
    yield key.hex().encode()
    yield base64.b64encode(key).rstrip(b"=")
    yield base64.urlsafe_b64encode(key).rstrip(b"=")


def _parts(token: str) -> Iterator[bytes]:
    yield token.encode()
    yield from (part.encode() for part in token.split(".")[1:])
    payload = token.split(".")[1]
    jti = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))["jti"]
    yield jti.encode()
    yield bytes.fromhex(jti)


def search(data: bytes, needles: Iterable[bytes], where: str) -> list[str]:
    """Each needle that is in `data`."""
    return [f"{where} holds {needle!r}" for needle in needles if needle in data]


def search_tables(path: Path, secrets: Secrets) -> list[str]:
    """Everything in any column that may not hold it, and every time that is finer than its bucket."""
    found: list[str] = []
    with closing(sqlite3.connect(f"file:{path}?mode=ro", uri=True)) as database:
        tables = [name for (name,) in database.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
        for table in tables:
            rows = database.execute(f'SELECT * FROM "{table}"')  # noqa: S608 - a name of the schema
            columns = [column[0] for column in rows.description]
            for row in rows:
                record = dict(zip(columns, row, strict=True))
                for column, value in record.items():
                    found += _judge(table, column, value, record, secrets)
    return found


def _judge(table: str, column: str, value: object, record: dict[str, object], secrets: Secrets) -> list[str]:
    where = f"{table}.{column}"
    if isinstance(value, int | float):
        fine = (table, column) not in DAYS and secrets.is_a_fine_time(value)
        return [f"{where} holds the time {value}"] if fine else []
    if value is None:
        return []
    data = value if isinstance(value, bytes) else str(value).encode()
    found = search(data, secrets.tokens | secrets.keys, where)
    if column not in PUBLIC_KEYS.get(table, ()) and not _is_a_fact(table, column, record):
        found += search(data, secrets.public_keys, where)
    if not _may_name_people(table, column, record):
        found += search(data, secrets.people, where)
    # who reports says which messages it is about
    if (table, column) not in (("entries", "msg_id"), ("reports", "message_ids")):
        found += search(data, secrets.messages, where)
    if table == "audit" and column == "record":
        moment = json.loads(data)["at"]
        found += [f"{where} holds the time {moment}"] if secrets.is_a_fine_time(moment) else []
    return found


def _may_name_people(table: str, column: str, record: dict[str, object]) -> bool:
    return _is_a_fact(table, column, record) or column in ACCOUNTS.get(table, ())


def _is_a_fact(table: str, column: str, record: dict[str, object]) -> bool:
    """A fact of membership, or a commit, names those it is about; a message (kind 2) nobody."""
    return (table, column) == ("entries", "body") and record["kind"] != 2


def search_text(text: str, secrets: Secrets, where: str) -> list[str]:
    """Anything at all of the secrets, in logs and pages that have no place for them; and fine times."""
    data = text.encode()
    anything = secrets.people | secrets.messages | secrets.tokens | secrets.convos
    found = search(data, anything | secrets.keys | secrets.public_keys, where)
    for told in _TIMES.findall(text):
        moment = dt.datetime.fromisoformat(told).replace(tzinfo=dt.UTC).timestamp()
        if secrets.is_a_fine_time(moment):
            found.append(f"{where} holds the time {told}")
    for number in _NUMBERS.findall(_TIMES.sub("", text)):
        if len(number) < 25 and secrets.is_a_fine_time(float(number)):
            found.append(f"{where} holds the time {number}")
    return found
