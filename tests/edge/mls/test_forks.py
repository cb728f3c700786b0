"""A server that forks a group: it keeps two logs and shows each member one. Nothing it tells hides that."""

from __future__ import annotations

from protocol import first_digest, next_digest
from tests.edge.house import MLS, open_house
from tests.edge.mls.people import OURS, Phone, Room, create, phone
from tests.edge.mls.test_reading import octets, pages


async def digest(room: Room, member: Phone, **params: int) -> bytes:
    """What the server tells the member."""
    told = await room.house.get(member.account, f"{OURS}.getDigest", convoId=room.convo, **params)
    return octets(told["digest"])


async def computed(room: Room, member: Phone) -> bytes:
    """What the member computes from the commits it was shown: the only word it believes."""
    value = first_digest(room.group.group_id.hex(), 0)
    for commit in await pages(room, member):
        value = next_digest(value, octets(commit["commitData"]))
        assert octets(commit["digest"]) == value
    return value


async def test_two_logs_of_one_group_never_have_one_digest_again() -> None:
    """Alice and Bob read different logs of the same group from epoch 2 on. Had the server taken the digest
    of the other log, it would not be that of the commits it shows; and later commits do not mend it."""
    async with open_house() as one, open_house() as other:
        rooms = []
        for house in (one, other):
            alice, bob = await phone(house, "alice"), await phone(house, "bob")
            rooms.append((await create(house, alice, bob), alice, bob))
        (shown_to_alice, alice, _), (shown_to_bob, _, bob) = rooms
        assert shown_to_alice.group.epoch == shown_to_bob.group.epoch == 1
        assert await digest(shown_to_alice, alice) == await digest(shown_to_bob, bob)
        await shown_to_alice.commit(alice)
        await shown_to_bob.commit(bob)
        for _ in range(3):
            seen = await computed(shown_to_alice, alice), await computed(shown_to_bob, bob)
            assert seen == (await digest(shown_to_alice, alice), await digest(shown_to_bob, bob))
            assert seen[0] != seen[1]
            for room, by in ((shown_to_alice, alice), (shown_to_bob, bob)):
                epoch = await house_epoch(room, by)
                assert await digest(room, by, epoch=1) == first_digest(b"room".hex(), 0)
                assert epoch == room.group.epoch
                await room.commit(by)


async def house_epoch(room: Room, member: Phone) -> int:
    """The epoch, with the digest that `getEpoch` tells beside it held to that of `getDigest`."""
    told = await room.house.get(member.account, f"{MLS}.getEpoch", convoId=room.convo)
    assert octets(told["digest"]) == await digest(room, member)
    return int(told["currentEpoch"])
