"""The store's face for upkeep: used tokens, the audit chain, what has expired, health, figures."""

from router.store import rules
from router.store.audit import AuditFact, AuditHead, AuditLink
from router.store.errors import StoreUnavailable
from router.store.sqlite.mls_requests import Expire
from router.store.sqlite.parts import SqliteParts
from router.store.sqlite.reader import Reader
from router.store.sqlite.requests import Done, RecordActs, RememberToken, Sweep
from router.store.values import (
    DEFAULT_RETENTION,
    Expired,
    MlsFigures,
    Retention,
    StoreHealth,
    StoreStatistics,
    Swept,
)


class UpkeepFace(SqliteParts):
    """See `Store`."""

    def remember_token(self, token_hash: bytes, expires: int) -> None:
        self._parts.writer.submit_nowait(RememberToken(token_hash, rules.replay_expiry(expires)))

    async def load_tokens(self, now: int) -> list[tuple[bytes, int]]:
        return await self._long(lambda reader: reader.tokens(now))

    async def record(self, facts: tuple[AuditFact, ...], *, now: int) -> None:
        await self._write(RecordActs(facts, now), Done)

    async def audit_records(self, after: int, *, limit: int) -> list[AuditLink]:
        return await self._long(lambda reader: reader.audit_records(after, limit))

    async def audit_head(self) -> AuditHead:
        return await self._short(Reader.audit_head)

    async def sweep(self, now: int, *, limit: int = 1000) -> Swept:
        return await self._write(Sweep(now, limit), Swept)

    async def expire(
        self, now: int, *, limit: int = 1000, retention: Retention = DEFAULT_RETENTION
    ) -> Expired:
        return await self._write(Expire(now, limit, retention), Expired)

    async def mls_figures(self, *, now: int) -> MlsFigures:
        return await self._long(lambda reader: reader.mls_figures(now))

    async def health(self) -> StoreHealth:
        try:
            parts = self._parts
            await parts.reads.short(Reader.head)
        except StoreUnavailable as error:
            return StoreHealth(ok=False, detail=error.detail)
        wrong = parts.writer.trouble
        if wrong is not None:
            return StoreHealth(ok=False, detail=wrong)
        return StoreHealth(ok=True, detail=f"writing in {self._options.writer}")

    def statistics(self) -> StoreStatistics:
        running = self._running
        if running is None:
            return StoreStatistics(writer=self._options.writer)
        counters = running.writer.counters
        items, size = running.writer.queued
        return StoreStatistics(
            writer=self._options.writer,
            queued_items=items,
            queued_bytes=size,
            commits=counters.commits,
            entries=counters.entries,
            refused=counters.refused,
            unavailable=counters.unavailable,
            writer_restarts=counters.restarts,
            wal_pages=running.checkpointer.wal_pages,
        )
