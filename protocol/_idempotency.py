"""The idempotency rule: one key, one body, one result.

A key is scoped to its caller and endpoint before it comes here (`IdempotencyKey.scope`). Only final,
accepted results are kept; a refusal is decided anew, since what was wrong may have been put right. Sends
need no key: (conversation, msgId, body hash) is theirs.
"""

import enum

import msgspec

from protocol._answers import Answer
from protocol._commands import IdempotencyKey


class Retry(enum.Enum):
    """What a key means to a request."""

    FRESH = "fresh"
    """Nothing is stored under it: run the command."""
    REPLAY = "replay"
    """The same body ran before: give the stored result."""
    CONFLICT = "conflict"
    """Another body ran under this key: IdempotencyConflict (409)."""


def judge_retry(stored_fingerprint: bytes | None, fingerprint: bytes) -> Retry:
    """What the fingerprint stored under a key (None: nothing) means to a body with `fingerprint`."""
    if stored_fingerprint is None:
        return Retry.FRESH
    return Retry.REPLAY if stored_fingerprint == fingerprint else Retry.CONFLICT


class Settled(msgspec.Struct, frozen=True):
    """An accepted result, to be stored with the entries it belongs to."""

    key: IdempotencyKey
    answer: Answer
