"""The store's face for conversations, the log and read marks."""

from collections.abc import Callable, Mapping, Sequence

from protocol import AccountDid, Conversation, ConversationId, DeviceId, Entry, EntryKind, Known, MsgId
from router.store import bounds, rules
from router.store.interface import CommitListener
from router.store.sqlite.parts import SqliteParts
from router.store.sqlite.reader import Reader
from router.store.sqlite.requests import Marked, MoveReadMark
from router.store.values import (
    AlreadyAnswered,
    Appended,
    AppendOutcome,
    AppendRequest,
    ConditionFailed,
    ConversationPage,
    DevicePage,
    DuplicateMsgIds,
    Membership,
    SeqConflict,
    StaleTerm,
    StoredResult,
)

_APPEND_OUTCOMES = (Appended, SeqConflict, DuplicateMsgIds, StaleTerm, AlreadyAnswered, ConditionFailed)
"""A tuple, since a union would be built anew at each append."""


class LogFace(SqliteParts):
    """See `Store`."""

    async def conversation(self, conversation: ConversationId) -> Conversation | None:
        return await self._short(lambda reader: reader.conversation(conversation))

    async def append(self, request: AppendRequest) -> AppendOutcome:
        rules.check_append(request)
        if request.effects:
            bounds.check_effects(request.effects)
        outcome = await self._parts.writer.submit(request)
        if isinstance(outcome, _APPEND_OUTCOMES):
            return outcome
        raise TypeError(f"an append was answered with {type(outcome).__name__}")

    async def known_sends(self, conversation: ConversationId, msg_ids: Sequence[MsgId]) -> dict[MsgId, Known]:
        return await self._short(lambda reader: reader.known_sends(conversation, msg_ids))

    async def idempotent(self, scope: bytes, *, now: int) -> StoredResult | None:
        return await self._short(lambda reader: reader.idempotent(scope, now))

    async def conversations_of(
        self, account: AccountDid, *, after: int | None = None, limit: int
    ) -> ConversationPage:
        return await self._long(lambda reader: reader.conversations_of(account, after or 0, limit))

    # -- the log ---------------------------------------------------------------------------------------

    async def head(self) -> int:
        return await self._short(Reader.head)

    async def entries_after(self, position: int, *, max_entries: int, max_bytes: int) -> list[Entry]:
        return await self._long(lambda reader: reader.entries_after(position, max_entries, max_bytes))

    async def device_entries(
        self, device: DeviceId, *, after: int, upto: int, max_entries: int, max_bytes: int
    ) -> DevicePage:
        return await self._long(
            lambda reader: reader.device_entries(device, after, upto, max_entries, max_bytes)
        )

    async def conversation_entries(
        self,
        conversation: ConversationId,
        *,
        after_seq: int,
        upto_seq: int | None = None,
        max_entries: int,
        max_bytes: int,
        kinds: frozenset[EntryKind] | None = None,
    ) -> list[Entry]:
        return await self._long(
            lambda reader: reader.conversation_entries(
                conversation, after_seq, upto_seq, max_entries, max_bytes, kinds
            )
        )

    async def memberships(self, device: DeviceId) -> list[Membership]:
        return await self._short(lambda reader: reader.memberships(device))

    def on_commit(self, listener: CommitListener) -> Callable[[], None]:
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    # -- read marks ------------------------------------------------------------------------------------

    async def set_read_mark(self, device: DeviceId, conversation: ConversationId, seq: int) -> int:
        return (await self._write(MoveReadMark(device, conversation, seq), Marked)).seq

    async def read_marks(self, device: DeviceId) -> Mapping[ConversationId, int]:
        return await self._short(lambda reader: reader.read_marks(device))

    async def unread(
        self, device: DeviceId, conversations: Sequence[ConversationId]
    ) -> Mapping[ConversationId, int]:
        return await self._short(lambda reader: reader.unread(device, conversations))
