"""What an account has set for a conversation: its own, on all its devices, and nobody else's to know."""

from __future__ import annotations

from tests.edge.house import House
from tests.edge.mls.circle import gather


async def test_an_account_mutes_a_conversation_for_itself(house: House) -> None:
    circle = await gather(house, "alice", "bob")
    loud, quiet = {"convoId": circle.id, "muted": False}, {"convoId": circle.id, "muted": True}
    before = await circle.seq()
    assert await circle.does("bob", "getConvoSettings") == loud
    for _ in range(2):
        assert await circle.does("bob", "updateConvoSettings", muted=True) == quiet
    assert await circle.does("bob", "getConvoSettings") == quiet
    assert await circle.does("alice", "getConvoSettings") == loud
    assert await circle.seq() == before, "it is no entry"
    await circle.does("bob", "updateConvoSettings", muted=False)
    assert await circle.does("bob", "getConvoSettings") == loud


async def test_only_members_have_settings(house: House) -> None:
    circle = await gather(house, "alice", "bob")
    for who, error in (("dan", "ConvoNotFound"), ("bob", "NotMember")):
        if who == "bob":
            await circle.does("bob", "leaveConvo")
        assert await circle.refused(who, "getConvoSettings") == error
        assert await circle.refused(who, "updateConvoSettings", muted=True) == error
