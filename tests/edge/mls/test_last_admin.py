"""Failure scenario 28: the race for the last admin, and the last admin who leaves.

Elsewhere the admins were counted, as devices, before the change was made: two demotions at once both found
another admin and left none, and who left was not counted at all. Here the rule is of accounts, judged where
the conversation is, one act after another.
"""

from __future__ import annotations

import trio

from tests.edge.house import House, error_name
from tests.edge.mls.circle import Circle, gather
from tests.edge.mls.people import create, phone


async def at_once(circle: Circle, *calls: tuple[str, str, str]) -> list[str]:
    """Real calls side by side, each of a client of its own; what each was answered."""
    answers = [""] * len(calls)

    async def one(place: int, who: str, method: str, target: str) -> None:
        given = {} if not target else {"targetDid": circle.did(target)}
        answer = await circle.call(who, method, **given)
        answers[place] = "ok" if answer.status_code == 200 else error_name(answer)

    async with trio.open_nursery() as nursery:
        for place, (who, method, target) in enumerate(calls):
            nursery.start_soon(one, place, who, method, target)
    return answers


async def test_28_two_demotions_at_once_leave_one_admin(house: House) -> None:
    """Each takes the role from the other; one comes first, and the other is no admin any more."""
    circle = await gather(house, "alice", "bob", "carol")
    for turn in range(3):
        first, second = ("alice", "bob") if "alice" in await circle.admins() else ("bob", "alice")
        await circle.does(first, "promoteAdmin", targetDid=circle.did(second))
        answers = await at_once(circle, (first, "demoteAdmin", second), (second, "demoteAdmin", first))
        assert sorted(answers) == ["NotAdmin", "ok"], turn
        assert len(await circle.admins("carol")) == 1


async def test_28_two_who_lay_it_down_at_once_leave_one_admin(house: House) -> None:
    circle = await gather(house, "alice", "bob", "carol")
    await circle.does("alice", "promoteAdmin", targetDid=circle.did("bob"))
    await circle.acts()
    answers = await at_once(circle, ("alice", "demoteAdmin", "alice"), ("bob", "demoteAdmin", "bob"))
    assert sorted(answers) == ["LastAdmin", "ok"]
    assert len(await circle.admins("carol")) == 1
    assert [act[0] for act in await circle.acts()] == ["member.demoted"]


async def test_28_a_demotion_beside_a_leave_leaves_one_admin(house: House) -> None:
    """Bob goes while Alice lays the role down: whoever is second, somebody is admin."""
    circle = await gather(house, "alice", "bob", "carol")
    await circle.does("alice", "promoteAdmin", targetDid=circle.did("bob"))
    answers = await at_once(circle, ("alice", "demoteAdmin", "alice"), ("bob", "leaveConvo", ""))
    assert answers[1] == "ok"
    assert answers[0] in ("ok", "LastAdmin")
    assert len(await circle.admins("carol")) == 1


async def test_28_when_the_last_admin_leaves_who_is_in_longest_follows(house: House) -> None:
    """Nobody has to be named first, nobody is locked in, and the record says who it is."""
    circle = await gather(house, "alice", "bob", "carol")
    await circle.does("alice", "leaveConvo")
    (heir,) = await circle.admins("carol")
    assert heir in ("bob", "carol")
    other = "carol" if heir == "bob" else "bob"
    assert await circle.acts() == [("member.left", "alice", "alice"), ("admin.promoted", "alice", heir)]
    await circle.does(heir, "promoteAdmin", targetDid=circle.did(other))
    assert await circle.admins(other) == {"bob", "carol"}


async def test_28_two_devices_of_one_admin_are_one_admin(house: House) -> None:
    """Device rows were counted: an admin with two devices could be demoted as if another were left."""
    first, second = await phone(house, "alice", 1), await phone(house, "alice", 2)
    bob = await phone(house, "bob")
    room = await create(house, first, second, bob)
    circle = Circle(house, room, {"alice": first, "bob": bob})
    await circle.acts()
    state = await house.store.conversation(circle.id)
    assert state is not None
    assert len(state.devices_of(state.creator)) == 2
    assert await circle.refused("alice", "demoteAdmin", targetDid=first.did) == "LastAdmin"
    await circle.does("alice", "leaveConvo")
    assert await circle.admins("bob") == {"bob"}, "both devices went, and with them the admin"
