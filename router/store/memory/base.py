"""What the parts of the memory store have in common: the shared tables and the audit chain."""

import os
from collections.abc import Sequence

import attrs

from protocol import AccountDid, Conversation, ConversationId, DeviceId, Entry, Known, MsgId
from router.store import audit, rules
from router.store.audit import AuditFact, AuditHead, AuditLink
from router.store.errors import PoisonRequest
from router.store.values import Account, AlreadyAnswered, Device, Membership, StoredResult


@attrs.define
class Log:
    """One conversation: its state and its entries, the first at index 0."""

    number: int
    state: Conversation
    entries: list[Entry] = attrs.Factory(list)
    sends: dict[MsgId, Known] = attrs.Factory(dict)


class Base:
    """Tables that several parts look into. A part adds its own, and says what goes with a device."""

    def __init__(self, log_id: bytes | None = None) -> None:
        self._log_id = os.urandom(8) if log_id is None else log_id
        self._logs: dict[ConversationId, Log] = {}
        self._memberships: dict[DeviceId, list[Membership]] = {}
        self._results: dict[bytes, StoredResult] = {}
        self._accounts: dict[AccountDid, Account] = {}
        self._devices: dict[DeviceId, Device] = {}
        self._audit: list[AuditLink] = []

    def _device_of(self, account: AccountDid, device: DeviceId) -> Device | None:
        found = self._devices.get(device)
        return found if found is not None and found.account == account else None

    def _log_of(self, conversation: ConversationId) -> Log:
        """The conversation, which the caller has looked for."""
        log = self._logs.get(conversation)
        if log is None:
            raise PoisonRequest("something for a conversation that does not exist")
        return log

    def _forget_device(self, device: DeviceId) -> None:
        """The device is gone: each part drops what was its own."""

    def _answered(self, results: tuple[StoredResult, ...], now: int) -> AlreadyAnswered | None:
        for result in results:
            stored = self._results.get(result.scope)
            if stored is not None and stored.expires > now:
                return AlreadyAnswered(stored)
        return None

    def _keep_results(self, results: tuple[StoredResult, ...]) -> None:
        self._results.update((result.scope, result) for result in results)

    def _record(self, facts: Sequence[AuditFact], at: int) -> None:
        for fact in facts:
            self._audit.append(audit.link(self._audit_head(), fact, at))

    def _audit_head(self) -> AuditHead:
        if self._audit:
            return audit.head_of(self._audit[-1])
        return audit.genesis(self._log_id, rules.SHARD)
