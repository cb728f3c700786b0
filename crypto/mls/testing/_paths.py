"""The update path of a commit by a client of the test kit."""

from collections.abc import Callable

from crypto.mls import (
    CipherSuite,
    FromCommit,
    HpkeCiphertext,
    LeafNode,
    ParentNode,
    RatchetTree,
    UpdatePath,
    UpdatePathNode,
    resolution,
    tree_hashes,
)
from crypto.mls._path_rules import filtered_direct_path
from crypto.mls._tree_hash import parent_hash


def make_path(
    suite: CipherSuite,
    tree: RatchetTree,
    leaf_index: int,
    added: frozenset[int],
    fresh_key: Callable[[], bytes],
    make_leaf: Callable[[FromCommit], LeafNode],
) -> UpdatePath:
    """A path for the member at `leaf_index` of the tree that the proposals have made."""
    hashes = tree_hashes(suite, tree)
    steps = filtered_direct_path(tree, leaf_index)
    newcomers = {2 * leaf for leaf in added}
    vouched = b""
    nodes: list[UpdatePathNode] = []
    for _, other in reversed(steps):
        key = fresh_key()
        receivers = [reader for reader in resolution(tree, other) if reader not in newcomers]
        sealed = HpkeCiphertext(b"for nobody", b"a path secret")
        nodes.insert(0, UpdatePathNode(key, (sealed,) * len(receivers)))
        vouched = parent_hash(suite, ParentNode(key, vouched, ()), hashes[other])
    return UpdatePath(make_leaf(FromCommit(vouched)), tuple(nodes))
