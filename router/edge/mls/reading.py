"""What members read: conversations, the log, the commits of a span of epochs, and the digest chain."""

from __future__ import annotations

from typing import Final

from msgspec import UNSET

from protocol import (
    CommitMade,
    Conversation,
    ConversationKind,
    DeviceId,
    Entry,
    EntryKind,
    InvalidCursor,
    bucket_text,
    decode_fact,
    first_digest,
)
from router.edge.errors import Refusal
from router.edge.handlers_convo import listed
from router.edge.handlers_message import first_seq, page, seq_of
from router.edge.members import acting_device, named_device, readable
from router.edge.services import Call, Edge
from router.edge.views import mls_convo, mls_message
from schema.wire import Octets, given, mls, rookery_mls

_HANDSHAKES: Final = frozenset({EntryKind.COMMIT, EntryKind.PROPOSAL})
_KINDS: Final = {
    "app": frozenset({EntryKind.MESSAGE}),
    "commit": _HANDSHAKES,
    "all": _HANDSHAKES | {EntryKind.MESSAGE},
}
_CONVERSATIONS: Final = 100
_RANGE = Refusal("InvalidEpochRange", "The range ends before it begins, or lies beyond the current epoch.")


async def get_convos(edge: Edge, call: Call) -> mls.GetConvosOutput:
    """A page of the caller's MLS conversations, oldest first."""
    params = call.value(mls.GetConvosParams)
    found, unread, cursor = await listed(edge, call, ConversationKind.MLS, params.limit, params.cursor)
    views = tuple(mls_convo(state, unread.get(state.id)) for state in found)
    return mls.GetConvosOutput(conversations=views, cursor=cursor)


async def get_expected(edge: Edge, call: Call) -> mls.GetExpectedConversationsOutput:
    """The conversations of the caller's account, and whether this device has a leaf in each."""
    params = call.value(mls.GetExpectedConversationsParams)
    device = await acting_device(edge.store, call.caller, params.device_id)
    expected, row = list[mls.GetExpectedConversationsExpectedConversation](), None
    while True:
        states = await edge.store.conversations_of(call.account, after=row, limit=_CONVERSATIONS)
        groups = (state for state in states.conversations if state.kind is ConversationKind.MLS)
        expected += [_expected(state, device) for state in groups]
        row = states.next
        if row is None:
            return mls.GetExpectedConversationsOutput(conversations=tuple(expected))


def _expected(state: Conversation, device: DeviceId) -> mls.GetExpectedConversationsExpectedConversation:
    last = state.last_message
    return mls.GetExpectedConversationsExpectedConversation(
        convo_id=state.id,
        name=state.name or "",
        member_count=len(state.devices_by_account),
        should_be_in_group=True,
        last_activity=UNSET if last is None else bucket_text(last),
        needs_rejoin=device in state.group.needs_rejoin,
        device_in_group=device in state.members,
    )


async def get_messages(edge: Edge, call: Call) -> mls.GetMessagesOutput:
    """Messages and handshakes after a seq or a message, in order."""
    params = call.value(mls.GetMessagesParams)
    state = await readable(edge, call.account, params.convo_id, ConversationKind.MLS)
    since = given(params.since_seq)
    after_message = given(params.since_message)
    if after_message is not None:
        if since is not None:
            raise Refusal("InvalidRequest", "Give sinceSeq or sinceMessage, not both.")
        since = await seq_of(edge, state.id, after_message)
        if since is None:
            raise InvalidCursor("no such message")
    entries, more, examined = await page(
        edge, call, state, since or 0, params.limit, params.device_id, _KINDS[params.type]
    )
    return mls.GetMessagesOutput(
        messages=tuple(mls_message(entry) for entry in entries),
        cursor=entries[-1].msg_id or UNSET if more else UNSET,
        last_seq=examined,
    )


async def get_commits(edge: Edge, call: Call) -> mls.GetCommitsOutput:
    """The commits that began these epochs of the present group, as far as the caller was in by then.

    Their makers are named: in this contract members are told who commits, and nobody else is.
    """
    params = call.value(mls.GetCommitsParams)
    state = await readable(edge, call.account, params.convo_id, ConversationKind.MLS)
    first, last = params.from_epoch, given(params.to_epoch)
    last = state.epoch if last is None else last
    if not first <= last <= state.epoch:
        raise _RANGE
    found = await edge.store.commits(
        state.id,
        from_epoch=first,
        to_epoch=last,
        max_entries=params.limit,
        max_bytes=edge.settings.limits.page_bytes,
    )
    seen_from = first_seq(state, call, named_device(call.caller, params.device_id))
    reached = found[-1].epoch if found else last
    return mls.GetCommitsOutput(
        convo_id=state.id,
        commits=tuple(_commit(entry) for entry in found if seen_from <= entry.seq <= state.last_seq),
        next_epoch=reached + 1 if reached < last else UNSET,
    )


def _commit(entry: Entry) -> mls.GetCommitsCommitMessage:
    fact = _made(entry)
    return mls.GetCommitsCommitMessage(
        epoch=entry.epoch,
        sender=fact.committer,
        commit_data=Octets(fact.commit),
        created_at=bucket_text(entry.received),
        digest=Octets(fact.digest),
        external=fact.external,
        seq=entry.seq,
    )


def _made(entry: Entry) -> CommitMade:
    fact = decode_fact(entry.body)
    if not isinstance(fact, CommitMade):
        raise TypeError("an entry of kind COMMIT holds a commit")
    return fact


async def get_epoch(edge: Edge, call: Call) -> mls.GetEpochOutput:
    """The epoch the server stands at."""
    params = call.value(mls.GetEpochParams)
    state = await readable(edge, call.account, params.convo_id, ConversationKind.MLS)
    return mls.GetEpochOutput(
        convo_id=state.id,
        current_epoch=state.epoch,
        group_id=state.group_id,
        generation=state.group.generation,
        digest=Octets(state.group.digest),
    )


async def get_digest(edge: Edge, call: Call) -> rookery_mls.GetDigestOutput:
    """The digest over the commits of the present group up to an epoch."""
    params = call.value(rookery_mls.GetDigestParams)
    state = await readable(edge, call.account, params.convo_id, ConversationKind.MLS)
    epoch = given(params.epoch)
    return rookery_mls.GetDigestOutput(
        convo_id=state.id,
        group_id=state.group_id,
        generation=state.group.generation,
        epoch=state.epoch if epoch is None else epoch,
        digest=Octets(await _digest(edge, state, epoch)),
    )


async def _digest(edge: Edge, state: Conversation, epoch: int | None) -> bytes:
    """The first one is of the epoch at which the group came here, before its first commit."""
    if epoch is None or epoch == state.epoch:
        return state.group.digest
    if epoch > state.epoch:
        raise _RANGE
    found = await edge.store.commits(state.id, from_epoch=epoch, max_entries=1, max_bytes=1)
    found = [entry for entry in found if entry.seq <= state.last_seq]  # a reset may have come since
    if found and found[0].epoch == epoch:
        return _made(found[0]).digest
    if found and found[0].epoch == epoch + 1:
        return first_digest(state.group_id, state.group.generation)
    raise _RANGE
