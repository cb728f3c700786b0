"""Admins, moderators, the policy, warnings: who may, what is refused and by which name, what is recorded."""

from __future__ import annotations

from typing import Any

from protocol import EntryKind, Warned, decode_fact
from router.config.sections import Limits, Server, Settings
from tests.edge.house import MLS, House, error_name, open_house
from tests.edge.mls.circle import Circle, gather
from tests.edge.mls.people import phone


async def three(house: House) -> Circle:
    return await gather(house, "alice", "bob", "carol")


async def test_an_admin_makes_another_and_everybody_sees_it(house: House) -> None:
    """The example: the answer says when, the view says who, the audit says by whom."""
    circle = await three(house)
    made = await circle.does("alice", "promoteAdmin", targetDid=circle.did("bob"))
    assert made == {"ok": True, "promotedAt": "2026-05-28T20:26:40Z"}
    assert await circle.admins("carol") == {"alice", "bob"}
    await circle.does("bob", "demoteAdmin", targetDid=circle.did("alice"))
    assert await circle.admins("carol") == {"bob"}
    assert await circle.acts() == [("admin.promoted", "alice", "bob"), ("member.demoted", "bob", "alice")]


ROLES_REFUSED = (
    ("bob", "promoteAdmin", "carol", "NotAdmin"),
    ("alice", "promoteAdmin", "alice", "AlreadyAdmin"),
    ("alice", "promoteAdmin", "dan", "NotMember"),
    ("dan", "promoteAdmin", "bob", "ConvoNotFound"),
    ("bob", "demoteAdmin", "alice", "NotAdmin"),
    ("bob", "demoteAdmin", "bob", "NotAdminTarget"),
    ("alice", "demoteAdmin", "bob", "NotAdminTarget"),
    ("alice", "demoteAdmin", "alice", "LastAdmin"),
    ("alice", "demoteAdmin", "dan", "NotMember"),
    ("dan", "demoteAdmin", "alice", "ConvoNotFound"),
    ("bob", "promoteModerator", "carol", "NotAdmin"),
    ("alice", "promoteModerator", "carol", "AlreadyModerator"),
    ("alice", "promoteModerator", "alice", "IsAdmin"),
    ("alice", "promoteModerator", "dan", "NotMember"),
    ("dan", "promoteModerator", "bob", "ConvoNotFound"),
    ("bob", "demoteModerator", "carol", "NotAdmin"),
    ("alice", "demoteModerator", "bob", "NotModerator"),
    ("alice", "demoteModerator", "dan", "NotMember"),
    ("dan", "demoteModerator", "carol", "ConvoNotFound"),
    ("carol", "promoteAdmin", "carol", "NotAdmin"),
)
"""Carol is moderator here, Dan a stranger with an account."""


async def test_a_role_that_may_not_change_is_refused_by_its_name_and_nothing_happens(house: House) -> None:
    circle = await three(house)
    await circle.account("dan")
    await circle.does("alice", "promoteModerator", targetDid=circle.did("carol"))
    await circle.acts()
    before = await circle.seq()
    for who, method, target, error in ROLES_REFUSED:
        did = (await circle.account(target)).did
        assert await circle.refused(who, method, targetDid=did) == error, (who, method, target)
    assert await circle.seq() == before
    assert await circle.acts() == []


async def test_who_has_gone_is_told_so(house: House) -> None:
    circle = await three(house)
    await circle.does("bob", "leaveConvo")
    for method in ("promoteAdmin", "demoteAdmin", "promoteModerator", "demoteModerator"):
        assert await circle.refused("bob", method, targetDid=circle.did("carol")) == "NotMember"
    assert await circle.refused("bob", "updatePolicy", allowInvites=False) == "NotMember"
    assert await circle.refused("bob", "getPolicy") == "NotMember"
    assert await circle.refused("bob", "warnMember", memberDid=circle.did("carol"), reason="x") == "NotMember"


async def test_a_conversation_of_the_other_family_is_none_here(house: House) -> None:
    """Sealed conversations have no roles to give: what their members may is not changed through this door."""
    convo = await house.group("alice", "bob")
    alice, bob = await house.account("alice"), await house.account("bob")
    calls: dict[str, dict[str, Any]] = {
        "promoteAdmin": {"targetDid": bob.did},
        "demoteAdmin": {"targetDid": alice.did},
        "promoteModerator": {"targetDid": bob.did},
        "demoteModerator": {"targetDid": bob.did},
        "warnMember": {"memberDid": bob.did, "reason": "x"},
        "updatePolicy": {"allowInvites": False},
        "reportMember": {"reportedDid": bob.did, "category": "spam", "encryptedContent": {"$bytes": ""}},
        "createInvite": {"pskHash": "0" * 64},
    }
    for method, more in calls.items():
        answer = await house.send("POST", f"{MLS}.{method}", alice, json={"convoId": convo, **more})
        assert error_name(answer) == "ConvoNotFound", method


async def test_moderators_come_and_go_and_lay_it_down_themselves(house: House) -> None:
    circle = await three(house)
    bob = {"targetDid": circle.did("bob")}
    assert (await circle.does("alice", "promoteModerator", **bob))["ok"] is True
    await circle.does("alice", "demoteModerator", **bob)
    await circle.does("alice", "promoteModerator", **bob)
    await circle.does("bob", "demoteModerator", **bob)
    await circle.does("alice", "promoteModerator", **bob)
    await circle.does("alice", "promoteAdmin", **bob)
    assert await circle.refused("alice", "demoteModerator", **bob) == "NotModerator"
    assert [act[0] for act in await circle.acts()] == [
        "moderator.promoted", "member.demoted", "moderator.promoted", "member.demoted", "moderator.promoted",
        "admin.promoted",
    ]  # fmt: skip


# -- warnings ----------------------------------------------------------------------------------------


async def warned(circle: Circle) -> Warned:
    (entry,) = await circle.house.store.conversation_entries(
        circle.id, after_seq=0, max_entries=99, max_bytes=10**6, kinds=frozenset({EntryKind.NOTICE})
    )
    fact = decode_fact(entry.body)
    assert isinstance(fact, Warned)
    return fact


async def test_a_warning_is_told_once_and_its_reason_kept_from_everybody(house: House) -> None:
    """A retry under its key is one warning; what it is for stands in no log and no database."""
    circle = await three(house)
    await circle.does("alice", "promoteModerator", targetDid=circle.did("carol"))
    await circle.acts()
    body = {
        "memberDid": circle.did("bob"),
        "reason": "he shouts",
        "expiresAt": "2026-06-01T00:00:01Z",
        "idempotencyKey": "w",
    }
    first = await circle.does("carol", "warnMember", **body)
    house.now += 600
    assert await circle.does("carol", "warnMember", **body) == first
    assert await circle.refused("carol", "warnMember", **{**body, "reason": "other"}) == "IdempotencyConflict"
    fact = await warned(circle)
    assert (fact.by, fact.account, fact.warning_id) == (
        circle.did("carol"), circle.did("bob"), first["warningId"],
    )  # fmt: skip
    assert fact.expires == 1_780_272_000, "in the log's buckets"
    assert await circle.acts() == [("member.warned", "carol", "bob")]
    entries = await house.store.conversation_entries(circle.id, after_seq=0, max_entries=99, max_bytes=10**6)
    assert not any(b"shouts" in entry.body for entry in entries)


async def test_a_retry_of_a_warning_is_answered_also_when_it_has_expired_or_its_author_has_gone(
    house: House,
) -> None:
    circle = await three(house)
    await circle.does("alice", "promoteModerator", targetDid=circle.did("carol"))
    body = {"memberDid": circle.did("bob"), "reason": "x", "idempotencyKey": "w"}
    body["expiresAt"] = "2026-05-28T21:00:00Z"
    first = await circle.does("carol", "warnMember", **body)
    house.now += 3_600
    await circle.does("carol", "leaveConvo")
    assert await circle.does("carol", "warnMember", **body) == first


WARNINGS_REFUSED: tuple[tuple[str, str, dict[str, str], str], ...] = (
    ("bob", "carol", {}, "NotAdmin"),
    ("alice", "dan", {}, "TargetNotMember"),
    ("carol", "alice", {}, "CannotWarnAdmin"),
    ("alice", "alice", {}, "CannotWarnAdmin"),
    ("dan", "bob", {}, "ConvoNotFound"),
    ("alice", "bob", {"expiresAt": "2026-02-30T00:00:00Z"}, "InvalidRequest"),
    ("alice", "bob", {"expiresAt": "9999-12-31T23:59:59-12:00"}, "InvalidRequest"),
    ("alice", "bob", {"expiresAt": "2026-12-31T23:59:60Z"}, "InvalidRequest"),
)


async def test_a_warning_that_may_not_be_is_refused(house: House) -> None:
    """Also an end that is on no calendar: the lexicon's pattern lets it through."""
    circle = await three(house)
    await circle.does("alice", "promoteModerator", targetDid=circle.did("carol"))
    before = await circle.seq()
    for who, target, more, error in WARNINGS_REFUSED:
        did = (await circle.account(target)).did
        assert await circle.refused(who, "warnMember", memberDid=did, reason="x", **more) == error, more
    assert await circle.seq() == before


# -- the policy --------------------------------------------------------------------------------------

DEFAULTS: dict[str, Any] = {
    "allowInvites": True,
    "adminOnlyInvites": False,
    "allowMemberAdd": True,
    "allowMemberRemove": False,
    "requireAdminApproval": False,
    "maxMembers": 1_000,
}


async def test_the_policy_is_what_the_admins_say_and_everybody_reads_it(house: House) -> None:
    circle = await three(house)
    shown = (await circle.does("bob", "getPolicy"))["policy"]
    assert shown == {"convoId": circle.id, **DEFAULTS, "updatedAt": "2026-05-28T20:26:40Z"}
    house.now += 60
    changed = {"allowMemberAdd": False, "maxMembers": 3}
    policy = (await circle.does("alice", "updatePolicy", **changed))["policy"]
    later = {"updatedAt": "2026-05-28T20:27:40Z", "updatedBy": circle.did("alice")}
    assert policy == {"convoId": circle.id, **DEFAULTS, **changed, **later}
    assert (await circle.does("carol", "getPolicy"))["policy"] == policy
    assert await circle.acts() == [("policy.changed", "alice", None)]


async def test_the_same_change_again_is_no_change(house: House) -> None:
    """What a retry would do is done: no second entry, no second record, the first one's time."""
    circle = await three(house)
    first = await circle.does("alice", "updatePolicy", allowInvites=False)
    seq = await circle.seq()
    house.now += 60
    assert await circle.does("alice", "updatePolicy", allowInvites=False) == first
    assert await circle.seq() == seq
    assert len(await circle.acts()) == 1


CHANGES_REFUSED: tuple[tuple[str, dict[str, Any], str], ...] = (
    ("bob", {"allowInvites": False}, "Unauthorized"),
    ("bob", {}, "Unauthorized"),
    ("carol", {"allowInvites": True}, "Unauthorized"),
    ("dan", {"allowInvites": False}, "ConvoNotFound"),
    ("alice", {}, "NoFieldsProvided"),
    ("alice", {"maxMembers": 2}, "InvalidMaxMembers"),
)
"""Three are in, so two is too few; a moderator (Carol) changes no policy."""


async def test_a_change_that_may_not_be_is_refused(house: House) -> None:
    circle = await three(house)
    await circle.does("alice", "promoteModerator", targetDid=circle.did("carol"))
    for who, change, error in CHANGES_REFUSED:
        assert await circle.refused(who, "updatePolicy", **change) == error, (who, change)
    assert (await circle.does("bob", "getPolicy"))["policy"].items() >= DEFAULTS.items()
    assert await circle.refused("dan", "getPolicy") == "ConvoNotFound", "a stranger learns none"


async def test_the_operators_bound_holds_whatever_the_policy_says() -> None:
    settings = Settings(server=Server(body_timeout=5.0), limits=Limits(max_members=5_000))
    async with open_house(settings=settings) as house:
        circle = await three(house)
        assert (await circle.does("bob", "getPolicy"))["policy"]["maxMembers"] == 1_000, "the lexicon's most"


async def test_the_policy_binds(house: House) -> None:
    """Not only words: who may add follows it."""
    circle = await gather(house, "alice", "bob")
    dan = await phone(house, "dan")
    await circle.does("alice", "updatePolicy", allowMemberAdd=False, maxMembers=2)
    added = {"didList": [dan.did], "idempotencyKey": "a"}
    assert await circle.refused("bob", "addMembers", **added) in ("NotAdmin", "Forbidden")
    assert await circle.refused("alice", "addMembers", **added) == "TooManyMembers"
