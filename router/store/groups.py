"""The part of the store that MLS groups stand on, beside the log: GroupInfo, handshakes by epoch, evidence,
and who is just adding which new device.

A *GroupInfo* is the public tree of the current epoch, for joiners and for checking the next commit; it
changes in the transaction of the commit (`PutGroupInfo`, `DropGroupInfo`). *Evidence* is what somebody sent
and what did not verify: kept for a report, never shown as part of the log. *Additions* are derived: a device
of a member account that is registered, has a key package, and has not been in since its account came. What
is stored is only who adds it just now.
"""

import abc
from collections.abc import Sequence
from typing import Literal

import msgspec

from protocol import AccountDid, ConversationId, DeviceId, Entry


class StoredGroupInfo(msgspec.Struct, frozen=True, gc=False):
    """The GroupInfo of a conversation's group."""

    generation: int
    epoch: int
    hash: bytes
    """`body_hash(body)`."""
    body: bytes
    stored: int
    """Bucket, Unix seconds."""


class Evidence(msgspec.Struct, frozen=True, gc=False):
    """Bytes that were refused because their public parts do not verify."""

    conversation: ConversationId
    hash: bytes
    """`body_hash(body)`: the same bytes again are the same evidence."""
    body: bytes
    reason: str
    """The error's name."""
    sender: AccountDid
    """Who sent them, from the verified token. A handshake, never an application message."""
    kept: int
    """Bucket, Unix seconds."""


class PendingAddition(msgspec.Struct, frozen=True, gc=False):
    """A device that waits to be added to a conversation its account is in."""

    conversation: ConversationId
    account: AccountDid
    device: DeviceId
    device_name: str
    registered_day: int
    """Days since 1970-01-01."""
    suites: tuple[int, ...]
    """Suites of which it has a key package, last resorts included."""
    leased_to: DeviceId | None
    """The device that adds it just now."""
    leased_until: int | None


class AdditionLeased(msgspec.Struct, frozen=True, tag="addition-leased", gc=False):
    """This device adds it until then; again for its own lease, which is prolonged."""

    until: int


class AdditionHeld(msgspec.Struct, frozen=True, tag="addition-held", gc=False):
    """Another device adds it. Nothing was written."""

    leased_to: DeviceId
    until: int


class AdditionUnknown(msgspec.Struct, frozen=True, tag="addition-unknown", gc=False):
    """The device does not wait to be added there. Nothing was written."""


LeaseOutcome = AdditionLeased | AdditionHeld | AdditionUnknown
AdditionEnd = Literal["completed", "not-claimed", "pending"]


class Groups(abc.ABC):
    """A part of `Store`, whose module says what holds for all methods."""

    @abc.abstractmethod
    async def group_info(self, conversation: ConversationId) -> StoredGroupInfo | None:
        """The GroupInfo of the current epoch; None when it is not known."""

    @abc.abstractmethod
    async def commits(
        self,
        conversation: ConversationId,
        *,
        from_epoch: int,
        to_epoch: int | None = None,
        max_entries: int,
        max_bytes: int,
    ) -> list[Entry]:
        """COMMIT entries of the current group (none from before a reset) that began these epochs, in order.

        Both ends are inclusive. Bounds as in `entries_after`.
        """

    @abc.abstractmethod
    async def proposals(
        self, conversation: ConversationId, *, epoch: int, max_entries: int, max_bytes: int
    ) -> list[Entry]:
        """PROPOSAL entries of one epoch of the current group, in order."""

    @abc.abstractmethod
    async def keep_evidence(
        self, conversation: ConversationId, body: bytes, *, reason: str, sender: AccountDid, now: int
    ) -> bytes:
        """Keep refused bytes; their hash. Of a conversation the newest `bounds.MAX_EVIDENCE` are kept."""

    @abc.abstractmethod
    async def evidence(self, conversation: ConversationId) -> list[Evidence]:
        """What was kept of a conversation, newest first."""

    @abc.abstractmethod
    async def pending_additions(
        self,
        account: AccountDid,
        *,
        conversations: Sequence[ConversationId] | None = None,
        now: int,
        limit: int,
    ) -> list[PendingAddition]:
        """Devices that wait in the MLS conversations of an account (or in some of them), its own included."""

    @abc.abstractmethod
    async def lease_addition(
        self, conversation: ConversationId, device: DeviceId, *, to: DeviceId, now: int, ttl: int
    ) -> LeaseOutcome:
        """Let one device alone add another, for `ttl` seconds. Who may is the caller's to judge."""

    @abc.abstractmethod
    async def end_addition(
        self, conversation: ConversationId, device: DeviceId, *, by: DeviceId, now: int
    ) -> AdditionEnd:
        """Give a lease back. `completed`: the device is in now; `pending`: it still waits, for anybody.

        `not-claimed`: `by` has no lease, or had one that lapsed. Nothing was written.
        """
