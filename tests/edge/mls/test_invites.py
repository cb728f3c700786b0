"""Invites: made by whom the policy lets, seen and ended by admins, used by whom they are for."""

from __future__ import annotations

from typing import Any

from crypto.mls import (
    Commit,
    ExternalPsk,
    PreSharedKey,
    PreSharedKeyId,
    ProposalByValue,
    PublicGroup,
    ResumptionPsk,
    ResumptionUsage,
    Sender,
    SenderType,
)
from crypto.mls.testing import MadeCommit
from router.edge.mls.invites import MAX_OPEN
from tests.edge.house import House
from tests.edge.mls.circle import Circle, gather
from tests.edge.mls.people import Phone, phone

HASH = "00ff" * 16


async def two(house: House) -> Circle:
    return await gather(house, "alice", "bob")


async def test_an_admin_invites_and_takes_it_back(house: House) -> None:
    """The example, with everything an invite can say."""
    circle = await two(house)
    dan = await circle.account("dan")
    wanted = {"pskHash": HASH, "targetDid": dan.did, "expiresAt": "2026-06-01T02:00:01+02:00", "maxUses": 3}
    await circle.acts()
    made = await circle.does("alice", "createInvite", **wanted)
    view = {
        "inviteId": made["inviteId"],
        "convoId": circle.id,
        "createdBy": circle.did("alice"),
        "createdAt": "2026-05-28T20:26:40Z",
        **wanted,
        "expiresAt": "2026-06-01T00:00:00Z",
        "useCount": 0,
        "isRevoked": False,
    }
    assert made["invite"] == view
    assert (await circle.does("alice", "listInvites"))["invites"] == [view]
    house.now += 60
    assert await circle.does("alice", "revokeInvite", inviteId=made["inviteId"]) == {"success": True}
    assert (await circle.does("alice", "listInvites"))["invites"] == []
    ended = {"isRevoked": True, "revokedAt": "2026-05-28T20:27:40Z", "revokedBy": circle.did("alice")}
    assert (await circle.does("alice", "listInvites", includeRevoked="true"))["invites"] == [view | ended]
    assert await circle.refused("alice", "revokeInvite", inviteId=made["inviteId"]) == "AlreadyRevoked"
    assert await circle.acts() == [("invite.created", "alice", "dan"), ("invite.revoked", "alice", "dan")]


async def test_a_hash_is_64_lower_case_digits_and_nothing_else(house: House) -> None:
    circle = await two(house)
    for wrong in ("", "0" * 63, "0" * 65, "0G" * 32, "FF" * 32, "0" * 64 + "\n", "é" * 32):
        assert await circle.refused("alice", "createInvite", pskHash=wrong) == "InvalidPSKHash", wrong
    assert (await circle.does("alice", "listInvites"))["invites"] == []


async def test_who_may_invite_the_policy_says(house: House) -> None:
    circle = await two(house)
    for change, alice, bob in (
        ({}, True, True),
        ({"adminOnlyInvites": True}, True, False),
        ({"allowInvites": False}, False, False),
        ({"adminOnlyInvites": False}, False, False),
        ({"allowInvites": True}, True, True),
    ):
        if change:
            await circle.does("alice", "updatePolicy", **change)
        for who, may in (("alice", alice), ("bob", bob)):
            answer = await circle.call(who, "createInvite", pskHash=HASH)
            assert answer.status_code == (200 if may else 403), (change, who)
            assert may or answer.json()["error"] == "Unauthorized"


REFUSED: tuple[tuple[str, str, dict[str, Any], str], ...] = (
    ("dan", "createInvite", {"pskHash": HASH}, "ConvoNotFound"),
    ("alice", "createInvite", {"pskHash": HASH, "expiresAt": "2026-05-28T20:26:40Z"}, "InvalidRequest"),
    ("alice", "createInvite", {"pskHash": HASH, "expiresAt": "2026-06-31T00:00:00Z"}, "InvalidRequest"),
    ("alice", "createInvite", {"pskHash": HASH, "maxUses": 0}, "InvalidRequest"),
    ("bob", "listInvites", {}, "Unauthorized"),
    ("dan", "listInvites", {}, "ConvoNotFound"),
    ("alice", "revokeInvite", {"inviteId": "nope"}, "InviteNotFound"),
)


async def test_what_may_not_be_is_refused_by_its_name(house: House) -> None:
    circle = await two(house)
    for who, method, given, error in REFUSED:
        assert await circle.refused(who, method, **given) == error, (who, method, given)
    made = await circle.does("bob", "createInvite", pskHash=HASH)
    named = {"inviteId": made["inviteId"]}
    assert await circle.refused("bob", "revokeInvite", **named) == "Unauthorized", "also who made it"
    assert await circle.refused("dan", "revokeInvite", **named) == "InviteNotFound", "as if there were none"
    await circle.does("bob", "leaveConvo")
    assert await circle.refused("bob", "createInvite", pskHash=HASH) == "NotMember"
    assert await circle.refused("bob", "listInvites") == "NotMember"
    assert await circle.refused("bob", "revokeInvite", **named) == "Unauthorized"


async def test_a_retry_gets_the_first_answer_whatever_has_become_of_the_invite(house: House) -> None:
    circle = await two(house)
    given = {"pskHash": HASH, "expiresAt": "2026-05-28T21:00:00Z", "idempotencyKey": "k"}
    first = await circle.does("alice", "createInvite", **given)
    other = {**given, "pskHash": "11" * 32}
    assert await circle.refused("alice", "createInvite", **other) == "IdempotencyConflict"
    await circle.does("alice", "revokeInvite", inviteId=first["inviteId"])
    house.now += 3_600
    await circle.does("alice", "updatePolicy", allowInvites=False)
    assert await circle.does("alice", "createInvite", **given) == first
    assert len((await circle.does("alice", "listInvites", includeRevoked="true"))["invites"]) == 1


async def test_only_so_many_are_open_at_a_time(house: House) -> None:
    circle = await two(house)
    made = [await circle.does("alice", "createInvite", pskHash=HASH) for _ in range(MAX_OPEN)]
    assert await circle.refused("alice", "createInvite", pskHash=HASH) == "TooManyInvites"
    await circle.does("alice", "revokeInvite", inviteId=made[0]["inviteId"])
    await circle.does("alice", "createInvite", pskHash=HASH)
    listed = (await circle.does("alice", "listInvites"))["invites"]
    assert [invite["inviteId"] for invite in listed][1:] == [each["inviteId"] for each in made[:0:-1]]


# -- used by who comes in ----------------------------------------------------------------------------


def joining(by: Phone, group: PublicGroup, *psks: PreSharedKeyId) -> MadeCommit:
    """An external commit with PSKs in it."""
    good = by.client.join(group).message.content
    assert isinstance(good, Commit)
    keys = (ProposalByValue(PreSharedKey(psk)) for psk in psks)
    content = Commit((*good.proposals, *keys), good.path)
    sender = Sender(SenderType.NEW_MEMBER_COMMIT)
    return by.client.finish_commit(group, by.client.sign(group, content, sender), [])


async def test_who_comes_in_with_its_secret_has_used_an_invite(house: House) -> None:
    """Dan and Eve were named; each comes in with what he was given. A resend uses nothing."""
    circle = await gather(house, "alice", "bob")
    dan, eve = await phone(house, "dan"), await phone(house, "eve")
    for psk, more in (("aa" * 32, {"maxUses": 1}), ("bb" * 32, {"targetDid": dan.did}), ("cc" * 32, {})):
        await circle.does("alice", "createInvite", pskHash=psk, **more)
    await circle.does("alice", "addMembers", didList=[dan.did, eve.did], idempotencyKey="a")
    await circle.acts()
    nonce = bytes(32)
    any_one, named = ExternalPsk(b"\xaa" * 32, nonce), ExternalPsk(b"\xbb" * 32, nonce)
    foreign = ExternalPsk(b"\xdd" * 32, nonce), ExternalPsk(b"a pin", nonce)
    of_the_group = ResumptionPsk(ResumptionUsage.APPLICATION, b"\xcc" * 32, 1, nonce)

    made = joining(dan, circle.room.group, any_one, named, *foreign, of_the_group)
    body = circle.room.external(dan, made)
    for _ in range(2):
        assert await circle.does("dan", "processExternalCommit", **body)
    house.now += 60
    later = joining(eve, made.group, any_one, named)
    assert await circle.does("eve", "processExternalCommit", **circle.room.external(eve, later))

    listed = (await circle.does("alice", "listInvites"))["invites"]
    assert {invite["pskHash"][:2]: invite["useCount"] for invite in listed} == {"aa": 1, "bb": 1, "cc": 0}
    assert [act[:2] for act in await circle.acts() if act[0] == "invite.used"] == [("invite.used", "dan")] * 2


async def test_an_invite_makes_nobody_a_member(house: House) -> None:
    """It is the conversation that says who may come in by himself: a stranger may not, whatever he knows."""
    circle = await two(house)
    dan = await phone(house, "dan")
    await circle.does("alice", "createInvite", pskHash="aa" * 32, targetDid=dan.did)
    made = joining(dan, circle.room.group, ExternalPsk(b"\xaa" * 32, bytes(32)))
    body = circle.room.external(dan, made)
    assert await circle.refused("dan", "processExternalCommit", **body) == "ConvoNotFound"
    assert (await circle.does("alice", "listInvites"))["invites"][0]["useCount"] == 0
