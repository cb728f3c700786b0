"""Going and being put out, with a commit and before one; and another group when the first is stuck."""

from __future__ import annotations

import base64
from typing import Any

import pytest

from crypto.mls import encode_message
from protocol import ConversationId
from tests.edge.house import MLS, House, error_name, sealed
from tests.edge.mls.people import SUITE_NAME, Phone, Room, create, phone, text
from tests.edge.mls.test_commits import pair

RESET = "blue.catbird.mlsChat.resetGroup"


async def views(house: House, room: Room, by: Phone) -> dict[str, Any]:
    found = (await house.get(by.account, f"{MLS}.getConvos"))["conversations"]
    (view,) = [each for each in found if each["id"] == room.convo]
    return dict(view)


def base64_of(room: Room, by: Phone, *targets: Phone) -> dict[str, str]:
    made = by.client.commit(room.group, room.remove(*targets))
    return {
        "commit": base64.b64encode(encode_message(made.message)).decode(),
        "groupInfo": text(made.group_info),
    }


async def test_a_removal_without_a_commit_ends_the_membership_and_hints_at_the_epoch(house: House) -> None:
    """The seed contract: the leaf waits for a commit, which may remove it."""
    room, alice, bob = await pair(house)
    body = {"convoId": room.convo, "targetDid": bob.did, "idempotencyKey": "1"}
    answer = await house.post(alice.account, f"{MLS}.removeMember", body)
    assert answer == {"ok": True, "epochHint": 1}
    refused = await house.send("POST", f"{MLS}.sendMessage", bob.account, json=room.message(bob, "m"))
    assert error_name(refused) == "NotMember"
    await room.commit(alice, room.remove(bob))
    state = await house.store.conversation(ConversationId(room.convo))
    assert state is not None
    assert not state.group.stale_leaves


async def test_a_removal_with_its_commit_is_one_step(house: House) -> None:
    room, alice, bob = await pair(house)
    body = {"convoId": room.convo, "targetDid": bob.did, "idempotencyKey": "1"}
    body |= base64_of(room, alice, bob)
    answer = await house.post(alice.account, f"{MLS}.removeMember", body)
    assert answer == {"ok": True, "epochHint": 2, "newEpoch": 2}
    assert await house.post(alice.account, f"{MLS}.removeMember", body) == answer
    assert [each["did"] for each in (await views(house, room, alice))["members"]] == [alice.did]


async def test_a_commit_that_removes_somebody_else_is_not_what_was_asked_for(house: House) -> None:
    alice, bob, carol = [await phone(house, name) for name in ("alice", "bob", "carol")]
    room = await create(house, alice, bob, carol)
    body = {"convoId": room.convo, "targetDid": bob.did, "idempotencyKey": "1"}
    body |= base64_of(room, alice, carol)
    answer = await house.send("POST", f"{MLS}.removeMember", alice.account, json=body)
    assert error_name(answer) == "InvalidCommit"
    body = {"convoId": room.convo, "targetDid": alice.did, **base64_of(room, bob, alice)}
    answer = await house.send("POST", f"{MLS}.leaveConvo", bob.account, json=body)
    assert error_name(answer) == "NotAdmin"


async def test_who_goes_takes_its_devices_along(house: House) -> None:
    """A member cannot remove the leaf that commits: that one waits for the commit of another."""
    alice, bob = await phone(house, "alice"), await phone(house, "bob")
    tablet = await phone(house, "bob", 2)
    room = await create(house, alice, bob, tablet)
    body = {"convoId": room.convo, "deviceId": bob.id, **base64_of(room, bob, tablet)}
    answer = await house.post(bob.account, f"{MLS}.leaveConvo", body)
    assert answer == {"success": True, "newEpoch": 2}
    assert await house.post(bob.account, f"{MLS}.leaveConvo", body) == answer
    state = await house.store.conversation(ConversationId(room.convo))
    assert state is not None
    assert set(state.group.stale_leaves) == {bob.id}
    assert [each["did"] for each in (await views(house, room, alice))["members"]] == [alice.did]


async def test_an_admin_puts_somebody_out_by_leave_convo(house: House) -> None:
    """leaveConvo with targetDid was for the creator alone."""
    room, alice, bob = await pair(house)
    body = {"convoId": room.convo, "targetDid": bob.did, **base64_of(room, alice, bob)}
    assert (await house.post(alice.account, f"{MLS}.leaveConvo", body))["newEpoch"] == 2
    answer = await house.send("POST", f"{MLS}.leaveConvo", alice.account, json={"convoId": room.convo})
    assert error_name(answer) == "LastMember"


# -- another group ----------------------------------------------------------------------------------------


def reset_body(room: Room, by: Phone, group_id: bytes, **more: Any) -> dict[str, Any]:
    made = by.client.create_group(group_id)
    return {
        "convoId": room.convo,
        "newGroupId": group_id.hex(),
        "cipherSuite": SUITE_NAME,
        "groupInfo": sealed(encode_message(made.group_info)),
        "deviceId": by.id,
        "idempotencyKey": "reset",
        **more,
    }


async def test_a_reset_gives_the_conversation_another_group_to_which_the_others_are_added(
    house: House,
) -> None:
    room, alice, bob = await pair(house)
    await room.say(bob, "old")
    old = bob.client.commit(room.group)
    body = reset_body(room, alice, b"again")
    answer = await house.post(alice.account, RESET, body)
    assert answer == {
        "success": True,
        "newGroupId": b"again".hex(),
        "resetGeneration": 1,
        "newEpoch": 0,
    }
    assert await house.post(alice.account, RESET, body) == answer
    late = await room.submit(alice, room.upload(alice, alice.client.commit(room.group)))
    assert error_name(late) == "GroupReset"
    waiting = await room.submit(bob, room.upload(bob, old))
    assert error_name(waiting) == "NotMember"
    room.group = alice.client.create_group(b"again").group
    view = await views(house, room, alice)
    assert (view["groupId"], view["generation"], view["epoch"]) == (b"again".hex(), 1, 0)


async def test_after_a_reset_the_group_goes_on_and_its_commits_count_anew(house: House) -> None:
    room, alice, bob = await pair(house)
    made = alice.client.create_group(b"again")
    body = reset_body(room, alice, b"again") | {"groupInfo": sealed(encode_message(made.group_info))}
    await house.post(alice.account, RESET, body)
    room.group = made.group
    await room.add(alice, bob)
    await room.say(bob, "new")
    page = await house.get(bob.account, f"{MLS}.getCommits", convoId=room.convo, fromEpoch=0)
    assert [each["epoch"] for each in page["commits"]] in ([], [1])
    page = await house.get(alice.account, f"{MLS}.getCommits", convoId=room.convo, fromEpoch=0)
    assert [each["epoch"] for each in page["commits"]] == [1]


@pytest.mark.parametrize(
    ("change", "error"),
    [
        ({"newGroupId": b"other".hex()}, "GroupInfoMismatch"),
        ({"newGroupId": "x" * 129}, "InvalidRequest"),
        ({"reason": "x" * 501}, "InvalidRequest"),
        ({"newGroupId": b"room".hex()}, "GroupIdAlreadyExists"),
        ({"cipherSuite": "ROT13"}, "InvalidCipherSuite"),
        ({"cipherSuite": "MLS_128_DHKEMP256_AES128GCM_SHA256_P256"}, "GroupInfoMismatch"),
        ({"groupInfo": sealed(b"\0")}, "InvalidGroupInfo"),
        ({"generation": 1}, "GroupReset"),
    ],
)
async def test_what_a_reset_may_not_be(house: House, change: dict[str, Any], error: str) -> None:
    room, alice, _ = await pair(house)
    body = reset_body(room, alice, b"again") | change
    assert error_name(await house.send("POST", RESET, alice.account, json=body)) == error


async def test_a_reset_is_an_admins_and_holds_the_admins_device_alone(house: House) -> None:
    room, alice, bob = await pair(house)
    body = reset_body(room, bob, b"again")
    assert error_name(await house.send("POST", RESET, bob.account, json=body)) == "NotAdmin"
    body |= {"deviceId": alice.id}
    assert error_name(await house.send("POST", RESET, alice.account, json=body)) == "GroupInfoMismatch"
    body = reset_body(room, alice, b"again") | {
        "groupInfo": sealed(encode_message(alice.client.group_info(room.group)))
    }
    assert error_name(await house.send("POST", RESET, alice.account, json=body)) == "GroupInfoMismatch"


# -- the GroupInfo of an epoch -----------------------------------------------------------------------------


async def test_another_members_group_info_of_the_same_epoch_is_taken(house: House) -> None:
    room, alice, bob = await pair(house)
    body = {"convoId": room.convo, "epoch": 1, "groupInfo": text(bob.client.group_info(room.group))}
    first = await house.post(bob.account, f"{MLS}.updateGroupInfo", body)
    again = await house.post(bob.account, f"{MLS}.updateGroupInfo", body)
    assert (first, again) == ({"updated": True}, {"updated": False})
    told = await house.get(alice.account, f"{MLS}.getGroupInfo", convoId=room.convo)
    assert told["groupInfo"] == body["groupInfo"]
    await room.commit(alice)


async def test_a_group_info_of_another_state_is_not(house: House) -> None:
    room, alice, bob = await pair(house)
    ahead = alice.client.commit(room.group)
    forged = alice.client.group_info_of(b"room", 1, room.group.tree, 0)  # another transcript
    other = alice.client.create_group(b"other")
    for group_info, epoch, error in (
        (ahead.group_info, 2, "EpochMismatch"),
        (ahead.group_info, 1, "GroupInfoMismatch"),
        (forged, 1, "GroupInfoMismatch"),
        (other.group_info, 1, "GroupInfoMismatch"),
    ):
        body = {"convoId": room.convo, "epoch": epoch, "groupInfo": text(group_info)}
        answer = await house.send("POST", f"{MLS}.updateGroupInfo", bob.account, json=body)
        assert error_name(answer) == error


async def test_an_admin_mends_a_group_info_that_no_commit_verifies_with(house: House) -> None:
    """Where the tree was unknown, a member gave one with a false transcript: the group would be jammed."""
    room, alice, bob = await pair(house)
    made = alice.client.commit(room.group)
    await room.submit(alice, room.upload(alice, made, group_info=False))
    room.group = made.group
    false = bob.client.group_info_of(b"room", 2, room.group.tree, 1)
    body = {"convoId": room.convo, "epoch": 2, "groupInfo": text(false)}
    await house.post(bob.account, f"{MLS}.updateGroupInfo", body)
    jammed = room.upload(alice, alice.client.commit(room.group))
    assert error_name(await room.submit(alice, jammed)) == "InvalidCommit"
    true = body | {"groupInfo": text(bob.client.group_info(room.group))}
    answer = await house.send("POST", f"{MLS}.updateGroupInfo", bob.account, json=true)
    assert error_name(answer) == "GroupInfoMismatch"
    await house.post(alice.account, f"{MLS}.updateGroupInfo", true)
    await room.commit(alice)
    fewer = alice.client.commit(room.group, room.remove(bob))
    forged = {"convoId": room.convo, "epoch": 3, "groupInfo": text(fewer.group_info)}
    answer = await house.send("POST", f"{MLS}.updateGroupInfo", alice.account, json=forged)
    assert error_name(answer) == "GroupInfoMismatch"


async def test_members_are_asked_for_a_group_info_once_in_a_while(house: House) -> None:
    room, alice, bob = await pair(house)
    head = await house.store.head()
    for by in (alice, bob):
        answer = await house.post(by.account, f"{MLS}.groupInfoRefresh", {"convoId": room.convo})
        assert answer == {"requested": True, "activeMembers": 0}
    assert await house.store.head() == head + 1
