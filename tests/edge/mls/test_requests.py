"""First contact: requests that wait, what is held for them, whom an account lets through."""

from __future__ import annotations

from typing import Any

import httpx
import pytest

from router.edge.commands import id_of_group
from router.edge.mls.requests import MAX_PENDING
from router.store.values import DEFAULT_RETENTION
from router.testing import Status
from tests.blocks.test_calls import open_town
from tests.edge.house import MLS, House, error_name, sealed
from tests.edge.mls.circle import call, gather
from tests.edge.mls.people import create, creation, phone

DAY = 86_400
ASKED, LAPSES = "2026-05-28T20:26:40Z", "2026-06-04T20:26:40Z"


async def does(house: House, who: str, method: str, **given: Any) -> dict[str, Any]:
    answer = await call(house, who, method, **given)
    assert answer.status_code == 200, answer.text
    value: dict[str, Any] = answer.json()
    return value


async def refused(house: House, who: str, method: str, **given: Any) -> str:
    answer = await call(house, who, method, **given)
    assert answer.status_code != 200, answer.text
    return error_name(answer)


async def asks(house: House, who: str, whom: str, **more: Any) -> dict[str, Any]:
    """Ask somebody of the house, who has a device."""
    return await does(
        house, who, "sendChatRequest", recipientDid=(await phone(house, whom, stock=0)).did, **more
    )


def held(size: int = 512, key: bytes | None = None) -> dict[str, Any]:
    message = {"ciphertext": sealed(bytes(size)), "paddedSize": size}
    return message if key is None else {**message, "ephPubKey": sealed(key)}


async def listed(house: House, who: str, **given: Any) -> list[str]:
    return [each["id"] for each in (await does(house, who, "listChatRequests", **given))["requests"]]


def shown(message: dict[str, Any]) -> dict[str, Any]:
    """As the server writes it: base64 without padding."""
    text = {name: value for name, value in message.items() if isinstance(value, dict)}
    return message | {name: {"$bytes": value["$bytes"].rstrip("=")} for name, value in text.items()}


# -- asking and answering ----------------------------------------------------------------------------


async def test_a_request_waits_with_its_messages_until_it_is_accepted(house: House) -> None:
    """The example: Alice asks, Bob reads the preview, accepts, and gets what was held, and again."""
    messages = [held(512, b"k" * 256), held(1_024)]
    sent = await asks(house, "alice", "bob", previewText="hello", heldMessages=messages)
    assert sent == {
        "requestId": sent["requestId"],
        "status": "pending",
        "createdAt": ASKED,
        "expiresAt": LAPSES,
    }
    alice = await house.account("alice")
    view = {
        "id": sent["requestId"],
        "senderDid": alice.did,
        "status": "pending",
        "createdAt": ASKED,
        "expiresAt": LAPSES,
        "previewText": "hello",
        "messageCount": 2,
        "isGroupInvite": False,
    }
    assert (await does(house, "bob", "listChatRequests"))["requests"] == [view]
    assert await does(house, "bob", "getRequestCount") == {"pendingCount": 1, "lastRequestAt": ASKED}
    named = {"requestId": sent["requestId"]}
    house.now += 60
    accepted = await does(house, "bob", "acceptChatRequest", **named)
    assert accepted == {
        "convoId": id_of_group(house.edge.secrets, sent["requestId"]),
        "acceptedAt": "2026-05-28T20:27:40Z",
        "heldMessages": [
            {"id": f"{sent['requestId']}:1", "sequence": 1, **shown(messages[0])},
            {"id": f"{sent['requestId']}:2", "sequence": 2, **shown(messages[1])},
        ],
    }
    house.now += 60
    assert await does(house, "bob", "acceptChatRequest", **named) == accepted, "the first answer may be lost"
    (settled,) = (await does(house, "bob", "listChatRequests", status="accepted"))["requests"]
    assert "previewText" not in settled
    assert await does(house, "bob", "getRequestCount") == {"pendingCount": 0}
    assert await refused(house, "bob", "declineChatRequest", **named) == "AlreadyProcessed"


async def test_a_request_leads_to_the_conversation_that_its_answer_names(house: House) -> None:
    """The recipient begins the group under the request's id; the id told before is the one it then has."""
    alice, bob = await phone(house, "alice"), await phone(house, "bob")
    sent = await asks(house, "alice", "bob")
    accepted = await does(house, "bob", "acceptChatRequest", requestId=sent["requestId"])
    room = await create(house, bob, alice, group_id=bytes.fromhex(sent["requestId"]))
    assert room.convo == accepted["convoId"]


async def test_an_invitation_leads_to_the_group_it_names(house: House) -> None:
    alice = await phone(house, "alice")
    made = alice.client.create_group(b"club")
    body = creation(alice, None, b"club")
    assert made.group.group_id == b"club"
    view = await house.post(alice.account, f"{MLS}.createConvo", body)
    sent = await asks(house, "alice", "bob", isGroupInvite=True, groupId=body["groupId"])
    (shown,) = (await does(house, "bob", "listChatRequests"))["requests"]
    assert (shown["isGroupInvite"], shown["groupId"]) == (True, body["groupId"])
    accepted = await does(house, "bob", "acceptChatRequest", requestId=sent["requestId"])
    assert accepted["convoId"] == view["id"]
    answer = await call(house, "bob", "getEpoch", view["id"])
    assert error_name(answer) == "ConvoNotFound", "an accepted request makes nobody a member"


async def test_who_is_in_a_conversation_with_the_recipient_needs_no_request(house: House) -> None:
    """Nothing is kept then; messages to hold are never thrown away for it."""
    circle = await gather(house, "alice", "bob")
    sent = await asks(house, "alice", "bob")
    assert sent == {
        "requestId": sent["requestId"], "status": "bypassed", "createdAt": ASKED, "expiresAt": ASKED,
        "convoId": circle.id,
    }  # fmt: skip
    assert await listed(house, "bob") == []
    assert (await asks(house, "alice", "bob", heldMessages=[held()]))["status"] == "pending"
    await circle.does("bob", "leaveConvo")
    await does(house, "bob", "declineChatRequest", requestId=(await listed(house, "bob"))[0])
    assert (await asks(house, "alice", "bob"))["status"] == "pending", "and out of it, one does again"


REFUSED: tuple[tuple[dict[str, Any], str], ...] = (
    ({"recipientDid": "alice"}, "SelfRequest"),
    ({"recipientDid": "nobody"}, "RecipientNotFound"),
    ({"recipientDid": "not a did"}, "InvalidRequest"),
    ({"heldMessages": [held()] * 6}, "InvalidRequest"),
    ({"heldMessages": [{**held(), "paddedSize": 1_024}]}, "InvalidAsset"),
    ({"heldMessages": [held(513)]}, "InvalidAsset"),
    ({"heldMessages": [held(1_048_576 + 8_192)]}, "MessageTooLarge"),
    ({"heldMessages": [held(512, b"k" * 257)]}, "InvalidRequest"),
    ({"previewText": "x" * 201}, "InvalidRequest"),
    ({"isGroupInvite": True}, "InvalidRequest"),
    ({"groupId": "00"}, "InvalidRequest"),
    ({"isGroupInvite": True, "groupId": ""}, "InvalidRequest"),
    ({"isGroupInvite": True, "groupId": "0" * 129}, "InvalidRequest"),
)


async def test_what_may_not_be_asked_is_refused_by_its_name(house: House) -> None:
    bob = await phone(house, "bob", stock=0)
    for change, error in REFUSED:
        given = {"recipientDid": bob.did, **change}
        if change.get("recipientDid") in ("alice", "nobody"):
            given["recipientDid"] = (await house.account(change["recipientDid"])).did
        assert await refused(house, "alice", "sendChatRequest", **given) == error, change.keys()
    assert await listed(house, "bob") == []
    await asks(house, "alice", "bob", previewText="x" * 200, heldMessages=[held()] * 5)
    assert await refused(house, "alice", "sendChatRequest", recipientDid=bob.did) == "DuplicateRequest"


async def test_an_account_without_a_device_is_asked_once_it_wants_to_be(house: House) -> None:
    carol = await house.account("carol")
    await does(house, "carol", "optIn")
    assert (await does(house, "alice", "sendChatRequest", recipientDid=carol.did))["status"] == "pending"


async def test_answers_are_the_recipients_alone(house: House) -> None:
    """A request is unknown to everybody else, its sender included."""
    sent = await asks(house, "alice", "bob")
    for who in ("alice", "carol"):
        for method in ("acceptChatRequest", "declineChatRequest"):
            assert await refused(house, who, method, requestId=sent["requestId"]) == "RequestNotFound"
    assert await refused(house, "bob", "acceptChatRequest", requestId="x") == "RequestNotFound"
    assert await refused(house, "bob", "declineChatRequest", requestId="x") == "RequestNotFound"
    welcome = {"requestId": sent["requestId"], "welcomeData": sealed(b"w")}
    assert await refused(house, "bob", "acceptChatRequest", **welcome) == "InvalidRequest", "it would be lost"
    assert await listed(house, "bob", status="pending") == [sent["requestId"]]


async def test_a_request_lapses_when_its_recipient_says(house: House) -> None:
    """By the days of the moment it was sent; then nothing is held, and the sender may ask again."""
    await does(house, "bob", "updateChatRequestSettings", autoExpireDays=2)
    sent = await asks(house, "alice", "bob", heldMessages=[held()])
    assert sent["expiresAt"] == "2026-05-30T20:26:40Z"
    await does(house, "bob", "updateChatRequestSettings", autoExpireDays=30)
    house.now += 2 * DAY
    named = {"requestId": sent["requestId"]}
    assert await refused(house, "bob", "acceptChatRequest", **named) == "RequestExpired"
    assert await refused(house, "bob", "declineChatRequest", **named) == "AlreadyProcessed"
    assert await listed(house, "bob", status="expired") == [sent["requestId"]]
    assert await does(house, "bob", "getRequestCount") == {"pendingCount": 0}
    assert (await asks(house, "alice", "bob"))["expiresAt"] == "2026-06-29T20:26:40Z"


async def test_what_was_held_goes_with_the_request(house: House) -> None:
    sent = await asks(house, "alice", "bob", heldMessages=[held()])
    named = {"requestId": sent["requestId"]}
    await does(house, "bob", "acceptChatRequest", **named)
    await house.store.expire(int(house.now) + DEFAULT_RETENTION.ended)
    assert await refused(house, "bob", "acceptChatRequest", **named) == "RequestNotFound"


async def test_a_declined_request_is_declined_however_often(house: House) -> None:
    sent = await asks(house, "alice", "bob", heldMessages=[held()])
    named = {"requestId": sent["requestId"]}
    for _ in range(2):
        assert await does(house, "bob", "declineChatRequest", **named) == {"success": True}
    assert await refused(house, "bob", "acceptChatRequest", **named) == "AlreadyProcessed"
    assert (await asks(house, "alice", "bob"))["status"] == "pending", "declined is not blocked"


async def test_who_is_blocked_asks_in_vain(house: House) -> None:
    sent = await asks(house, "alice", "bob")
    other = await asks(house, "carol", "bob")
    alice, bob = await house.account("alice"), await house.account("bob")
    mixed = {"senderDid": alice.did, "requestId": other["requestId"]}
    assert await refused(house, "bob", "blockChatSender", **mixed) == "InvalidRequest"
    given = {"senderDid": alice.did, "requestId": sent["requestId"], "reason": "spam"}
    assert await does(house, "bob", "blockChatSender", **given) == {"success": True, "blockedCount": 1}
    assert await does(house, "bob", "blockChatSender", **given) == {"success": True, "blockedCount": 0}
    assert await refused(house, "alice", "sendChatRequest", recipientDid=bob.did) == "BlockedByRecipient"
    assert await listed(house, "bob", status="blocked") == [sent["requestId"]]
    assert await listed(house, "bob", status="pending") == [other["requestId"]]


async def test_what_recipients_complain_of_reaches_the_operator(house: House) -> None:
    sent = await asks(house, "alice", "bob")
    named = {"requestId": sent["requestId"]}
    lone = {**named, "reportDetails": "x"}
    assert await refused(house, "bob", "declineChatRequest", **lone) == "InvalidRequest"
    told = {**named, "reportReason": "harassment", "reportDetails": "every day"}
    await does(house, "bob", "declineChatRequest", **told)
    alice, bob = await house.account("alice"), await house.account("bob")
    await does(house, "carol", "blockChatSender", senderDid=alice.did, reason="other")
    page = await house.store.complaints(limit=9)
    carol = await house.account("carol")
    assert [(each.recipient, each.sender, each.reason, each.details) for each in page.complaints] == [
        (carol.did, alice.did, "other", None),
        (bob.did, alice.did, "harassment", "every day"),
    ]


async def test_only_so_many_wait_for_one_account(house: House) -> None:
    bob = await phone(house, "bob", stock=0)
    for number in range(MAX_PENDING):
        await does(house, f"s{number}", "sendChatRequest", recipientDid=bob.did)
    answer = await call(house, "alice", "sendChatRequest", recipientDid=bob.did)
    assert error_name(answer) == "RateLimited"
    first = (await does(house, "bob", "listChatRequests", limit=1))["requests"][0]["id"]
    await does(house, "bob", "declineChatRequest", requestId=first)
    await does(house, "alice", "sendChatRequest", recipientDid=bob.did)


async def test_requests_come_in_pages(house: House) -> None:
    ids = [(await asks(house, f"s{number}", "bob"))["requestId"] for number in range(5)]
    first = await does(house, "bob", "listChatRequests", limit=3)
    rest = await does(house, "bob", "listChatRequests", limit=3, cursor=first["cursor"])
    assert [each["id"] for each in first["requests"] + rest["requests"]] == ids[::-1]
    assert "cursor" not in rest
    assert await refused(house, "bob", "listChatRequests", cursor="x") == "InvalidCursor"
    assert await refused(house, "s0", "listChatRequests", cursor=first["cursor"]) == "InvalidCursor"
    assert await refused(house, "bob", "listChatRequests", status="lost") == "InvalidRequest"


# -- blocks at the accounts' PDSs --------------------------------------------------------------------


@pytest.mark.parametrize("what", ["the sender's block", "the recipient's block", "a PDS that is down"])
async def test_a_block_record_keeps_requests_off(what: str) -> None:
    """Read where accounts keep it, in both directions; what cannot be read lets nobody through."""
    async with open_town() as town:
        match what:
            case "the sender's block":
                town.world.pds.block(town.alice, town.carol)
            case "the recipient's block":
                town.world.pds.block(town.carol, town.alice)
            case _:
                town.world.pds.faults[town.carol] = Status(503)

        async def ask(recipient: str) -> httpx.Response:
            body = {"recipientDid": recipient}
            return await town.house.send(
                "POST", f"{MLS}.sendChatRequest", town.speaker(town.alice), json=body
            )

        refused = await ask(town.carol)
        expected = "UpstreamFailure" if what == "a PDS that is down" else "BlockedByRecipient"
        assert error_name(refused) == expected
        assert (await ask(town.bob.did)).json()["status"] == "pending"


# -- opt-in and settings -----------------------------------------------------------------------------


async def test_who_wants_to_be_reached_is_told_to_who_asks(house: House) -> None:
    alice, bob = await phone(house, "alice", stock=0), await house.account("bob")
    given = {"dids": [bob.did, alice.did, bob.did]}
    nobody = [{"did": bob.did, "optedIn": False}, {"did": alice.did, "optedIn": False}]
    assert await does(house, "carol", "getOptInStatus", **given) == {"statuses": nobody}
    since = {"optedIn": True, "optedInAt": ASKED}
    assert await does(house, "alice", "optIn", deviceId=alice.id) == since
    house.now += 60
    assert await does(house, "alice", "optIn") == since, "since the first time"
    told = [nobody[0], {"did": alice.did, **since}]
    assert await does(house, "carol", "getOptInStatus", **given) == {"statuses": told}
    for _ in range(2):
        assert await does(house, "alice", "optOut") == {"success": True}
    assert await does(house, "carol", "getOptInStatus", **given) == {"statuses": nobody}
    for method in ("optIn", "optOut"):
        assert await refused(house, "bob", method, deviceId=alice.id) == "DeviceNotFound"


async def test_settings_are_kept_and_changed_one_by_one(house: House) -> None:
    defaults = {"allowFollowersBypass": True, "allowFollowingBypass": False, "autoExpireDays": 7}
    assert await does(house, "bob", "getChatRequestSettings") == defaults
    for change in (
        {},
        {"autoExpireDays": 30},
        {"allowFollowingBypass": True},
        {"allowFollowersBypass": False},
    ):
        defaults |= change
        assert await does(house, "bob", "updateChatRequestSettings", **change) == defaults
        assert await does(house, "bob", "getChatRequestSettings") == defaults
    for days in (0, 31):
        assert (
            await refused(house, "bob", "updateChatRequestSettings", autoExpireDays=days) == "InvalidRequest"
        )
    assert (await does(house, "alice", "getChatRequestSettings"))["autoExpireDays"] == 7
