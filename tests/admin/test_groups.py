"""`rookery group`: who has a leaf, who waits for one, and why nobody can come in."""

from __future__ import annotations

from io import StringIO

import pytest
from rich.console import Console

from router.admin import CommandFailed
from router.cli.group import leaves_of, lines_of
from router.groups import GroupAsked, Groups, GroupShown
from tests.edge.house import MLS, House, open_house
from tests.edge.mls.people import create, phone


async def shown(house: House, convo: str) -> GroupShown:
    return await Groups(house.store).show(GroupAsked(convo), int(house.now))


async def test_the_state_of_a_group_and_of_those_who_are_not_in_it() -> None:
    """The example: Bob is in, Carol was named only, Bob's second device was added by nobody."""
    async with open_house() as house:
        alice, bob, carol = [await phone(house, name) for name in ("alice", "bob", "carol")]
        room = await create(house, alice, bob, named=[carol.did])
        tablet = await phone(house, "bob", 2)
        await room.commit(bob)
        told = await shown(house, room.convo)
        assert (told.epoch, told.generation, told.group_info_epoch, told.proposals) == (2, 0, 2, 0)
        assert [(row.leaf, row.device, row.role) for row in told.leaves] == [
            (0, alice.id, "admin"), (1, bob.id, "member"),
        ]  # fmt: skip
        assert (told.pending_accounts, told.waiting_devices) == ([carol.did], [tablet.id])
        body = {"convoId": room.convo, "targetDid": bob.did, "idempotencyKey": "k"}
        await house.post(alice.account, f"{MLS}.removeMember", body)
        assert (await shown(house, room.convo)).stale_devices == [bob.id]
        screen = StringIO()
        Console(file=screen, width=300).print(*lines_of(told), leaves_of(told), sep="\n")
        for word in (carol.did, tablet.id, told.digest, "epoch 2", "added by no commit"):
            assert word in screen.getvalue()


async def test_a_group_into_which_nobody_comes_alone_says_so() -> None:
    async with open_house() as house:
        alice, bob = await phone(house, "alice"), await phone(house, "bob")
        room = await create(house, alice, bob)
        made = alice.client.commit(room.group)
        answer = await room.submit(alice, room.upload_sealed(alice, made, group_info=False))
        assert answer.is_success, answer.text
        told = await shown(house, room.convo)
        assert (told.epoch, told.group_info_epoch) == (2, None)
        assert any("upload" in line for line in lines_of(told))


async def test_what_is_no_mls_conversation_is_none() -> None:
    async with open_house() as house:
        for convo in ("", "a" * 26, await house.group("alice", "bob")):
            with pytest.raises(CommandFailed):
                await shown(house, convo)
