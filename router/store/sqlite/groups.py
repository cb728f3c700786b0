"""The ledger's and the reader's page for groups: effects, GroupInfo, evidence, additions."""

from collections.abc import Sequence

import msgspec

from protocol import (
    AccountDid,
    ConsumeKeyPackage,
    ConversationId,
    DeviceId,
    DropGroupInfo,
    Effect,
    PutGroupInfo,
    PutWelcome,
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
from router.store.sqlite import key_packages, welcomes
from router.store.sqlite.database import SQL
from router.store.sqlite.execute import Execute, Record
from router.store.sqlite.mls_requests import AdditionEnded, EndAddition, KeepEvidence, LeaseAddition
from router.store.sqlite.requests import Done, Poisoned
from router.store.values import ConditionFailed

# -- effects ---------------------------------------------------------------------------------------------


def first_failure(execute: Execute, effects: Sequence[Effect]) -> ConditionFailed | None:
    """The first effect that cannot be carried out."""
    used: set[bytes] = set()
    for index, effect in enumerate(effects):
        if isinstance(effect, ConsumeKeyPackage):
            if effect.ref in used or not key_packages.may_be_consumed(execute, effect):
                return ConditionFailed(index, rules.KEY_PACKAGE_NOT_FOUND)
            used.add(effect.ref)
    return None


def carry_out(execute: Execute, effects: Sequence[Effect], conversation: int, now: int) -> None:
    """All of them, in order."""
    for effect in effects:
        match effect:
            case ConsumeKeyPackage():
                key_packages.consume(execute, effect, conversation)
            case PutWelcome():
                welcomes.put(execute, effect, conversation)
            case PutGroupInfo(generation=generation, epoch=epoch, body=body, hash=digest):
                execute(SQL["put_group_info"], (conversation, generation, epoch, digest, now, body))
            case DropGroupInfo():
                execute(SQL["drop_group_info"], (conversation,))


# -- evidence --------------------------------------------------------------------------------------------


def keep_evidence(execute: Execute, _: Record, request: KeepEvidence) -> Done | Poisoned:
    piece = request.evidence
    found = execute(SQL["conversation_key"], (piece.conversation,)).fetchone()
    if found is None:
        return Poisoned("evidence for a conversation that does not exist")
    (key,) = found
    execute(SQL["insert_evidence"], (key, piece.hash, piece.reason, piece.sender, piece.kept, piece.body))
    execute(SQL["trim_evidence"], (key, key, bounds.MAX_EVIDENCE))
    return Done()


def sweep_evidence(execute: Execute, before: int, limit: int) -> int:
    """Delete what is old; how many pieces."""
    return execute(SQL["sweep_evidence"], (before, limit)).rowcount


# -- additions -------------------------------------------------------------------------------------------


def lease(execute: Execute, _: Record, request: LeaseAddition) -> LeaseOutcome:
    waits = execute(SQL["addition_waits"], (request.conversation, request.device, request.now)).fetchone()
    if waits is None:
        return AdditionUnknown()
    (key,) = waits
    held = execute(SQL["addition"], (key, request.device)).fetchone()
    if held is not None and held[0] != request.to and held[1] > request.now:
        return AdditionHeld(*held)
    until = request.now + request.ttl
    execute(SQL["lease_addition"], (key, request.device, request.to, until))
    return AdditionLeased(until)


def end(execute: Execute, _: Record, request: EndAddition) -> AdditionEnded:
    return AdditionEnded(_end(execute, request))


def _end(execute: Execute, request: EndAddition) -> AdditionEnd:
    found = execute(SQL["conversation_key"], (request.conversation,)).fetchone()
    if found is None:
        return "not-claimed"
    (key,) = found
    held = execute(SQL["addition"], (key, request.device)).fetchone()
    if held is None or held[0] != request.by or held[1] <= request.now:
        return "not-claimed"
    execute(SQL["end_addition"], (key, request.device))
    inside = execute(SQL["is_in"], (key, request.device)).fetchone()
    return "pending" if inside is None else "completed"


def forget_device(execute: Execute, device: DeviceId) -> None:
    """Delete the leases on it and of its own."""
    execute(SQL["delete_device_additions"], (device,))
    execute(SQL["delete_leases_of"], (device,))


def sweep_additions(execute: Execute, now: int) -> None:
    """Delete leases that lapsed: one for each new device at most."""
    execute(SQL["sweep_additions"], (now,))


# -- reads -----------------------------------------------------------------------------------------------


def read_group_info(execute: Execute, conversation: ConversationId) -> StoredGroupInfo | None:
    """See `Store.group_info`."""
    row = execute(SQL["group_info"], (conversation,)).fetchone()
    return None if row is None else StoredGroupInfo(*row)


def read_evidence(execute: Execute, conversation: ConversationId) -> list[Evidence]:
    """See `Store.evidence`."""
    return [Evidence(*row) for row in execute(SQL["evidence"], (conversation,)).fetchall()]


def read_additions(
    execute: Execute,
    account: AccountDid,
    conversations: Sequence[ConversationId] | None,
    now: int,
    limit: int,
) -> list[PendingAddition]:
    """See `Store.pending_additions`."""
    asked = msgspec.json.encode([] if conversations is None else list(conversations)).decode()
    rows = execute(
        SQL["pending_additions"], (account, conversations is None, asked, now, now, limit)
    ).fetchall()
    return [
        PendingAddition(
            conversation,
            owner,
            device,
            name,
            day,
            tuple(suite for (suite,) in execute(SQL["usable_suites"], (device, now)).fetchall()),
            leased_to,
            leased_until,
        )
        for conversation, owner, device, name, day, leased_to, leased_until in rows
    ]
