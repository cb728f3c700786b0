"""Node indices of a left-balanced binary tree in an array (RFC 9420 appendix C).

Leaves have the even indices, parents the odd ones; a tree of `n` leaves, n a power of two, has 2n - 1
nodes. The index of a node stays the same when the tree doubles or halves.
"""


def level(node: int) -> int:
    """How far above the leaves: 0 for a leaf. The number of one bits at the low end."""
    return (~node & (node + 1)).bit_length() - 1


def root(leaves: int) -> int:
    """The root of a tree of so many leaves."""
    return leaves - 1


def left(node: int) -> int:
    """The left child of a parent."""
    return node ^ (1 << (level(node) - 1))


def right(node: int) -> int:
    """The right child of a parent."""
    return node ^ (3 << (level(node) - 1))


def parent(node: int) -> int:
    """The parent of a node that is not the root."""
    height = level(node)
    return (node | (1 << height)) & ~(1 << (height + 1))


def sibling(node: int) -> int:
    """The other child of the node's parent."""
    above = parent(node)
    return right(above) if node < above else left(above)


def direct_path(node: int, leaves: int) -> list[int]:
    """The ancestors of a node, from its parent to the root; `IndexError` where the tree has no such node."""
    if not 0 <= node < 2 * leaves - 1:
        raise IndexError("no node of this tree")  # it would climb past the root for ever
    top = root(leaves)
    path: list[int] = []
    while node != top:
        node = parent(node)
        path.append(node)
    return path


def leaf_span(node: int) -> tuple[int, int]:
    """The leaf indices under a node: the first, and the one after the last."""
    width = 1 << level(node)
    first = (node - (width - 1)) // 2
    return first, first + width


def width_for(leaves: int) -> int:
    """The smallest power of two that holds so many leaves (at least one)."""
    return 1 << max(leaves - 1, 0).bit_length()
