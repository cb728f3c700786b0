"""Commits: one for each epoch, all that it does in one append, the first answer for the same bytes."""

import pytest
from msgspec.structs import replace

from protocol import (
    AddMembers,
    CommitMade,
    Committed,
    ConsumeKeyPackage,
    DropGroupInfo,
    Duplicate,
    Entry,
    EntryKind,
    Handshake,
    Leave,
    MemberRemoved,
    MembersAdded,
    PolicyChange,
    PutGroupInfo,
    PutWelcome,
    Rejected,
    RemoveMember,
    Standing,
    UpdatePolicy,
    WelcomeFor,
    decide_batch,
    decode_fact,
    next_digest,
    standing,
)
from tests.protocol.groups import (
    ALICES,
    accepted,
    commit,
    committed,
    external,
    group,
    group_info,
    handshake,
    leaf,
    now_at,
    propose,
)
from tests.protocol.worlds import ALICE, BOB, CAROL, CONVO, DAVE, LIMITS, NOW, device, refusal, send

BOBS, CAROLS, DAVES = device(BOB), device(CAROL), device(DAVE)


def kinds(entries: tuple[Entry, ...]) -> list[EntryKind]:
    return [entry.kind for entry in entries]


def test_a_commit_its_joiners_and_what_it_uses_up_are_one_append() -> None:
    """The example to read first (failure 2): nobody is in without the commit, and no Welcome without both."""
    world = group(BOB)
    state = now_at(world)
    made = handshake(state, ALICES, adds=[leaf(CAROLS, b"ref", 2)], info=group_info(2))
    outcome = accepted(world.ask(commit(ALICES, made, "add")))
    assert outcome.answer == Committed(seq=2, epoch=2, received=1_000_000)
    assert kinds(outcome.entries) == [EntryKind.COMMIT, EntryKind.MEMBERS_ADDED]
    assert [entry.epoch for entry in outcome.entries] == [2, 2]
    assert outcome.effects == (
        ConsumeKeyPackage(b"ref", CAROLS, ALICE, 1_000_000),
        PutWelcome(CAROLS, CAROL, b"ref", b"welcome", 2, 0, 1_000_000),
        PutGroupInfo(0, 2, b"group info", group_info(2).hash),
    )
    after = now_at(world)
    assert after.members[CAROLS].leaf == 2
    assert after.members[CAROLS].from_seq == 3, "what a joiner sees first is its own joining"
    assert after.group.digest == next_digest(state.group.digest, made.body)
    assert after.group.group_info_hash == group_info(2).hash


def test_of_two_commits_of_one_epoch_exactly_one_wins_and_the_other_learns_the_epoch() -> None:
    """Failure 3. In one batch, as it happens when two arrive together."""
    state = now_at(group(BOB))
    commands = [commit(ALICES, handshake(state, ALICES)), commit(BOBS, handshake(state, BOBS))]
    decision = decide_batch(state, commands, now=NOW, limits=LIMITS)
    assert committed(decision.outcomes[0]).epoch == 2
    lost = refusal(decision.outcomes[1])
    assert (lost.error, lost.epoch) == ("EpochMismatch", 2)
    assert kinds(decision.entries) == [EntryKind.COMMIT]


def test_the_loser_makes_its_commit_anew_on_the_current_epoch() -> None:
    world = group(BOB)
    world.ask(commit(ALICES, handshake(now_at(world), ALICES)))
    assert committed(world.ask(commit(BOBS, handshake(now_at(world), BOBS)))).epoch == 3


def test_the_same_bytes_get_the_first_answer_whatever_moved_since() -> None:
    """A lost reply must not make a client believe that it lost the race (mls-atproto 1.4)."""
    world = group(BOB, CAROL)
    made = commit(BOBS, handshake(now_at(world), BOBS))
    first = committed(world.ask(made))
    world.ask(commit(ALICES, handshake(now_at(world), ALICES)))
    assert world.ask(made) == Duplicate(first)
    world.ask(RemoveMember(CONVO, ALICE, BOB))
    assert world.ask(made) == Duplicate(first)


def test_a_refused_commit_is_looked_up_before_its_maker_hears_so() -> None:
    world = group(BOB)
    made = commit(BOBS, handshake(now_at(world), BOBS))
    world.ask(made)
    decision = decide_batch(now_at(world), [made], now=NOW, limits=LIMITS)
    (name,) = decision.lookups
    again = decide_batch(now_at(world), [made], now=NOW, limits=LIMITS, known={name: world.known[name]})
    assert isinstance(again.outcomes[0], Duplicate)


def test_a_commit_whose_key_package_is_gone_is_refused_and_the_next_one_has_its_turn() -> None:
    """Failure 6: nothing is consumed by a refused request, and the epoch is still free."""
    state = now_at(group(BOB))
    adding = commit(ALICES, handshake(state, ALICES, adds=[leaf(CAROLS, b"ref")]))
    plain = commit(BOBS, handshake(state, BOBS))
    first = decide_batch(state, [adding, plain], now=NOW, limits=LIMITS)
    index, _ = first.effects[0]
    gone = Rejected("KeyPackageNotFound", "It is used up.")
    second = decide_batch(state, [adding, plain], now=NOW, limits=LIMITS, refused={index: gone})
    assert second.outcomes[0] == gone
    assert committed(second.outcomes[1]).epoch == 2
    assert second.effects == ()


# -- what a commit may be ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"base_epoch": 0}, "EpochMismatch"),
        ({"base_epoch": 2}, "EpochMismatch"),
        ({"group_id": b"another group"}, "InvalidCommit"),
        ({"verified_against": b"x" * 16}, "EpochMismatch"),
        ({"committer_device": BOBS}, "InvalidCommit"),
        ({"proposals": (b"unknown",)}, "MissingProposal"),
        ({"group_info": group_info(1)}, "InvalidGroupInfo"),
        ({"removes": (CAROLS,)}, "InvalidCommit"),
        ({"removes": (BOBS, BOBS)}, "InvalidCommit"),
        ({"removes": (ALICES,)}, "InvalidCommit"),
        ({"adds": (leaf(BOBS),)}, "AlreadyMember"),
        ({"adds": (leaf(CAROLS), leaf(CAROLS))}, "InvalidCommit"),
        ({"adds": (leaf(CAROLS),)}, "WelcomeMismatch"),
        ({"welcomes": (WelcomeFor(CAROL, CAROLS, None, b""),)}, "WelcomeMismatch"),
        (
            {"adds": (leaf(CAROLS),), "welcomes": (WelcomeFor(DAVE, DAVES, None, b""),)},
            "WelcomeMismatch",
        ),
        (
            {"adds": (leaf(CAROLS, b"a"),), "welcomes": (WelcomeFor(CAROL, CAROLS, b"b", b""),)},
            "WelcomeMismatch",
        ),
    ],
)
def test_a_commit_that_does_not_fit_is_refused_by_name(change: dict[str, object], error: str) -> None:
    world = group(BOB)
    made: Handshake = replace(handshake(now_at(world), ALICES), **change)
    before = now_at(world)
    assert refusal(world.ask(commit(ALICES, made))).error == error
    assert world.state == before


def test_a_device_that_is_not_in_cannot_commit_for_its_account() -> None:
    world = group(BOB)
    second = device(BOB, 2)
    assert refusal(world.ask(commit(second, handshake(now_at(world), second)))).error == "NotMember"


@pytest.mark.parametrize("private", [True, False])
def test_the_policy_says_which_framing_a_group_takes(private: bool) -> None:
    world = group(BOB)
    rule = PolicyChange(handshake="public" if private else "private")
    world.ask(UpdatePolicy(CONVO, ALICE, rule))
    made = handshake(now_at(world), ALICES, private=private)
    assert refusal(world.ask(commit(ALICES, made))).error == "InvalidCommit"
    assert committed(world.ask(commit(ALICES, replace(made, private=not private)))).epoch == 2


# -- proposals ---------------------------------------------------------------------------------------


def test_all_pending_public_proposals_must_be_referenced_and_go_with_the_epoch() -> None:
    world = group(BOB)
    for name in (b"one", b"two"):
        accepted(world.ask(propose(BOBS, name, 1)))
    made = handshake(now_at(world), ALICES)
    partial = replace(made, proposals=(b"one",))
    assert refusal(world.ask(commit(ALICES, partial))).error == "CommitMissingReferences"
    committed(world.ask(commit(ALICES, made)))
    assert now_at(world).group.proposals == {}


def test_a_proposal_is_for_the_current_epoch_and_its_resend_gets_the_first_answer() -> None:
    world = group(BOB)
    made = propose(BOBS, b"one", 1)
    first = accepted(world.ask(made))
    assert world.ask(made) == Duplicate(first.answer)
    assert refusal(world.ask(propose(BOBS, b"two", 0))).error == "EpochMismatch"
    assert refusal(world.ask(replace(made, body=b"other bytes"))).error == "InvalidProposal"
    world.ask(commit(ALICES, handshake(now_at(world), ALICES)))
    assert world.ask(made) == Duplicate(first.answer)


# -- who may do what ---------------------------------------------------------------------------------


def test_an_admins_commit_puts_an_account_out_and_a_members_does_not() -> None:
    world = group(BOB, CAROL)
    made = handshake(now_at(world), BOBS, removes=[CAROLS])
    assert refusal(world.ask(commit(BOBS, made))).error == "NotAdmin"
    removing = commit(ALICES, handshake(now_at(world), ALICES, removes=[CAROLS]), "remove")
    outcome = accepted(world.ask(removing))
    assert decode_fact(outcome.entries[1].body) == MemberRemoved(CAROL, ALICE, "removed", None, (CAROLS,))
    assert standing(world.state, CAROL) is Standing.REMOVED
    assert now_at(world).group.stale_leaves == {}


def test_who_proposed_its_own_removal_leaves_by_anybodys_commit() -> None:
    """RFC 9420: nobody can commit its own removal, so somebody else commits the proposal."""
    world = group(BOB, CAROL)
    made = handshake(now_at(world), BOBS, removes=[CAROLS], consented=[CAROLS])
    committed(world.ask(commit(BOBS, made)))
    assert standing(world.state, CAROL) is Standing.LEFT


def test_a_removal_without_a_commit_leaves_a_stale_leaf_that_any_commit_may_clear() -> None:
    """The seed's removeMember carries no commit: membership ends at once, the tree follows."""
    world = group(BOB, CAROL)
    world.ask(RemoveMember(CONVO, ALICE, CAROL))
    assert now_at(world).group.stale_leaves == {CAROLS: 2}
    assert refusal(world.ask(send(CAROL, "m", epoch=1))).error == "NotMember"
    again = handshake(now_at(world), ALICES, adds=[leaf(CAROLS)])
    assert refusal(world.ask(commit(ALICES, again))).error == "InvalidCommit"
    committed(world.ask(commit(BOBS, handshake(now_at(world), BOBS, removes=[CAROLS]))))
    assert now_at(world).group.stale_leaves == {}
    committed(world.ask(commit(ALICES, handshake(now_at(world), ALICES, adds=[leaf(CAROLS)]))))
    assert now_at(world).is_member(CAROL)


def test_a_removal_with_its_commit_must_remove_every_leaf_of_the_account() -> None:
    world = group(BOB)
    second = device(BOB, 2)
    world.ask(commit(ALICES, handshake(now_at(world), ALICES, adds=[leaf(second)])))
    half = handshake(now_at(world), ALICES, removes=[BOBS])
    asked = RemoveMember(CONVO, ALICE, BOB, handshake=half, device=ALICES)
    assert refusal(world.ask(asked)).error == "InvalidCommit"
    whole = handshake(now_at(world), ALICES, removes=[BOBS, second])
    accepted(world.ask(replace(asked, handshake=whole)))
    assert standing(world.state, BOB) is Standing.REMOVED


def test_one_device_of_an_account_goes_and_the_account_stays() -> None:
    world = group(BOB)
    second = device(BOB, 2)
    world.ask(commit(ALICES, handshake(now_at(world), ALICES, adds=[leaf(second)])))
    committed(world.ask(commit(BOBS, handshake(now_at(world), BOBS, removes=[second]))))
    assert now_at(world).devices_of(BOB) == (BOBS,)
    assert not now_at(world).was_member(BOB)
    fact = decode_fact(world.log[-1].body)
    assert fact == MemberRemoved(BOB, None, "device", None, (second,))


def test_a_revoked_device_leaves_alone_without_a_commit() -> None:
    world = group(BOB)
    second = device(BOB, 2)
    world.ask(commit(ALICES, handshake(now_at(world), ALICES, adds=[leaf(second)])))
    accepted(world.ask(Leave(CONVO, BOB, only=second)))
    assert now_at(world).devices_of(BOB) == (BOBS,)
    assert second in now_at(world).group.stale_leaves


def test_who_leaves_with_a_commit_leaves_its_own_leaf_behind() -> None:
    world = group(BOB)
    second = device(BOB, 2)
    world.ask(commit(ALICES, handshake(now_at(world), ALICES, adds=[leaf(second)])))
    made = handshake(now_at(world), BOBS, removes=[second])
    asked = Leave(CONVO, BOB, handshake=made, device=BOBS)
    first = accepted(world.ask(asked))
    assert standing(world.state, BOB) is Standing.LEFT
    assert set(now_at(world).group.stale_leaves) == {BOBS}
    assert world.ask(asked) == Duplicate(first.answer)


def test_a_device_that_asked_for_it_gets_another_leaf_and_never_stops_being_in() -> None:
    world = group(BOB, CAROL)
    made = handshake(now_at(world), BOBS, adds=[leaf(CAROLS, index=5)], removes=[CAROLS])
    assert refusal(world.ask(commit(BOBS, made))).error == "InvalidCommit"
    from_seq = now_at(world).members[CAROLS].from_seq
    committed(world.ask(commit(ALICES, replace(made, committer_device=ALICES))))
    assert now_at(world).members[CAROLS].leaf == 5
    assert now_at(world).members[CAROLS].from_seq == from_seq


# -- from outside ------------------------------------------------------------------------------------


def test_who_left_comes_back_by_an_external_commit_and_who_was_removed_never_does() -> None:
    """Failure 16: a removed member re-admitted itself."""
    world = group(BOB, CAROL)
    world.ask(Leave(CONVO, BOB))
    world.ask(RemoveMember(CONVO, ALICE, CAROL))
    barred = commit(CAROLS, external(now_at(world), CAROLS), "external")
    assert refusal(world.ask(barred)).error == "NotMember"
    outcome = accepted(world.ask(commit(BOBS, external(now_at(world), BOBS), "rejoin")))
    assert standing(world.state, BOB) is Standing.MEMBER
    made = decode_fact(outcome.entries[0].body)
    assert isinstance(made, CommitMade)
    assert (made.external, made.device, made.cleared) == (True, BOBS, (BOBS,))
    assert decode_fact(outcome.entries[1].body) == MembersAdded(BOB, (leaf(BOBS).member,))


def test_a_stranger_learns_nothing_from_an_external_commit() -> None:
    world = group(BOB)
    outcome = refusal(world.ask(commit(DAVES, external(now_at(world), DAVES), "external")))
    assert (outcome.error, outcome.lookup) == ("ConvoNotFound", False)


def test_external_commits_are_rationed_for_the_group_and_for_the_device() -> None:
    """Failure 15: ten devices that lost their state at once made ten epochs, and nobody could send."""
    world = group(BOB, CAROL)
    committed(world.ask(commit(BOBS, external(now_at(world), BOBS), "external"), NOW))
    frozen = refusal(world.ask(commit(CAROLS, external(now_at(world), CAROLS), "external"), NOW + 10))
    assert (frozen.error, frozen.retry_after) == ("GroupFrozen", 20.0)
    again = refusal(world.ask(commit(BOBS, external(now_at(world), BOBS), "external"), NOW + 31))
    assert (again.error, again.retry_after) == ("GroupFrozen", 28.0)
    committed(world.ask(commit(CAROLS, external(now_at(world), CAROLS), "external"), NOW + 31))


def test_a_device_that_is_in_removes_its_own_old_leaf_and_nobody_elses() -> None:
    world = group(BOB, CAROL)
    made = external(now_at(world), BOBS)
    for removes in ((), (CAROLS,), (BOBS, CAROLS)):
        wrong = commit(BOBS, replace(made, removes=removes), "external")
        assert refusal(world.ask(wrong)).error == "InvalidCommit"
    greedy = replace(made, adds=(*made.adds, leaf(DAVES)))
    assert refusal(world.ask(commit(BOBS, greedy, "external"))).error == "InvalidCommit"
    hidden = replace(made, private=True)
    assert refusal(world.ask(commit(BOBS, hidden, "external"))).error == "InvalidCommit"


def test_an_external_commit_cannot_be_at_epoch_zero_nor_where_the_policy_forbids_it() -> None:
    world = group()
    world.ask(AddMembers(CONVO, ALICE, (leaf(BOBS).member,)))
    assert standing(world.state, BOB) is Standing.PENDING
    joining = commit(BOBS, external(now_at(world), BOBS), "external")
    assert refusal(world.ask(joining)).error == "InvalidCommit"
    world.ask(commit(ALICES, handshake(now_at(world), ALICES)))
    world.ask(UpdatePolicy(CONVO, ALICE, PolicyChange(external_commits=False)))
    joining = commit(BOBS, external(now_at(world), BOBS), "external")
    assert refusal(world.ask(joining)).error == "Unauthorized"
    world.ask(UpdatePolicy(CONVO, ALICE, PolicyChange(external_commits=True)))
    committed(world.ask(joining))
    assert standing(world.state, BOB) is Standing.MEMBER


def test_a_commit_without_a_group_info_drops_the_one_of_the_epoch_before() -> None:
    """An old GroupInfo would let somebody join an epoch that is over."""
    world = group(BOB)
    world.ask(commit(ALICES, handshake(now_at(world), ALICES, info=group_info(2))))
    outcome = accepted(world.ask(commit(ALICES, handshake(now_at(world), ALICES))))
    assert outcome.effects == (DropGroupInfo(),)
    assert now_at(world).group.group_info_hash is None
