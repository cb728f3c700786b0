"""Proposals: verified when they come, since a commit must take every one that waits.

What cannot be committed would keep the epoch standing. So a proposal in clear is checked like a commit: its
author is the caller's device, a new leaf has the registered key. And two kinds are not taken by reference: an
Add travels in its commit, since a key package is claimed by who adds it and the claim ends; and the removal
of an admin is for other admins to propose.
"""

from __future__ import annotations

from typing import Final

import attrs
from msgspec import UNSET

from crypto.mls import (
    Add,
    ContentType,
    InvalidHandshake,
    Member,
    PrivateMessage,
    PublicGroup,
    PublicMessage,
    Remove,
    SenderType,
    Update,
    VerifiedProposal,
    proposal_ref,
    verify_proposal,
)
from protocol import (
    CONVO_NOT_FOUND,
    INSIDE,
    NOT_MEMBER,
    NOT_YET_MEMBER,
    Conversation,
    ConversationKind,
    DeviceId,
    Framing,
    Propose,
    Sent,
    Standing,
    bucket_text,
    proposal_id,
    standing,
)
from router.edge.commands import ask, named_conversation
from router.edge.errors import Refusal
from router.edge.mls.bytes import proposal_refusal, read_handshake, verifying
from router.edge.mls.commits import acting, check_group
from router.edge.mls.groups_stored import Base, Moved, group_info_unavailable, stored_base
from router.edge.mls.leaves import Leaves
from router.edge.mls.suites import NUMBERS, SUITES
from router.edge.services import Call, Edge
from schema.wire import Octets, given, rookery_mls

_READS: Final = 4
_MAX_PUBLIC_BYTES: Final = 64 * 1024
"""All that wait are read with each commit."""
_NOT_YOURS = Refusal("InvalidProposal", "The proposal was not made by a device of yours.")
_NO_ADD = Refusal("InvalidProposal", "An Add travels in the commit itself, by who claimed the key package.")
_ADMIN = Refusal("InvalidProposal", "Only an admin may propose the removal of an admin.")
_KEY = Refusal("InvalidProposal", "The new leaf has a signature key that is not registered for its device.")


@attrs.frozen
class _Ready:
    """What the conversation is asked with."""

    state: Conversation
    device: DeviceId | None
    framing: Framing | None
    """None for bytes that the log has: they get their first answer."""


async def send_proposal(edge: Edge, call: Call) -> rookery_mls.SendProposalOutput:
    """Put a proposal before the members."""
    body = call.value(rookery_mls.SendProposalInput)
    data = bytes(body.proposal)
    message = await verifying(edge, len(data), lambda: read_handshake(data, "InvalidProposal"))
    if message.content_type is not ContentType.PROPOSAL:
        raise Refusal("InvalidProposal", "The message is no proposal.")
    device = acting(call, given(body.device_id))
    ready = await _ready(edge, call, body.convo_id, device, data, message)
    ref = None
    if isinstance(message, PublicMessage):
        ref = proposal_ref(SUITES[NUMBERS[ready.state.cipher_suite]], message)
    command = Propose(ready.state.id, call.account, ready.device, data, ref, ready.framing)
    sent = await ask(edge, command, Sent)
    return rookery_mls.SendProposalOutput(
        message_id=sent.msg_id,
        seq=sent.seq,
        epoch=sent.epoch,
        ref=UNSET if ref is None else Octets(ref),
        received_at=bucket_text(sent.received),
    )


async def _ready(
    edge: Edge,
    call: Call,
    convo_id: str,
    device: DeviceId | None,
    data: bytes,
    message: PublicMessage | PrivateMessage,
) -> _Ready:
    conversation = named_conversation(convo_id)
    for _ in range(_READS):
        state = await edge.store.conversation(conversation)
        who = standing(state, call.account)
        if state is None or state.kind is not ConversationKind.MLS or who is Standing.STRANGER:
            raise Refusal.of(CONVO_NOT_FOUND)
        name = proposal_id(data)
        if name in await edge.store.known_sends(state.id, [name]):
            return _Ready(state, device, None)
        if who not in INSIDE:
            raise Refusal.of(NOT_YET_MEMBER if who is Standing.PENDING else NOT_MEMBER)
        check_group(state, message, "InvalidProposal")
        framing = Framing(message.group_id, message.epoch, "proposal", isinstance(message, PrivateMessage))
        if isinstance(message, PrivateMessage):
            return _Ready(state, device, framing)
        try:
            base = await stored_base(edge, state)
        except Moved:
            continue
        if base is None:
            raise group_info_unavailable()
        maker = await _maker(edge, call, state, base, message, len(data))
        if device not in (None, maker):
            raise _NOT_YOURS
        return _Ready(state, maker, framing)
    raise Refusal("NotEnoughResources", "The group goes on faster than it is read.", retry_after=1)


async def _maker(
    edge: Edge, call: Call, state: Conversation, base: Base, message: PublicMessage, size: int
) -> DeviceId:
    """The caller's device that made the proposal, which may stand in this epoch."""
    if message.sender.kind is not SenderType.MEMBER:
        raise Refusal("InvalidProposal", "Only members propose here.")
    if size > _MAX_PUBLIC_BYTES:
        raise Refusal("InvalidProposal", f"A proposal in clear has at most {_MAX_PUBLIC_BYTES} bytes.")
    group, proposed = await verifying(edge, base.size, lambda: _verified(base, message))
    leaves = Leaves(edge.store, group.suite, state)
    author = _member(group, message.sender.index)
    maker = None if author is None else await leaves.occupant(author)
    if author is None or maker is None or maker not in state.devices_of(call.account):
        raise _NOT_YOURS
    match proposed.proposal:
        case Add():
            raise _NO_ADD
        case Remove(removed=index):
            target = _member(group, index)
            device = None if target is None else await leaves.occupant(target)
            owner = None if device is None else state.members.get(device)
            if owner is not None and owner.account in state.admins and call.account not in state.admins:
                raise _ADMIN
        case Update(leaf_node=leaf):
            if leaf.signature_key != author.signature_key:
                found = await leaves.registered(
                    Member(author.leaf_index, leaf.credential, leaf.signature_key)
                )
                if found is None or found.device != maker:
                    raise _KEY
        case _:
            pass
    return maker


def _verified(base: Base, message: PublicMessage) -> tuple[PublicGroup, VerifiedProposal]:
    group = base.group()
    try:
        return group, verify_proposal(group, message)
    except InvalidHandshake as error:
        raise proposal_refusal(error, group.epoch) from None


def _member(group: PublicGroup, index: int | None) -> Member | None:
    return next((member for member in group.members if member.leaf_index == index), None)
