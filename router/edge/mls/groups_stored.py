"""What the server has of a group's public state: the GroupInfo of its epoch, the pending proposals."""

from __future__ import annotations

from typing import Final

import attrs

from crypto.mls import (
    ApplicationData,
    Commit,
    GroupInfo,
    PublicGroup,
    PublicMessage,
    VerifiedProposal,
    encode_message,
    read_group_info,
    read_padded_message,
    reopen_group,
)
from protocol import Conversation, EntryKind, GroupReset, ProposalMade, body_hash, decode_fact
from protocol import GroupInfo as StoredInfo
from router.edge.errors import Refusal
from router.edge.mls.suites import POLICY
from router.edge.services import Edge
from router.store.groups import StoredGroupInfo

_PAGE: Final = 64
_PROPOSALS: Final = frozenset({EntryKind.PROPOSAL, EntryKind.GROUP_RESET})


class Moved(Exception):
    """The conversation went on between two reads: read it again."""


@attrs.frozen
class Base:
    """What a handshake of the current epoch is verified with."""

    info: StoredGroupInfo
    pending: tuple[tuple[bytes, bytes], ...]
    """Public proposals of the epoch: reference and bytes, in order. They were verified when they came."""

    def group(self) -> PublicGroup:
        """The group, without a second look at what was checked when it was stored."""
        return reopen_group(read_group_info(self.info.body), POLICY)

    def proposals(self) -> dict[bytes, VerifiedProposal]:
        """The pending proposals by reference."""
        found = {}
        for ref, body in self.pending:
            message = read_padded_message(body)
            if isinstance(message, PublicMessage) and not isinstance(
                message.content, Commit | ApplicationData
            ):
                found[ref] = VerifiedProposal(message.epoch, ref, message.sender, message.content)
        return found

    @property
    def size(self) -> int:
        """Bytes that have to be read."""
        return len(self.info.body) + sum(len(body) for _, body in self.pending)


async def stored_base(edge: Edge, state: Conversation) -> Base | None:
    """What handshakes at `state` are verified with; None where no GroupInfo of its epoch is here.

    Raises `Moved` when the store is past `state`.
    """
    if state.group.group_info_hash is None:
        return None
    info = await edge.store.group_info(state.id)
    if info is None or info.hash != state.group.group_info_hash or info.epoch != state.epoch:
        raise Moved
    return Base(info, await _pending(edge, state))


async def _pending(edge: Edge, state: Conversation) -> tuple[tuple[bytes, bytes], ...]:
    wanted = state.group.proposals
    if not wanted:
        return ()
    last = await edge.store.commits(
        state.id, from_epoch=state.epoch, to_epoch=state.epoch, max_entries=1, max_bytes=1
    )
    after, found = last[0].seq if last else 0, dict[bytes, bytes]()
    while page := await edge.store.conversation_entries(
        state.id,
        after_seq=after,
        upto_seq=state.last_seq,
        max_entries=_PAGE,
        max_bytes=edge.settings.limits.page_bytes,
        kinds=_PROPOSALS,
    ):
        after = page[-1].seq
        for entry in page:
            fact = decode_fact(entry.body)
            if isinstance(fact, GroupReset):
                found.clear()
            elif isinstance(fact, ProposalMade) and entry.epoch == state.epoch and fact.ref in wanted:
                found[fact.ref] = fact.message
    return tuple(found.items())


def group_info_unavailable() -> Refusal:
    """A handshake in clear, and nothing to verify it with."""
    return Refusal(
        "GroupInfoUnavailable",
        "No GroupInfo of the current epoch is here, with which this could be verified: a member has to give "
        "one with updateGroupInfo first.",
    )


def to_store(group_info: GroupInfo) -> StoredInfo:
    """A verified GroupInfo as a conversation keeps it, in the one form in which it is given out."""
    body = encode_message(group_info)
    return StoredInfo(group_info.epoch, body, body_hash(body))
