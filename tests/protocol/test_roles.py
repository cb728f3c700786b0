"""Roles, the policy and warnings: over accounts, and never without an admin."""

import pytest

from protocol import (
    AddMembers,
    ChangeRole,
    Leave,
    PolicyChange,
    RemoveMember,
    Standing,
    UpdatePolicy,
    Warn,
    acts_of,
    decide_batch,
    may_invite,
    standing,
)
from tests.protocol.groups import ALICES, accepted, commit, group, handshake, leaf, now_at
from tests.protocol.worlds import (
    ALICE,
    BOB,
    CAROL,
    CONVO,
    DAVE,
    EVE,
    LIMITS,
    MALLORY,
    NOW,
    device,
    devices,
    refusal,
)


def test_of_two_demotions_at_once_one_leaves_an_admin() -> None:
    """Failure 28: both counted two admins, and none was left."""
    world = group(BOB)
    accepted(world.ask(ChangeRole(CONVO, ALICE, BOB, "admin")))
    both = [ChangeRole(CONVO, ALICE, BOB, "member"), ChangeRole(CONVO, BOB, ALICE, "member")]
    decision = decide_batch(now_at(world), both, now=NOW, limits=LIMITS)
    accepted(decision.outcomes[0])
    assert refusal(decision.outcomes[1]).error == "NotAdmin"
    assert refusal(world.ask(ChangeRole(CONVO, MALLORY, BOB, "member"))).error == "ConvoNotFound"
    accepted(world.ask(both[0]))
    assert refusal(world.ask(ChangeRole(CONVO, ALICE, ALICE, "member"))).error == "LastAdmin"


def test_two_devices_of_one_admin_are_one_admin() -> None:
    """Failure 11: device rows were counted, so the last admin could be demoted."""
    world = group(BOB)
    world.ask(commit(ALICES, handshake(now_at(world), ALICES, adds=[leaf(device(ALICE, 2))])))
    assert refusal(world.ask(ChangeRole(CONVO, ALICE, ALICE, "member"))).error == "LastAdmin"


@pytest.mark.parametrize(
    ("command", "error"),
    [
        (ChangeRole(CONVO, ALICE, ALICE, "admin"), "AlreadyAdmin"),
        (ChangeRole(CONVO, ALICE, ALICE, "moderator"), "IsAdmin"),
        (ChangeRole(CONVO, ALICE, CAROL, "moderator"), "AlreadyModerator"),
        (ChangeRole(CONVO, ALICE, BOB, "member"), "NotAdminTarget"),
        (ChangeRole(CONVO, ALICE, BOB, "member", was="moderator"), "NotModerator"),
        (ChangeRole(CONVO, ALICE, DAVE, "admin"), "NotMember"),
        (ChangeRole(CONVO, BOB, BOB, "admin"), "NotAdmin"),
        (ChangeRole(CONVO, CAROL, BOB, "moderator"), "NotAdmin"),
        (Warn(CONVO, BOB, CAROL, "w"), "NotAdmin"),
        (Warn(CONVO, CAROL, ALICE, "w"), "CannotWarnAdmin"),
        (Warn(CONVO, CAROL, DAVE, "w"), "TargetNotMember"),
        (UpdatePolicy(CONVO, CAROL, PolicyChange(rejoin=False)), "NotAdmin"),
        (UpdatePolicy(CONVO, ALICE, PolicyChange()), "NoFieldsProvided"),
        (UpdatePolicy(CONVO, ALICE, PolicyChange(max_members=2)), "InvalidMaxMembers"),
        (UpdatePolicy(CONVO, ALICE, PolicyChange(max_members=6)), "InvalidMaxMembers"),
    ],
)
def test_what_a_role_does_not_allow_is_refused_by_name(
    command: ChangeRole | Warn | UpdatePolicy, error: str
) -> None:
    world = group(BOB, CAROL)
    accepted(world.ask(ChangeRole(CONVO, ALICE, CAROL, "moderator")))
    assert refusal(world.ask(command)).error == error


def test_a_moderator_warns_and_may_give_up_its_role() -> None:
    world = group(BOB, CAROL)
    world.ask(ChangeRole(CONVO, ALICE, CAROL, "moderator"))
    assert standing(world.state, CAROL) is Standing.MODERATOR
    accepted(world.ask(Warn(CONVO, CAROL, BOB, "w-1")))
    accepted(world.ask(ChangeRole(CONVO, CAROL, CAROL, "member", was="moderator")))
    assert standing(world.state, CAROL) is Standing.MEMBER


def test_every_act_of_an_admin_is_told_to_the_audit() -> None:
    world = group(BOB, CAROL)
    world.ask(ChangeRole(CONVO, ALICE, BOB, "moderator"))
    world.ask(ChangeRole(CONVO, ALICE, BOB, "admin"))
    world.ask(ChangeRole(CONVO, ALICE, BOB, "member"))
    world.ask(Warn(CONVO, ALICE, BOB, "w-1"))
    world.ask(UpdatePolicy(CONVO, ALICE, PolicyChange(rejoin=False)))
    world.ask(RemoveMember(CONVO, ALICE, CAROL))
    told = [(act.action, act.actor, act.subject) for entry in world.log[1:] for act in acts_of(entry)]
    assert told == [
        ("moderator.promoted", ALICE, BOB),
        ("admin.promoted", ALICE, BOB),
        ("member.demoted", ALICE, BOB),
        ("member.warned", ALICE, BOB),
        ("policy.changed", ALICE, None),
        ("member.removed", ALICE, CAROL),
    ]


def test_the_policy_says_who_brings_in_and_who_puts_out() -> None:
    world = group(BOB, CAROL)
    world.ask(UpdatePolicy(CONVO, ALICE, PolicyChange(allow_member_add=False, allow_member_remove=True)))
    bobs = device(BOB)
    made = handshake(now_at(world), bobs, adds=[leaf(device(DAVE))])
    assert refusal(world.ask(commit(bobs, made))).error == "NotAdmin"
    assert refusal(world.ask(AddMembers(CONVO, BOB, devices(DAVE)))).error == "NotAdmin"
    accepted(world.ask(AddMembers(CONVO, ALICE, devices(DAVE))))
    accepted(world.ask(commit(bobs, made)))
    assert refusal(world.ask(RemoveMember(CONVO, BOB, ALICE))).error == "NotAdmin"
    accepted(world.ask(RemoveMember(CONVO, BOB, CAROL)))
    assert standing(world.state, CAROL) is Standing.REMOVED


def test_a_group_takes_no_more_accounts_than_its_policy_says() -> None:
    world = group(BOB, CAROL)
    world.ask(UpdatePolicy(CONVO, ALICE, PolicyChange(max_members=3)))
    made = handshake(now_at(world), ALICES, adds=[leaf(device(EVE))])
    assert refusal(world.ask(commit(ALICES, made))).error == "TooManyMembers"
    second = handshake(now_at(world), ALICES, adds=[leaf(device(BOB, 2))])
    accepted(world.ask(commit(ALICES, second)))


def test_the_policy_tells_when_and_by_whom_it_was_changed() -> None:
    world = group(BOB)
    world.ask(UpdatePolicy(CONVO, ALICE, PolicyChange(rejoin=False)))
    policy = now_at(world).group.policy
    assert (policy.rejoin, policy.updated, policy.updated_by) == (False, 1_000_000, ALICE)


def test_who_may_invite_depends_on_the_policy_and_the_role() -> None:
    world = group(BOB)
    assert may_invite(now_at(world), BOB) is None
    assert may_invite(now_at(world), MALLORY) is not None
    world.ask(UpdatePolicy(CONVO, ALICE, PolicyChange(admin_only_invites=True)))
    assert may_invite(now_at(world), BOB) is not None
    assert may_invite(now_at(world), ALICE) is None
    world.ask(UpdatePolicy(CONVO, ALICE, PolicyChange(allow_invites=False)))
    assert may_invite(now_at(world), ALICE) is not None


def test_when_the_last_admin_leaves_a_moderator_who_succeeds_is_no_moderator_any_more() -> None:
    world = group(BOB)
    world.ask(ChangeRole(CONVO, ALICE, BOB, "moderator"))
    world.ask(Leave(CONVO, ALICE))
    assert standing(world.state, BOB) is Standing.ADMIN
    assert now_at(world).group.moderators == frozenset()
