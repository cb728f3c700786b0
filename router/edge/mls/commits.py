"""Commits on their way to their conversation: what the caller sent becomes a `Handshake` that was verified.

    read ─▶ who are you here? ─▶ in the log already? ─▶ this group and epoch? ─▶ in clear: verify
              │                    │                       │                     encrypted: hold what is said
              ▼                    ▼                       ▼                     against the GroupInfo
           refused          the first answer            refused

A resend is told by its bytes before anything is verified: what verified at its epoch would not any more. And
the state is read before the log is searched: a twin that lands in between is found, or shows no new epoch.

The conversation goes on while a commit is verified. That is no matter: it compares the epoch and the
GroupInfo that the commit was verified with, and the one who comes second is told the epoch.
"""

from __future__ import annotations

from typing import Final

import attrs

from crypto.mls import ContentType, PrivateMessage, PublicMessage, SenderType
from protocol import (
    CONVO_NOT_FOUND,
    INSIDE,
    NOT_MEMBER,
    NOT_YET_MEMBER,
    AccountDid,
    Conversation,
    ConversationId,
    ConversationKind,
    DeviceId,
    Handshake,
    InvalidId,
    Standing,
    bucket,
    commit_id,
    may_come_back,
    names_group,
    parse_device_id,
    standing,
)
from router.edge.commands import named_conversation
from router.edge.errors import Refusal
from router.edge.members import named_device
from router.edge.mls.blocks import check_cohabitation
from router.edge.mls.bytes import read_handshake, verifying
from router.edge.mls.commits_private import private_handshake
from router.edge.mls.commits_public import public_handshake
from router.edge.mls.commits_stated import SAYS_NOTHING, Stated
from router.edge.mls.groups_stored import Moved, group_info_unavailable, stored_base
from router.edge.services import Call, Edge
from router.store import bounds

_EVIDENT: Final = frozenset({"InvalidCommit", "InvalidGroupInfo", "GroupInfoMismatch"})
"""Refusals of bytes that their author may have to answer for."""
_EXTERNAL: Final = "This is an external commit: processExternalCommit takes it."
_NOT_EXTERNAL: Final = "This is not an external commit."
_READS: Final = 4
"""How often a conversation is read again that goes on while it is read."""


@attrs.frozen
class Upload:
    """What a client sends to have a commit taken."""

    commit: bytes
    group_info: bytes | None = None
    welcome: bytes | None = None
    stated: Stated = SAYS_NOTHING


@attrs.frozen
class Prepared:
    """A commit that may be asked of its conversation."""

    conversation: ConversationId
    account: AccountDid
    device: DeviceId | None
    """The device that the caller named, or that its credential is of."""
    handshake: Handshake
    state: Conversation
    """What it was verified at."""
    resent: bool
    """It is in the log: the conversation gives the first answer, whatever else the command says."""


def acting(call: Call, named: str | None) -> DeviceId | None:
    """The device that the caller names. Whether it is the caller's, the conversation judges."""
    text = named_device(call.caller, named)
    if text is None:
        return None
    try:
        return parse_device_id(text)
    except InvalidId:
        raise Refusal("DeviceNotFound", "The device named is not one of yours.") from None


async def prepare(
    edge: Edge, call: Call, convo_id: str, device: str | None, upload: Upload, *, external: bool = False
) -> Prepared:
    """The verified handshake of an upload. Raises `Refusal`; then nothing has happened, but that the bytes
    of a commit that does not verify are kept as evidence."""
    conversation = named_conversation(convo_id)
    named = acting(call, device)
    size = len(upload.commit)
    message = await verifying(edge, size, lambda: _read(upload.commit, external=external))
    for _ in range(_READS):
        state = await edge.store.conversation(conversation)
        try:
            return await _at(edge, call.account, named, upload, message, state)
        except Moved:
            continue
    raise Refusal("NotEnoughResources", "The group goes on faster than it is read.", retry_after=1)


async def _at(
    edge: Edge,
    account: AccountDid,
    device: DeviceId | None,
    upload: Upload,
    message: PublicMessage | PrivateMessage,
    state: Conversation | None,
) -> Prepared:
    """`prepare` at one state; `Moved` where it is over before its group was read."""
    who = standing(state, account)
    if state is None or state.kind is not ConversationKind.MLS or who is Standing.STRANGER:
        raise Refusal.of(CONVO_NOT_FOUND)
    name = commit_id(upload.commit)
    if name in await edge.store.known_sends(state.id, [name]):
        return Prepared(state.id, account, device, _in_the_log(upload.commit), state, resent=True)
    _check_place(state, who, account, message)
    try:
        handshake = await _handshake(edge, state, account, device, upload, message)
    except Refusal as refusal:
        await _keep_evidence(edge, state.id, account, upload.commit, refusal)
        raise
    return Prepared(state.id, account, device, handshake, state, resent=False)


def _read(commit: bytes, *, external: bool) -> PublicMessage | PrivateMessage:
    message = read_handshake(commit, "InvalidCommit")
    if message.content_type is not ContentType.COMMIT:
        raise Refusal("InvalidCommit", "The message is no commit.")
    outside = isinstance(message, PublicMessage) and message.sender.kind is SenderType.NEW_MEMBER_COMMIT
    if outside is not external:
        raise Refusal("InvalidCommit", _NOT_EXTERNAL if external else _EXTERNAL)
    return message


def _check_place(
    state: Conversation, who: Standing, account: AccountDid, message: PublicMessage | PrivateMessage
) -> None:
    """Refuse who may not commit here, and what is of another group or epoch. The conversation judges again;
    this spares the verifying of what cannot be taken."""
    external = isinstance(message, PublicMessage) and message.sender.kind is SenderType.NEW_MEMBER_COMMIT
    if not (may_come_back(state, account) if external else who in INSIDE):
        raise Refusal.of(NOT_YET_MEMBER if who is Standing.PENDING else NOT_MEMBER)
    check_group(state, message, "InvalidCommit")


def check_group(state: Conversation, message: PublicMessage | PrivateMessage, error: str) -> None:
    """Refuse a handshake of another group (`GroupReset` or `error`) or epoch (`EpochMismatch`)."""
    if not names_group(state.group_id, message.group_id):
        if state.group.generation:
            raise Refusal("GroupReset", "The message is not of the group that carries the conversation now.")
        raise Refusal(error, "The message's framing names another group.")
    if message.epoch != state.epoch:
        raise Refusal("EpochMismatch", f"The current epoch is {state.epoch}.")


async def _handshake(
    edge: Edge,
    state: Conversation,
    account: AccountDid,
    device: DeviceId | None,
    upload: Upload,
    message: PublicMessage | PrivateMessage,
) -> Handshake:
    base = await stored_base(edge, state)
    if isinstance(message, PrivateMessage):
        return await private_handshake(
            edge,
            state,
            account,
            upload.commit,
            message,
            base,
            device=device,
            group_info=upload.group_info,
            welcome=upload.welcome,
            stated=upload.stated,
        )
    if base is None:
        raise group_info_unavailable()
    return await public_handshake(
        edge,
        state,
        account,
        upload.commit,
        message,
        base,
        group_info=upload.group_info,
        welcome=upload.welcome,
        stated=upload.stated,
    )


def _in_the_log(body: bytes) -> Handshake:
    """The handshake of bytes that were taken before; as a new one nobody takes it, its epoch is none."""
    return Handshake(body=body, base_epoch=-1, group_id=b"", private=True)


async def _keep_evidence(
    edge: Edge, conversation: ConversationId, account: AccountDid, body: bytes, refusal: Refusal
) -> None:
    if refusal.error not in _EVIDENT or len(body) > bounds.MAX_EVIDENCE_BYTES:
        return
    now = bucket(edge.now(), edge.settings.log.received_bucket_seconds)
    await edge.store.keep_evidence(conversation, body, reason=refusal.error, sender=account, now=now)


async def check_blocks(edge: Edge, prepared: Prepared) -> None:
    """Refuse to bring in accounts between whom and those who are in a block stands. A resend is let be."""
    state = prepared.state
    coming = {each.member.account for each in prepared.handshake.adds} - state.devices_by_account.keys()
    await check_cohabitation(edge, state.accounts(), coming)
