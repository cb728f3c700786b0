"""What the proposals of a commit make of a tree, before its path (RFC 9420 section 12.3)."""

from collections.abc import Sequence

from crypto.mls._commit_list import CommittedProposal
from crypto.mls._proposals import Add, Remove, SelfRemove, Update
from crypto.mls._ratchet_tree import RatchetTree
from crypto.mls._tree_edit import TreeEdit


def apply_proposals(
    tree: RatchetTree, committed: Sequence[CommittedProposal]
) -> tuple[RatchetTree, tuple[int, ...]]:
    """Updates, then removals, then additions (section 12.3); with the places of those who were added."""
    edit = TreeEdit(tree)
    for entry in committed:
        if isinstance(entry.proposal, Update) and entry.target is not None:
            edit.update(entry.target, entry.proposal.leaf_node)
    removed = [
        entry.target
        for entry in committed
        if isinstance(entry.proposal, Remove | SelfRemove) and entry.target is not None
    ]
    for leaf_index in sorted(removed):  # ascending: the tree may shrink to below a higher index only at last
        edit.remove(leaf_index)
    places = tuple(
        [
            edit.add(entry.proposal.key_package.leaf_node)
            for entry in committed
            if isinstance(entry.proposal, Add)
        ]
    )
    return edit.tree(), places


def place_for_joiner(tree: RatchetTree) -> tuple[RatchetTree, int]:
    """The leftmost free place, which an outsider's commit takes (12.4.3.2), and a tree that has one."""
    edit = TreeEdit(tree)
    leaf_index = edit.add_blank()
    return edit.tree(), leaf_index
