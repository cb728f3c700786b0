"""The state of one MLS group, as the operator sees it: what a person on the telephone asks about.

Who has a leaf, who waits for one, and what the server holds for this epoch. Nobody's content and no key.
"""

from __future__ import annotations

from collections.abc import Sequence

import attrs
import msgspec

from protocol import Conversation, ConversationKind, DeviceId, InvalidId, Member, parse_conversation_id
from router.admin import CommandFailed
from router.store.interface import Store

_MOST = 1_000


class GroupAsked(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One conversation, by its id."""

    conversation: str


class LeafRow(msgspec.Struct, frozen=True, rename="camel"):
    """A device in the group."""

    account: str
    device: str
    leaf: int | None
    """Index in the ratchet tree, where it is known."""
    role: str
    since_seq: int
    lost: bool
    """It asked to be added again and was not yet."""


class GroupShown(msgspec.Struct, frozen=True, rename="camel"):
    """The group of a conversation."""

    conversation: str
    group_id: str
    cipher_suite: str
    generation: int
    epoch: int
    last_seq: int
    digest: str
    """Hexadecimal: what members compare."""
    group_info_epoch: int | None
    """Of the GroupInfo that is stored; None: nobody can come in from outside until a member uploads one."""
    proposals: int
    """In clear, of this epoch: the next commit has to take them up."""
    leaves: list[LeafRow]
    pending_accounts: list[str]
    """Named, and in no commit."""
    displaced_accounts: list[str]
    """Were in before the last reset, and have no leaf since."""
    waiting_devices: list[str]
    """Of accounts that are in, with key packages in stock: nobody has added them. A thousand at most."""
    lost_devices: list[str]
    """Asked to be added again."""
    stale_devices: list[str]
    """Are out, and their leaf is still in the tree."""


@attrs.frozen
class Groups:
    """The command, over one store."""

    store: Store

    async def show(self, asked: GroupAsked, now: int) -> GroupShown:
        """The group as it stands. `now` is a bucket in Unix seconds."""
        try:
            conversation = parse_conversation_id(asked.conversation)
        except InvalidId:
            state = None
        else:
            state = await self.store.conversation(conversation)
        if state is None or state.kind is not ConversationKind.MLS:
            raise CommandFailed("ConvoNotFound", "there is no MLS conversation with this id")
        stored = await self.store.group_info(state.id)
        devices: list[DeviceId] = []
        for member in state.accounts()[:1]:  # what waits in a conversation is the same for all in it
            waiting = await self.store.pending_additions(
                member, conversations=[state.id], now=now, limit=_MOST
            )
            devices = [each.device for each in waiting]
        return group_shown(state, None if stored is None else stored.epoch, devices)


def group_shown(state: Conversation, group_info_epoch: int | None, waiting: Sequence[DeviceId]) -> GroupShown:
    """What an operator may know of a group."""
    group = state.group
    return GroupShown(
        conversation=state.id,
        group_id=state.group_id,
        cipher_suite=state.cipher_suite,
        generation=group.generation,
        epoch=state.epoch,
        last_seq=state.last_seq,
        digest=group.digest.hex(),
        group_info_epoch=group_info_epoch,
        proposals=len(group.proposals),
        leaves=[_leaf(state, device, member) for device, member in state.members.items()],
        pending_accounts=sorted(group.pending),
        displaced_accounts=sorted(group.displaced),
        waiting_devices=sorted(waiting),
        lost_devices=sorted(group.needs_rejoin),
        stale_devices=sorted(group.stale_leaves),
    )


def _leaf(state: Conversation, device: DeviceId, member: Member) -> LeafRow:
    account = member.account
    moderator = account in state.group.moderators
    role = "admin" if account in state.admins else "moderator" if moderator else "member"
    lost = device in state.group.needs_rejoin
    return LeafRow(account, device, member.leaf, role, member.from_seq, lost)
