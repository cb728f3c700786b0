"""A store in dictionaries: for tests, and as the second opinion on what the SQLite store does.

State comes from `evolve`, entry by entry, where SQLite derives rows; the contract suite holds both against
one law. Nothing survives the process. Every method is a checkpoint first and acts after it without another,
so a cancelled call did nothing.
"""

import os
from collections import Counter
from collections.abc import Callable, Mapping, Sequence

import attrs
import trio
from msgspec.structs import replace

from protocol import (
    AccountDid,
    BrokenLog,
    Conversation,
    ConversationId,
    Created,
    DeviceId,
    Entry,
    EntryKind,
    Known,
    MemberRemoved,
    MembersAdded,
    MsgId,
    decode_fact,
    evolve,
)
from router.store import audit, rules
from router.store.audit import AuditFact, AuditHead, AuditLink
from router.store.credentials import (
    AccountUnknown,
    ApiKey,
    ApiKeyConflict,
    ApiKeyMade,
    ApiKeyOutcome,
    ApiKeyUnknown,
    DeviceChanged,
    DeviceRevoked,
    DeviceUnknown,
    Recovered,
    RotateOutcome,
    Suspension,
    TooManyApiKeys,
)
from router.store.errors import PoisonRequest
from router.store.identities import (
    Identity,
    IdentityKept,
    IdentityUnlinked,
    LinkOutcome,
    UnlinkOutcome,
    judge_linking,
    judge_unlinking,
)
from router.store.interface import CommitListener, Store
from router.store.logins import (
    Grant,
    GrantReused,
    GrantRotated,
    IdentityLinked,
    RotationOutcome,
    is_retry,
    judge_rotation,
)
from router.store.passkeys import (
    KeepOutcome,
    Passkey,
    PasskeyCloned,
    PasskeyKept,
    PasskeyRevoked,
    PasskeyTaken,
    PasskeyUsed,
    RevokeOutcome,
    TooManyPasskeys,
    UseOutcome,
    judge_revocation,
    judge_use,
)
from router.store.values import (
    Account,
    AlreadyAnswered,
    Appended,
    AppendOutcome,
    AppendRequest,
    ConversationPage,
    Device,
    DevicePage,
    DeviceRegistered,
    DuplicateMsgIds,
    DuplicatePublicKey,
    KeyPackage,
    Membership,
    NameTaken,
    RegisterOutcome,
    SeqConflict,
    StaleTerm,
    StoredResult,
    StoreHealth,
    StoreStatistics,
    Swept,
    TooManyDevices,
)


@attrs.define
class _Log:
    """One conversation: its state and its entries, the first at index 0."""

    number: int
    state: Conversation
    entries: list[Entry] = attrs.Factory(list)
    sends: dict[MsgId, Known] = attrs.Factory(dict)


class MemoryStore(Store):
    """See `Store`. `log_id` is given where a test wants one that it knows."""

    def __init__(self, log_id: bytes | None = None) -> None:
        self._log_id = os.urandom(8) if log_id is None else log_id
        self._term = 1
        self._positions: list[Entry] = []
        self._logs: dict[ConversationId, _Log] = {}
        self._memberships: dict[DeviceId, list[Membership]] = {}
        self._results: dict[bytes, StoredResult] = {}
        self._marks: dict[tuple[DeviceId, ConversationId], int] = {}
        self._accounts: dict[AccountDid, Account] = {}
        self._devices: dict[DeviceId, Device] = {}
        self._packages: dict[DeviceId, list[KeyPackage]] = {}
        self._api_keys: dict[str, ApiKey] = {}
        self._suspended: dict[AccountDid, int] = {}
        self._pending: dict[bytes, tuple[bytes, int]] = {}
        self._identities: dict[bytes, AccountDid] = {}
        self._labels: dict[bytes, bytes] = {}
        self._grants: dict[str, Grant] = {}
        self._passkeys: dict[bytes, Passkey] = {}
        self._tokens: dict[bytes, int] = {}
        self._audit: list[AuditLink] = []
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

    # -- conversations ---------------------------------------------------------------------------------

    async def conversation(self, conversation: ConversationId) -> Conversation | None:
        await trio.lowlevel.checkpoint()
        log = self._logs.get(conversation)
        return None if log is None else log.state

    async def append(self, request: AppendRequest) -> AppendOutcome:
        await trio.lowlevel.checkpoint()
        rules.check_append(request)
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
        entries = rules.placed(request.entries, len(self._positions) + 1)
        try:
            for entry in entries:
                state = evolve(state, entry)
        except BrokenLog as broken:
            raise PoisonRequest(str(broken)) from broken
        self._commit(request, entries, state)
        return Appended(entries)

    def _commit(self, request: AppendRequest, entries: tuple[Entry, ...], state: Conversation | None) -> None:
        """Everything at once, no `await` within: this is the transaction."""
        if state is not None:
            log = self._logs.setdefault(request.conversation, _Log(len(self._logs) + 1, state))
            log.state = state
            log.entries.extend(entries)
        for entry in entries:
            if entry.msg_id is not None:
                sends = self._logs[request.conversation].sends
                sends[entry.msg_id] = Known(entry.seq, entry.body_hash, entry.epoch, entry.received)
            else:
                self._apply_fact(entry)
            self._record(audit.membership_facts(entry), entry.received)
        self._record(request.audit, request.now)
        self._results.update((result.scope, result) for result in request.idempotency)
        self._positions.extend(entries)
        self._commits += 1
        if entries:
            for listener in tuple(self._listeners):
                listener(entries)

    def _apply_fact(self, entry: Entry) -> None:
        if entry.kind is EntryKind.COMMIT:
            return
        match decode_fact(entry.body):
            case Created(members=members) | MembersAdded(members=members):
                for member in members:
                    began = Membership(entry.conversation, entry.seq, None, entry.position, None)
                    self._memberships.setdefault(member.device, []).append(began)
            case MemberRemoved(devices=devices):
                for device in devices:
                    intervals = self._memberships[device]
                    for index, interval in enumerate(intervals):
                        if interval.conversation == entry.conversation and interval.to_seq is None:
                            intervals[index] = Membership(
                                entry.conversation,
                                interval.from_seq,
                                entry.seq,
                                interval.from_position,
                                entry.position,
                            )

    def _answered(self, results: tuple[StoredResult, ...], now: int) -> AlreadyAnswered | None:
        for result in results:
            stored = self._results.get(result.scope)
            if stored is not None and stored.expires > now:
                return AlreadyAnswered(stored)
        return None

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

    # -- directory -------------------------------------------------------------------------------------

    async def create_account(
        self, did: AccountDid, name: str, verification_key: str, *, now: int
    ) -> Account | NameTaken:
        await trio.lowlevel.checkpoint()
        wanted = Account(did, name, verification_key, rules.day_of(now))
        for account in self._accounts.values():
            if account.did == did or account.name == name:
                same = (account.did, account.name, account.verification_key) == (did, name, verification_key)
                return account if same else NameTaken(name)
        self._accounts[did] = wanted
        self._record((AuditFact("account.created", subject=did),), now)
        return wanted

    async def account(self, did: AccountDid) -> Account | None:
        await trio.lowlevel.checkpoint()
        return self._accounts.get(did)

    async def account_by_name(self, name: str) -> Account | None:
        await trio.lowlevel.checkpoint()
        return next((account for account in self._accounts.values() if account.name == name), None)

    async def accounts(self) -> list[Account]:
        await trio.lowlevel.checkpoint()
        return sorted(self._accounts.values(), key=lambda account: account.name)

    async def register_device(
        self,
        device: Device,
        key_packages: tuple[KeyPackage, ...] = (),
        *,
        now: int,
        max_devices: int,
        idempotency: tuple[StoredResult, ...] = (),
    ) -> RegisterOutcome:
        await trio.lowlevel.checkpoint()
        answered = self._answered(idempotency, now)
        if answered is not None:
            return answered
        owned = [known for known in self._devices.values() if known.account == device.account]
        same_key = [known for known in self._devices.values() if known.signature_key == device.signature_key]
        known = same_key[0] if same_key else None
        if known is not None and known.account != device.account:
            return DuplicatePublicKey()
        if known is None and len(owned) >= max_devices:
            return TooManyDevices(max_devices)
        if known is None:
            self._record((AuditFact("device.registered", device.account, device.id),), now)
            standing = device
        else:
            standing = replace(known, name=device.name)
        self._devices[standing.id] = standing
        packages = self._packages.setdefault(standing.id, [])
        packages.extend(package for package in dict.fromkeys(key_packages) if package not in packages)
        self._results.update((result.scope, result) for result in idempotency)
        return DeviceRegistered(standing, created=known is None)

    async def device(self, device: DeviceId) -> Device | None:
        await trio.lowlevel.checkpoint()
        return self._devices.get(device)

    async def devices_of(self, account: AccountDid) -> list[Device]:
        await trio.lowlevel.checkpoint()
        return [device for device in self._devices.values() if device.account == account]

    async def key_packages(self, device: DeviceId) -> list[KeyPackage]:
        await trio.lowlevel.checkpoint()
        return list(self._packages.get(device, ()))

    # -- credentials -----------------------------------------------------------------------------------

    def _device_of(self, account: AccountDid, device: DeviceId) -> Device | None:
        found = self._devices.get(device)
        return found if found is not None and found.account == account else None

    async def rename_device(self, account: AccountDid, device: DeviceId, name: str) -> Device | None:
        await trio.lowlevel.checkpoint()
        known = self._device_of(account, device)
        if known is not None:
            known = self._devices[device] = replace(known, name=name)
        return known

    async def rotate_device_key(
        self,
        account: AccountDid,
        device: DeviceId,
        signature_key: bytes,
        *,
        now: int,
        idempotency: tuple[StoredResult, ...] = (),
    ) -> RotateOutcome:
        await trio.lowlevel.checkpoint()
        answered = self._answered(idempotency, now)
        if answered is not None:
            return answered
        known = self._device_of(account, device)
        if known is None:
            return DeviceUnknown()
        if known.signature_key != signature_key:
            if any(other.signature_key == signature_key for other in self._devices.values()):
                return DuplicatePublicKey()
            self._devices[device] = replace(known, signature_key=signature_key)
            self._record((AuditFact("device.key-rotated", account, device),), now)
        self._results.update((result.scope, result) for result in idempotency)
        return DeviceChanged(self._devices[device])

    async def revoke_device(
        self, account: AccountDid, device: DeviceId, *, now: int
    ) -> DeviceRevoked | DeviceUnknown:
        await trio.lowlevel.checkpoint()
        if self._device_of(account, device) is None:
            return DeviceUnknown()
        self._record((AuditFact("device.revoked", account, device),), now)
        return self._delete_device(device)

    def _delete_device(self, device: DeviceId) -> DeviceRevoked:
        del self._devices[device]
        packages = len(self._packages.pop(device, ()))
        self._marks = {place: seq for place, seq in self._marks.items() if place[0] != device}
        keys = sorted(key.id for key in self._api_keys.values() if key.device == device)
        for key in keys:
            del self._api_keys[key]
        return DeviceRevoked(packages, tuple(keys))

    async def count_key_packages(self, device: DeviceId) -> int:
        await trio.lowlevel.checkpoint()
        return len(self._packages.get(device, ()))

    async def mark_seen(self, devices: Sequence[DeviceId], day: int) -> None:
        await trio.lowlevel.checkpoint()
        for device in devices:
            known = self._devices.get(device)
            if known is not None and known.last_seen_day < day:
                self._devices[device] = replace(known, last_seen_day=day)

    async def keep_api_key(
        self, key: ApiKey, *, replaces: str | None, now: int, max_keys: int
    ) -> ApiKeyOutcome:
        await trio.lowlevel.checkpoint()
        if self._device_of(key.account, key.device) is None:
            return DeviceUnknown()
        known = self._api_keys.get(key.id)
        if known is not None:
            if replace(known, hash=key.hash, created_day=key.created_day) != key:
                return ApiKeyConflict()
            self._api_keys[key.id] = replace(known, hash=key.hash)
            self._record((AuditFact("api-key.renewed", key.account, key.device, detail=key.id),), now)
            return ApiKeyMade(renewed=True)
        owned = {other.id for other in self._api_keys.values() if other.account == key.account}
        if replaces is not None and replaces not in owned:
            return ApiKeyUnknown()
        if len(owned - {replaces}) >= max_keys:
            return TooManyApiKeys(max_keys)
        if replaces is not None:
            del self._api_keys[replaces]
        self._api_keys[key.id] = key
        self._record((AuditFact("api-key.created", key.account, key.device, detail=key.id),), now)
        return ApiKeyMade(renewed=False)

    async def api_key(self, key: str) -> ApiKey | None:
        await trio.lowlevel.checkpoint()
        return self._api_keys.get(key)

    async def api_keys_of(self, account: AccountDid) -> list[ApiKey]:
        await trio.lowlevel.checkpoint()
        return sorted((key for key in self._api_keys.values() if key.account == account), key=lambda k: k.id)

    async def revoke_api_key(self, account: AccountDid, key: str, *, now: int) -> bool:
        await trio.lowlevel.checkpoint()
        known = self._api_keys.get(key)
        if known is None or known.account != account:
            return False
        del self._api_keys[key]
        self._record((AuditFact("api-key.revoked", account, detail=key),), now)
        return True

    async def suspend(self, account: AccountDid, *, now: int) -> bool:
        await trio.lowlevel.checkpoint()
        if account in self._suspended:
            return False
        self._suspended[account] = rules.day_of(now)
        self._record((AuditFact("account.disabled", subject=account),), now)
        return True

    async def restore(self, account: AccountDid, *, now: int) -> bool:
        await trio.lowlevel.checkpoint()
        if self._suspended.pop(account, None) is None:
            return False
        self._record((AuditFact("account.enabled", subject=account),), now)
        return True

    async def suspensions(self) -> list[Suspension]:
        await trio.lowlevel.checkpoint()
        return [Suspension(account, day) for account, day in sorted(self._suspended.items())]

    async def recover_account(
        self, account: AccountDid, verification_key: str, *, keep_devices: bool, now: int
    ) -> Recovered | AccountUnknown:
        await trio.lowlevel.checkpoint()
        known = self._accounts.get(account)
        if known is None:
            return AccountUnknown()
        known = self._accounts[account] = replace(known, verification_key=verification_key)
        self._record((AuditFact("account.recovered", subject=account),), now)
        for passkey in sorted(self._all_passkeys(account), key=lambda each: each.id):
            del self._passkeys[passkey.credential]
            self._record((AuditFact("passkey.revoked", subject=account, detail=passkey.id),), now)
        for identity in (mine := self._identities_of(account)):
            del self._identities[identity]
        if mine:
            self._record((AuditFact("account.unlinked", subject=account),), now)
        devices = [device.id for device in self._devices.values() if device.account == account]
        if keep_devices:
            devices = []
        api_keys: list[str] = []
        for device in devices:
            api_keys += self._delete_device(device).api_keys
            self._record((AuditFact("device.revoked", subject=device),), now)
        return Recovered(known, tuple(devices), tuple(api_keys))

    # -- logins ----------------------------------------------------------------------------------------

    async def keep_pending(self, key: bytes, sealed: bytes, *, expires: int) -> None:
        await trio.lowlevel.checkpoint()
        self._pending[key] = (sealed, rules.replay_expiry(expires))

    async def take_pending(self, key: bytes, *, now: int) -> bytes | None:
        await trio.lowlevel.checkpoint()
        if key not in self._pending or self._pending[key][1] <= now:
            return None
        return self._pending.pop(key)[0]

    async def account_of_identity(self, identity: bytes) -> AccountDid | None:
        await trio.lowlevel.checkpoint()
        return self._identities.get(identity)

    async def create_account_for(
        self, identity: bytes, did: AccountDid, name: str, *, label: bytes = b"", now: int
    ) -> Account | NameTaken | IdentityLinked:
        await trio.lowlevel.checkpoint()
        linked = self._identities.get(identity)
        if linked is not None:
            return self._accounts[did] if linked == did else IdentityLinked(linked)
        if any(known.did == did or known.name == name for known in self._accounts.values()):
            return NameTaken(name)
        made = self._accounts[did] = Account(did, name, "", rules.day_of(now))
        self._identities[identity], self._labels[identity] = did, label
        self._record((AuditFact("account.created", subject=did),), now)
        return made

    async def link_identity(
        self, identity: bytes, account: AccountDid, *, label: bytes, verification_key: str, now: int
    ) -> LinkOutcome:
        await trio.lowlevel.checkpoint()
        known = self._accounts.get(account)
        if known is None or known.verification_key != verification_key:
            return AccountUnknown()
        linked = self._identities.get(identity)
        outcome = judge_linking(linked, account, len(self._identities_of(account)))
        if isinstance(outcome, IdentityKept) and linked is None:
            self._identities[identity], self._labels[identity] = account, label
            self._record((AuditFact("account.linked", subject=account),), now)
        return outcome

    async def identities_of(self, account: AccountDid) -> list[Identity]:
        await trio.lowlevel.checkpoint()
        return [Identity(each, self._labels[each]) for each in self._identities_of(account)]

    async def unlink_identity(self, account: AccountDid, identity: bytes, *, now: int) -> UnlinkOutcome:
        await trio.lowlevel.checkpoint()
        known = self._accounts.get(account)
        has_key = known is not None and known.verification_key != ""
        has_passkey = any(not each.suspended for each in self._all_passkeys(account))
        outcome = judge_unlinking(self._identities_of(account), identity, another_way=has_key or has_passkey)
        if isinstance(outcome, IdentityUnlinked):
            del self._identities[identity]
            self._record((AuditFact("account.unlinked", subject=account),), now)
        return outcome

    def _identities_of(self, account: AccountDid) -> list[bytes]:
        return sorted(each for each, owner in self._identities.items() if owner == account)

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

    # -- passkeys --------------------------------------------------------------------------------------

    def _all_passkeys(self, account: AccountDid) -> list[Passkey]:
        return [passkey for passkey in self._passkeys.values() if passkey.account == account]

    def _insert_passkey(self, passkey: Passkey, now: int) -> None:
        self._passkeys[passkey.credential] = passkey
        self._record((AuditFact("passkey.registered", passkey.account, detail=passkey.id),), now)

    async def create_account_with_passkey(
        self, passkey: Passkey, name: str, *, now: int
    ) -> Account | NameTaken | PasskeyTaken:
        await trio.lowlevel.checkpoint()
        did = passkey.account
        if any(known.did == did or known.name == name for known in self._accounts.values()):
            return NameTaken(name)
        if passkey.credential in self._passkeys:
            return PasskeyTaken()
        made = self._accounts[did] = Account(did, name, "", rules.day_of(now))
        self._record((AuditFact("account.created", subject=did),), now)
        self._insert_passkey(passkey, now)
        return made

    async def keep_passkey(
        self, passkey: Passkey, *, verification_key: str, now: int, max_passkeys: int
    ) -> KeepOutcome:
        await trio.lowlevel.checkpoint()
        known = self._accounts.get(passkey.account)
        if known is None or known.verification_key != verification_key:
            return AccountUnknown()
        if passkey.credential in self._passkeys:
            return PasskeyTaken()
        if len(self._all_passkeys(passkey.account)) >= max_passkeys:
            return TooManyPasskeys(max_passkeys)
        self._insert_passkey(passkey, now)
        return PasskeyKept()

    async def passkey(self, credential: bytes) -> Passkey | None:
        await trio.lowlevel.checkpoint()
        return self._passkeys.get(credential)

    async def passkeys_of(self, account: AccountDid) -> list[Passkey]:
        await trio.lowlevel.checkpoint()
        return self._all_passkeys(account)

    async def count_passkeys(self) -> Mapping[AccountDid, int]:
        await trio.lowlevel.checkpoint()
        return Counter(passkey.account for passkey in self._passkeys.values())

    async def use_passkey(self, credential: bytes, sign_count: int, *, now: int) -> UseOutcome:
        await trio.lowlevel.checkpoint()
        known = self._passkeys.get(credential)
        outcome = judge_use(known, sign_count)
        if known is None:
            return outcome
        match outcome:
            case PasskeyUsed():
                today = rules.day_of(now)
                self._passkeys[credential] = replace(known, sign_count=sign_count, used_day=today)
            case PasskeyCloned(account=account):
                self._passkeys[credential] = replace(known, suspended=True)
                self._record((AuditFact("passkey.suspended", subject=account, detail=known.id),), now)
            case _:
                pass
        return outcome

    async def rename_passkey(self, account: AccountDid, passkey: str, name: str) -> bool:
        await trio.lowlevel.checkpoint()
        found = next((each for each in self._all_passkeys(account) if each.id == passkey), None)
        if found is None:
            return False
        self._passkeys[found.credential] = replace(found, name=name)
        return True

    async def revoke_passkey(
        self, account: AccountDid, passkey: str, *, even_if_last: bool, now: int
    ) -> RevokeOutcome:
        await trio.lowlevel.checkpoint()
        mine = self._all_passkeys(account)
        known = self._accounts.get(account)
        has_key = known is not None and known.verification_key != ""
        another_way = has_key or account in self._identities.values()
        outcome = judge_revocation(mine, passkey, another_way=another_way, even_if_last=even_if_last)
        if isinstance(outcome, PasskeyRevoked):
            self._passkeys = {key: each for key, each in self._passkeys.items() if each.id != passkey}
            self._record((AuditFact("passkey.revoked", account, detail=passkey),), now)
        return outcome

    # -- tokens, housekeeping --------------------------------------------------------------------------

    def remember_token(self, token_hash: bytes, expires: int) -> None:
        self._tokens[token_hash] = rules.replay_expiry(expires)

    async def load_tokens(self, now: int) -> list[tuple[bytes, int]]:
        await trio.lowlevel.checkpoint()
        return [(token, expires) for token, expires in self._tokens.items() if expires > now]

    async def record(self, facts: tuple[AuditFact, ...], *, now: int) -> None:
        await trio.lowlevel.checkpoint()
        self._record(facts, now)

    def _record(self, facts: Sequence[AuditFact], at: int) -> None:
        for fact in facts:
            self._audit.append(audit.link(self._audit_head(), fact, at))

    def _audit_head(self) -> AuditHead:
        if self._audit:
            return audit.head_of(self._audit[-1])
        return audit.genesis(self._log_id, rules.SHARD)

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

    async def health(self) -> StoreHealth:
        await trio.lowlevel.checkpoint()
        return StoreHealth(ok=True, detail="in memory")

    def statistics(self) -> StoreStatistics:
        return StoreStatistics(writer="memory", commits=self._commits, entries=len(self._positions))
