"""Who is in a group, and how the members of two trees differ."""

from dataclasses import dataclass
from typing import TypeAlias

from crypto.mls._credential import BasicCredential, Credential
from crypto.mls._leaf_node import LeafNode, LeafSource
from crypto.mls._ratchet_tree import RatchetTree


@dataclass(frozen=True, slots=True)
class Member:
    """One client in one place of a tree."""

    leaf_index: int
    credential: Credential
    signature_key: bytes

    @property
    def identity(self) -> bytes | None:
        """Who it says it is: the identity of a basic credential; None with a certificate."""
        return self.credential.identity if isinstance(self.credential, BasicCredential) else None


@dataclass(frozen=True, slots=True)
class MemberUpdate:
    """A member with a fresh leaf; the identity is the same, the signature key may be another."""

    before: Member
    after: Member


Members: TypeAlias = tuple[Member, ...]


@dataclass(frozen=True, slots=True)
class MembershipChange:
    """How the members of one tree became those of another; each part by ascending leaf index."""

    added: Members
    removed: Members
    updated: tuple[MemberUpdate, ...]


def member_at(leaf_index: int, leaf: LeafNode) -> Member:
    """The member of this leaf."""
    return Member(leaf_index, leaf.credential, leaf.signature_key)


def members_of(tree: RatchetTree) -> Members:
    """All members, from the left."""
    return tuple([member_at(leaf_index, leaf) for leaf_index, leaf in tree.leaves()])


def membership_change(before: RatchetTree, after: RatchetTree) -> MembershipChange:
    """The difference, place by place.

    A place whose leaf has another credential was left by one and taken by another. So was one whose
    new leaf is from a key package: only being added puts such a leaf into a tree.
    """
    added: list[Member] = []
    removed: list[Member] = []
    updated: list[MemberUpdate] = []
    for leaf_index in range(max(before.leaf_count, after.leaf_count)):
        old, new = before.leaf(leaf_index), after.leaf(leaf_index)
        if old is new or old == new:
            continue
        if old is not None and new is not None and is_successor(old, new):
            updated.append(MemberUpdate(member_at(leaf_index, old), member_at(leaf_index, new)))
            continue
        if old is not None:
            removed.append(member_at(leaf_index, old))
        if new is not None:
            added.append(member_at(leaf_index, new))
    return MembershipChange(tuple(added), tuple(removed), tuple(updated))


def is_successor(old: LeafNode, new: LeafNode) -> bool:
    """Whether a leaf may stand for the member of another: not from a key package, and of one identity."""
    return new.source is not LeafSource.KEY_PACKAGE and new.credential == old.credential
