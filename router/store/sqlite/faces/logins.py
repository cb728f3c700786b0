"""The store's face for logins: pending ceremonies and grants."""

from protocol import AccountDid
from router.store import rules
from router.store.logins import (
    Grant,
    GrantReused,
    GrantRotated,
    GrantUnknown,
    RotationOutcome,
)
from router.store.sqlite.parts import SqliteParts
from router.store.sqlite.requests import (
    BeginGrant,
    Changed,
    Done,
    EndGrants,
    GrantsEnded,
    KeepPending,
    PendingTaken,
    RotateGrant,
    TakePending,
)


class LoginFace(SqliteParts):
    """See `Store`."""

    async def keep_pending(self, key: bytes, sealed: bytes, *, expires: int) -> None:
        await self._write(KeepPending(key, sealed, rules.replay_expiry(expires)), Done)

    async def take_pending(self, key: bytes, *, now: int) -> bytes | None:
        return (await self._write(TakePending(key, now), PendingTaken)).sealed

    async def begin_grant(self, grant: Grant) -> bool:
        return (await self._write(BeginGrant(grant), Changed)).changed

    async def rotate_grant(
        self, grant: str, *, presented: bytes, successor: bytes, retry: bytes | None, now: int
    ) -> RotationOutcome:
        request = RotateGrant(grant, presented, successor, retry, now)
        return await self._write(request, GrantRotated, GrantReused, GrantUnknown)

    async def end_grant(self, grant: str, *, now: int) -> AccountDid | None:
        ended = (await self._write(EndGrants(grant, None, now), GrantsEnded)).grants
        return AccountDid(ended[0][1]) if ended else None

    async def end_grants_of(self, account: AccountDid, *, now: int) -> list[str]:
        ended = (await self._write(EndGrants(None, account, now), GrantsEnded)).grants
        return sorted(name for name, _ in ended)

    async def ended_grants(self, now: int) -> list[str]:
        return await self._long(lambda reader: reader.ended_grants(now))
