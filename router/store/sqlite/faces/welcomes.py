"""The store's face for Welcomes."""

from protocol import ConversationId, DeviceId
from router.store import bounds
from router.store.sqlite import welcomes
from router.store.sqlite.mls_requests import FetchWelcome, SettleWelcome, WelcomeFetched
from router.store.sqlite.parts import SqliteParts
from router.store.welcomes import (
    SettleOutcome,
    Welcome,
    WelcomeEnded,
    WelcomeSettled,
    WelcomeUnknown,
    WelcomeVerdict,
)


class WelcomeFace(SqliteParts):
    """See `Welcomes`."""

    async def welcome(self, conversation: ConversationId, device: DeviceId) -> Welcome | None:
        return await self._short(lambda reader: welcomes.read_newest(reader.execute, conversation, device))

    async def fetch_welcome(
        self, conversation: ConversationId, device: DeviceId, *, now: int
    ) -> Welcome | None:
        return (await self._write(FetchWelcome(conversation, device, now), WelcomeFetched)).welcome

    async def pending_welcomes(self, device: DeviceId) -> list[Welcome]:
        return await self._short(lambda reader: welcomes.read_pending(reader.execute, device))

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
        bounds.check_reason(reason)
        request = SettleWelcome(conversation, device, verdict, reason, now, key_package)
        return await self._write(request, WelcomeSettled, WelcomeEnded, WelcomeUnknown)

    async def stuck_welcomes(self, *, before: int, limit: int) -> list[Welcome]:
        return await self._long(lambda reader: welcomes.read_stuck(reader.execute, before, limit))
