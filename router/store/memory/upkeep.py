"""The memory store's upkeep: used tokens, the audit chain, what has expired, figures."""

import trio

from router.store import rules
from router.store.audit import AuditFact, AuditHead, AuditLink
from router.store.memory.contacts import MemoryContacts
from router.store.memory.log import MemoryLog
from router.store.memory.logins import MemoryLogins
from router.store.memory.moderation import MemoryModeration
from router.store.memory.preferences import MemoryPreferences
from router.store.values import (
    DEFAULT_RETENTION,
    Expired,
    MlsFigures,
    Retention,
    StoreHealth,
    StoreStatistics,
    Swept,
)


class MemoryUpkeep(MemoryLog, MemoryLogins, MemoryModeration, MemoryContacts, MemoryPreferences):
    """See `Store`."""

    def __init__(self, log_id: bytes | None = None) -> None:
        super().__init__(log_id)
        self._tokens: dict[bytes, int] = {}

    def remember_token(self, token_hash: bytes, expires: int) -> None:
        self._tokens[token_hash] = rules.replay_expiry(expires)

    async def load_tokens(self, now: int) -> list[tuple[bytes, int]]:
        await trio.lowlevel.checkpoint()
        return [(token, expires) for token, expires in self._tokens.items() if expires > now]

    async def record(self, facts: tuple[AuditFact, ...], *, now: int) -> None:
        await trio.lowlevel.checkpoint()
        self._record(facts, now)

    async def audit_records(self, after: int, *, limit: int) -> list[AuditLink]:
        await trio.lowlevel.checkpoint()
        return self._audit[after : after + limit]

    async def audit_head(self) -> AuditHead:
        await trio.lowlevel.checkpoint()
        return self._audit_head()

    async def sweep(self, now: int, *, limit: int = 1000) -> Swept:
        await trio.lowlevel.checkpoint()
        tokens = [token for token, expires in self._tokens.items() if expires <= now][:limit]
        results = [scope for scope, stored in self._results.items() if stored.expires <= now][:limit]
        for token in tokens:
            del self._tokens[token]
        for scope in results:
            del self._results[scope]
        pending = [key for key, (_, expires) in self._pending.items() if expires <= now][:limit]
        grants = [grant.id for grant in self._grants.values() if grant.expires <= now][:limit]
        for key in pending:
            del self._pending[key]
        for grant in grants:
            del self._grants[grant]
        return Swept(len(tokens), len(results), max(len(pending), len(grants)))

    async def expire(
        self, now: int, *, limit: int = 1000, retention: Retention = DEFAULT_RETENTION
    ) -> Expired:
        await trio.lowlevel.checkpoint()
        packages, claims = self._expire_packages(now, limit, retention.lapsed_claims)
        welcomes, ended = self._expire_welcomes(now, limit, retention)
        requests, answered = self._expire_requests(now, limit, retention)
        evidence = self._expire_evidence(now - retention.evidence, limit)
        moderated = self._expire_moderation(now, limit, retention)
        self._expire_leases(now)
        return Expired(packages, claims, welcomes, max(ended, answered, evidence, moderated), requests)

    async def mls_figures(self, *, now: int) -> MlsFigures:
        await trio.lowlevel.checkpoint()
        stock = [
            kept
            for kept in self._packages.values()
            if kept.ended is None and not kept.given.last_resort and kept.given.not_after > now
        ]
        claimed = sum(kept.claimed_by is not None for kept in stock)
        pending = [welcome.created for welcome in self._welcomes if welcome.state == "pending"]
        return MlsFigures(
            packages_available=len(stock) - claimed,
            packages_claimed=claimed,
            welcomes_pending=len(pending),
            oldest_welcome=min(pending, default=None),
            reports_pending=sum(filed.report.status == "pending" for filed in self._reports.values()),
            requests_pending=sum(
                kept.request.status == "pending" and kept.request.expires > now
                for kept in self._requests.values()
            ),
            evidence=sum(map(len, self._evidence.values())),
        )

    async def health(self) -> StoreHealth:
        await trio.lowlevel.checkpoint()
        return StoreHealth(ok=True, detail="in memory")

    def statistics(self) -> StoreStatistics:
        return StoreStatistics(writer="memory", commits=self._commits, entries=len(self._positions))
