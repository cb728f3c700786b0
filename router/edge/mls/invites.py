"""Invites: leave to join a conversation for whoever has a secret, of which the server keeps the hash.

An invite is used by an external commit that mixes the secret in as an external pre-shared key (RFC 9420
section 8.4) with `psk_id` = its pskHash, as 32 bytes: the server finds the invite by the id, and the members
find out whether the joiner knew the secret, since otherwise the commit's confirmation tag is wrong to them.
Whom an external commit may bring in is the conversation's to judge; an invite makes nobody a member.
"""

from __future__ import annotations

import re
from typing import Final

from msgspec import UNSET
from msgspec.structs import replace

from crypto.mls import Commit, ExternalPsk, PreSharedKey, ProposalByValue, PublicMessage
from protocol import (
    AccountDid,
    Conversation,
    ConversationId,
    ConversationKind,
    Standing,
    bucket_text,
    may_invite,
    parse_account_did,
    standing,
)
from router.edge.commands import idempotency, named_conversation
from router.edge.errors import Refusal
from router.edge.handlers_device import edge_bucket
from router.edge.members import readable
from router.edge.mls.bytes import read_handshake
from router.edge.mls.kept import OTHER_REQUEST, moment, row_id
from router.edge.services import Call, Edge
from router.store.moderation import Invite, InviteKept, InviteRevoked, InviteUnknown, TooManyInvites
from schema.wire import given, mls

MAX_OPEN: Final = 100
"""Invites of one conversation that serve at the same time."""

_HASH_BYTES: Final = 32
_PSK_HASH: Final = re.compile(r"[0-9a-f]{64}")
_UNKNOWN: Final = Refusal("InviteNotFound", "There is no such invite.")


async def create_invite(edge: Edge, call: Call) -> mls.CreateInviteOutput:
    """An admin, or a member where the policy lets members, makes an invite.

    A retry under the same key gets the first answer, whatever has become of the invite.
    """
    body = call.value(mls.CreateInviteInput)
    if not _PSK_HASH.fullmatch(body.psk_hash):
        raise Refusal("InvalidPSKHash", "pskHash is a SHA-256 in 64 lower-case hexadecimal digits.")
    target, expires = given(body.target_did), given(body.expires_at)
    key = idempotency(edge, call, body.idempotency_key)
    wanted = Invite(
        row_id(key),
        named_conversation(body.convo_id),
        call.account,
        edge_bucket(edge),
        bytes.fromhex(body.psk_hash),
        None if target is None else parse_account_did(target),
        None if expires is None else moment(edge, "expiresAt", expires),
        given(body.max_uses),
    )
    kept = None if key is None else await edge.store.invite(wanted.id)
    if kept is None:
        kept = await _keep(edge, wanted)
    first = replace(kept, uses=0, revoked=None, revoked_by=None)
    if first != replace(wanted, created=first.created):
        raise OTHER_REQUEST
    return mls.CreateInviteOutput(invite_id=first.id, invite=_view(first))


async def _keep(edge: Edge, invite: Invite) -> Invite:
    """The new invite, or the one a twin of the request has just made."""
    state = await readable(edge, invite.created_by, invite.conversation, ConversationKind.MLS)
    refused = may_invite(state, invite.created_by)
    if refused is not None:
        raise Refusal("Unauthorized", "The conversation's policy does not let you make invites.")
    if invite.expires is not None and invite.expires <= invite.created:
        raise Refusal("InvalidRequest", "expiresAt is over.")
    outcome = await edge.store.keep_invite(invite, max_open=MAX_OPEN)
    if isinstance(outcome, TooManyInvites):
        message = f"A conversation has at most {outcome.limit} open invites here: revoke one first."
        raise Refusal("TooManyInvites", message)
    return outcome.invite


async def list_invites(edge: Edge, call: Call) -> mls.ListInvitesOutput:
    """The conversation's invites, newest first, for its admins."""
    params = call.value(mls.ListInvitesParams)
    state = await readable(edge, call.account, params.convo_id, ConversationKind.MLS)
    _check_admin(state, call.account)
    found = await edge.store.invites(state.id, revoked=params.include_revoked)
    return mls.ListInvitesOutput(invites=tuple(_view(invite) for invite in reversed(found)))


async def revoke_invite(edge: Edge, call: Call) -> mls.RevokeInviteOutput:
    """An admin ends an invite, whoever made it."""
    body = call.value(mls.RevokeInviteInput)
    invite = await edge.store.invite(body.invite_id)
    state = None if invite is None else await edge.store.conversation(invite.conversation)
    if invite is None or state is None or standing(state, call.account) is Standing.STRANGER:
        raise _UNKNOWN
    _check_admin(state, call.account)
    match await edge.store.revoke_invite(invite.id, by=call.account, now=edge_bucket(edge)):
        case InviteKept():
            return mls.RevokeInviteOutput(success=True)
        case InviteRevoked():
            raise Refusal("AlreadyRevoked", "The invite was revoked before.")
        case InviteUnknown():
            raise _UNKNOWN


async def use_invites(
    edge: Edge, conversation: ConversationId, account: AccountDid, external_commit: bytes
) -> int:
    """Count the invites that an external commit of `account` has used; how many they are.

    A PSK that is no invite's, or none of one that serves this account now, is the members' own business. To
    be called once, after the commit was accepted: a resend of it has used nothing. If the process ends in
    between, a use is not counted.
    """
    now, used = edge_bucket(edge), 0
    for psk_hash in sorted(_psk_hashes(external_commit)):
        outcome = await edge.store.use_invite(conversation, psk_hash, account=account, now=now)
        used += isinstance(outcome, InviteKept)
    return used


def _psk_hashes(external_commit: bytes) -> set[bytes]:
    """The ids of external PSKs that can be invites'. An external commit has its PSKs in itself."""
    message = read_handshake(external_commit, "InvalidCommit")
    if not isinstance(message, PublicMessage) or not isinstance(message.content, Commit):
        return set()
    proposals = [entry.proposal for entry in message.content.proposals if isinstance(entry, ProposalByValue)]
    psks = [proposal.psk for proposal in proposals if isinstance(proposal, PreSharedKey)]
    return {psk.psk_id for psk in psks if isinstance(psk, ExternalPsk) and len(psk.psk_id) == _HASH_BYTES}


def _check_admin(state: Conversation, account: AccountDid) -> None:
    if account not in state.admins:
        raise Refusal("Unauthorized", "Only admins of the conversation see and end its invites.")


def _view(invite: Invite) -> mls.CreateInviteInviteView:
    return mls.CreateInviteInviteView(
        invite_id=invite.id,
        convo_id=invite.conversation,
        created_by=invite.created_by,
        created_at=bucket_text(invite.created),
        psk_hash=invite.psk_hash.hex(),
        target_did=UNSET if invite.target is None else invite.target,
        expires_at=UNSET if invite.expires is None else bucket_text(invite.expires),
        max_uses=UNSET if invite.max_uses is None else invite.max_uses,
        use_count=invite.uses,
        is_revoked=invite.revoked is not None,
        revoked_at=UNSET if invite.revoked is None else bucket_text(invite.revoked),
        revoked_by=UNSET if invite.revoked_by is None else invite.revoked_by,
    )
