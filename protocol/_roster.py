"""The admins as members tell each other inside MLS messages: how a client finds out a server that lies.

A server shows each member who the admins are (`memberView.isAdmin`), and it could show whom it likes. So
admins tell the members themselves, sealed, as `adminRoster` of `blue.catbird.mls.message.defs`: a version
that rises with each change, the admins, and a hash of them. A client keeps the newest roster that it may
believe (`follow_roster`), and holds what the server shows against it (`check_roster`).

The hash is SHA-256, in lower-case hexadecimal, over the admins' DIDs in UTF-8, each once and in byte order,
each followed by a line feed: what `LC_ALL=C sort -u admins | sha256sum` says of a file with one on each line.
"""

import enum
import hashlib
import hmac
from collections.abc import Collection, Iterable

import msgspec

from protocol._ids import AccountDid


class Roster(msgspec.Struct, frozen=True):
    """An `adminRoster`, decrypted and read."""

    version: int
    admins: frozenset[AccountDid]
    hash: str | None = None
    """As it was told; None where it was not."""


class RosterFault(enum.Enum):
    """Why a roster is not believed."""

    HASH = "the hash is not that of the admins"
    EMPTY = "a conversation has at least one admin"
    SENDER = "who sent it is no admin by the roster before it"
    OLD = "its version is not above that of the roster before it"


class RosterDifference(msgspec.Struct, frozen=True):
    """What a server shows otherwise than the admins say. A change on its way is one for a moment: look again
    once all entries are read, before anybody is accused."""

    hidden: frozenset[AccountDid]
    """Admins whom the server does not show as such."""
    invented: frozenset[AccountDid]
    """Whom the server shows as admins, and no roster names."""

    def __bool__(self) -> bool:
        return bool(self.hidden or self.invented)


def roster_hash(admins: Iterable[AccountDid]) -> str:
    """The hash of these admins, in whatever order and how often they are named."""
    lines = sorted({admin.encode() for admin in admins})
    return hashlib.sha256(b"".join(line + b"\n" for line in lines)).hexdigest()


def follow_roster(known: Roster | None, told: Roster, sender: AccountDid) -> RosterFault | None:
    """Why `told` does not take the place of `known`; None where it does.

    `sender` is the account of the MLS leaf that signed the message. Of the first roster there is nothing to
    hold it against but itself, and that its sender is in it; compare it over another channel, like a safety
    number. The same version again is old also where it says the same.
    """
    if told.hash is not None and not hmac.compare_digest(
        told.hash.encode(), roster_hash(told.admins).encode()
    ):
        return RosterFault.HASH
    if not told.admins:
        return RosterFault.EMPTY
    if sender not in (told.admins if known is None else known.admins):
        return RosterFault.SENDER
    if known is not None and told.version <= known.version:
        return RosterFault.OLD
    return None


def check_roster(roster: Roster, shown: Collection[AccountDid]) -> RosterDifference:
    """Hold the admins that a server shows against a roster that is believed; false where they agree."""
    server = frozenset(shown)
    return RosterDifference(roster.admins - server, server - roster.admins)
