"""The part of the store that keeps who else may log in to an account: identities that its owner has linked.

An identity is a keyed hash of issuer and subject; its label is sealed by whoever gives it. The database alone
tells neither at which provider somebody is known, nor as whom. The first identity of an account is kept with
the account (`logins.py`); these are linked and unlinked by an act of the account's, never by themselves.
"""

import abc
from collections.abc import Sequence
from typing import Final

import msgspec

from protocol import AccountDid
from router.store.credentials import AccountUnknown
from router.store.logins import IdentityLinked
from router.store.passkeys import LastWayIn

MAX_IDENTITIES: Final = 20
"""Of one account. Nobody is known at more places than that, and a list has an end."""


class Identity(msgspec.Struct, frozen=True, gc=False):
    """Somebody who may log in to an account."""

    identity: bytes
    """32 bytes, keyed hash of issuer and subject."""
    label: bytes
    """Sealed, for the account's owner; empty for one that is older than labels."""


class IdentityKept(msgspec.Struct, frozen=True, tag="identity-kept", gc=False):
    """The account has this identity, from now on or since before."""


class TooManyIdentities(msgspec.Struct, frozen=True, tag="too-many-identities", gc=False):
    """The account has `MAX_IDENTITIES` already. Nothing was written."""


class IdentityUnlinked(msgspec.Struct, frozen=True, tag="identity-unlinked", gc=False):
    """Whoever this is logs in to the account no more."""


class IdentityUnknown(msgspec.Struct, frozen=True, tag="identity-unknown", gc=False):
    """The account has no such identity. Nothing was written."""


LinkOutcome = IdentityKept | IdentityLinked | TooManyIdentities | AccountUnknown
UnlinkOutcome = IdentityUnlinked | IdentityUnknown | LastWayIn


def judge_linking(linked: AccountDid | None, account: AccountDid, count: int) -> LinkOutcome:
    """Whether an account that has `count` identities gets one that is `linked` already. Pure; every store's
    rule."""
    if linked is not None:
        return IdentityKept() if linked == account else IdentityLinked(linked)
    return TooManyIdentities() if count >= MAX_IDENTITIES else IdentityKept()


def judge_unlinking(identities: Sequence[bytes], identity: bytes, *, another_way: bool) -> UnlinkOutcome:
    """Whether an account may lose one of its identities. Pure; every store's rule.

    `another_way`: it has a key of its own, or a passkey that was not set aside.
    """
    if identity not in identities:
        return IdentityUnknown()
    return IdentityUnlinked() if len(identities) > 1 or another_way else LastWayIn()


class Identities(abc.ABC):
    """A part of `Store`, whose module says what holds for all methods."""

    @abc.abstractmethod
    async def link_identity(
        self, identity: bytes, account: AccountDid, *, label: bytes, verification_key: str, now: int
    ) -> LinkOutcome:
        """Let whoever this is log in to an account that lives here.

        `AccountUnknown` unless the account has this key still: it was recovered meanwhile.
        """

    @abc.abstractmethod
    async def identities_of(self, account: AccountDid) -> list[Identity]:
        """Everybody who may log in to the account, in no order that means anything."""

    @abc.abstractmethod
    async def unlink_identity(self, account: AccountDid, identity: bytes, *, now: int) -> UnlinkOutcome:
        """Let them log in to it no more (`judge_unlinking`). Logins that were begun go on."""
