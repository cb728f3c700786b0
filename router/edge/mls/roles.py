"""Roles, the policy of a conversation, and warnings: what its admins decide, as entries that all members see.

Nothing is judged here: two demotions at once, or a demotion beside the last admin's leaving, come one after
the other at the conversation, and the second meets the state that the first left (`protocol._rules_roles`).
"""

from __future__ import annotations

import hashlib
from typing import Final, Literal

from msgspec import UNSET

from protocol import (
    Changed,
    ChangeRole,
    Conversation,
    ConversationKind,
    PolicyChange,
    Role,
    UpdatePolicy,
    Warn,
    bucket_text,
    parse_account_did,
)
from router.edge.commands import ask, idempotency
from router.edge.errors import Refusal
from router.edge.members import readable
from router.edge.mls.kept import mls_conversation, moment, received, row_id
from router.edge.services import Call, Edge
from schema.wire import given, mls

_MOST_MEMBERS: Final = 1_000
_LEAST_MEMBERS: Final = 2
"""What the lexicon lets `maxMembers` be."""


async def promote_admin(edge: Edge, call: Call) -> mls.PromoteAdminOutput:
    """An admin makes a member an admin."""
    body = call.value(mls.PromoteAdminInput)
    at = await _change(edge, call, body.convo_id, body.target_did, "admin")
    return mls.PromoteAdminOutput(ok=True, promoted_at=bucket_text(at))


async def demote_admin(edge: Edge, call: Call) -> mls.DemoteAdminOutput:
    """An admin takes the role from another, or lays it down itself; the last one keeps it."""
    body = call.value(mls.DemoteAdminInput)
    await _change(edge, call, body.convo_id, body.target_did, "member", "admin")
    return mls.DemoteAdminOutput(ok=True)


async def promote_moderator(edge: Edge, call: Call) -> mls.PromoteModeratorOutput:
    """An admin makes a member a moderator."""
    body = call.value(mls.PromoteModeratorInput)
    at = await _change(edge, call, body.convo_id, body.target_did, "moderator")
    return mls.PromoteModeratorOutput(ok=True, promoted_at=bucket_text(at))


async def demote_moderator(edge: Edge, call: Call) -> mls.DemoteModeratorOutput:
    """An admin takes the role from a moderator, or it lays it down itself."""
    body = call.value(mls.DemoteModeratorInput)
    await _change(edge, call, body.convo_id, body.target_did, "member", "moderator")
    return mls.DemoteModeratorOutput(ok=True)


async def _change(
    edge: Edge,
    call: Call,
    convo_id: str,
    target: str,
    role: Role,
    was: Literal["admin", "moderator"] = "admin",
) -> int:
    """The bucket in which the role changed; `was` is the one that ends where `role` is `member`."""
    conversation = await mls_conversation(edge, convo_id)
    command = ChangeRole(conversation, call.account, parse_account_did(target), role, was)
    changed = await ask(edge, command, Changed)
    return await received(edge, conversation, changed.seq)


# -- warnings ----------------------------------------------------------------------------------------


async def warn_member(edge: Edge, call: Call) -> mls.WarnMemberOutput:
    """An admin or moderator warns a member; all members see that, nobody reads the reason here.

    Of the reason only a hash is kept, with the warning's id in it, so that equal reasons do not show and
    short ones are not found in a table: with it, whoever was told the reason can prove later what it was.
    """
    body = call.value(mls.WarnMemberInput)
    key = idempotency(edge, call, body.idempotency_key)
    conversation = await mls_conversation(edge, body.convo_id)
    warning = row_id(key)
    text = given(body.expires_at)
    expires = None if text is None else moment(edge, "expiresAt", text)
    command = Warn(
        conversation,
        call.account,
        parse_account_did(body.member_did),
        warning,
        hashlib.sha256(f"warning\0{warning}\0{body.reason}".encode()).digest(),
        expires,
        key,
    )
    changed = await ask(edge, command, Changed)
    at = await received(edge, conversation, changed.seq)
    return mls.WarnMemberOutput(warning_id=warning, delivered_at=bucket_text(at))


# -- the policy --------------------------------------------------------------------------------------


async def get_policy(edge: Edge, call: Call) -> mls.GetPolicyOutput:
    """What members may do."""
    params = call.value(mls.GetPolicyParams)
    state = await readable(edge, call.account, params.convo_id, ConversationKind.MLS)
    return mls.GetPolicyOutput(policy=_view(edge, state))


async def update_policy(edge: Edge, call: Call) -> mls.UpdatePolicyOutput:
    """An admin changes what members may do.

    What is asked for and holds already is no change: a repeat leaves no second entry in the log.
    """
    body = call.value(mls.UpdatePolicyInput)
    fields = PolicyChange(
        allow_invites=given(body.allow_invites),
        admin_only_invites=given(body.admin_only_invites),
        allow_member_add=given(body.allow_member_add),
        allow_member_remove=given(body.allow_member_remove),
        require_admin_approval=given(body.require_admin_approval),
        max_members=given(body.max_members),
    )
    state = await readable(edge, call.account, body.convo_id, ConversationKind.MLS)
    policy = state.group.policy
    if call.account not in state.admins:
        raise Refusal("Unauthorized", "Only an admin of the conversation changes its policy.")
    if fields.empty or fields.of(policy) != policy:
        await _update(edge, UpdatePolicy(state.id, call.account, fields))
        state = await readable(edge, call.account, body.convo_id, ConversationKind.MLS)
    return mls.UpdatePolicyOutput(policy=_view(edge, state))


async def _update(edge: Edge, command: UpdatePolicy) -> None:
    try:
        await ask(edge, command, Changed)
    except Refusal as refusal:
        if refusal.error == "NotAdmin":  # demoted since the look
            raise Refusal("Unauthorized", refusal.message) from None
        raise


def _view(edge: Edge, state: Conversation) -> mls.UpdatePolicyPolicyView:
    policy = state.group.policy
    capacity = policy.capacity(edge.settings.limits.max_members)
    return mls.UpdatePolicyPolicyView(
        convo_id=state.id,
        allow_invites=policy.allow_invites,
        admin_only_invites=policy.admin_only_invites,
        allow_member_add=policy.allow_member_add,
        allow_member_remove=policy.allow_member_remove,
        require_admin_approval=policy.require_admin_approval,
        max_members=min(_MOST_MEMBERS, max(_LEAST_MEMBERS, capacity)),
        updated_at=bucket_text(policy.updated or state.created),
        updated_by=UNSET if policy.updated_by is None else policy.updated_by,
    )
