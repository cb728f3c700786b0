"""Messages between clients of `ts-mls`: all open what one says, and only the leaf says who it was."""

import pytest

from tests.third_parties.mls_room import MLS, Room, refused, says_nobody, texts

pytestmark = pytest.mark.system


def leaf_of(room: Room, name: str) -> int:
    """Where a device sits in the tree."""
    roster = room.group("anna1")["roster"]
    return next(int(each["leaf"]) for each in roster if each["deviceId"] == room[name].id)


def test_all_open_what_one_says(room: Room) -> None:
    """Claimed, created, welcomed; whose a message is, each knows from its leaf: another device of the
    author's just as well."""
    room.does("anna1", "send", "hello all")
    room.does("bert2", "send", "and back", {"exact": True})
    anna, bert = room.people["anna"].did, room.people["bert"].did
    for name in ("anna2", "bert1", "carl1", "carl2"):
        assert room.reads(name) == [(anna, "hello all"), (bert, "and back")]
    assert room.reads("anna1") == [(bert, "and back")]


def test_only_the_leaf_says_whose_a_message_is(room: Room) -> None:
    """Three ways to be told, and neither a body nor a frame has a sender: the client names the right one."""
    ways = {"carl1": "sse", "carl2": "session"}
    for name, kind in ways.items():
        room.clients.ask("listen", stream=name, phone=room[name].name, kind=kind, convo=room.convo)
    room.does("anna2", "send", "who am I?")
    told = room.people["bert"].asks(f"{MLS}.getMessages", convoId=room.convo)
    says_nobody(room, told["messages"])
    assert room.reads("bert1") == [(room["anna2"].did, "who am I?")]
    for name in ways:
        heard = room.clients.ask("heard", stream=name, kind="messageEvent", count=1)
        assert len(heard["events"]) == 1
        says_nobody(room, heard["events"])
        assert texts(heard["taken"]) == [(room["anna2"].did, "who am I?")]
        assert heard["taken"][0]["sender"]["leaf"] == leaf_of(room, "anna2")
        room.clients.ask("hangUp", stream=name)


def test_no_frame_of_an_event_stream_says_it_either(room: Room) -> None:
    """`subscribeConvoEvents`, DAG-CBOR frames read and judged by AT Protocol's own client."""
    room.does("anna1", "send", "to bert")
    nsid, bert = f"{MLS}.subscribeConvoEvents", room.people["bert"].home
    opened = {"service": bert.stage.router.url, "nsid": nsid, "headers": {"authorization": bert.token(nsid)}}
    params = {"convoId": room.convo, "deviceId": room["bert1"].id, "cursor": "0"}
    created, event = bert.stage.ask("subscribe", **opened, params=params, count=2)
    assert created["action"] == "created"
    says_nobody(room, event)
    opened = room.does("bert1", "open", event["message"])
    assert (opened["text"], opened["sender"]["did"]) == ("to bert", room["anna1"].did)


def test_a_message_goes_through_a_session_too(room: Room) -> None:
    room.clients.ask("listen", stream="bert2", phone=room["bert2"].name, kind="session")
    answer = room.clients.ask("say", stream="bert2", convo=room.convo, text="by session")
    assert answer["type"] == "ack", answer
    assert room.reads("anna1") == [(room["bert2"].did, "by session")]
    room.clients.ask("hangUp", stream="bert2")


def test_a_message_of_an_epoch_that_is_over_is_opened_by_all_and_refused_when_it_is_too_old(
    room: Room,
) -> None:
    """It was on its way while somebody committed. After four commits it is too late."""
    clients, author = room.clients, room["anna1"].name
    for name in ("late", "too late"):
        clients.ask("seal", phone=author, convo=room.convo, text=name, **{"as": name})
    room.does("bert1", "commit", {})
    clients.ask("sendSealed", phone=author, convo=room.convo, **{"as": "late"})
    for device in room.others("anna1"):
        assert texts(device.does("sync", room.convo)) == [(room["anna1"].did, "late")]
    for _ in range(3):
        room.does("bert1", "commit", {})
    refusal = refused(lambda: clients.ask("sendSealed", phone=author, convo=room.convo, **{"as": "too late"}))
    assert refusal == "EpochMismatch"
