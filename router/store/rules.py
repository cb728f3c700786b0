"""Rules that every store keeps alike, as pure functions."""

from collections.abc import Iterable

from msgspec.structs import replace

from protocol import Entry, EntryKind
from router.store.errors import PoisonRequest
from router.store.values import AppendRequest

SHARD = 0
"""The only shard of an embedded store."""

KEY_PACKAGE_NOT_FOUND = "KeyPackageNotFound"
"""What an effect is refused with whose key package cannot be used up."""

REPLAY_GRAIN = 60
"""Seconds. Expiries of tokens are kept in steps of this, rounded up: a finer one would tell when a token
was minted, and so when its owner wrote, to the second (P5). Rounding up only remembers longer."""


def day_of(unix_seconds: int) -> int:
    """The day a second falls into: the finest time that accounts and devices keep."""
    return unix_seconds // 86_400


def replay_expiry(expires: int) -> int:
    """The expiry that is stored for a token which expires at `expires` (Unix seconds)."""
    return -(-expires // REPLAY_GRAIN) * REPLAY_GRAIN


ENDED_SECONDS = 3600
"""How long an ended login is remembered at least: no access token lives longer."""


def remembered_until(now: int) -> int:
    """When the row of a login that ends now may go: the end of a day, so that it does not tell the moment."""
    return (day_of(now + ENDED_SECONDS) + 1) * 86_400


def check_append(request: AppendRequest) -> None:
    """Raise `PoisonRequest` unless the entries continue the conversation densely: a bug of the caller.

    No entries at all are right where there is a result or an act to keep: a command that changed nothing.
    """
    if request.effects and not request.entries and request.expected_seq == 0:
        raise PoisonRequest("effects without a conversation")
    for seq, entry in enumerate(request.entries, request.expected_seq + 1):
        if entry.conversation != request.conversation:
            raise PoisonRequest("an append with an entry of another conversation")
        if entry.seq != seq:
            raise PoisonRequest(f"an append whose seqs are not dense: {entry.seq} where {seq} belongs")
        if (entry.kind is EntryKind.CREATED) != (seq == 1):
            raise PoisonRequest("a conversation begins with its creation and has no second one")


def placed(entries: Iterable[Entry], first: int) -> tuple[Entry, ...]:
    """The entries as committed from position `first` on."""
    return tuple([replace(entry, position=position) for position, entry in enumerate(entries, first)])


def fitting(entries: Iterable[Entry], max_entries: int, max_bytes: int) -> list[Entry]:
    """The longest start within both bounds, and one entry even if it is larger: reads make progress.

    Takes no more from `entries` than it needs to know that.
    """
    taken: list[Entry] = []
    size = 0
    for entry in entries:
        size += len(entry.body)
        if len(taken) == max_entries or (taken and size > max_bytes):
            break
        taken.append(entry)
    return taken
