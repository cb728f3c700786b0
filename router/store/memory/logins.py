"""The memory store's logins: pending ceremonies and grants."""

from collections.abc import Sequence

import trio
from msgspec.structs import replace

from protocol import AccountDid
from router.store import rules
from router.store.audit import AuditFact
from router.store.errors import PoisonRequest
from router.store.logins import (
    Grant,
    GrantReused,
    GrantRotated,
    RotationOutcome,
    is_retry,
    judge_rotation,
)
from router.store.memory.base import Base


class MemoryLogins(Base):
    """See `Store`."""

    def __init__(self, log_id: bytes | None = None) -> None:
        super().__init__(log_id)
        self._pending: dict[bytes, tuple[bytes, int]] = {}
        self._grants: dict[str, Grant] = {}

    async def keep_pending(self, key: bytes, sealed: bytes, *, expires: int) -> None:
        await trio.lowlevel.checkpoint()
        self._pending[key] = (sealed, rules.replay_expiry(expires))

    async def take_pending(self, key: bytes, *, now: int) -> bytes | None:
        await trio.lowlevel.checkpoint()
        if key not in self._pending or self._pending[key][1] <= now:
            return None
        return self._pending.pop(key)[0]

    async def begin_grant(self, grant: Grant) -> bool:
        await trio.lowlevel.checkpoint()
        if grant.account not in self._accounts:
            raise PoisonRequest("a login of an account that does not live here")
        return self._grants.setdefault(grant.id, grant) is grant

    async def rotate_grant(
        self, grant: str, *, presented: bytes, successor: bytes, retry: bytes | None, now: int
    ) -> RotationOutcome:
        await trio.lowlevel.checkpoint()
        known = self._grants.get(grant)
        outcome = judge_rotation(known, presented=presented, retry=retry, now=now)
        if known is None:
            return outcome
        match outcome:
            case GrantRotated() if not is_retry(known, retry):
                self._grants[grant] = replace(known, current=successor, retry=retry)
            case GrantReused(account=account):
                self._end_grants((known,), now)
                self._record((AuditFact("login.reused", subject=account),), now)
            case _:
                pass
        return outcome

    async def end_grant(self, grant: str, *, now: int) -> AccountDid | None:
        await trio.lowlevel.checkpoint()
        known = self._grants.get(grant)
        if known is None or known.ended:
            return None
        self._end_grants((known,), now)
        return known.account

    async def end_grants_of(self, account: AccountDid, *, now: int) -> list[str]:
        await trio.lowlevel.checkpoint()
        mine = [grant for grant in self._grants.values() if grant.account == account and not grant.ended]
        self._end_grants(mine, now)
        return sorted(grant.id for grant in mine)

    def _end_grants(self, grants: Sequence[Grant], now: int) -> None:
        for grant in grants:
            self._grants[grant.id] = replace(grant, ended=True, expires=rules.remembered_until(now))

    async def ended_grants(self, now: int) -> list[str]:
        await trio.lowlevel.checkpoint()
        return [grant.id for grant in self._grants.values() if grant.ended and grant.expires > now]
