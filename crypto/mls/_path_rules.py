"""Applying the UpdatePath of a commit to a tree (RFC 9420 sections 7.5, 7.6 and 7.9)."""

from crypto.mls import _tree_math as tree_math
from crypto.mls._commit import UpdatePath
from crypto.mls._handshake_errors import HandshakeFault, InvalidHandshake
from crypto.mls._leaf_node import FromCommit
from crypto.mls._ratchet_tree import ParentNode, RatchetTree, resolution
from crypto.mls._signing import is_hpke_key
from crypto.mls._suites import CipherSuite
from crypto.mls._tree_edit import TreeEdit
from crypto.mls._tree_hash import TreeHashes, parent_hash


def filtered_direct_path(tree: RatchetTree, leaf_index: int) -> list[tuple[int, int]]:
    """The ancestors of a leaf that a path has keys for, each with its child on the other side.

    An ancestor whose other side is empty has no one to share a secret with, and is left out.
    """
    below = 2 * leaf_index
    path: list[tuple[int, int]] = []
    for above in tree_math.direct_path(below, tree.leaf_count):
        other = tree_math.sibling(below)
        if resolution(tree, other):
            path.append((above, other))
        below = above
    return path


def apply_path(
    suite: CipherSuite,
    tree: RatchetTree,
    hashes: TreeHashes,
    path: UpdatePath,
    leaf_index: int,
    added: frozenset[int],
) -> RatchetTree:
    """The tree after a commit whose proposals have given `tree`; `InvalidHandshake` where it does not fit.

    `leaf_index` is the committer's; `added` are the leaf indices that the commit itself adds, to whom the
    Welcome brings what the path brings the others.
    """
    steps = filtered_direct_path(tree, leaf_index)
    if len(steps) != len(path.nodes):
        raise InvalidHandshake(HandshakeFault.PATH)
    newcomers = {2 * leaf for leaf in added}
    for (_, other), node in zip(steps, path.nodes, strict=True):
        receivers = [reader for reader in resolution(tree, other) if reader not in newcomers]
        if len(node.encrypted_path_secrets) != len(receivers):
            raise InvalidHandshake(HandshakeFault.PATH)
    _check_fresh_keys(suite, tree, path)
    parents: dict[int, ParentNode] = {}
    vouched = b""  # what the node below must carry: nothing at the top
    for (above, other), node in reversed(list(zip(steps, path.nodes, strict=True))):
        parents[above] = ParentNode(node.encryption_key, vouched, ())
        vouched = parent_hash(suite, parents[above], hashes[other])
    origin = path.leaf_node.origin
    if not isinstance(origin, FromCommit) or origin.parent_hash != vouched:
        raise InvalidHandshake(HandshakeFault.PARENT_HASH)
    edit = TreeEdit(tree)
    edit.set_path(leaf_index, path.leaf_node, parents)
    return edit.tree()


def _check_fresh_keys(suite: CipherSuite, tree: RatchetTree, path: UpdatePath) -> None:
    """Section 12.4.2: every key of the path is a key of the suite that no node has, or had before it."""
    keys = [path.leaf_node.encryption_key, *(node.encryption_key for node in path.nodes)]
    in_use = {node.encryption_key for node in tree.nodes if node is not None}
    if len(set(keys)) != len(keys) or not in_use.isdisjoint(keys):
        raise InvalidHandshake(HandshakeFault.PATH_KEY)
    if not all(is_hpke_key(suite, key) for key in keys):
        raise InvalidHandshake(HandshakeFault.PATH_KEY)
