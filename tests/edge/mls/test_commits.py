"""Commits over HTTP: verified before they are taken, one for an epoch, and all that follows in one step."""

from __future__ import annotations

import base64
import threading
from typing import Any

import pytest
import trio

from crypto import PaddingProfile, pad
from crypto.mls import (
    Add,
    ContentType,
    FromUpdate,
    Remove,
    Update,
    encode_message,
    key_package_ref,
)
from crypto.mls.testing import Client, MadeCommit
from protocol import ConversationId
from router.edge.mls.bytes import LARGE_BYTES, verifying
from router.edge.mls.messages import read_framing
from tests.edge.house import MLS, House, error_name, sealed
from tests.edge.mls.people import OURS, Phone, Room, claim, create, phone, text


async def refused(room: Room, by: Phone, body: dict[str, Any]) -> str:
    """The name by which a commit is refused; the log has nothing of it, and no key package is used up."""
    before = await room.house.store.head()
    answer = await room.submit(by, body)
    assert await room.house.store.head() == before
    return error_name(answer)


async def evidence(room: Room) -> list[tuple[bytes, str]]:
    kept = await room.house.store.evidence(ConversationId(room.convo))
    return [(each.body, each.reason) for each in kept]


def flipped(body: dict[str, Any], field: str, place: int = -1) -> dict[str, Any]:
    """The body with one bit of a field's bytes changed."""
    data = bytearray(base64.b64decode(body[field]["$bytes"]))
    data[place] ^= 1
    return body | {field: sealed(bytes(data))}


async def pair(house: House) -> tuple[Room, Phone, Phone]:
    alice, bob = await phone(house, "alice"), await phone(house, "bob")
    return await create(house, alice, bob), alice, bob


# -- what is taken ----------------------------------------------------------------------------------------


async def test_a_commit_is_answered_with_its_place_and_the_digest(house: House) -> None:
    room, alice, bob = await pair(house)
    before = await house.get(bob.account, f"{OURS}.getDigest", convoId=room.convo)
    answer = await room.commit(alice)
    told = await house.get(bob.account, f"{OURS}.getDigest", convoId=room.convo)
    assert told["digest"] == answer["digest"] != before["digest"]
    assert (told["epoch"], answer["newEpoch"], answer["generation"]) == (2, 2, 0)
    (commit,) = (await house.get(bob.account, f"{MLS}.getCommits", convoId=room.convo, fromEpoch=0))[
        "commits"
    ]
    assert (commit["seq"], commit["sender"], commit["digest"]) == (answer["seq"], alice.did, answer["digest"])


async def test_it_may_come_in_its_padding_envelope(house: House) -> None:
    room, alice, _ = await pair(house)
    made = alice.client.commit(room.group)
    answer = await house.post(alice.account, f"{OURS}.submitCommit", room.upload(alice, made, envelope=True))
    assert answer["newEpoch"] == 2


async def test_3_of_two_commits_of_one_epoch_one_wins_and_the_other_is_told_the_epoch(house: House) -> None:
    """3: a commit built on N was accepted at N+1, and the group forked."""
    room, alice, bob = await pair(house)
    late = bob.client.commit(room.group)
    stale = room.upload(bob, late)
    await room.commit(alice)
    answer = await room.submit(bob, stale)
    assert error_name(answer) == "EpochMismatch"
    assert "The current epoch is 2." in answer.json()["message"]
    await room.commit(bob)  # made anew on the winner's epoch


async def test_3_and_so_it_is_when_they_come_at_once(house: House) -> None:
    room, alice, bob = await pair(house)
    made = [each.client.commit(room.group) for each in (alice, bob)]
    answers: list[tuple[str, int]] = []

    async def submit(by: Phone, commit: MadeCommit) -> None:
        answer = await room.submit(by, room.upload(by, commit))
        if answer.is_success:
            answers.append(("won", answer.json()["newEpoch"]))
        else:
            assert "The current epoch is 2." in answer.json()["message"]
            answers.append((error_name(answer), 2))

    async with trio.open_nursery() as nursery:
        for by, commit in zip((alice, bob), made, strict=True):
            nursery.start_soon(submit, by, commit)
    assert sorted(answers) == [("EpochMismatch", 2), ("won", 2)]


@pytest.mark.parametrize("twins", [2, 5])
async def test_twins_of_one_commit_are_one_entry_and_one_answer(house: House, twins: int) -> None:
    """An app and its notification extension send the same bytes at once."""
    room, alice, _ = await pair(house)
    body = room.upload(alice, alice.client.commit(room.group))
    answers: list[bytes] = []

    async def submit() -> None:
        answer = await room.submit(alice, body)
        assert answer.is_success, answer.text
        answers.append(answer.content)

    async with trio.open_nursery() as nursery:
        for _ in range(twins):
            nursery.start_soon(submit)
    assert len(set(answers)) == 1
    assert await room.epoch(alice) == 2


async def test_37_the_same_bytes_get_the_first_answer_whatever_came_after(house: House) -> None:
    """Their epoch is over, their author may be out, they would not verify any more: they are answered."""
    room, alice, bob = await pair(house)
    body = room.upload(bob, bob.client.commit(room.group))
    first = (await room.submit(bob, body)).json()
    head = await house.store.head()
    house.now += 500
    assert (await room.submit(bob, body)).json() == first
    remove = {"convoId": room.convo, "targetDid": bob.did, "idempotencyKey": "1"}
    await house.post(alice.account, f"{MLS}.removeMember", remove)
    assert (await room.submit(bob, body)).json() == first
    assert await house.store.head() > head


async def test_5_a_message_that_was_taken_is_answered_after_the_epoch_moved(house: House) -> None:
    """5: the epoch was looked at before the duplicate, and a retry got 409."""
    room, alice, bob = await pair(house)
    body = room.message(alice, "m")
    first = await house.post(alice.account, f"{MLS}.sendMessage", body)
    for by in (alice, bob, alice, bob, alice):
        await room.commit(by)
    assert await house.post(alice.account, f"{MLS}.sendMessage", body) == first
    body |= {"msgId": "n"}
    answer = await house.send("POST", f"{MLS}.sendMessage", alice.account, json=body)
    assert error_name(answer) == "EpochMismatch"


async def test_2_every_member_gets_the_commit_and_what_it_did(house: House) -> None:
    """2: a commit was stored and not delivered; the others stayed in the old epoch."""
    room, alice, bob = await pair(house)
    carol = await phone(house, "carol")
    await room.add(alice, carol)
    commits = await house.get(bob.account, f"{MLS}.getCommits", convoId=room.convo, fromEpoch=2)
    (commit,) = commits["commits"]
    page = await house.get(bob.account, f"{MLS}.getMessages", convoId=room.convo, type="commit")
    (message,) = page["messages"]
    assert message["ciphertext"] == commit["commitData"]
    assert (message["messageType"], message["digest"]) == ("commit", commit["digest"])
    (view,) = (await house.get(carol.account, f"{MLS}.getConvos"))["conversations"]
    assert view["epoch"] == 2
    assert {each["did"] for each in view["members"]} == {alice.did, bob.did, carol.did}
    kept = await house.store.welcome(ConversationId(room.convo), carol.id)
    assert kept is not None
    assert kept.epoch == 2


# -- what is refused --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("field", "place", "error"),
    [
        ("commit", -80, "InvalidCommit"),  # in the signature
        ("commit", -40, "GroupInfoMismatch"),  # in the confirmation tag, which both carry
        ("commit", 0, "InvalidCommit"),
        ("commit", 8, "InvalidCommit"),  # another group
        ("groupInfo", -1, "InvalidGroupInfo"),
        ("groupInfo", 60, "GroupInfoMismatch"),
    ],
)
async def test_one_changed_bit_is_enough(house: House, field: str, place: int, error: str) -> None:
    room, alice, _ = await pair(house)
    body = room.upload(alice, alice.client.commit(room.group))
    name = await refused(room, alice, flipped(body, field, place))
    assert name == error or (field, name) == ("groupInfo", "InvalidGroupInfo")
    assert (await room.submit(alice, body)).is_success


async def test_bytes_that_do_not_verify_are_kept_for_a_report(house: House) -> None:
    room, alice, bob = await pair(house)
    body = flipped(room.upload(alice, alice.client.commit(room.group)), "commit", -80)
    bad = base64.b64decode(body["commit"]["$bytes"])
    assert await refused(room, alice, body) == "InvalidCommit"
    assert await evidence(room) == [(bad, "InvalidCommit")]
    eve = await phone(house, "eve")
    assert await refused(room, eve, body) == "ConvoNotFound"
    late = room.upload(bob, bob.client.commit(room.group))
    await room.commit(alice)
    assert await refused(room, bob, late) == "EpochMismatch"
    assert len(await evidence(room)) == 1  # who is late is not guilty of anything


async def test_a_commit_is_its_makers(house: House) -> None:
    """Somebody else's commit is not taken from me, and a leaf of another account is not mine."""
    room, alice, bob = await pair(house)
    body = room.upload(alice, alice.client.commit(room.group))
    assert await refused(room, bob, body | {"deviceId": bob.id}) == "InvalidCommit"
    second = await phone(house, "alice", 2)
    assert await refused(room, alice, body | {"deviceId": second.id}) == "NotMember"
    await room.add(alice, second)
    body = room.upload(alice, alice.client.commit(room.group))
    assert await refused(room, alice, body | {"deviceId": second.id}) == "InvalidCommit"
    del body["deviceId"]
    assert (await room.submit(alice, body)).is_success


async def test_a_new_leaf_has_the_key_that_is_registered_for_its_device(house: House) -> None:
    """A member whose leaf changes its signature key for one that nobody registered would be nobody's."""
    room, alice, _ = await pair(house)
    thief = Client(alice.client.suite, alice.did.encode(), "unregistered")
    index = alice.client.leaf_index(room.group)
    leaf = thief.leaf(FromUpdate(), room.group.group_id, index)
    message, _ = alice.client.propose(room.group, Update(leaf))
    body = {"convoId": room.convo, "proposal": sealed(encode_message(message)), "deviceId": alice.id}
    answer = await house.send("POST", f"{OURS}.sendProposal", alice.account, json=body)
    assert error_name(answer) == "InvalidProposal"


async def test_a_commit_adds_only_by_key_packages_that_its_maker_claimed(house: House) -> None:
    room, alice, bob = await pair(house)
    carol = await phone(house, "carol")
    (package,) = await claim(house, bob, carol)
    made = alice.client.commit(room.group, [Add(package)])
    assert await refused(room, alice, room.upload(alice, made)) == "KeyPackageNotFound"
    unknown = carol.client.key_package(int(house.now))
    made = alice.client.commit(room.group, [Add(unknown)])
    assert await refused(room, alice, room.upload(alice, made)) == "KeyPackageNotFound"
    made = bob.client.commit(room.group, [Add(package)])
    assert (await room.submit(bob, room.upload(bob, made))).is_success


async def test_a_welcome_is_for_exactly_those_who_are_added(house: House) -> None:
    room, alice, _ = await pair(house)
    carol, dave = await phone(house, "carol"), await phone(house, "dave")
    packages = await claim(house, alice, carol, dave)
    made = alice.client.commit(room.group, [Add(packages[0])])
    body = room.upload(alice, made)
    for welcome in (
        alice.client.welcome(packages),
        alice.client.welcome(packages[1:]),
        alice.client.welcome([packages[0], packages[0]]),
    ):
        other = body | {"welcome": sealed(encode_message(welcome))}
        assert await refused(room, alice, other) == "WelcomeMismatch"
    assert await refused(room, alice, body | {"welcome": sealed(b"\0")}) == "InvalidWelcome"
    del body["welcome"]
    assert await refused(room, alice, body) == "WelcomeMismatch"
    plain = room.upload(alice, alice.client.commit(room.group))
    plain["welcome"] = sealed(encode_message(alice.client.welcome(packages)))
    assert await refused(room, alice, plain) == "WelcomeMismatch"


async def test_what_is_said_beside_a_commit_in_clear_must_be_so(house: House) -> None:
    room, alice, bob = await pair(house)
    carol = await phone(house, "carol")
    (package,) = await claim(house, alice, carol)
    body = room.upload(alice, alice.client.commit(room.group, [Add(package)]))
    told: dict[str, Any] = {
        "did": carol.did,
        "keyPackageHash": key_package_ref(package, carol.client.suite).hex(),
    }
    for adds in ([], [told | {"did": bob.did}], [told | {"deviceId": bob.id}], [told | {"leafIndex": 7}]):
        assert await refused(room, alice, body | {"adds": adds}) == "InvalidCommit"
    removes = [{"did": bob.did, "deviceId": bob.id}]
    assert await refused(room, alice, body | {"removes": removes}) == "InvalidCommit"
    told |= {"deviceId": carol.id, "leafIndex": 2}
    assert (await room.submit(alice, body | {"adds": [told], "removes": []})).is_success


async def test_only_an_admin_removes_by_commit(house: House) -> None:
    room, alice, bob = await pair(house)
    made = bob.client.commit(room.group, room.remove(alice))
    assert await refused(room, bob, room.upload(bob, made)) == "NotAdmin"
    await room.commit(alice, room.remove(bob))


async def test_no_commit_in_clear_is_taken_unverified(house: House) -> None:
    """Without a GroupInfo there is nothing to verify it with; a member can give one."""
    room, alice, bob = await pair(house)
    made = alice.client.commit(room.group)
    assert (await room.submit(alice, room.upload(alice, made, group_info=False))).is_success
    room.group = made.group
    next_one = bob.client.commit(room.group)
    assert await refused(room, bob, room.upload(bob, next_one)) == "GroupInfoUnavailable"
    given = {"convoId": room.convo, "epoch": 2, "groupInfo": text(bob.client.group_info(room.group))}
    assert (await house.post(bob.account, f"{MLS}.updateGroupInfo", given))["updated"] is True
    assert (await room.submit(bob, room.upload(bob, next_one))).is_success


async def test_a_message_that_is_no_commit_is_none(house: House) -> None:
    room, alice, _ = await pair(house)
    proposal, _ = alice.client.propose(room.group, Remove(1))
    for message in (
        encode_message(proposal),
        encode_message(alice.client.application(room.group)),
        encode_message(alice.client.group_info(room.group)),
        b"\0",
    ):
        body = {"convoId": room.convo, "commit": sealed(message), "deviceId": alice.id}
        assert await refused(room, alice, body) == "InvalidCommit"


async def test_a_handshake_is_no_application_message(house: House) -> None:
    """And what is in clear is not read to find that out: ten megabytes of it would hold up everybody."""
    room, alice, _ = await pair(house)
    commit = encode_message(alice.client.commit(room.group).message)
    encrypted = encode_message(alice.client.sealed(room.group, ContentType.COMMIT))
    for data in (commit, encrypted):
        padded = pad(PaddingProfile.CATBIRD, data)
        sizes = {"declaredSize": len(padded), "paddedSize": len(padded)}
        body = room.message(alice, "m") | {"ciphertext": sealed(padded)} | sizes
        answer = await house.send("POST", f"{MLS}.sendMessage", alice.account, json=body)
        assert error_name(answer) == "InvalidAsset"
    assert read_framing(commit) is None


async def test_much_to_verify_is_verified_beside_the_loop(house: House) -> None:
    """Whoever has nothing to do with a large group is not held up by it."""
    room, alice, _ = await pair(house)
    threads: list[str] = []

    def look() -> None:
        threads.append(threading.current_thread().name)

    await verifying(house.edge, LARGE_BYTES - 1, look)
    await verifying(house.edge, LARGE_BYTES, look)
    assert threads[0] == threading.current_thread().name != threads[1]
    body = room.upload(alice, alice.client.commit(room.group))
    large = body | {"commit": sealed(b"\0\1\0\1" + bytes(LARGE_BYTES))}
    assert await refused(room, alice, large) == "InvalidCommit"


async def test_a_stranger_learns_nothing_of_a_conversation(house: House) -> None:
    """Word for word the same answer as for a conversation that there is not."""
    room, alice, _ = await pair(house)
    eve = await phone(house, "eve")
    body = room.upload(alice, alice.client.commit(room.group)) | {"deviceId": eve.id}
    external = room.external(eve, eve.client.join(room.group))
    group_info = {"epoch": 1, "groupInfo": text(alice.client.group_info(room.group))}
    proposal = sealed(encode_message(alice.client.propose(room.group, Remove(1))[0]))
    reset = {"newGroupId": "aa", "cipherSuite": "MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519"}
    calls: list[tuple[str, str, dict[str, Any]]] = [
        ("POST", f"{OURS}.submitCommit", body),
        ("POST", f"{OURS}.sendProposal", {"proposal": proposal}),
        ("POST", f"{MLS}.processExternalCommit", external),
        ("POST", f"{MLS}.updateGroupInfo", group_info),
        ("POST", f"{MLS}.groupInfoRefresh", {}),
        ("POST", f"{MLS}.removeMember", {"targetDid": alice.did, "idempotencyKey": "1"}),
        ("POST", f"{MLS}.leaveConvo", {}),
        ("POST", f"{MLS}.addMembers", {"didList": [eve.did], "idempotencyKey": "1"}),
        ("POST", "blue.catbird.mlsChat.resetGroup", reset),
        ("GET", f"{MLS}.getGroupInfo", {}),
        ("GET", f"{MLS}.getCommits", {"fromEpoch": 0}),
        ("GET", f"{OURS}.getDigest", {}),
        ("GET", f"{MLS}.getEpoch", {}),
    ]
    for method, nsid, given in calls:
        answers = []
        for convo in (room.convo, "a" * 26, "not an id"):
            where = "params" if method == "GET" else "json"
            answer = await house.send(method, nsid, eve.account, **{where: given | {"convoId": convo}})
            assert error_name(answer) == "ConvoNotFound", nsid
            answers.append(answer.content)
        assert len(set(answers)) == 1, nsid
