"""The part of the store that keeps Welcomes until somebody is in.

    pending ─▶ acknowledged      the device is in
       │   ├─▶ rejected          the device cannot use it, and says why
       │   ├─▶ superseded        a newer one for the same device came, or the device is out again
       │   └─▶ expired           nobody asked for it in time
       └───┘ failed              an attempt went wrong; it may be fetched again

A Welcome is for one device in one conversation and needs nothing else that is stored: its key package may
be gone long ago. It is put by the commit that adds the leaf (`PutWelcome`, in the transaction of the append),
may be fetched any number of times while it is pending, and loses its bytes when it ends. What ends it stays
for a while without bytes, so that a repeated answer is told from a wrong one. No two are pending for one
device in one conversation.
"""

import abc
from typing import Literal

import msgspec

from protocol import AccountDid, ConversationId, DeviceId

WelcomeState = Literal["pending", "acknowledged", "rejected", "superseded", "expired"]
WelcomeVerdict = Literal["acknowledged", "rejected", "failed"]
"""What a device says of its Welcome."""


class Welcome(msgspec.Struct, frozen=True, gc=False):
    """A Welcome as it stands."""

    conversation: ConversationId
    device: DeviceId
    account: AccountDid
    key_package: bytes | None
    """The ref it was made for, where that is known."""
    epoch: int
    """The epoch its commit began."""
    generation: int
    """How often the group had been reset."""
    state: WelcomeState
    created: int
    """Bucket, Unix seconds."""
    fetched: int | None
    """Bucket in which it was given out last: from then on the old contract calls it in flight."""
    settled: int | None
    """Bucket in which it ended."""
    reason: str | None
    """What the device said: why it was rejected, or what went wrong in the last attempt."""
    body: bytes
    """Empty once it has ended, and in lists."""


class WelcomeSettled(msgspec.Struct, frozen=True, tag="welcome-settled"):
    """It stands as the device says; a repeat finds it so."""

    welcome: Welcome
    changed: bool


class WelcomeEnded(msgspec.Struct, frozen=True, tag="welcome-ended"):
    """It has ended in another way. Nothing was written."""

    welcome: Welcome


class WelcomeUnknown(msgspec.Struct, frozen=True, tag="welcome-unknown", gc=False):
    """There is none for this device in this conversation. Nothing was written."""


SettleOutcome = WelcomeSettled | WelcomeEnded | WelcomeUnknown


def settled_state(state: WelcomeState, verdict: WelcomeVerdict) -> WelcomeState | None:
    """The state after a device's verdict; None where it cannot be given. Pure; every store's rule."""
    return _SETTLED.get((state, verdict))


_SETTLED: dict[tuple[WelcomeState, WelcomeVerdict], WelcomeState] = {
    ("pending", "acknowledged"): "acknowledged",
    ("pending", "rejected"): "rejected",
    ("pending", "failed"): "pending",
    ("acknowledged", "acknowledged"): "acknowledged",
    ("rejected", "rejected"): "rejected",
    ("rejected", "failed"): "rejected",
}


class Welcomes(abc.ABC):
    """A part of `Store`, whose module says what holds for all methods."""

    @abc.abstractmethod
    async def welcome(self, conversation: ConversationId, device: DeviceId) -> Welcome | None:
        """The newest Welcome of a device in a conversation, whatever its state."""

    @abc.abstractmethod
    async def fetch_welcome(
        self, conversation: ConversationId, device: DeviceId, *, now: int
    ) -> Welcome | None:
        """The same, for the device itself: a pending one is noted as fetched."""

    @abc.abstractmethod
    async def pending_welcomes(self, device: DeviceId) -> list[Welcome]:
        """The device's pending Welcomes without their bytes, oldest first."""

    @abc.abstractmethod
    async def settle_welcome(
        self,
        conversation: ConversationId,
        device: DeviceId,
        verdict: WelcomeVerdict,
        *,
        key_package: bytes | None = None,
        reason: str | None = None,
        now: int,
    ) -> SettleOutcome:
        """What the device says of its newest Welcome (`settled_state`).

        With `key_package`, only of one that was made for it: what is said late of the Welcome before does not
        end the one that took its place.
        """

    @abc.abstractmethod
    async def stuck_welcomes(self, *, before: int, limit: int) -> list[Welcome]:
        """Pending Welcomes made before a bucket, without their bytes, oldest first: for operators."""
