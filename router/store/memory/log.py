"""The memory store's log: appends, states, reads, read marks."""

from collections.abc import Callable, Mapping, Sequence

import trio
from msgspec.structs import replace

from protocol import (
    AccountDid,
    BrokenLog,
    ConsumeKeyPackage,
    Conversation,
    ConversationId,
    DeviceId,
    DropGroupInfo,
    Effect,
    Entry,
    EntryKind,
    Known,
    MsgId,
    PutGroupInfo,
    PutWelcome,
    evolve,
)
from router.store import audit, bounds, rules
from router.store.errors import PoisonRequest
from router.store.interface import CommitListener
from router.store.memory.base import Log
from router.store.memory.groups import MemoryGroups
from router.store.memory.welcomes import MemoryWelcomes
from router.store.values import (
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


class MemoryLog(MemoryGroups, MemoryWelcomes):
    """See `Store`."""

    def __init__(self, log_id: bytes | None = None) -> None:
        super().__init__(log_id)
        self._term = 1
        self._positions: list[Entry] = []
        self._marks: dict[tuple[DeviceId, ConversationId], int] = {}
        self._listeners: list[CommitListener] = []
        self._commits = 0

    @property
    def term(self) -> int:
        return self._term

    @property
    def log_id(self) -> bytes:
        return self._log_id

    def take_over(self) -> int:
        """What another owner would do: the term rises, and appends under the old one are refused."""
        self._term += 1
        return self._term

    def _forget_device(self, device: DeviceId) -> None:
        super()._forget_device(device)
        self._marks = {place: seq for place, seq in self._marks.items() if place[0] != device}

    # -- conversations ---------------------------------------------------------------------------------

    async def conversation(self, conversation: ConversationId) -> Conversation | None:
        await trio.lowlevel.checkpoint()
        log = self._logs.get(conversation)
        return None if log is None else log.state

    async def append(self, request: AppendRequest) -> AppendOutcome:
        await trio.lowlevel.checkpoint()
        rules.check_append(request)
        bounds.check_effects(request.effects)
        if request.term != self._term:
            return StaleTerm(self._term)
        answered = self._answered(request.idempotency, request.now)
        if answered is not None:
            return answered
        log = self._logs.get(request.conversation)
        state = None if log is None else log.state
        actual = 0 if state is None else state.last_seq
        if actual != request.expected_seq:
            return SeqConflict(actual)
        ids = [entry.msg_id for entry in request.entries if entry.msg_id is not None]
        known = {} if log is None else {name: log.sends[name] for name in ids if name in log.sends}
        if known:
            return DuplicateMsgIds(known)
        if len(set(ids)) != len(ids):
            raise PoisonRequest("an append with one message id twice")
        failed = self._first_failure(request)
        if failed is not None:
            return failed
        entries = rules.placed(request.entries, len(self._positions) + 1)
        states = []
        try:
            for entry in entries:
                state = evolve(state, entry)
                states.append(state)
        except BrokenLog as broken:
            raise PoisonRequest(str(broken)) from broken
        self._commit(request, entries, states)
        return Appended(entries)

    def _first_failure(self, request: AppendRequest) -> ConditionFailed | None:
        """The first effect that cannot be carried out."""
        used: set[bytes] = set()
        for index, effect in enumerate(request.effects):
            if isinstance(effect, ConsumeKeyPackage):
                if effect.ref in used or not self._may_consume(effect):
                    return ConditionFailed(index, rules.KEY_PACKAGE_NOT_FOUND)
                used.add(effect.ref)
        return None

    def _commit(
        self, request: AppendRequest, entries: tuple[Entry, ...], states: Sequence[Conversation]
    ) -> None:
        """Everything at once, no `await` within: this is the transaction."""
        for entry, state in zip(entries, states, strict=True):
            log = self._logs.get(request.conversation)
            before = None if log is None else log.state
            if log is None:
                log = self._logs[request.conversation] = Log(len(self._logs) + 1, state)
            log.state = state
            log.entries.append(entry)
            if entry.msg_id is not None:
                log.sends[entry.msg_id] = Known(entry.seq, entry.body_hash, entry.epoch, entry.received)
            if entry.kind is not EntryKind.MESSAGE:
                self._note_members(before, state, entry)
            self._record(audit.facts_of(entry), entry.received)
        for effect in request.effects:
            self._carry_out(effect, request)
        self._record(request.audit, request.now)
        self._keep_results(request.idempotency)
        self._positions.extend(entries)
        self._commits += 1
        if entries:
            for listener in tuple(self._listeners):
                listener(entries)

    def _note_members(self, before: Conversation | None, after: Conversation, entry: Entry) -> None:
        """Intervals and Welcomes of the devices that came or went with an entry."""
        old = {} if before is None else before.members
        for device in after.members.keys() - old.keys():
            began = Membership(entry.conversation, entry.seq, None, entry.position, None)
            self._memberships.setdefault(device, []).append(began)
        for device in old.keys() - after.members.keys():
            self._supersede(entry.conversation, device, entry.received)
            intervals = self._memberships[device]
            for index, interval in enumerate(intervals):
                if interval.conversation == entry.conversation and interval.to_seq is None:
                    intervals[index] = replace(interval, to_seq=entry.seq, to_position=entry.position)
        if before is not None and after.group.generation != before.group.generation:
            self._supersede(entry.conversation, None, entry.received)

    def _carry_out(self, effect: Effect, request: AppendRequest) -> None:
        match effect:
            case ConsumeKeyPackage():
                self._consume(effect, request.conversation)
            case PutWelcome():
                self._put_welcome(effect, request.conversation)
            case PutGroupInfo():
                self._put_group_info(effect, request.conversation, request.now)
            case DropGroupInfo():
                self._group_infos.pop(request.conversation, None)

    async def known_sends(self, conversation: ConversationId, msg_ids: Sequence[MsgId]) -> dict[MsgId, Known]:
        await trio.lowlevel.checkpoint()
        log = self._logs.get(conversation)
        return {} if log is None else {name: log.sends[name] for name in msg_ids if name in log.sends}

    async def idempotent(self, scope: bytes, *, now: int) -> StoredResult | None:
        await trio.lowlevel.checkpoint()
        stored = self._results.get(scope)
        return stored if stored is not None and stored.expires > now else None

    async def conversations_of(
        self, account: AccountDid, *, after: int | None = None, limit: int
    ) -> ConversationPage:
        await trio.lowlevel.checkpoint()
        mine = [
            log for log in self._logs.values() if log.number > (after or 0) and log.state.is_member(account)
        ]
        following = mine[limit - 1].number if len(mine) > limit else None
        return ConversationPage([log.state for log in mine[:limit]], following)

    # -- the log ---------------------------------------------------------------------------------------

    async def head(self) -> int:
        await trio.lowlevel.checkpoint()
        return len(self._positions)

    async def entries_after(self, position: int, *, max_entries: int, max_bytes: int) -> list[Entry]:
        await trio.lowlevel.checkpoint()
        return rules.fitting(self._positions[position:], max_entries, max_bytes)

    async def device_entries(
        self, device: DeviceId, *, after: int, upto: int, max_entries: int, max_bytes: int
    ) -> DevicePage:
        await trio.lowlevel.checkpoint()
        intervals = self._memberships.get(device, ())
        seen = [
            entry
            for entry in self._positions[after:upto]
            if any(
                interval.conversation == entry.conversation
                and interval.from_seq <= entry.seq
                and (interval.to_seq is None or entry.seq <= interval.to_seq)
                for interval in intervals
            )
        ]
        page = rules.fitting(seen, max_entries, max_bytes)
        return DevicePage(page, page[-1].position if len(page) < len(seen) else max(after, upto))

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
        await trio.lowlevel.checkpoint()
        log = self._logs.get(conversation)
        if log is None:
            return []
        chosen = [entry for entry in log.entries[after_seq:upto_seq] if kinds is None or entry.kind in kinds]
        return rules.fitting(chosen, max_entries, max_bytes)

    async def memberships(self, device: DeviceId) -> list[Membership]:
        await trio.lowlevel.checkpoint()
        return list(self._memberships.get(device, ()))

    def on_commit(self, listener: CommitListener) -> Callable[[], None]:
        self._listeners.append(listener)
        return lambda: self._listeners.remove(listener)

    # -- read marks ------------------------------------------------------------------------------------

    async def set_read_mark(self, device: DeviceId, conversation: ConversationId, seq: int) -> int:
        await trio.lowlevel.checkpoint()
        if conversation not in self._logs:
            raise PoisonRequest("a read mark in a conversation that does not exist")
        mark = max(seq, self._marks.get((device, conversation), 0))
        self._marks[device, conversation] = mark
        return mark

    async def read_marks(self, device: DeviceId) -> Mapping[ConversationId, int]:
        await trio.lowlevel.checkpoint()
        return {conversation: mark for (owner, conversation), mark in self._marks.items() if owner == device}

    async def unread(
        self, device: DeviceId, conversations: Sequence[ConversationId]
    ) -> Mapping[ConversationId, int]:
        await trio.lowlevel.checkpoint()
        latest = {interval.conversation: interval for interval in self._memberships.get(device, ())}
        counts = {}
        for conversation in conversations:
            interval = latest.get(conversation)
            if interval is None:
                continue
            entries = self._logs[conversation].entries
            last = len(entries) if interval.to_seq is None else interval.to_seq
            mark = max(interval.from_seq, self._marks.get((device, conversation), 0))
            counts[conversation] = max(
                0, entries[last - 1].app_count - entries[min(mark, last) - 1].app_count
            )
        return counts
