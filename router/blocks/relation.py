"""The relation of two accounts: blocked, clear, or unknown; and what follows from it. Pure.

A block is a record in the repository of the account that blocks, so only that account's own records tell
that there is one, and only *all* of them tell that there is none. What could not be read makes a pair
unknown, never clear: silence is not consent. A block that was found counts whatever else was not.

Blocks are of accounts. A device has none, and the types keep it so.
"""

import enum
from collections.abc import Collection, Iterable, Mapping
from typing import Literal

import attrs

from protocol import AccountDid


class Relation(enum.Enum):
    """What stands between two accounts, in either direction."""

    BLOCKED = "blocked"
    CLEAR = "clear"
    UNKNOWN = "unknown"


@attrs.frozen
class Block:
    """One account blocks another, by a record of its own."""

    blocker: AccountDid
    blocked: AccountDid
    created: str
    """When, as its record says: an AT Protocol datetime."""
    uri: str
    """`at://<blocker>/app.bsky.graph.block/<rkey>`."""


@attrs.frozen
class Records:
    """The blocks that an account has made, as far as they could be read."""

    blocks: Mapping[AccountDid, Block]
    """By whom they are against."""
    complete: bool
    """Whether these are all: only then does absence say anything."""
    looked: float
    """Unix seconds at which they were read."""


@attrs.frozen
class Findings:
    """What was found among accounts."""

    blocks: tuple[Block, ...]
    unknown: tuple[AccountDid, ...]
    """Accounts whose records could not all be read."""
    looked: float | None = None
    """Unix seconds of the oldest reading this rests on; None if nothing had to be read."""

    @property
    def relation(self) -> Relation:
        """Of all of them together: one block is enough, and clear are they only if every pair is."""
        if self.blocks:
            return Relation.BLOCKED
        return Relation.UNKNOWN if self.unknown else Relation.CLEAR


WhenUnknown = Literal["refuse", "allow"]
"""What a deployment does about pairs that cannot be judged."""


class Verdict(enum.Enum):
    """What follows for those who want to be in one conversation."""

    ALLOWED = "allowed"
    BLOCKED = "blocked"
    UNJUDGED = "unjudged"
    """Refused for now: nobody can tell."""


def between(
    present: Iterable[AccountDid], coming: Iterable[AccountDid], records: Mapping[AccountDid, Records]
) -> Findings:
    """What stands between those who come and everybody else: those present, and each other.

    Pairs of which both are present already are not looked at. Blocks in the order of the accounts named.
    """
    new = tuple(dict.fromkeys(coming))
    old = tuple(account for account in dict.fromkeys(present) if account not in new)
    found: list[Block] = []
    unknown: list[AccountDid] = []
    looked: list[float] = []
    if not new or len(new) + len(old) < 2:
        return Findings((), ())
    for account, others in (*((each, new) for each in old), *((each, (*old, *new)) for each in new)):
        held = records.get(account)
        if held is None:
            unknown.append(account)
            continue
        found += [held.blocks[other] for other in _named(held, others) if other != account]
        looked.append(held.looked)
        if not held.complete:
            unknown.append(account)
    return Findings(tuple(found), tuple(unknown), min(looked, default=None))


def verdict(findings: Findings, when_unknown: WhenUnknown) -> Verdict:
    """Whether they may be together."""
    match findings.relation:
        case Relation.BLOCKED:
            return Verdict.BLOCKED
        case Relation.UNKNOWN if when_unknown == "refuse":
            return Verdict.UNJUDGED
        case Relation.UNKNOWN | Relation.CLEAR:  # pragma: no branch - the enum is closed
            return Verdict.ALLOWED


def _named(held: Records, others: Collection[AccountDid]) -> list[AccountDid]:
    return [other for other in others if other in held.blocks]
