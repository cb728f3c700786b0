"""Commits in clear: verifying one against a group, and what it makes of it (RFC 9420 section 12.4.2).

From public bytes a server checks the signature, the proposals, the path's form, the parent hashes, the new
leaf; and it computes the whole next context: tree hash, transcript hash, extensions. What it cannot check is
the MAC keys (confirmation tag, membership tag) and whether the sealed path secrets are those of the path's
public keys: for that a client must report a commit that it could not process.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

from crypto.mls._commit import Commit, UpdatePath
from crypto.mls._commit_list import (
    CommittedProposal,
    check_external_list,
    check_member_list,
    resolve_proposals,
)
from crypto.mls._extensions import Extensions
from crypto.mls._framing import PublicMessage, SenderType
from crypto.mls._group_info import GroupContext
from crypto.mls._group_rules import GroupState
from crypto.mls._handshake import VerifiedProposal, check_place_and_signature
from crypto.mls._handshake_errors import HandshakeFault, InvalidHandshake
from crypto.mls._key_package import key_package_ref
from crypto.mls._members import Member, MemberUpdate, member_at
from crypto.mls._owed import left_out
from crypto.mls._path_rules import apply_path
from crypto.mls._proposal_rules import check_proposal
from crypto.mls._proposals import (
    Add,
    ExternalInit,
    GroupContextExtensions,
    PreSharedKey,
    PreSharedKeyId,
    ReInit,
    Remove,
    SelfRemove,
    Update,
)
from crypto.mls._public_group import PublicGroup
from crypto.mls._ratchet_tree import RatchetTree
from crypto.mls._transcript import confirmed_transcript_hash
from crypto.mls._tree_changes import apply_proposals, place_for_joiner
from crypto.mls._tree_hash import root_hash, tree_hashes
from crypto.mls._tree_rules import InvalidTree, check_capabilities, check_leaf, check_unique_keys

_LAST_EPOCH = 2**64 - 1
_NONE_PENDING: Mapping[bytes, VerifiedProposal] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class AddedMember:
    """Who a commit takes in, and by which key package: the Welcome must answer exactly these."""

    member: Member
    key_package_ref: bytes


@dataclass(frozen=True, slots=True)
class CommitEffects:
    """What a commit does to its group.

    `group` is the next epoch. `committer` is the author at his place in it; of an external commit he is
    new there (`is_external`), and those whom he takes out, himself of old among them, are in `removed`.
    `updated` are members with a fresh leaf, the committer among them when the commit has a path.
    """

    group: PublicGroup
    committer: Member
    is_external: bool
    added: tuple[AddedMember, ...]
    removed: tuple[Member, ...]
    updated: tuple[MemberUpdate, ...]
    references: tuple[bytes, ...] = field(repr=False)  # of the pending proposals it takes
    psks: tuple[PreSharedKeyId, ...] = ()
    reinit: ReInit | None = None

    @property
    def epoch(self) -> int:
        """The epoch it begins."""
        return self.group.epoch


def verify_commit(
    group: PublicGroup,
    message: PublicMessage,
    pending: Mapping[bytes, VerifiedProposal] = _NONE_PENDING,
    *,
    now: int | None = None,
    require_references: bool = True,
) -> CommitEffects:
    """What this commit does to the group, or `InvalidHandshake` with the first thing that is wrong.

    `pending` are verified proposals by reference; those of other epochs are as good as absent. With
    `require_references` a member's commit must take all that it owes (`_owed`). `now` (seconds since 1970) is
    for the lifetimes of added key packages; None leaves them out.
    """
    commit = message.content
    if not isinstance(commit, Commit):
        raise InvalidHandshake(HandshakeFault.CONTENT)
    if message.sender.kind not in (SenderType.MEMBER, SenderType.NEW_MEMBER_COMMIT):
        raise InvalidHandshake(HandshakeFault.SENDER)  # the reader refuses it; a value made in code may be so
    check_place_and_signature(group, message)
    tag = message.confirmation_tag or b""
    if len(tag) != group.suite.hash_bytes:
        raise InvalidHandshake(HandshakeFault.CONFIRMATION_TAG)
    if group.epoch == _LAST_EPOCH:
        raise InvalidHandshake(HandshakeFault.EPOCH)
    committed = resolve_proposals(commit, message.sender, group.epoch, pending)
    is_external = message.sender.kind is SenderType.NEW_MEMBER_COMMIT
    if is_external:
        check_external_list(committed)
    else:
        check_member_list(committed, message.sender.index or 0, has_path=commit.path is not None)
    for entry in committed:
        if entry.ref is None:
            check_proposal(group, entry.sender, entry.proposal, now)
    if is_external:
        _check_replaced(group, committed, commit.path)

    tree, places = apply_proposals(group.tree, committed)
    committer = message.sender.index
    if committer is None:
        tree, committer = place_for_joiner(tree)
    hashes = tree_hashes(group.suite, tree, (group.tree, group.hashes))
    if commit.path is not None:
        _check_path_leaf(group, commit.path, committer, is_external=is_external)
        before_path = (tree, hashes)
        tree = apply_path(group.suite, tree, hashes, commit.path, committer, frozenset(places))
        hashes = tree_hashes(group.suite, tree, before_path)
    extensions = next(
        (
            entry.proposal.extensions
            for entry in committed
            if isinstance(entry.proposal, GroupContextExtensions)
        ),
        group.context.extensions,
    )
    _check_tree(tree, extensions)
    if require_references and not is_external:
        current = [proposal for proposal in pending.values() if proposal.epoch == group.epoch]
        if left_out(committed, current, committer, tree, extensions):
            raise InvalidHandshake(HandshakeFault.MISSING_REFERENCE)
    context = GroupContext(
        group.context.cipher_suite,
        group.group_id,
        group.epoch + 1,
        root_hash(tree, hashes),
        confirmed_transcript_hash(group.suite, group.interim_transcript_hash, message),
        extensions,
    )
    following = PublicGroup(context, tag, GroupState(group.suite, tree, hashes))
    return _effects(group, following, commit, committed, places, committer)


def _check_replaced(
    group: PublicGroup, committed: Sequence[CommittedProposal], path: UpdatePath | None
) -> None:
    """An outsider may take out one leaf, his own of old: of the same credential.

    Where several devices share one credential this cannot tell them apart, and the caller, who knows whose
    device has which key, looks at `removed`.
    """
    for entry in committed:
        if isinstance(entry.proposal, Remove):
            old = group.tree.leaf(entry.proposal.removed)
            if old is None or path is None or path.leaf_node.credential != old.credential:
                raise InvalidHandshake(HandshakeFault.EXTERNAL_COMMIT)


def _check_path_leaf(group: PublicGroup, path: UpdatePath, committer: int, *, is_external: bool) -> None:
    """Section 7.3: valid, signed for its place, and of the same person with another encryption key."""
    leaf = path.leaf_node
    if not is_external:
        old = group.tree.leaf(committer)
        if old is None or leaf.credential != old.credential:
            raise InvalidHandshake(HandshakeFault.PATH_LEAF)
        if leaf.encryption_key == old.encryption_key:
            raise InvalidHandshake(HandshakeFault.PATH_KEY)
    try:
        check_leaf(group.suite, leaf, group.group_id, committer)
    except InvalidTree as error:
        raise InvalidHandshake(HandshakeFault.PATH_LEAF, tree_fault=error.fault) from None


def _check_tree(tree: RatchetTree, extensions: Extensions) -> None:
    try:
        check_unique_keys(tree)
        check_capabilities(tree, extensions)
    except InvalidTree as error:
        raise InvalidHandshake(HandshakeFault.TREE, tree_fault=error.fault) from None


def _effects(
    group: PublicGroup,
    following: PublicGroup,
    commit: Commit,
    committed: Sequence[CommittedProposal],
    places: Sequence[int],
    committer: int,
) -> CommitEffects:
    is_external = any(isinstance(entry.proposal, ExternalInit) for entry in committed)
    adds = [entry.proposal.key_package for entry in committed if isinstance(entry.proposal, Add)]
    removed = [
        entry.target
        for entry in committed
        if isinstance(entry.proposal, Remove | SelfRemove) and entry.target is not None
    ]
    fresh = {
        entry.target for entry in committed if isinstance(entry.proposal, Update) and entry.target is not None
    }
    if commit.path is not None and not is_external:
        fresh.add(committer)
    return CommitEffects(
        group=following,
        committer=_member(following, committer),
        is_external=is_external,
        added=tuple(
            [
                AddedMember(member_at(place, package.leaf_node), key_package_ref(package, group.suite))
                for place, package in zip(places, adds, strict=True)
            ]
        ),
        removed=tuple([_member(group, leaf_index) for leaf_index in sorted(removed)]),
        updated=tuple(
            [MemberUpdate(_member(group, place), _member(following, place)) for place in sorted(fresh)]
        ),
        references=tuple([entry.ref for entry in committed if entry.ref is not None]),
        psks=tuple([entry.proposal.psk for entry in committed if isinstance(entry.proposal, PreSharedKey)]),
        reinit=next((entry.proposal for entry in committed if isinstance(entry.proposal, ReInit)), None),
    )


def _member(group: PublicGroup, leaf_index: int) -> Member:
    leaf = group.tree.leaf(leaf_index)
    if leaf is None:  # pragma: no cover - the rules have looked
        raise InvalidHandshake(HandshakeFault.PROPOSAL)
    return member_at(leaf_index, leaf)
