"""The ratchet tree (RFC 9420 section 7) as an immutable value: its nodes, its bytes, its resolutions.

On the wire a tree is the list of its nodes in array order without the blanks at the end, and a list that
ends in a blank is refused. Neither can it end in a parent: that would be a tree whose right half is
empty, which every removal cuts off.

A list of blanks is cheap to send, one byte each, and dear to work on, so a reader is given a bound on the
number of leaves.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from struct import pack, unpack
from typing import TypeAlias

from crypto._errors import FramingError, FramingFault
from crypto.mls import _tree_math as tree_math
from crypto.mls._extensions import Extension, Extensions, ExtensionType, extension_data
from crypto.mls._leaf_node import LeafNode, read_leaf_node
from crypto.mls._reader import Reader, read_whole
from crypto.mls._writer import opaque

MAX_LEAVES = 4_096
"""The default bound on the leaves of a tree: four times the largest group of the contract."""


@dataclass(frozen=True, slots=True)
class ParentNode:
    """The public half of a node above the leaves."""

    encryption_key: bytes
    parent_hash: bytes
    unmerged_leaves: tuple[int, ...]  # leaf indices below that do not know the node's secret, ascending

    def encode(self) -> bytes:
        """The bytes of the node."""
        unmerged = pack(f">{len(self.unmerged_leaves)}I", *self.unmerged_leaves)
        return opaque(self.encryption_key) + opaque(self.parent_hash) + opaque(unmerged)


TreeNode: TypeAlias = LeafNode | ParentNode


@dataclass(frozen=True, slots=True)
class RatchetTree:
    """All nodes by index: leaves at the even ones, parents at the odd ones, None where blank.

    Always 2^(d+1) - 1 of them. Made by `read_ratchet_tree` and by edits of trees so made.
    """

    nodes: tuple[TreeNode | None, ...]

    @property
    def leaf_count(self) -> int:
        """The number of leaves, blank ones among them: a power of two."""
        return (len(self.nodes) + 1) // 2

    def leaf(self, leaf_index: int) -> LeafNode | None:
        """The leaf of this index; None where it is blank or there is none."""
        index = 2 * leaf_index
        node = self.nodes[index] if 0 <= index < len(self.nodes) else None
        return node if isinstance(node, LeafNode) else None

    def leaves(self) -> Iterator[tuple[int, LeafNode]]:
        """The leaves that are not blank, with their indices, from the left."""
        for leaf_index, node in enumerate(self.nodes[::2]):
            if isinstance(node, LeafNode):
                yield leaf_index, node

    def parents(self) -> Iterator[tuple[int, ParentNode]]:
        """The parents that are not blank, with their node indices."""
        for position, node in enumerate(self.nodes[1::2]):
            if isinstance(node, ParentNode):
                yield 2 * position + 1, node

    def encode(self) -> bytes:
        """The bytes of the tree, as in the extension `ratchet_tree`."""
        last = len(self.nodes)
        while last and self.nodes[last - 1] is None:
            last -= 1
        return opaque(b"".join([_encode_optional_node(node) for node in self.nodes[:last]]))


def resolution(tree: RatchetTree, node: int) -> list[int]:
    """The nodes that together cover the leaves under `node` (section 4.1.1), from the left."""
    content = tree.nodes[node]
    if isinstance(content, ParentNode):
        return [node, *(2 * leaf for leaf in content.unmerged_leaves)]
    if content is not None:
        return [node]
    if node % 2 == 0:
        return []
    return resolution(tree, tree_math.left(node)) + resolution(tree, tree_math.right(node))


def ratchet_tree_of(extensions: Extensions, max_leaves: int = MAX_LEAVES) -> RatchetTree | None:
    """The tree that a GroupInfo carries; None where it carries none, `FramingError` for bad form."""
    data = extension_data(extensions, ExtensionType.RATCHET_TREE)
    return None if data is None else read_ratchet_tree(data, max_leaves)


def ratchet_tree_extension(tree: RatchetTree) -> Extension:
    """The extension that carries this tree in a GroupInfo."""
    return Extension(ExtensionType.RATCHET_TREE, tree.encode())


def read_ratchet_tree(data: bytes, max_leaves: int = MAX_LEAVES) -> RatchetTree:
    """The tree that takes up all of `data`; `FramingError` for another form and above `max_leaves`."""
    return read_whole(data, lambda reader: _read_nodes(reader, max_leaves))


def _read_nodes(reader: Reader, max_leaves: int) -> RatchetTree:
    inner = reader.vector()
    nodes: list[TreeNode | None] = []
    while not inner.exhausted:
        if len(nodes) >= 2 * max_leaves:
            raise FramingError(FramingFault.TOO_LARGE)
        nodes.append(inner.optional(_read_parent if len(nodes) % 2 else _read_leaf))
    if not nodes or not isinstance(nodes[-1], LeafNode):
        raise FramingError(FramingFault.TREE_SHAPE)
    leaves = tree_math.width_for((len(nodes) + 1) // 2)
    nodes += [None] * (2 * leaves - 1 - len(nodes))
    return RatchetTree(tuple(nodes))


def _read_leaf(reader: Reader) -> TreeNode:
    if reader.byte() != 1:
        raise FramingError(FramingFault.TREE_SHAPE)
    return read_leaf_node(reader)


def _read_parent(reader: Reader) -> TreeNode:
    if reader.byte() != 2:
        raise FramingError(FramingFault.TREE_SHAPE)
    encryption_key = reader.opaque()
    parent_hash = reader.opaque()
    unmerged = reader.opaque()
    count, odd = divmod(len(unmerged), 4)
    if odd:
        raise FramingError(FramingFault.TRUNCATED)
    return ParentNode(encryption_key, parent_hash, unpack(f">{count}I", unmerged))


def _encode_optional_node(node: TreeNode | None) -> bytes:
    if node is None:
        return b"\x00"
    return (b"\x01\x01" if isinstance(node, LeafNode) else b"\x01\x02") + node.encode()
