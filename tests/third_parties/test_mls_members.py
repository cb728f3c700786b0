"""Clients of `ts-mls` that are put out, that lost what they knew and come back, and new devices."""

from functools import partial

import pytest

from tests.node.mls.clients import MlsClients, TheirRefusal
from tests.third_parties.mls_room import MLS, STOCK, Room, new_person, refused, texts
from tests.third_parties.stage import Stage

pytestmark = pytest.mark.system


@pytest.mark.parametrize("by", ["removeMember", "submitCommit", "encrypted"])
def test_who_was_removed_neither_opens_nor_fetches_nor_comes_back(room: Room, by: str) -> None:
    carl = room.people["carl"]
    how = {"open": False} if by == "encrypted" else {"by": by}
    room.does("anna1", "commit", {"remove": [carl.did], **how})
    for name in ("anna2", "bert1", "bert2"):
        room.sync(name)
    there = room.inside("anna1", "anna2", "bert1", "bert2")
    assert there == {room[name].id for name in ("anna1", "anna2", "bert1", "bert2")}
    room.does("bert1", "send", "among us")
    assert room.reads("anna2") == [(room["bert1"].did, "among us")]

    (said,) = room.people["anna"].asks(f"{MLS}.getMessages", convoId=room.convo, type="app")["messages"]
    for name in ("carl1", "carl2"):
        with pytest.raises(TheirRefusal):
            room.does(name, "open", said)
    for asked in ("getMessages", "getGroupInfo", "getWelcome", "getEpoch"):
        assert refused(partial(carl.asks, f"{MLS}.{asked}", convoId=room.convo)) == "NotMember"
    assert refused(lambda: room.does("carl1", "askToRejoin")) == "NotMember"
    given = room.does("anna1", "groupInfo")
    assert refused(lambda: room.does("carl1", "joinFromOutside", given)) == "NotMember"
    assert refused(lambda: room.does("carl1", "send", "let me in")) == "NotMember"


def test_who_left_is_put_out_of_the_group_by_the_next_commit(room: Room) -> None:
    """Who goes cannot take its own leaf along; until somebody does, it is a member of the group and of
    nothing else."""
    carl = room.people["carl"]
    carl.does(f"{MLS}.leaveConvo", convoId=room.convo)
    assert refused(lambda: room.does("carl1", "send", "one more thing")) == "NotMember"
    room.does("bert1", "commit", {"remove": [carl.did]})
    for name in ("anna1", "anna2", "bert2"):
        room.sync(name)
    there = room.inside("anna1", "anna2", "bert1", "bert2")
    assert there == {room[name].id for name in ("anna1", "anna2", "bert1", "bert2")}
    room.does("anna1", "send", "carl is gone")
    assert room.reads("bert1") == [(room["anna1"].did, "carl is gone")]


def test_a_device_that_lost_everything_comes_back_by_a_welcome(
    room: Room, capsys: pytest.CaptureFixture[str]
) -> None:
    """It asks; the one member that is online puts its old leaf out and a new one in, and says something."""
    clients = room.clients
    clients.ask("listen", stream="helper", phone=room["carl1"].name, kind="session", helps=True)
    clients.ask("listen", stream="lost", phone=room["bert2"].name, kind="sse")
    back = clients.ask("comeBack", stream="lost", phone=room["bert2"].name, convo=room.convo)
    with capsys.disabled():
        print(f" [from the request to a decrypted message: {back['seconds']:.2f} s]", end="")
    assert texts(back["taken"]) == [(room["carl1"].did, f"welcome back {room['bert2'].id}")]
    for name in ("anna1", "anna2", "bert1", "carl2"):
        room.sync(name)
    assert room.inside() == {device.id for device in room.devices.values()}
    room.does("bert2", "send", "thank you")
    assert room.reads("anna1")[-1] == (room["bert2"].did, "thank you")
    for stream in ("helper", "lost"):
        clients.ask("hangUp", stream=stream)


def test_who_is_asked_to_help_and_does_not_is_followed_by_the_next(room: Room) -> None:
    """The lost device's own account has a device online, which is asked first, and does nothing."""
    clients, lost = room.clients, room["bert2"]
    clients.ask("listen", stream="deaf", phone=room["bert1"].name, kind="sse")
    clients.ask("listen", stream="helper", phone=room["carl1"].name, kind="sse", helps=True)
    clients.ask("listen", stream="lost", phone=lost.name, kind="session")
    back = clients.ask("comeBack", stream="lost", phone=lost.name, convo=room.convo)
    assert texts(back["taken"]) == [(room["carl1"].did, f"welcome back {lost.id}")]
    heard = clients.ask("heard", stream="deaf", kind="readditionRequestedEvent", count=2)
    asked = [event["leasedTo"] for event in heard["events"]]
    assert asked == [room["bert1"].id, room["carl1"].id]
    for stream in ("deaf", "helper", "lost"):
        clients.ask("hangUp", stream=stream)


def test_who_comes_online_later_helps_then(room: Room) -> None:
    """Nobody was there to be asked when the device asked."""
    clients, lost = room.clients, room["bert2"]
    room.does("bert2", "lose")
    room.does("bert2", "askToRejoin")
    clients.ask("listen", stream="lost", phone=lost.name, kind="sse")
    clients.ask("listen", stream="helper", phone=room["anna2"].name, kind="session", helps=True)
    back = clients.ask("opened", stream="lost", count=1)
    assert texts(back["taken"]) == [(room["anna2"].did, f"welcome back {lost.id}")]
    for stream in ("helper", "lost"):
        clients.ask("hangUp", stream=stream)


def test_a_device_that_lost_everything_comes_back_from_outside(room: Room) -> None:
    """By an external commit that takes its old leaf along; what was said before stays closed to it."""
    room.does("anna1", "send", "before")
    room.does("bert2", "lose")
    came = room.does("bert2", "joinFromOutside")
    assert came["epoch"] == came["before"] + 1
    for device in room.others("bert2"):
        device.does("sync", room.convo)
    assert room.inside() == {device.id for device in room.devices.values()}
    room.does("bert2", "send", "here again")
    assert room.reads("carl1") == [(room["bert2"].did, "here again")]
    room.does("carl1", "send", "good")
    taken = room.does("bert2", "sync")
    assert texts([each for each in taken if "error" not in each]) == [(room["carl1"].did, "good")]
    assert [each["type"] for each in taken if "error" in each] == ["app"]


def test_a_device_registered_later_is_announced_and_added_by_another_member(room: Room) -> None:
    """By somebody else's device; it has a Welcome and opens what is said from then on."""
    room.does("anna1", "send", "before the tablet")
    room.sync("bert1")
    room.clients.ask("listen", stream="watch", phone=room["bert1"].name, kind="sse")
    made = room.people["anna"].device("anna3", room.suite)
    room.devices["anna3"] = made
    (event,) = room.clients.ask("heard", stream="watch", kind="newDeviceEvent", count=1)["events"]
    assert (event["userDid"], event["deviceId"]) == (made.did, made.id)
    room.clients.ask("hangUp", stream="watch")
    assert room.people["anna"].asks(f"{MLS}.getConvos")["conversations"][0]["members"]
    assert refused(lambda: room.does("anna3", "join")) == "WelcomeNotFound"

    added = room.does("bert1", "addDevice")
    assert added["waited"][0]["id"] == event["pendingAdditionId"]
    assert added["done"] == {"success": True}
    room.does("anna3", "join")
    room.does("bert1", "send", "hello tablet")
    assert room.reads("anna3") == [(room["bert1"].did, "hello tablet")]
    for name in ("anna1", "anna2", "bert2", "carl1", "carl2"):
        room.sync(name)
    assert room.inside() == {device.id for device in room.devices.values()}
    room.does("anna3", "send", "thanks")
    assert room.reads("carl1") == [(made.did, "thanks")]


def test_a_device_registered_later_may_come_in_by_itself(room: Room) -> None:
    """By an external commit, as its account is a member: all see the new leaf, and whose it is."""
    tablet = room.devices["bert3"] = room.people["bert"].device("bert3", room.suite)
    room.does("bert3", "joinFromOutside")
    for device in room.others("bert3"):
        device.does("sync", room.convo)
    assert room.inside() == {device.id for device in room.devices.values()}
    room.does("bert3", "send", "without help")
    assert room.reads("carl1") == [(tablet.did, "without help")]


def test_a_key_package_of_last_resort_lets_a_device_into_more_than_one_group(
    stage: Stage, clients: MlsClients, room: Room
) -> None:
    """It is taken when all others are, and stays; the group that it made possible works as any other."""
    dora = new_person(stage, clients, "dora")
    phone = dora.device("dora1", room.suite)
    phone.does("publish", 0, True)
    convos = []
    for number in range(STOCK + 2):
        convos.append(room["anna1"].does("create", [dora.did])["id"])
        phone.does("join", convos[-1])
        room["anna1"].does("send", convos[-1], f"group {number}")
    told = [texts(phone.does("sync", convo)) for convo in convos]
    assert told == [[(room["anna1"].did, f"group {number}")] for number in range(STOCK + 2)]
