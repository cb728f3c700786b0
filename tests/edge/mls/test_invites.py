"""Invites: made by whom the policy lets, seen and ended by admins, used by whom they are for."""

from __future__ import annotations

from typing import Any

from crypto.mls import ExternalPsk, ResumptionPsk, ResumptionUsage
from protocol import AccountDid
from router.edge.mls.invites import MAX_OPEN, use_invites
from tests.edge.house import House
from tests.edge.mls.circle import Circle, gather

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


async def test_a_use_is_counted_by_the_name_of_the_psk(house: House) -> None:
    """A PSK that is no invite's, of another kind or for another account uses nothing."""
    circle = await two(house)
    dan, eve = await circle.account("dan"), await circle.account("eve")
    for psk, more in (("aa" * 32, {"maxUses": 1}), ("bb" * 32, {"targetDid": dan.did})):
        await circle.does("alice", "createInvite", pskHash=psk, **more)
    await circle.acts()
    nonce = bytes(32)
    any_one, named = ExternalPsk(b"\xaa" * 32, nonce), ExternalPsk(b"\xbb" * 32, nonce)
    foreign = (ExternalPsk(b"\xcc" * 32, nonce), ExternalPsk(b"pin", nonce))
    of_the_group = ResumptionPsk(ResumptionUsage.APPLICATION, b"\xaa" * 32, 1, nonce)

    async def uses(who: str, *psks: ExternalPsk | ResumptionPsk) -> int:
        return await use_invites(house.edge, circle.id, AccountDid(who), psks)

    assert await uses(eve.did, *foreign, of_the_group, named) == 0
    assert await uses(dan.did, any_one, any_one, named, *foreign) == 2
    assert await uses(eve.did, any_one) == 0, "it served once"
    listed = (await circle.does("alice", "listInvites"))["invites"]
    assert {invite["pskHash"][:2]: invite["useCount"] for invite in listed} == {"aa": 1, "bb": 1}
    assert [act[:2] for act in await circle.acts()] == [("invite.used", "dan")] * 2
