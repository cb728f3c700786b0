"""The store's face for group material: GroupInfo, handshakes by epoch, evidence, additions."""

from collections.abc import Sequence

from protocol import AccountDid, ConversationId, DeviceId, Entry, EntryKind, body_hash
from router.store import bounds
from router.store.groups import (
    AdditionEnd,
    AdditionHeld,
    AdditionLeased,
    AdditionUnknown,
    Evidence,
    LeaseOutcome,
    PendingAddition,
    StoredGroupInfo,
)
from router.store.sqlite import groups
from router.store.sqlite.mls_requests import AdditionEnded, EndAddition, KeepEvidence, LeaseAddition
from router.store.sqlite.parts import SqliteParts
from router.store.sqlite.requests import Done


class GroupFace(SqliteParts):
    """See `Groups`."""

    async def group_info(self, conversation: ConversationId) -> StoredGroupInfo | None:
        return await self._short(lambda reader: groups.read_group_info(reader.execute, conversation))

    async def commits(
        self,
        conversation: ConversationId,
        *,
        from_epoch: int,
        to_epoch: int | None = None,
        max_entries: int,
        max_bytes: int,
    ) -> list[Entry]:
        return await self._long(
            lambda reader: reader.handshakes(
                conversation, EntryKind.COMMIT, from_epoch, to_epoch, max_entries, max_bytes
            )
        )

    async def proposals(
        self, conversation: ConversationId, *, epoch: int, max_entries: int, max_bytes: int
    ) -> list[Entry]:
        return await self._long(
            lambda reader: reader.handshakes(
                conversation, EntryKind.PROPOSAL, epoch, epoch, max_entries, max_bytes
            )
        )

    async def keep_evidence(
        self, conversation: ConversationId, body: bytes, *, reason: str, sender: AccountDid, now: int
    ) -> bytes:
        bounds.check_evidence(body, reason)
        piece = Evidence(conversation, body_hash(body), body, reason, sender, now)
        await self._write(KeepEvidence(piece), Done)
        return piece.hash

    async def evidence(self, conversation: ConversationId) -> list[Evidence]:
        return await self._long(lambda reader: groups.read_evidence(reader.execute, conversation))

    async def pending_additions(
        self,
        account: AccountDid,
        *,
        conversations: Sequence[ConversationId] | None = None,
        now: int,
        limit: int,
    ) -> list[PendingAddition]:
        return await self._long(
            lambda reader: groups.read_additions(reader.execute, account, conversations, now, limit)
        )

    async def lease_addition(
        self, conversation: ConversationId, device: DeviceId, *, to: DeviceId, now: int, ttl: int
    ) -> LeaseOutcome:
        request = LeaseAddition(conversation, device, to, now, ttl)
        return await self._write(request, AdditionLeased, AdditionHeld, AdditionUnknown)

    async def end_addition(
        self, conversation: ConversationId, device: DeviceId, *, by: DeviceId, now: int
    ) -> AdditionEnd:
        return (await self._write(EndAddition(conversation, device, by, now), AdditionEnded)).end
