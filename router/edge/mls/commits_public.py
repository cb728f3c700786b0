"""A commit in clear: everything that public data can show is verified before the conversation is asked.

    stored GroupInfo ─▶ group ─▶ verify_commit ─▶ effects
                                                   ├─ the GroupInfo sent along is exactly the next state
                                                   ├─ the leaf that made it is the caller's device
                                                   ├─ each leaf added is the device's whose key package it is
                                                   ├─ each leaf with a new key has the one registered for it
                                                   └─ the Welcome is for exactly those who are added

What is left is the conversation's: epochs, rights, and that nothing moved since (`verified_against`).
"""

from __future__ import annotations

import attrs

from crypto.mls import (
    CommitEffects,
    InvalidGroupInfo,
    InvalidHandshake,
    Member,
    PublicGroup,
    PublicMessage,
    Remove,
    SelfRemove,
    VerifiedProposal,
    check_group_info,
    verify_commit,
)
from crypto.mls import GroupInfo as PublicGroupInfo
from protocol import AccountDid, Conversation, DeviceId, Handshake, LeafAdd
from router.edge.errors import Refusal
from router.edge.mls.bytes import commit_refusal, group_info_refusal, read_the_group_info, verifying
from router.edge.mls.commits_stated import Stated, check_statement, claimed
from router.edge.mls.commits_welcomes import welcomes_for
from router.edge.mls.groups_stored import Base, to_store
from router.edge.mls.leaves import Leaves
from router.edge.services import Edge

_UNKNOWN_LEAF = Refusal("InvalidCommit", "The commit concerns a leaf that is no member device's.")
_NOT_REGISTERED = Refusal(
    "InvalidCommit", "A leaf has a signature key that is not registered for its device."
)
_NOT_YOURS = Refusal("InvalidCommit", "The commit was not made by a device of yours.")


@attrs.frozen
class Verified:
    """What a public commit was found to do."""

    group: PublicGroup
    """The epoch it was made in."""
    pending: dict[bytes, VerifiedProposal]
    effects: CommitEffects
    group_info: PublicGroupInfo | None


def verify(base: Base, message: PublicMessage, group_info: bytes | None) -> Verified:
    """Everything that needs no look-up; raises `Refusal`. Pure, and long for large groups.

    Lifetimes of key packages are the store's: only one that is in stock, and lives, is used up.
    """
    group, pending = base.group(), base.proposals()
    try:
        effects = verify_commit(group, message, pending)
    except InvalidHandshake as error:
        raise commit_refusal(error, group.epoch) from None
    if group_info is None:
        return Verified(group, pending, effects, None)
    read = read_the_group_info(group_info)
    try:
        check_group_info(effects.group, read)
    except InvalidGroupInfo as error:
        raise group_info_refusal(error, against=True) from None
    return Verified(group, pending, effects, read)


async def public_handshake(
    edge: Edge,
    state: Conversation,
    account: AccountDid,
    body: bytes,
    message: PublicMessage,
    base: Base,
    *,
    group_info: bytes | None,
    welcome: bytes | None,
    stated: Stated,
) -> Handshake:
    """The verified handshake of `account`. Raises `Refusal`."""
    size = base.size + len(body) + len(group_info or b"")
    done = await verifying(edge, size, lambda: verify(base, message, group_info))
    suite = done.group.suite.number
    effects, leaves = done.effects, Leaves(edge.store, done.group.suite, state)
    if effects.is_external:
        adds = [await _joiner(leaves, effects.committer, account)]
        committer = adds[0].member.device
    else:
        adds = await _added(edge, leaves, effects)
        index = message.sender.index
        committer = await _occupant(leaves, _member(done.group, index))
        if committer not in state.devices_of(account):
            raise _NOT_YOURS
    for update in effects.updated:
        if update.after.signature_key != update.before.signature_key:
            registered = await leaves.registered(update.after)
            if registered is None or registered.device != await leaves.occupant(update.before):
                raise _NOT_REGISTERED
    removes = [await _occupant(leaves, member) for member in effects.removed]
    check_statement(stated, adds, removes)
    return Handshake(
        body=body,
        base_epoch=message.epoch,
        group_id=message.group_id,
        private=False,
        adds=tuple(adds),
        removes=tuple(removes),
        committer_device=committer,
        external=effects.is_external,
        proposals=effects.references,
        verified_against=base.info.hash,
        group_info=None if done.group_info is None else to_store(done.group_info),
        welcomes=await welcomes_for(edge, () if effects.is_external else adds, welcome, suite),
        consented=tuple(await _consented(leaves, done)),
    )


async def _added(edge: Edge, leaves: Leaves, effects: CommitEffects) -> list[LeafAdd]:
    found = await claimed(edge, [added.key_package_ref for added in effects.added])
    adds = []
    for leaf, added in zip(found, effects.added, strict=True):
        registered = await leaves.registered(added.member)
        if registered is None or registered.device != leaf.member.device:
            raise _NOT_REGISTERED
        adds.append(LeafAdd(leaf.member, leaf.key_package, added.member.leaf_index))
    return adds


async def _joiner(leaves: Leaves, committer: Member, account: AccountDid) -> LeafAdd:
    registered = await leaves.registered(committer)
    if registered is None or registered.account != account:
        raise _NOT_YOURS
    return LeafAdd(registered, None, committer.leaf_index)


async def _occupant(leaves: Leaves, member: Member | None) -> DeviceId:
    device = None if member is None else await leaves.occupant(member)
    if device is None:
        raise _UNKNOWN_LEAF
    return device


def _member(group: PublicGroup, index: int | None) -> Member | None:
    return next((member for member in group.members if member.leaf_index == index), None)


async def _consented(leaves: Leaves, done: Verified) -> list[DeviceId]:
    """Those whose removal was proposed by their own account: they go, they are not put out."""
    members = {member.leaf_index: member for member in done.group.members}
    consented = []
    for ref in done.effects.references:
        proposed = done.pending[ref]
        author = members.get(-1 if proposed.sender.index is None else proposed.sender.index)
        match proposed.proposal:
            case Remove(removed=index):
                target = members.get(index)
            case SelfRemove():
                target = author
            case _:
                continue
        if author is not None and target is not None and author.identity == target.identity:
            device = await leaves.occupant(target)
            if device is not None:
                consented.append(device)
    return consented
