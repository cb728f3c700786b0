"""Joining from outside: an external commit does nothing but let its author in, in place of his old self."""

import pytest

from crypto.mls import (
    Add,
    Commit,
    ExternalInit,
    ExternalPsk,
    GroupContextExtensions,
    HandshakeFault,
    InvalidHandshake,
    PreSharedKey,
    Proposal,
    ProposalByReference,
    ProposalByValue,
    PublicMessage,
    Remove,
    SelfRemove,
    Sender,
    SenderType,
    VerifiedProposal,
    check_group_info,
    verify_commit,
)
from tests.crypto.mls.people import client, group_of

ALICE, BOB, CAROL, DAVE = client("alice"), client("bob"), client("carol"), client("dave")
GROUP = group_of(ALICE, BOB, CAROL)
OUTSIDE = Sender(SenderType.NEW_MEMBER_COMMIT)


def fault_of(message: PublicMessage, *pending: VerifiedProposal) -> HandshakeFault:
    """Why it is refused."""
    with pytest.raises(InvalidHandshake) as error:
        verify_commit(GROUP, message, {proposal.ref: proposal for proposal in pending})
    return error.value.fault


def joining(*proposals: Proposal, refs: tuple[bytes, ...] = ()) -> PublicMessage:
    """An external commit of Dave with these proposals, and the path of a good one."""
    good = DAVE.join(GROUP).message.content
    assert isinstance(good, Commit)
    entries = [ProposalByValue(proposal) for proposal in proposals]
    references = [ProposalByReference(ref) for ref in refs]
    return DAVE.sign(GROUP, Commit((*entries, *references), good.path), OUTSIDE)


def test_a_stranger_joins_at_the_leftmost_free_place() -> None:
    """The group of three has a free fourth leaf."""
    made = DAVE.join(GROUP)
    effects = verify_commit(GROUP, made.message)
    check_group_info(effects.group, made.group_info)
    assert effects.is_external
    assert (effects.committer.leaf_index, effects.committer.identity) == (3, b"did:web:dave.example")
    assert (effects.added, effects.removed, effects.updated) == ((), (), ())
    assert len(effects.group.members) == 4


def test_a_full_tree_grows_for_who_joins() -> None:
    """The fifth leaf doubles the tree of four."""
    full = DAVE.join(GROUP).group
    effects = verify_commit(full, client("erin").join(full).message)
    assert effects.committer.leaf_index == 4
    assert effects.group.tree.leaf_count == 8


def test_who_lost_his_state_takes_the_place_of_his_old_self() -> None:
    """With the same key, which could not be twice in the tree, or with a new one."""
    for back in (BOB, client("bob", device="reinstalled")):
        effects = verify_commit(GROUP, back.join(GROUP, replacing=1).message)
        assert [member.leaf_index for member in effects.removed] == [1]
        assert effects.committer.leaf_index == 1
        assert len(effects.group.members) == 3
    twice = BOB.join
    with pytest.raises(InvalidHandshake, match="tree"):
        twice(GROUP)


def test_nobody_throws_another_out_by_joining() -> None:
    """The removed leaf has the credential of the joiner."""
    with pytest.raises(InvalidHandshake) as error:
        DAVE.join(GROUP, replacing=1)
    assert error.value.fault is HandshakeFault.EXTERNAL_COMMIT


INVITE = PreSharedKey(ExternalPsk(b"id", bytes(32)))
LISTS: list[tuple[Proposal, ...]] = [
    (),
    (ExternalInit(b"k"), ExternalInit(b"k")),
    (ExternalInit(b"k"), Remove(1), Remove(2)),
    (ExternalInit(b"k"), Add(client("erin").key_package())),
    (ExternalInit(b"k"), GroupContextExtensions(())),
    (ExternalInit(b"k"), SelfRemove()),
    (
        ExternalInit(b"k"),
        PreSharedKey(ExternalPsk(b"id", bytes(32))),
        PreSharedKey(ExternalPsk(b"id", bytes(32))),
    ),
]


@pytest.mark.parametrize("proposals", LISTS)
def test_an_external_commit_does_nothing_but_join(proposals: tuple[Proposal, ...]) -> None:
    """RFC 9420 section 12.2: whoever is outside changes nothing of the group but himself."""
    assert fault_of(joining(*proposals)) is HandshakeFault.EXTERNAL_COMMIT


def test_an_external_commit_has_a_path_and_takes_pre_shared_keys() -> None:
    """Without a path there would be no leaf to join with, nor a key to verify the commit."""
    no_path = DAVE.sign(GROUP, Commit((ProposalByValue(ExternalInit(b"k")),), None), OUTSIDE)
    assert fault_of(no_path) is HandshakeFault.EXTERNAL_COMMIT
    psk = ExternalPsk(b"invite", bytes(32))
    effects = verify_commit(GROUP, joining(ExternalInit(b"k"), PreSharedKey(psk)))
    assert effects.psks == (psk,)


def test_of_pending_proposals_it_takes_those_who_leave_and_no_others() -> None:
    """SelfRemove by reference is of the draft; it owes none."""
    _, leaving = BOB.propose(GROUP, SelfRemove())
    _, adding = ALICE.propose(GROUP, Add(client("erin").key_package()))
    effects = verify_commit(
        GROUP, DAVE.join(GROUP, references=[leaving]).message, {leaving.ref: leaving, adding.ref: adding}
    )
    assert [member.identity for member in effects.removed] == [b"did:web:bob.example"]
    assert effects.committer.leaf_index == 1
    assert fault_of(joining(ExternalInit(b"k"), refs=(adding.ref,)), adding) is HandshakeFault.EXTERNAL_COMMIT


def test_the_signature_is_by_the_new_leaf_over_this_state_of_the_group() -> None:
    """A commit made for a GroupInfo of another epoch is of that epoch."""
    made = DAVE.join(GROUP)
    later = ALICE.commit(GROUP).group
    with pytest.raises(InvalidHandshake, match="epoch"):
        verify_commit(later, made.message)
    content = made.message.content
    assert isinstance(content, Commit)
    forged = client("erin").sign(GROUP, content, OUTSIDE)
    assert fault_of(forged) is HandshakeFault.SIGNATURE
