"""The memory store's Welcomes."""

import trio
from msgspec.structs import replace

from protocol import ConversationId, DeviceId, PutWelcome
from router.store import bounds
from router.store.memory.base import Base
from router.store.values import Retention
from router.store.welcomes import (
    SettleOutcome,
    Welcome,
    WelcomeEnded,
    WelcomeSettled,
    WelcomeState,
    WelcomeUnknown,
    WelcomeVerdict,
    settled_state,
)


class MemoryWelcomes(Base):
    """See `Welcomes`."""

    def __init__(self, log_id: bytes | None = None) -> None:
        super().__init__(log_id)
        self._welcomes: list[Welcome] = []

    def _newest(self, conversation: ConversationId, device: DeviceId) -> int | None:
        for index in range(len(self._welcomes) - 1, -1, -1):
            if (self._welcomes[index].conversation, self._welcomes[index].device) == (conversation, device):
                return index
        return None

    def _end_welcome(self, index: int, state: WelcomeState, now: int, reason: str | None = None) -> Welcome:
        welcome = self._welcomes[index]
        ended = replace(
            welcome, state=state, settled=now, reason=welcome.reason if reason is None else reason, body=b""
        )
        self._welcomes[index] = ended
        return ended

    def _put_welcome(self, effect: PutWelcome, conversation: ConversationId) -> None:
        self._supersede(conversation, effect.device, effect.now)
        self._welcomes.append(
            Welcome(
                conversation,
                effect.device,
                effect.account,
                effect.key_package,
                effect.epoch,
                effect.generation,
                "pending",
                effect.now,
                None,
                None,
                None,
                effect.body,
            )
        )

    def _supersede(self, conversation: ConversationId, device: DeviceId | None, now: int) -> None:
        """End what is pending for a device in a conversation, or for all of them."""
        for index, welcome in enumerate(self._welcomes):
            meant = welcome.conversation == conversation and device in (None, welcome.device)
            if meant and welcome.state == "pending":
                self._end_welcome(index, "superseded", now)

    def _forget_device(self, device: DeviceId) -> None:
        super()._forget_device(device)
        self._welcomes = [welcome for welcome in self._welcomes if welcome.device != device]

    def _expire_welcomes(self, now: int, limit: int, retention: Retention) -> tuple[int, int]:
        """Those that nobody fetched in time, and those that ended long ago."""
        late = [
            index
            for index, welcome in enumerate(self._welcomes)
            if welcome.state == "pending" and welcome.created <= now - retention.welcome
        ][:limit]
        for index in late:
            self._end_welcome(index, "expired", now)
        old = [
            welcome
            for welcome in self._welcomes
            if welcome.settled is not None and welcome.settled <= now - retention.ended
        ][:limit]
        self._welcomes = [welcome for welcome in self._welcomes if welcome not in old]
        return len(late), len(old)

    async def welcome(self, conversation: ConversationId, device: DeviceId) -> Welcome | None:
        await trio.lowlevel.checkpoint()
        index = self._newest(conversation, device)
        return None if index is None else self._welcomes[index]

    async def fetch_welcome(
        self, conversation: ConversationId, device: DeviceId, *, now: int
    ) -> Welcome | None:
        await trio.lowlevel.checkpoint()
        index = self._newest(conversation, device)
        if index is None:
            return None
        if self._welcomes[index].state == "pending":
            self._welcomes[index] = replace(self._welcomes[index], fetched=now)
        return self._welcomes[index]

    async def pending_welcomes(self, device: DeviceId) -> list[Welcome]:
        await trio.lowlevel.checkpoint()
        return [
            replace(welcome, body=b"")
            for welcome in self._welcomes
            if welcome.device == device and welcome.state == "pending"
        ]

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
        await trio.lowlevel.checkpoint()
        bounds.check_reason(reason)
        index = self._newest(conversation, device)
        if index is None:
            return WelcomeUnknown()
        welcome = self._welcomes[index]
        if key_package is not None and welcome.key_package != key_package:
            return WelcomeUnknown()
        state = settled_state(welcome.state, verdict)
        if state is None:
            return WelcomeEnded(welcome)
        if welcome.state != "pending":
            return WelcomeSettled(welcome, changed=False)
        if state == "pending":
            welcome = self._welcomes[index] = replace(welcome, reason=reason)
            return WelcomeSettled(replace(welcome, body=b""), changed=True)
        return WelcomeSettled(self._end_welcome(index, state, now, reason), changed=True)

    async def stuck_welcomes(self, *, before: int, limit: int) -> list[Welcome]:
        await trio.lowlevel.checkpoint()
        stuck = [w for w in self._welcomes if w.state == "pending" and w.created < before]
        return [replace(w, body=b"") for w in sorted(stuck, key=lambda w: w.created)[:limit]]
