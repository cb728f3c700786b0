"""Calls over HTTP, as clients make them: conversations, messages, devices, and what each refuses."""

from __future__ import annotations

from tests.edge.house import ROOKERY, open_house, padded


async def test_a_message_goes_from_one_account_to_another() -> None:
    """The example: register, create, send, read."""
    async with open_house() as house:
        convo = await house.group("alice", "bob")
        alice, bob = house.accounts["alice"], house.accounts["bob"]
        sent = await house.say(alice, convo, "m1", b"sealed")
        assert sent == {"messageId": "m1", "seq": 2, "epoch": 0, "receivedAt": "2026-05-28T20:26:40Z"}
        page = await house.get(bob, f"{ROOKERY}.getMessages", convoId=convo)
        (message,) = page["messages"]
        assert message == {
            "id": "m1",
            "convoId": convo,
            "ciphertext": {"$bytes": padded(b"sealed")["$bytes"].rstrip("=")},
            "epoch": 0,
            "seq": 2,
            "createdAt": "2026-05-28T20:26:40Z",
        }
        assert (page["lastSeq"], page["hasMore"]) == (2, False)
