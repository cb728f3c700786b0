"""Proposals: put before the members, and committed by reference."""

from __future__ import annotations

from typing import Any

from crypto.mls import (
    Add,
    ContentType,
    FromUpdate,
    Proposal,
    Remove,
    SelfRemove,
    Update,
    VerifiedProposal,
    encode_message,
)
from tests.edge.house import MLS, House, error_name, sealed
from tests.edge.mls.people import OURS, Phone, Room, claim, create, phone
from tests.edge.mls.test_commits import pair, refused


def body_of(room: Room, by: Phone, data: bytes) -> dict[str, Any]:
    return {"convoId": room.convo, "deviceId": by.id, "proposal": sealed(data)}


async def propose(room: Room, by: Phone, proposal: Proposal) -> VerifiedProposal:
    """A proposal in clear that is taken."""
    message, kept = by.client.propose(room.group, proposal)
    body = body_of(room, by, encode_message(message))
    answer = await room.house.post(by.account, f"{OURS}.sendProposal", body)
    assert answer["ref"]["$bytes"] == sealed(kept.ref)["$bytes"].rstrip("=")
    return kept


async def refusal(room: Room, by: Phone, data: bytes) -> str:
    before = await room.house.store.head()
    answer = await room.house.send("POST", f"{OURS}.sendProposal", by.account, json=body_of(room, by, data))
    assert await room.house.store.head() == before
    return error_name(answer)


async def test_a_removal_is_proposed_by_one_and_committed_by_another(house: House) -> None:
    alice, bob, carol = [await phone(house, name) for name in ("alice", "bob", "carol")]
    room = await create(house, alice, bob, carol)
    proposal = await propose(room, carol, room.remove(bob)[0])
    page = await house.get(bob.account, f"{MLS}.getMessages", convoId=room.convo, type="commit")
    assert [each["messageType"] for each in page["messages"]] == ["proposal"]
    await room.commit(alice, [proposal])
    answer = await house.send("POST", f"{MLS}.sendMessage", bob.account, json=room.message(bob, "m"))
    assert error_name(answer) == "NotMember"


async def test_what_waits_must_be_committed_and_what_does_not_cannot_be(house: House) -> None:
    room, alice, bob = await pair(house)
    leaf = bob.client.leaf(FromUpdate(), room.group.group_id, bob.client.leaf_index(room.group))
    _, unknown = bob.client.propose(room.group, Update(leaf))
    made = alice.client.commit(room.group, [unknown])
    assert await refused(room, alice, room.upload(alice, made)) == "MissingProposal"
    waiting = await propose(room, bob, Update(leaf))
    made = alice.client.commit(room.group)
    assert await refused(room, alice, room.upload(alice, made)) == "CommitMissingReferences"
    await room.commit(alice, [waiting])
    assert (await house.get(bob.account, f"{MLS}.getEpoch", convoId=room.convo))["currentEpoch"] == 2


async def test_who_proposes_its_own_removal_goes_and_is_not_put_out(house: House) -> None:
    """A member who is no admin may commit it, and the one who went may be brought back by anybody."""
    alice, bob, carol = [await phone(house, name) for name in ("alice", "bob", "carol")]
    room = await create(house, alice, bob, carol)
    going = await propose(room, bob, SelfRemove())
    await room.commit(carol, [going])
    await room.add(carol, bob)


async def test_the_same_bytes_get_the_first_answer(house: House) -> None:
    room, alice, bob = await pair(house)
    message, kept = alice.client.propose(room.group, room.remove(bob)[0])
    body = body_of(room, alice, encode_message(message))
    first = await house.post(alice.account, f"{OURS}.sendProposal", body)
    await room.commit(alice, [kept])
    assert await house.post(alice.account, f"{OURS}.sendProposal", body) == first


async def test_an_encrypted_proposal_is_shown_and_binds_nobody(house: House) -> None:
    room, alice, bob = await pair(house)
    data = encode_message(bob.client.sealed(room.group, ContentType.PROPOSAL))
    answer = await house.post(bob.account, f"{OURS}.sendProposal", body_of(room, bob, data))
    assert "ref" not in answer
    await room.commit(alice)


async def test_a_proposal_nobody_could_commit_is_not_taken(house: House) -> None:
    room, alice, bob = await pair(house)
    carol = await phone(house, "carol")
    (package,) = await claim(house, bob, carol)
    group = room.group

    def made(by: Phone, proposal: Proposal) -> bytes:
        return encode_message(by.client.propose(group, proposal)[0])

    assert await refusal(room, bob, made(bob, Add(package))) == "InvalidProposal"
    assert await refusal(room, bob, made(bob, room.remove(alice)[0])) == "InvalidProposal"
    assert await refusal(room, bob, made(bob, Remove(9))) == "InvalidProposal"
    assert await refusal(room, bob, made(alice, room.remove(bob)[0])) == "InvalidProposal"
    spoiled = bytearray(made(bob, room.remove(bob)[0]))
    spoiled[-40] ^= 1
    assert await refusal(room, bob, bytes(spoiled)) == "InvalidProposal"
    assert await refusal(room, bob, encode_message(bob.client.commit(group).message)) == "InvalidProposal"
    assert await refusal(room, bob, b"\0") == "InvalidProposal"
    late = made(bob, room.remove(bob)[0])
    await room.commit(alice)
    assert await refusal(room, bob, late) == "EpochMismatch"


async def test_in_clear_it_needs_a_group_info_to_be_verified_with(house: House) -> None:
    room, alice, bob = await pair(house)
    made = alice.client.commit(room.group)
    assert (await room.submit(alice, room.upload(alice, made, group_info=False))).is_success
    room.group = made.group
    data = encode_message(bob.client.propose(room.group, room.remove(bob)[0])[0])
    assert await refusal(room, bob, data) == "GroupInfoUnavailable"
