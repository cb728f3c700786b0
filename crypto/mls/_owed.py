"""Which pending proposals a commit must not leave out.

RFC 9420 section 12.4 says that a committer SHOULD take all valid ones, and without somebody who insists, one
who has been told to go can commit around it for ever. But whoever insists on too much stops the group: two
members propose to remove the same third, and no commit can take both; a proposal names a pre-shared key
that no committer has. So what is owed is what the commit could have taken *as it is*, beside what it takes:

=========================  =============================================================================
proposal                   owed unless
=========================  =============================================================================
Remove, SelfRemove         the commit is about that leaf already, or it is the committer's own
Update                     the same; or a key of its leaf is in the next tree, or the leaf does not fit there
Add                        a key of its leaf is in the next tree, or the leaf does not fit there
GroupContextExtensions     the commit brings some, or a member of the next tree does not know what they need
PreSharedKey, ReInit       never: not every committer can, and nobody is kept in a group by them
=========================  =============================================================================

Beside a ReInit nothing is owed, since it comes alone.
"""

from collections.abc import Iterable, Sequence

from crypto.mls._commit_list import CommittedProposal
from crypto.mls._extensions import Extensions
from crypto.mls._handshake import VerifiedProposal
from crypto.mls._leaf_node import LeafNode
from crypto.mls._proposals import Add, GroupContextExtensions, ReInit, Remove, SelfRemove, Update
from crypto.mls._ratchet_tree import RatchetTree
from crypto.mls._tree_rules import InvalidTree, check_capabilities, fits, has_free_keys


def left_out(
    committed: Sequence[CommittedProposal],
    pending: Iterable[VerifiedProposal],
    committer: int,
    tree: RatchetTree,
    extensions: Extensions,
) -> tuple[bytes, ...]:
    """The references of the proposals that this commit owes and does not take.

    `tree` and `extensions` are those of the epoch that the commit makes.
    """
    if any(isinstance(entry.proposal, ReInit) for entry in committed):
        return ()
    taken = {entry.ref for entry in committed}
    touched = {entry.target for entry in committed} | {committer}
    sets_extensions = any(isinstance(entry.proposal, GroupContextExtensions) for entry in committed)
    owed: list[bytes] = []
    for candidate in pending:
        if candidate.ref in taken:
            continue
        entry = CommittedProposal(candidate.sender, candidate.proposal, candidate.ref)
        match candidate.proposal:
            case Remove() | SelfRemove():
                is_owed = entry.target not in touched
            case Update(leaf_node=leaf):
                is_owed = entry.target not in touched and _could_stand(leaf, tree, extensions, entry.target)
            case Add(key_package=key_package):
                is_owed = _could_stand(key_package.leaf_node, tree, extensions, None)
            case GroupContextExtensions(extensions=wanted):
                is_owed = not sets_extensions and _could_have(tree, wanted)
            case _:
                is_owed = False
        if is_owed:
            owed.append(candidate.ref)
    return tuple(owed)


def _could_stand(leaf: LeafNode, tree: RatchetTree, extensions: Extensions, place: int | None) -> bool:
    return has_free_keys(tree, leaf, place) and fits(tree, leaf, extensions)


def _could_have(tree: RatchetTree, extensions: Extensions) -> bool:
    try:
        check_capabilities(tree, extensions)
    except InvalidTree:
        return False
    return True
