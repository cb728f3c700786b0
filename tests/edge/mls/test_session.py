"""MLS messages through a `rookery.v1` session: they are judged by their framing as over HTTP."""

from __future__ import annotations

from typing import Any

from crypto import PaddingProfile, pad
from crypto.mls import encode_message
from tests.edge.house import open_house, padded, sealed
from tests.edge.mls.people import create, phone
from tests.edge.test_session import Client


async def answer(client: Client) -> dict[str, Any]:
    """What a send is answered with; the event of its conversation's making may come first."""
    frame = await client.hear()
    return frame if "id" in frame else await answer(client)


async def test_a_message_is_taken_and_what_is_of_another_group_is_refused() -> None:
    """A session knows of no kinds of conversations; the conversation judges what the framing says."""
    async with open_house() as house:
        alice, bob, carl = [await phone(house, name) for name in ("alice", "bob", "carl")]
        room, other = await create(house, alice, bob), await create(house, alice, carl, group_id=b"other")
        mine, foreign = (
            sealed(pad(PaddingProfile.CATBIRD, encode_message(alice.client.application(group))))
            for group in (room.group, other.group)
        )
        async with house.session(alice.account) as socket:
            client = Client(socket)
            await client.open(deviceId=alice.id, credit=1)
            heard = []
            for number, body in enumerate((mine, foreign, padded(b"no MLS message"))):
                about = {"id": number, "convoId": room.convo, "msgId": f"m{number}", "epoch": 1}
                await client.say("send", **about, ciphertext=body)
                heard.append(await answer(client))
    assert [frame.get("error", frame["type"]) for frame in heard] == ["ack", "InvalidAsset", "InvalidAsset"]
