"""The memory store's group material: GroupInfo, handshakes by epoch, evidence, leases on additions."""

from collections.abc import Callable, Iterator, Sequence

import trio

from protocol import (
    AccountDid,
    Conversation,
    ConversationId,
    ConversationKind,
    DeviceId,
    Entry,
    EntryKind,
    PutGroupInfo,
    body_hash,
)
from router.store import bounds, rules
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
from router.store.memory.key_packages import MemoryKeyPackages


class MemoryGroups(MemoryKeyPackages):
    """See `Groups`."""

    def __init__(self, log_id: bytes | None = None) -> None:
        super().__init__(log_id)
        self._group_infos: dict[ConversationId, StoredGroupInfo] = {}
        self._evidence: dict[ConversationId, dict[bytes, Evidence]] = {}
        self._leases: dict[tuple[ConversationId, DeviceId], tuple[DeviceId, int]] = {}

    # -- handshakes ------------------------------------------------------------------------------------

    async def group_info(self, conversation: ConversationId) -> StoredGroupInfo | None:
        await trio.lowlevel.checkpoint()
        return self._group_infos.get(conversation)

    def _put_group_info(self, effect: PutGroupInfo, conversation: ConversationId, now: int) -> None:
        self._group_infos[conversation] = StoredGroupInfo(
            effect.generation, effect.epoch, effect.hash, effect.body, now
        )

    async def commits(
        self,
        conversation: ConversationId,
        *,
        from_epoch: int,
        to_epoch: int | None = None,
        max_entries: int,
        max_bytes: int,
    ) -> list[Entry]:
        await trio.lowlevel.checkpoint()

        def wanted(entry: Entry) -> bool:
            return from_epoch <= entry.epoch and (to_epoch is None or entry.epoch <= to_epoch)

        return self._handshakes(conversation, EntryKind.COMMIT, wanted, max_entries, max_bytes)

    async def proposals(
        self, conversation: ConversationId, *, epoch: int, max_entries: int, max_bytes: int
    ) -> list[Entry]:
        await trio.lowlevel.checkpoint()
        return self._handshakes(
            conversation, EntryKind.PROPOSAL, lambda entry: entry.epoch == epoch, max_entries, max_bytes
        )

    def _handshakes(
        self,
        conversation: ConversationId,
        kind: EntryKind,
        wanted: Callable[[Entry], bool],
        max_entries: int,
        max_bytes: int,
    ) -> list[Entry]:
        log = self._logs.get(conversation)
        entries = [] if log is None else log.entries
        resets = (entry.seq for entry in reversed(entries) if entry.kind is EntryKind.GROUP_RESET)
        chosen = (e for e in entries[next(resets, 0) :] if e.kind is kind and wanted(e))
        return rules.fitting(chosen, max_entries, max_bytes)

    # -- evidence --------------------------------------------------------------------------------------

    async def keep_evidence(
        self, conversation: ConversationId, body: bytes, *, reason: str, sender: AccountDid, now: int
    ) -> bytes:
        await trio.lowlevel.checkpoint()
        bounds.check_evidence(body, reason)
        self._log_of(conversation)
        kept = self._evidence.setdefault(conversation, {})
        piece = Evidence(conversation, body_hash(body), body, reason, sender, now)
        kept.setdefault(piece.hash, piece)
        while len(kept) > bounds.MAX_EVIDENCE:
            del kept[next(iter(kept))]
        return piece.hash

    async def evidence(self, conversation: ConversationId) -> list[Evidence]:
        await trio.lowlevel.checkpoint()
        return list(reversed(self._evidence.get(conversation, {}).values()))

    def _expire_evidence(self, before: int, limit: int) -> int:
        old = [
            (conversation, piece.hash)
            for conversation, kept in self._evidence.items()
            for piece in kept.values()
            if piece.kept <= before
        ][:limit]
        for conversation, digest in old:
            del self._evidence[conversation][digest]
        return len(old)

    # -- additions -------------------------------------------------------------------------------------

    async def pending_additions(
        self,
        account: AccountDid,
        *,
        conversations: Sequence[ConversationId] | None = None,
        now: int,
        limit: int,
    ) -> list[PendingAddition]:
        await trio.lowlevel.checkpoint()
        found = [
            addition
            for log in self._logs.values()
            if log.state.is_member(account) and (conversations is None or log.state.id in conversations)
            for addition in self._waiting(log.state, now)
        ]
        return found[:limit]

    def _waiting(self, state: Conversation, now: int) -> Iterator[PendingAddition]:
        if state.kind is not ConversationKind.MLS:
            return
        for device in self._devices.values():
            if not state.is_member(device.account) or self._was_in(state, device.account, device.id):
                continue
            usable = [kept for kept in self._stock(device.id) if kept.given.not_after > now]
            suites = {kept.given.suite for kept in usable}
            if suites:
                to, until = self._leases.get((state.id, device.id), (None, 0))
                yield PendingAddition(
                    state.id,
                    device.account,
                    device.id,
                    device.name,
                    device.registered_day,
                    tuple(sorted(suites)),
                    to if until > now else None,
                    until if until > now else None,
                )

    def _was_in(self, state: Conversation, account: AccountDid, device: DeviceId) -> bool:
        """Whether the device is in, or was since its account came: then it did not just appear."""
        since = min(state.members[owned].from_seq for owned in state.devices_of(account))
        return any(
            interval.conversation == state.id and (interval.to_seq is None or interval.to_seq > since)
            for interval in self._memberships.get(device, ())
        )

    async def lease_addition(
        self, conversation: ConversationId, device: DeviceId, *, to: DeviceId, now: int, ttl: int
    ) -> LeaseOutcome:
        await trio.lowlevel.checkpoint()
        log = self._logs.get(conversation)
        waiting = () if log is None else self._waiting(log.state, now)
        if all(addition.device != device for addition in waiting):
            return AdditionUnknown()
        holder, until = self._leases.get((conversation, device), (to, 0))
        if holder != to and until > now:
            return AdditionHeld(holder, until)
        self._leases[conversation, device] = (to, now + ttl)
        return AdditionLeased(now + ttl)

    async def end_addition(
        self, conversation: ConversationId, device: DeviceId, *, by: DeviceId, now: int
    ) -> AdditionEnd:
        await trio.lowlevel.checkpoint()
        holder, until = self._leases.get((conversation, device), (None, 0))
        if holder != by or until <= now:
            return "not-claimed"
        del self._leases[conversation, device]
        log = self._logs.get(conversation)
        return "completed" if log is not None and device in log.state.members else "pending"

    def _expire_leases(self, now: int) -> None:
        self._leases = {place: lease for place, lease in self._leases.items() if lease[1] > now}

    def _forget_device(self, device: DeviceId) -> None:
        super()._forget_device(device)
        self._leases = {
            place: lease for place, lease in self._leases.items() if place[1] != device and lease[0] != device
        }
