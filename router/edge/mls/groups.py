"""Conversations whose group changes: bring in, put out, go, commit, come in from outside.

Each of them takes a commit in one step with all that follows from it, or refuses all; where the contract lets
the commit be absent, the accounts change and the leaves wait for a commit (`protocol/_rules_members.py`).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, TypeVar

from msgspec import UnsetType

from protocol import (
    AccountDid,
    AddMembers,
    Answer,
    Changed,
    Command,
    Commit,
    CommitMade,
    Committed,
    DeviceId,
    EntryKind,
    Leave,
    RemoveMember,
    bucket_text,
    commit_id,
    decode_fact,
    parse_account_did,
)
from router.edge.commands import ask, idempotency, named_conversation
from router.edge.errors import Refusal
from router.edge.members import devices_of
from router.edge.mls.blocks import check_cohabitation
from router.edge.mls.bytes import from_base64
from router.edge.mls.commits import Prepared, Upload, acting, check_blocks, prepare
from router.edge.mls.commits_counted import counted
from router.edge.mls.commits_stated import Stated, a_device, stated_add
from router.edge.mls.invites import use_invites
from router.edge.services import Call, Edge
from schema.wire import Octets, given, mls, rookery_mls

A = TypeVar("A", bound=Answer)

_FROM_OUTSIDE: Final = {"NotAdmin": "Unauthorized", "TooManyMembers": "Unauthorized"}
"""What only a member of the house is told by its own name: the contract has none for who comes by itself."""


async def submit_commit(edge: Edge, call: Call) -> rookery_mls.SubmitCommitOutput:
    """Any commit of a member."""
    body = call.value(rookery_mls.SubmitCommitInput)
    adds, removes = given(body.adds), given(body.removes)
    upload = Upload(
        bytes(body.commit),
        _octets(body.group_info),
        _octets(body.welcome),
        Stated(
            None
            if adds is None
            else tuple(
                stated_add(each.did, each.key_package_hash, given(each.device_id), given(each.leaf_index))
                for each in adds
            ),
            None if removes is None else tuple(a_device(each.device_id) for each in removes),
        ),
    )
    with counted(edge) as request:
        request.prepared = prepared = await prepare(edge, call, body.convo_id, given(body.device_id), upload)
        await check_blocks(edge, prepared)
        command = Commit(
            prepared.conversation,
            prepared.account,
            prepared.device,
            prepared.handshake,
            reason=given(body.reason),
        )
        done = await ask(edge, command, Committed)
    made = await _made(edge, prepared, done)
    return rookery_mls.SubmitCommitOutput(
        new_epoch=done.epoch,
        seq=done.seq,
        message_id=commit_id(upload.commit),
        generation=made[1],
        digest=Octets(made[0]),
        received_at=bucket_text(done.received),
    )


async def _made(edge: Edge, prepared: Prepared, done: Committed) -> tuple[bytes, int]:
    """Digest and generation of a commit in the log; of a resend they may be long past."""
    conversation = prepared.conversation
    (entry,) = await edge.store.conversation_entries(
        conversation, after_seq=done.seq - 1, upto_seq=done.seq, max_entries=1, max_bytes=1
    )
    fact = decode_fact(entry.body)
    if not isinstance(fact, CommitMade):
        raise TypeError("what a commit's id finds is a commit")
    state = await edge.store.conversation(conversation)
    generation = 0 if state is None else state.group.generation
    if generation:
        generation -= len(
            await edge.store.conversation_entries(
                conversation,
                after_seq=done.seq,
                max_entries=generation,
                max_bytes=edge.settings.limits.page_bytes,
                kinds=frozenset({EntryKind.GROUP_RESET}),
            )
        )
    return fact.digest, generation


async def add_members(edge: Edge, call: Call) -> mls.AddMembersOutput:
    """Bring accounts in: by the commit that adds their devices, or by name until one does."""
    body = call.value(mls.AddMembersInput)
    commit = given(body.commit)
    if commit is None:
        _no_handshake(body.welcome_message, body.key_package_hashes, body.group_info)
        changed = await _name(edge, call, body)
        return mls.AddMembersOutput(success=True, new_epoch=changed.epoch)
    with counted(edge) as request:
        request.prepared, done = await _add(edge, call, body, commit)
    return mls.AddMembersOutput(success=True, new_epoch=done.epoch)


async def _add(edge: Edge, call: Call, body: mls.AddMembersInput, commit: str) -> tuple[Prepared, Committed]:
    """Take the commit that adds the devices of these accounts, and of nobody else."""
    accounts = {parse_account_did(did) for did in body.did_list}
    stated = tuple(stated_add(each.did, each.hash) for each in given(body.key_package_hashes) or ())
    upload = Upload(
        from_base64("commit", "InvalidCommit", commit),
        _text(body.group_info, "groupInfo", "InvalidGroupInfo"),
        _text(body.welcome_message, "welcomeMessage", "InvalidWelcome"),
        Stated(stated or None),
    )
    prepared = await prepare(edge, call, body.convo_id, given(body.device_id), upload)
    if not prepared.resent and {each.member.account for each in prepared.handshake.adds} != accounts:
        raise Refusal("InvalidCommit", "The commit adds other accounts than didList names.")
    await check_blocks(edge, prepared)
    command = Commit(
        prepared.conversation,
        prepared.account,
        prepared.device,
        prepared.handshake,
        "add",
        idempotency=idempotency(edge, call, body.idempotency_key),
    )
    return prepared, await ask(edge, command, Committed)


async def _name(edge: Edge, call: Call, body: mls.AddMembersInput) -> Changed:
    conversation = named_conversation(body.convo_id)
    members = await devices_of(edge.store, body.did_list, absent="KeyPackageNotFound")
    state = await edge.store.conversation(conversation)
    if state is not None and state.is_member(call.account):
        coming = {member.account for member in members} - state.devices_by_account.keys()
        await check_cohabitation(edge, state.accounts(), coming)
    key = idempotency(edge, call, body.idempotency_key)
    return await ask(edge, AddMembers(conversation, call.account, members, key), Changed)


async def remove_member(edge: Edge, call: Call) -> mls.RemoveMemberOutput:
    """An admin puts an account out."""
    body = call.value(mls.RemoveMemberInput)
    target = parse_account_did(body.target_did)
    with counted(edge, commit=given(body.commit) is not None) as request:
        request.prepared = prepared = await _prepared_removal(edge, call, body, target)
        command = RemoveMember(
            named_conversation(body.convo_id),
            call.account,
            target,
            given(body.reason),
            idempotency(edge, call, body.idempotency_key),
            None if prepared is None else prepared.handshake,
            acting(call, given(body.device_id)),
        )
        changed = await ask(edge, command, Changed)
    if prepared is None:
        return mls.RemoveMemberOutput(ok=True, epoch_hint=changed.epoch)
    return mls.RemoveMemberOutput(ok=True, epoch_hint=changed.epoch, new_epoch=changed.epoch)


async def leave(edge: Edge, call: Call) -> mls.LeaveConvoOutput:
    """Go, or put `targetDid` out."""
    body = call.value(mls.LeaveConvoInput)
    named = given(body.target_did)
    target = None if named is None else parse_account_did(named)
    with counted(edge, commit=given(body.commit) is not None) as request:
        request.prepared = prepared = await _prepared_removal(edge, call, body, target)
        command = Leave(
            named_conversation(body.convo_id),
            call.account,
            target,
            idempotency(edge, call, body.idempotency_key),
            None if prepared is None else prepared.handshake,
            acting(call, given(body.device_id)),
        )
        changed = await ask(edge, command, Changed)
    return mls.LeaveConvoOutput(success=True, new_epoch=changed.epoch)


async def _prepared_removal(
    edge: Edge, call: Call, body: mls.RemoveMemberInput | mls.LeaveConvoInput, target: AccountDid | None
) -> Prepared | None:
    """The commit that comes with a removal, if one does. It removes, and brings nobody in."""
    commit = given(body.commit)
    if commit is None:
        _no_handshake(body.group_info)
        return None
    out = () if target in (None, call.account) else await _leaves_of(edge, body.convo_id, target)
    upload = Upload(
        from_base64("commit", "InvalidCommit", commit),
        _text(body.group_info, "groupInfo", "InvalidGroupInfo"),
        stated=Stated(assumed=out),
    )
    prepared = await prepare(edge, call, body.convo_id, given(body.device_id), upload)
    if prepared.handshake.adds:
        raise Refusal("InvalidCommit", "A commit that removes brings nobody in here; submitCommit takes it.")
    return prepared


async def _leaves_of(edge: Edge, convo_id: str, target: AccountDid | None) -> tuple[DeviceId, ...]:
    """What a commit that puts an account out removes: its devices, and leaves of it that are still there."""
    state = await edge.store.conversation(named_conversation(convo_id))
    if state is None or target is None:
        return ()
    stale = []
    for device in state.group.stale_leaves:
        found = await edge.store.device(device)
        if found is not None and found.account == target:
            stale.append(device)
    return (*state.devices_of(target), *stale)


async def process_external_commit(edge: Edge, call: Call) -> mls.ProcessExternalCommitOutput:
    """A device comes in by itself, or comes back."""
    body = call.value(mls.ProcessExternalCommitInput)
    upload = Upload(
        from_base64("externalCommit", "InvalidCommit", body.external_commit),
        _text(body.group_info, "groupInfo", "InvalidGroupInfo"),
    )
    with counted(edge) as request:
        request.prepared = prepared = await prepare(
            edge, call, body.convo_id, given(body.device_id), upload, external=True
        )
        command = Commit(
            prepared.conversation,
            prepared.account,
            prepared.device,
            prepared.handshake,
            "rejoin",
            idempotency=idempotency(edge, call, body.idempotency_key),
        )
        done = await _ask_as(edge, command, Committed, _FROM_OUTSIDE)
    if not prepared.resent:
        await use_invites(edge, prepared.conversation, prepared.account, upload.commit)
    return mls.ProcessExternalCommitOutput(epoch=done.epoch, rejoined_at=bucket_text(done.received))


async def _ask_as(edge: Edge, command: Command, kind: type[A], names: Mapping[str, str]) -> A:
    """`ask`, with refusals renamed that the method's contract has no name for."""
    try:
        return await ask(edge, command, kind)
    except Refusal as refusal:
        name = names.get(refusal.error)
        if name is None:
            raise
        raise Refusal(name, refusal.message, retry_after=refusal.retry_after) from None


def _octets(value: Octets | UnsetType) -> bytes | None:
    octets = given(value)
    return None if octets is None else bytes(octets)


def _text(value: str | UnsetType, field: str, error: str) -> bytes | None:
    text = given(value)
    return None if text is None else from_base64(field, error, text)


def _no_handshake(*fields: object) -> None:
    """Refuse what only a commit gives a meaning to."""
    if any(given(field) not in (None, ()) for field in fields):
        raise Refusal("InvalidRequest", "A Welcome, key package hashes and a GroupInfo come with a commit.")
