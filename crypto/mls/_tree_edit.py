"""Changing a ratchet tree as proposals and commits do (RFC 9420 sections 7.5, 7.7 and 12.1).

An edit works on a copy of the list of nodes and gives a new tree; the nodes that did not change are shared,
which is safe because they are values, and by which `tree_hashes` knows what to make anew.
"""

from bisect import insort

from crypto.mls import _tree_math as tree_math
from crypto.mls._leaf_node import LeafNode
from crypto.mls._ratchet_tree import ParentNode, RatchetTree, TreeNode


class TreeEdit:
    """A tree in change. Every leaf index handed in must be within the tree: the caller has looked."""

    def __init__(self, tree: RatchetTree) -> None:
        self._nodes: list[TreeNode | None] = list(tree.nodes)

    @property
    def leaf_count(self) -> int:
        """The number of leaves, blank ones among them."""
        return (len(self._nodes) + 1) // 2

    def tree(self) -> RatchetTree:
        """The tree as it is now."""
        return RatchetTree(tuple(self._nodes))

    def update(self, leaf_index: int, leaf: LeafNode) -> None:
        """Replaces a leaf; nobody else knows a secret above it any more."""
        self._nodes[2 * leaf_index] = leaf
        self._blank_above(leaf_index)

    def remove(self, leaf_index: int) -> None:
        """Blanks a leaf and all above it, and halves the tree while its right half is empty."""
        self._nodes[2 * leaf_index] = None
        self._blank_above(leaf_index)
        while len(self._nodes) > 1 and not any(self._nodes[len(self._nodes) // 2 + 1 :: 2]):
            del self._nodes[len(self._nodes) // 2 :]

    def add(self, leaf: LeafNode) -> int:
        """Puts a leaf at the leftmost blank place, or doubles the tree; returns its leaf index.

        The new member is unmerged at every parent above it that has a secret.
        """
        leaf_index = self.add_blank()
        self._nodes[2 * leaf_index] = leaf
        for above in tree_math.direct_path(2 * leaf_index, self.leaf_count):
            node = self._nodes[above]
            if isinstance(node, ParentNode):
                unmerged = list(node.unmerged_leaves)
                insort(unmerged, leaf_index)
                self._nodes[above] = ParentNode(node.encryption_key, node.parent_hash, tuple(unmerged))
        return leaf_index

    def add_blank(self) -> int:
        """Finds the leftmost blank place, or doubles the tree, and leaves the place blank."""
        for leaf_index in range(self.leaf_count):
            if self._nodes[2 * leaf_index] is None:
                return leaf_index
        leaf_index = self.leaf_count
        self._nodes += [None] * (len(self._nodes) + 1)
        return leaf_index

    def set_path(self, leaf_index: int, leaf: LeafNode, parents: dict[int, ParentNode]) -> None:
        """Replaces a leaf and its direct path: the parents given, and blanks where none is given."""
        self._nodes[2 * leaf_index] = leaf
        for above in tree_math.direct_path(2 * leaf_index, self.leaf_count):
            self._nodes[above] = parents.get(above)

    def _blank_above(self, leaf_index: int) -> None:
        for above in tree_math.direct_path(2 * leaf_index, self.leaf_count):
            self._nodes[above] = None
