"""Whether a ratchet tree is one that honest members can have made (RFC 9420 sections 7.3, 7.9, 12.4.3.1).

===============  ======================================================================================
fault            meaning
===============  ======================================================================================
leaf-key         a leaf's HPKE or signature key is none of the suite
leaf-capability  a leaf does not list what it uses, what the group requires, or others' credential types
leaf-signature   a leaf is not signed by its own key for this place in this group
parent-key       a parent's key is none of the suite
duplicate-key    two members sign with one key, or two nodes have one encryption key
unmerged-leaves  a parent lists leaves that are blank, not below it, out of order, or not listed between
parent-hash      a parent that no member below it vouches for
===============  ======================================================================================

All is checked from public bytes. A leaf's lifetime is not looked at: members stay when it ends.
"""

import enum
from dataclasses import dataclass

from crypto._errors import CryptoError
from crypto.mls import _tree_math as tree_math
from crypto.mls._extensions import Extensions, required_capabilities
from crypto.mls._leaf_node import LeafNode
from crypto.mls._leaf_rules import (
    LAST_DEFAULT_EXTENSION,
    LAST_DEFAULT_PROPOSAL,
    LeafFault,
    is_leaf_signed,
    leaf_form_fault,
)
from crypto.mls._ratchet_tree import ParentNode, RatchetTree
from crypto.mls._signing import is_hpke_key
from crypto.mls._suites import CipherSuite
from crypto.mls._tree_hash import TreeHashes, are_parents_vouched_for


class TreeFault(enum.Enum):
    """In which way a tree is invalid; see the table of this module."""

    LEAF_KEY = "leaf-key"
    LEAF_CAPABILITY = "leaf-capability"
    LEAF_SIGNATURE = "leaf-signature"
    PARENT_KEY = "parent-key"
    DUPLICATE_KEY = "duplicate-key"
    UNMERGED_LEAVES = "unmerged-leaves"
    PARENT_HASH = "parent-hash"


class InvalidTree(CryptoError):
    """A ratchet tree that no honest members have made; `fault` says why."""

    def __init__(self, fault: TreeFault) -> None:
        super().__init__(f"an invalid ratchet tree: {fault.value}")
        self.fault = fault


def validate_tree(
    suite: CipherSuite,
    tree: RatchetTree,
    hashes: TreeHashes,
    group_id: bytes,
    extensions: Extensions,
    *,
    known: RatchetTree | None = None,
) -> None:
    """Does every check of this module's table, or raises `InvalidTree` with the first that fails.

    `extensions` are the group context's. The nodes that `known`, a valid tree of the same group, has at the
    same place are not verified again, which leaves a commit with a few signatures instead of one for each
    member. `FramingError` where the group's required capabilities are of bad form.
    """
    _check_leaves(suite, tree, group_id, known)
    _check_parents(suite, tree, known)
    check_unique_keys(tree)
    check_capabilities(tree, extensions)
    if not are_parents_vouched_for(suite, tree, hashes):
        raise InvalidTree(TreeFault.PARENT_HASH)


def check_leaf(suite: CipherSuite, leaf: LeafNode, group_id: bytes, leaf_index: int) -> None:
    """The checks of one leaf for itself."""
    fault = leaf_form_fault(leaf, suite)
    if fault is LeafFault.KEY:
        raise InvalidTree(TreeFault.LEAF_KEY)
    if fault is not None:
        raise InvalidTree(TreeFault.LEAF_CAPABILITY)
    if not is_leaf_signed(leaf, suite, group_id, leaf_index):
        raise InvalidTree(TreeFault.LEAF_SIGNATURE)


def _check_leaves(suite: CipherSuite, tree: RatchetTree, group_id: bytes, known: RatchetTree | None) -> None:
    for leaf_index, leaf in tree.leaves():
        if known is None or known.leaf(leaf_index) != leaf:
            check_leaf(suite, leaf, group_id, leaf_index)


def _check_parents(suite: CipherSuite, tree: RatchetTree, known: RatchetTree | None) -> None:
    """Keys, and lists of unmerged leaves that agree with each other (section 12.4.3.1)."""
    known_nodes = () if known is None else known.nodes
    for index, parent in tree.parents():
        old = known_nodes[index] if index < len(known_nodes) else None
        is_old_key = isinstance(old, ParentNode) and old.encryption_key == parent.encryption_key
        if not is_old_key and not is_hpke_key(suite, parent.encryption_key):
            raise InvalidTree(TreeFault.PARENT_KEY)
        if not _are_unmerged_leaves_right(tree, index, parent):
            raise InvalidTree(TreeFault.UNMERGED_LEAVES)


def _are_unmerged_leaves_right(tree: RatchetTree, index: int, parent: ParentNode) -> bool:
    first, stop = tree_math.leaf_span(index)
    before = first - 1
    for leaf_index in parent.unmerged_leaves:
        if not before < leaf_index < stop or tree.nodes[2 * leaf_index] is None:
            return False
        before = leaf_index
        between = tree_math.parent(2 * leaf_index)
        while between != index:
            node = tree.nodes[between]
            if isinstance(node, ParentNode) and leaf_index not in node.unmerged_leaves:
                return False
            between = tree_math.parent(between)
    return True


def check_unique_keys(tree: RatchetTree) -> None:
    """No signature key twice, no encryption key twice (section 7.3)."""
    leaves = [leaf for _, leaf in tree.leaves()]
    encryption_keys = [node.encryption_key for node in tree.nodes if node is not None]
    if len({leaf.signature_key for leaf in leaves}) != len(leaves) or len(set(encryption_keys)) != len(
        encryption_keys
    ):
        raise InvalidTree(TreeFault.DUPLICATE_KEY)


@dataclass(frozen=True, slots=True)
class Needs:
    """What a member must list to be in a group: what it requires and the extensions it uses."""

    extensions: frozenset[int]
    proposals: frozenset[int]
    credentials: frozenset[int]

    def are_met_by(self, leaf: LeafNode) -> bool:
        """Whether this client lists all of it."""
        able = leaf.capabilities
        return (
            self.extensions.issubset(able.extensions)
            and self.proposals.issubset(able.proposals)
            and self.credentials.issubset(able.credentials)
        )


def needs_of(extensions: Extensions) -> Needs:
    """What a group with these extensions in its context needs (sections 7.2 and 11.1).

    `FramingError` where the required capabilities are of bad form.
    """
    required = required_capabilities(extensions)
    kinds = [*required.extensions, *(extension.kind for extension in extensions)]
    return Needs(
        frozenset(kind for kind in kinds if kind > LAST_DEFAULT_EXTENSION),
        frozenset(kind for kind in required.proposals if kind > LAST_DEFAULT_PROPOSAL),
        frozenset(required.credentials),
    )


def check_capabilities(tree: RatchetTree, extensions: Extensions) -> None:
    """Each member supports what the group needs, and the credential types of all others."""
    leaves = [leaf for _, leaf in tree.leaves()]
    needs = needs_of(extensions)
    in_use = frozenset(leaf.credential.kind for leaf in leaves)
    needs = Needs(needs.extensions, needs.proposals, needs.credentials | in_use)
    if not all(needs.are_met_by(leaf) for leaf in leaves):
        raise InvalidTree(TreeFault.LEAF_CAPABILITY)


def fits(tree: RatchetTree, leaf: LeafNode, extensions: Extensions) -> bool:
    """Whether capabilities allow this leaf in the tree of a group with these extensions."""
    others = [other for _, other in tree.leaves()]
    in_use = {other.credential.kind for other in others}
    kind = leaf.credential.kind
    return (
        needs_of(extensions).are_met_by(leaf)
        and in_use.issubset(leaf.capabilities.credentials)
        and all(kind in other.capabilities.credentials for other in others)
    )


def has_free_keys(tree: RatchetTree, leaf: LeafNode, leaf_index: int | None = None) -> bool:
    """Whether nobody else's node has a key of this leaf; it may keep the signature key of its own place.

    The encryption key must be new in any case, in its own place too.
    """
    if any(node is not None and node.encryption_key == leaf.encryption_key for node in tree.nodes):
        return False
    return all(
        index == leaf_index or other.signature_key != leaf.signature_key for index, other in tree.leaves()
    )
