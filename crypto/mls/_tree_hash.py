"""Tree hashes (RFC 9420 section 7.8) and parent hashes (section 7.9).

The hashes of all nodes are kept beside the tree, as a tuple by node index. After an edit only those above
a changed node are made anew, found by identity: an edit shares all other nodes with the tree before.
"""

from collections.abc import Sequence
from typing import TypeAlias

from crypto.mls import _tree_math as tree_math
from crypto.mls._leaf_node import FromCommit, LeafNode
from crypto.mls._ratchet_tree import ParentNode, RatchetTree, TreeNode, resolution
from crypto.mls._suites import CipherSuite
from crypto.mls._writer import opaque, optional, uint32

TreeHashes: TypeAlias = tuple[bytes, ...]
"""The hash of each node's subtree, by node index."""


def tree_hashes(
    suite: CipherSuite,
    tree: RatchetTree,
    known: tuple[RatchetTree, TreeHashes] | None = None,
) -> TreeHashes:
    """The hashes of all subtrees; `known` is a tree it was made from with that one's hashes."""
    nodes = tree.nodes
    size = len(nodes)
    hashes: list[bytes] = [b""] * size
    fresh = bytearray(size)  # 1 where the hash is not the known one
    old_nodes, old_hashes = ((), ()) if known is None else (known[0].nodes, known[1])
    shared = min(size, len(old_nodes))
    for index in range(0, size, 2):
        if index < shared and nodes[index] is old_nodes[index]:
            hashes[index] = old_hashes[index]
        else:
            hashes[index] = _leaf_hash(suite, index // 2, nodes[index])
            fresh[index] = 1
    step = 2
    while step <= size:  # the parents of one level after the other, from below
        half = step // 2
        for index in range(step - 1, size, 2 * step):
            below, beside = index - half, index + half
            if index < shared and nodes[index] is old_nodes[index] and not fresh[below] and not fresh[beside]:
                hashes[index] = old_hashes[index]
            else:
                hashes[index] = _parent_hash_of_subtree(suite, nodes[index], hashes[below], hashes[beside])
                fresh[index] = 1
        step *= 2
    return tuple(hashes)


def _leaf_hash(suite: CipherSuite, leaf_index: int, node: TreeNode | None) -> bytes:
    return suite.hash(b"\x01" + uint32(leaf_index) + optional(node))


def _parent_hash_of_subtree(
    suite: CipherSuite, node: TreeNode | None, left_hash: bytes, right_hash: bytes
) -> bytes:
    return suite.hash(b"\x02" + optional(node) + opaque(left_hash) + opaque(right_hash))


def root_hash(tree: RatchetTree, hashes: TreeHashes) -> bytes:
    """The tree hash of the whole, which the group context carries."""
    return hashes[tree_math.root(tree.leaf_count)]


def _hash_without(
    suite: CipherSuite, tree: RatchetTree, hashes: TreeHashes, node: int, leaves: Sequence[int]
) -> bytes:
    """The hash of a subtree as it was before `leaves` were added to it."""
    first, stop = tree_math.leaf_span(node)
    inside = [leaf for leaf in leaves if first <= leaf < stop]
    if not inside:
        return hashes[node]
    if node % 2 == 0:
        return _leaf_hash(suite, node // 2, None)
    content = tree.nodes[node]
    if isinstance(content, ParentNode):
        gone = set(inside)
        unmerged = tuple([leaf for leaf in content.unmerged_leaves if leaf not in gone])
        content = ParentNode(content.encryption_key, content.parent_hash, unmerged)
    return _parent_hash_of_subtree(
        suite,
        content,
        _hash_without(suite, tree, hashes, tree_math.left(node), inside),
        _hash_without(suite, tree, hashes, tree_math.right(node), inside),
    )


def parent_hash(suite: CipherSuite, parent: ParentNode, original_sibling_hash: bytes) -> bytes:
    """The hash with which a node vouches for `parent` above it (section 7.9)."""
    return suite.hash(
        opaque(parent.encryption_key) + opaque(parent.parent_hash) + opaque(original_sibling_hash)
    )


def are_parents_vouched_for(suite: CipherSuite, tree: RatchetTree, hashes: TreeHashes) -> bool:
    """Whether each parent was set by a member below it that vouches for it (section 7.9.2).

    On one side of the parent there is exactly one node that it was made from, the rest of that side's
    resolution having come later; that node's parent hash is the parent's.
    """
    return all(
        _is_vouched_for(suite, tree, hashes, parent, tree_math.left(index), tree_math.right(index))
        or _is_vouched_for(suite, tree, hashes, parent, tree_math.right(index), tree_math.left(index))
        for index, parent in tree.parents()
    )


def _is_vouched_for(
    suite: CipherSuite,
    tree: RatchetTree,
    hashes: TreeHashes,
    parent: ParentNode,
    side: int,
    other_side: int,
) -> bool:
    covering = resolution(tree, side)
    later = {2 * leaf for leaf in parent.unmerged_leaves}
    first, stop = tree_math.leaf_span(side)
    expected = sum(first <= leaf < stop for leaf in parent.unmerged_leaves) + 1
    if len(covering) != expected:
        return False
    origins = [node for node in covering if node not in later]
    if len(origins) != 1:
        return False
    claimed = _claimed_parent_hash(tree.nodes[origins[0]])
    if not claimed:
        return False
    sibling_hash = _hash_without(suite, tree, hashes, other_side, parent.unmerged_leaves)
    return claimed == parent_hash(suite, parent, sibling_hash)


def _claimed_parent_hash(node: TreeNode | None) -> bytes | None:
    if isinstance(node, ParentNode):
        return node.parent_hash
    if isinstance(node, LeafNode) and isinstance(node.origin, FromCommit):
        return node.origin.parent_hash
    return None
