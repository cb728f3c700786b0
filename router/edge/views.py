"""What clients see of a conversation: pure functions from the log's values to wire types of both families."""

from __future__ import annotations

from msgspec import UNSET, UnsetType

from protocol import CommitMade, Conversation, Entry, EntryKind, ProposalMade, bucket_text, decode_fact
from schema.wire import Octets, mls, rookery


def mls_convo(state: Conversation, unread: int | None = None) -> mls.ConvoView:
    """`blue.catbird.mls.defs#convoView`. There the member's `did` is the bare account, as in credentials."""
    return mls.ConvoView(
        id=state.id,
        group_id=state.group_id,
        creator=state.creator,
        members=tuple(
            mls.MemberView(
                did=member.account,
                user_did=member.account,
                device_id=member.device,
                device_name=_text(member.device_name),
                joined_at=bucket_text(member.joined),
                is_admin=member.account in state.admins,
                leaf_index=UNSET if member.leaf is None else member.leaf,
                is_moderator=member.account in state.group.moderators,
            )
            for member in state.members.values()
        ),
        epoch=state.epoch,
        cipher_suite=state.cipher_suite,
        created_at=bucket_text(state.created),
        last_message_at=_time(state.last_message),
        metadata=(
            mls.ConvoMetadata(name=_text(state.name), description=_text(state.description))
            if state.name or state.description
            else UNSET
        ),
        unread_count=UNSET if unread is None else unread,
        generation=state.group.generation,
    )


def rookery_convo(state: Conversation, unread: int | None = None) -> rookery.ConvoView:
    """`chat.rookery.defs#convoView`."""
    return rookery.ConvoView(
        id=state.id,
        creator=state.creator,
        members=tuple(
            rookery.MemberView(
                did=member.account,
                device_id=member.device,
                device_name=_text(member.device_name),
                joined_at=bucket_text(member.joined),
                is_admin=member.account in state.admins,
            )
            for member in state.members.values()
        ),
        epoch=state.epoch,
        created_at=bucket_text(state.created),
        last_message_at=_time(state.last_message),
        last_seq=state.last_seq,
        unread_count=UNSET if unread is None else unread,
        metadata=(
            rookery.ConvoMetadata(name=_text(state.name), description=_text(state.description))
            if state.name or state.description
            else UNSET
        ),
    )


def mls_message(entry: Entry) -> mls.MessageView:
    """`blue.catbird.mls.defs#messageView`: of a message, a commit or a proposal."""
    body, kind, digest = entry.body, None, None
    if entry.kind is not EntryKind.MESSAGE:
        match decode_fact(entry.body):
            case CommitMade() as fact:
                body, kind, digest = fact.commit, "commit", fact.digest
            case ProposalMade() as fact:
                body, kind = fact.message, "proposal"
            case other:
                raise TypeError(f"a {type(other).__name__} is no message")
    return mls.MessageView(
        id=entry.msg_id or "",
        convo_id=entry.conversation,
        ciphertext=Octets(body),
        epoch=entry.epoch,
        seq=entry.seq,
        created_at=bucket_text(entry.received),
        message_type=_text(kind),
        digest=UNSET if digest is None else Octets(digest),
    )


def rookery_message(entry: Entry) -> rookery.MessageView:
    """`chat.rookery.defs#messageView` of a message entry."""
    return rookery.MessageView(
        id=entry.msg_id or "",
        convo_id=entry.conversation,
        ciphertext=Octets(entry.body),
        epoch=entry.epoch,
        seq=entry.seq,
        created_at=bucket_text(entry.received),
    )


def _text(value: str | None) -> str | UnsetType:
    return value or UNSET


def _time(bucket: int | None) -> str | UnsetType:
    return UNSET if bucket is None else bucket_text(bucket)
