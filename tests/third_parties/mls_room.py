"""Three people with two devices each in an MLS group of a third party's clients (`ts-mls`), on a real server.

Node seals, commits, joins and opens; nothing here knows a key. What is looked at from here is who could open
what, whom an opened message is from (the leaf says it), and what the server said.
"""

import base64
import itertools
import json
from collections.abc import Callable
from typing import Any, Final

import attrs
import pytest

from tests.node.mls.clients import MlsClients, TheirRefusal, asking
from tests.third_parties.stage import Person as AtProtoPerson
from tests.third_parties.stage import Stage

MLS: Final = "blue.catbird.mls"
OURS: Final = "chat.rookery.mls"
SUITES: Final = (
    "MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519",
    "MLS_128_DHKEMX25519_CHACHA20POLY1305_SHA256_Ed25519",
)
STOCK: Final = 4
_numbers = itertools.count(1)


@attrs.frozen
class Phone:
    """A device with an MLS client; what it does, it does in Node."""

    clients: MlsClients
    did: str
    name: str
    id: str
    key: str

    def asking(self, method: str, *args: Any) -> dict[str, Any]:
        """What `together` takes."""
        return asking("phone", phone=self.name, method=method, args=args)

    def does(self, method: str, *args: Any) -> Any:
        """A method of `Phone` in `phone.mjs`."""
        return self.clients.ask("phone", phone=self.name, method=method, args=args)

    def rarely(self, method: str, *args: Any) -> Any:
        """A function of `rare.mjs`."""
        return self.clients.ask("rarely", phone=self.name, method=method, args=args)


@attrs.frozen
class Person:
    """An account of elsewhere."""

    home: AtProtoPerson
    clients: MlsClients

    @property
    def did(self) -> str:
        """Its DID."""
        return self.home.did

    def device(self, name: str, suite: str) -> Phone:
        """A device that is registered with its key packages."""
        name = f"{name} {next(_numbers)}"
        made = self.clients.ask("register", phone=name, did=self.did, suite=suite, stock=STOCK)
        assert made["mlsDid"] == f"{self.did}#{made['deviceId']}"
        assert made["autoJoinedConvos"] == []
        return Phone(self.clients, self.did, name, made["deviceId"], made["key"])

    def asks(self, nsid: str, **params: Any) -> Any:
        """A query."""
        return self.clients.ask("ask", did=self.did, nsid=nsid, params=params)

    def does(self, nsid: str, **data: Any) -> Any:
        """A procedure."""
        return self.clients.ask("do", did=self.did, nsid=nsid, data=data)

    def answered(self) -> dict[str, Any]:
        """Of each method it called, by itself or by a device, the last input that was answered, and how."""
        calls: dict[str, Any] = self.clients.ask("answered", did=self.did)
        return calls


def new_person(stage: Stage, clients: MlsClients, name: str) -> Person:
    """An account that the directory knows, whose tokens Node signs."""
    home = stage.person(f"{name}-{next(_numbers)}.example.com")
    account = home.account
    clients.ask(
        "account",
        did=account.did,
        secret=base64.b64encode(account.key.private.secret).decode(),
        url=stage.router.url,
        audience=stage.service.audience,
    )
    return Person(home, clients)


@attrs.define
class Room:
    """A conversation of three people; `anna`'s first device made it."""

    clients: MlsClients
    suite: str
    people: dict[str, Person]
    devices: dict[str, Phone]
    convo: str

    def __getitem__(self, name: str) -> Phone:
        return self.devices[name]

    def others(self, *names: str) -> list[Phone]:
        """All devices but these."""
        return [device for name, device in self.devices.items() if name not in names]

    def asking(self, name: str, method: str, *args: Any) -> dict[str, Any]:
        """What `together` takes, in this conversation."""
        return self[name].asking(method, self.convo, *args)

    def does(self, name: str, method: str, *args: Any) -> Any:
        """A method of a device in this conversation."""
        return self[name].does(method, self.convo, *args)

    def sync(self, name: str) -> list[Any]:
        """What a device opened of what has come; fails where something did not open."""
        taken: list[Any] = self.does(name, "sync")
        assert all("error" not in each for each in taken), taken
        return taken

    def reads(self, name: str) -> list[tuple[str, str]]:
        """The messages of others that a device opened, and whose they are by their leaves."""
        return texts(self.sync(name))

    def group(self, name: str) -> Any:
        """The group as a device knows it."""
        return self.clients.ask("group", phone=self[name].name, convo=self.convo)

    def together(self, *names: str) -> Any:
        """The group that these devices (all, unless named) know; fails where they differ in anything."""
        seen = [self.group(name) for name in names or self.devices]
        assert all(each == seen[0] for each in seen), seen
        epoch = next(iter(self.people.values())).asks(f"{MLS}.getEpoch", convoId=self.convo)["currentEpoch"]
        assert seen[0]["epoch"] == epoch
        return seen[0]

    def inside(self, *names: str) -> set[str]:
        """The devices that are in the group as these devices know it."""
        return {each["deviceId"] for each in self.together(*names)["roster"]}


def texts(taken: list[Any]) -> list[tuple[str, str]]:
    """(account, text) of the messages among them."""
    return [(each["sender"]["did"], each["text"]) for each in taken if each["type"] == "app"]


def says_nobody(room: Room, told: Any) -> None:
    """What the server told names no account and no device, in whatever field."""
    text = json.dumps(told)
    for device in room.devices.values():
        assert device.did not in text
        assert device.id not in text


def refused(call: Callable[[], object]) -> str:
    """The name of the error with which the server refuses."""
    with pytest.raises(TheirRefusal) as caught:
        call()
    assert caught.value.status is not None, caught.value
    return caught.value.name


def make_room(stage: Stage, clients: MlsClients, suite: str) -> Room:
    """Three people, two devices each, in one group at epoch 1."""
    people = {name: new_person(stage, clients, name) for name in ("anna", "bert", "carl")}
    devices = {
        f"{name}{number}": person.device(f"{name}{number}", suite)
        for name, person in people.items()
        for number in (1, 2)
    }
    dids = [people[name].did for name in ("bert", "carl")]
    convo = devices["anna1"].does("create", dids)
    room = Room(clients, suite, people, devices, convo["id"])
    for name in ("anna2", "bert1", "bert2", "carl1", "carl2"):
        joined = room.does(name, "join")
        assert joined["hash"] == joined["ref"], "one hash names a key package everywhere"
    assert room.inside() == {each.id for each in devices.values()}
    return room
