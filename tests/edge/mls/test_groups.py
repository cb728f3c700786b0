"""Groups over HTTP: created at the epoch their creator stands at, changed by commits that are verified."""

from __future__ import annotations

from tests.edge.house import MLS, House
from tests.edge.mls.people import create, phone


async def test_a_group_is_created_talks_takes_somebody_in_and_goes_on(house: House) -> None:
    """The example."""
    alice, bob, carol = [await phone(house, name) for name in ("alice", "bob", "carol")]
    room = await create(house, alice, bob)
    assert await room.epoch(bob) == 1
    await room.say(alice, "m1")
    added = await room.add(bob, carol)
    assert added["newEpoch"] == 2
    await room.say(carol, "m2")
    await room.commit(carol)
    await room.commit(alice, room.remove(bob))
    page = await house.get(alice.account, f"{MLS}.getMessages", convoId=room.convo)
    kinds = [(each.get("messageType", "app"), each["epoch"]) for each in page["messages"]]
    assert kinds == [("app", 1), ("commit", 2), ("app", 2), ("commit", 3), ("commit", 4)]
