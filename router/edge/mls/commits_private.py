"""An encrypted commit: nobody here can read it, so the client states what it does.

A GroupInfo that is sent along shows the tree after it. Then the statement is held against the difference of
the two trees, leaf by leaf, and the GroupInfo becomes what the next commit in clear is verified with. Without
one the statement stands alone, and the conversation knows no tree until somebody gives one.
"""

from __future__ import annotations

from collections.abc import Sequence

from crypto.mls import GroupInfo as PublicGroupInfo
from crypto.mls import (
    InvalidGroupInfo,
    Member,
    MembershipChange,
    PrivateMessage,
    PublicGroup,
    follow_group_info,
    open_group,
)
from protocol import AccountDid, Conversation, DeviceId, Handshake, LeafAdd, names_group
from router.edge.errors import Refusal
from router.edge.mls.bytes import group_info_refusal, read_the_group_info, verifying
from router.edge.mls.commits_stated import Stated, stated_leaves
from router.edge.mls.commits_welcomes import welcomes_for
from router.edge.mls.groups_stored import Base, to_store
from router.edge.mls.leaves import Leaves
from router.edge.mls.suites import NUMBERS, POLICY, SUITES
from router.edge.services import Edge

_MEMBERS = Refusal("GroupInfoMismatch", "The tree of the GroupInfo holds other devices than were stated.")
_OTHER_GROUP = Refusal("GroupInfoMismatch", "The GroupInfo is not of the epoch that the commit begins.")
_NOT_REGISTERED = Refusal(
    "InvalidCommit", "A leaf has a signature key that is not registered for its device."
)


def follow(
    base: Base | None, data: bytes, state: Conversation
) -> tuple[PublicGroupInfo, PublicGroup, MembershipChange | None]:
    """The group of a GroupInfo, and how its members differ from those before, where these are known."""
    read = read_the_group_info(data)
    context = read.group_context
    if not names_group(state.group_id, context.group_id) or context.epoch != state.epoch + 1:
        raise _OTHER_GROUP
    if context.cipher_suite != NUMBERS.get(state.cipher_suite):
        raise _OTHER_GROUP
    try:
        if base is None:
            return read, open_group(read, POLICY), None
        group, change = follow_group_info(base.group(), read, POLICY)
    except InvalidGroupInfo as error:
        raise group_info_refusal(error) from None
    return read, group, change


async def private_handshake(
    edge: Edge,
    state: Conversation,
    account: AccountDid,
    body: bytes,
    message: PrivateMessage,
    base: Base | None,
    *,
    device: DeviceId | None,
    group_info: bytes | None,
    welcome: bytes | None,
    stated: Stated,
) -> Handshake:
    """The handshake of `account`, with what it states. Raises `Refusal`.

    Removals that are not stated are taken from the GroupInfo, as far as there is one with one before it.
    """
    suite = SUITES[NUMBERS[state.cipher_suite]]
    leaves = Leaves(edge.store, suite, state)
    adds = await stated_leaves(edge, stated.adds or ())
    removes = stated.assumed if stated.removes is None else stated.removes
    kept = None
    if group_info is not None:
        data = group_info  # so that the closure's type is narrow
        size = len(data) + (0 if base is None else base.size)
        read, group, change = await verifying(edge, size, lambda: follow(base, data, state))
        if change is not None:
            adds, removes = await _held_against(leaves, change, adds, stated.removes)
        else:
            adds = await held_against_all(leaves, state, group.members, adds, removes)
        kept = to_store(read)
    own = state.devices_of(account)
    return Handshake(
        body=body,
        base_epoch=message.epoch,
        group_id=message.group_id,
        private=True,
        adds=tuple(adds),
        removes=removes,
        committer_device=device or (own[0] if len(own) == 1 else None),
        group_info=kept,
        welcomes=await welcomes_for(edge, adds, welcome, suite.number),
    )


async def _held_against(
    leaves: Leaves, change: MembershipChange, adds: Sequence[LeafAdd], removes: tuple[DeviceId, ...] | None
) -> tuple[list[LeafAdd], tuple[DeviceId, ...]]:
    """The statement with the places of the leaves, if it is what the tree shows."""
    gone = []
    for member in change.removed:
        device = await leaves.occupant(member)
        if device is None:
            raise _MEMBERS
        gone.append(device)
    if removes is not None and sorted(removes) != sorted(gone):
        raise _MEMBERS
    for update in change.updated:
        if update.after.signature_key != update.before.signature_key:
            registered = await leaves.registered(update.after)
            if registered is None or registered.device != await leaves.occupant(update.before):
                raise _NOT_REGISTERED
    return await _placed(leaves, change.added, adds), tuple(gone)


async def held_against_all(
    leaves: Leaves,
    state: Conversation,
    members: Sequence[Member],
    adds: Sequence[LeafAdd],
    removes: Sequence[DeviceId],
) -> list[LeafAdd]:
    """The same where the tree before is not known: all its leaves are held against all who should be in."""
    expected = (state.members.keys() | state.group.stale_leaves.keys()) - set(removes)
    new = {leaf.member.device for leaf in adds}
    unplaced = []
    for member in members:
        registered = await leaves.registered(member)
        if registered is not None and registered.device in new:
            unplaced.append(member)
            continue
        device = await leaves.occupant(member)
        if device not in expected or device is None:
            raise _MEMBERS
        expected.remove(device)
    if expected - new:
        raise _MEMBERS
    return await _placed(leaves, unplaced, adds)


async def _placed(leaves: Leaves, members: Sequence[Member], adds: Sequence[LeafAdd]) -> list[LeafAdd]:
    by_device = {leaf.member.device: leaf for leaf in adds}
    placed = []
    for member in members:
        registered = await leaves.registered(member)
        leaf = None if registered is None else by_device.pop(registered.device, None)
        if leaf is None or leaf.leaf not in (None, member.leaf_index):
            raise _MEMBERS
        placed.append(LeafAdd(leaf.member, leaf.key_package, member.leaf_index))
    if by_device:
        raise _MEMBERS
    return placed
