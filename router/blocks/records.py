"""Block records as a PDS tells them, read strictly into values. Pure.

A page or record that is out of shape, or names another repository, is the answer of a host that cannot be
believed: `BadRecordsError`, and the account's blocks are unknown. A single *value* that is no block by its
lexicon (no DID as subject, another type) is left out: it is the account's own mistake and blocks nobody.
A block whose `createdAt` is missing or no datetime still blocks; its time is told as the beginning of time.

Source: lexicons com.atproto.repo.{listRecords,getRecord},
app.bsky.graph.block; atproto.com/specs/at-uri-scheme.
"""

import re
from collections.abc import Mapping
from typing import Final
from urllib.parse import urlencode

import attrs
import msgspec

from protocol import AccountDid, InvalidId, parse_account_did
from router.blocks.relation import Block
from router.identity.strict_json import BadJsonError, read_json
from schema.wire import Datetime

COLLECTION: Final = "app.bsky.graph.block"
PAGE: Final = 100
"""Records on a page: the most that listRecords gives."""
NO_TIME: Final = "1970-01-01T00:00:00Z"

_MAX_CURSOR: Final = 512
_RKEY: Final = re.compile(r"(?!\.{1,2}\Z)[A-Za-z0-9_~.:-]{1,512}")


class BadRecordsError(ValueError):
    """The host's fault: not the answer of a PDS about this account."""


@attrs.frozen
class Page:
    """One page of an account's blocks; `cursor` is None at the end."""

    blocks: tuple[Block, ...]
    records: int
    """How many there were, those that are no blocks included."""
    cursor: str | None


def list_path(account: AccountDid, cursor: str | None) -> str:
    """Where a page is asked for."""
    query = {"repo": account, "collection": COLLECTION, "limit": str(PAGE)}
    if cursor is not None:
        query["cursor"] = cursor
    return "/xrpc/com.atproto.repo.listRecords?" + urlencode(query)


def record_path(account: AccountDid, rkey: str) -> str:
    """Where one record is asked for."""
    return "/xrpc/com.atproto.repo.getRecord?" + urlencode(
        {"repo": account, "collection": COLLECTION, "rkey": rkey}
    )


def rkey_of(uri: str, account: AccountDid) -> str | None:
    """The record key of a block of this account; None for any other URI, one of its handle included."""
    prefix = f"at://{account}/{COLLECTION}/"
    rkey = uri.removeprefix(prefix)
    return rkey if uri.startswith(prefix) and _RKEY.fullmatch(rkey) else None


def read_page(body: bytes, account: AccountDid) -> Page:
    """A page of listRecords. A repeated subject keeps each of its records."""
    answer = _object(body)
    records, cursor = answer.get("records"), answer.get("cursor")
    if not isinstance(records, list) or len(records) > PAGE:
        raise BadRecordsError("no page of records")
    if cursor is not None and not (isinstance(cursor, str) and 0 < len(cursor) <= _MAX_CURSOR):
        raise BadRecordsError("no cursor")
    blocks = (_read(record, account) for record in records)
    # a page without records is the end, whatever it says: else a host could lead on for ever for nothing
    return Page(tuple(block for block in blocks if block), len(records), cursor if records else None)


def read_record(body: bytes, account: AccountDid, rkey: str) -> Block | None:
    """The block in an answer of getRecord; None when the record is no block."""
    answer = _object(body)
    if answer.get("uri") != f"at://{account}/{COLLECTION}/{rkey}":
        raise BadRecordsError("another record")
    return _read(answer, account)


def says_absent(body: bytes) -> bool:
    """Whether a refusal of getRecord says that there is no such record."""
    try:
        return _object(body).get("error") == "RecordNotFound"
    except BadRecordsError:
        return False


def _object(body: bytes) -> Mapping[str, object]:
    try:
        answer = read_json(body)
    except BadJsonError:
        raise BadRecordsError("no JSON") from None
    if not isinstance(answer, Mapping):
        raise BadRecordsError("no object")
    return answer


def _read(record: object, account: AccountDid) -> Block | None:
    if not isinstance(record, Mapping):
        raise BadRecordsError("no record")
    uri, value = record.get("uri"), record.get("value")
    if not isinstance(uri, str) or not isinstance(value, Mapping) or rkey_of(uri, account) is None:
        raise BadRecordsError("no record of this account's blocks")
    subject, created = value.get("subject"), value.get("createdAt")
    if value.get("$type") != COLLECTION or not isinstance(subject, str):
        return None
    try:
        blocked = parse_account_did(subject)
    except InvalidId:
        return None
    return Block(account, blocked, _datetime(created), uri)


def _datetime(value: object) -> str:
    try:
        return msgspec.convert(value, Datetime)
    except msgspec.ValidationError:
        return NO_TIME
