"""What the demo shows is what it measured."""

import io
import json

import msgspec
import pytest
import trio
from rich.console import Console

from protocol import DeviceId
from router.client.client import RookeryClient
from router.client.device import Device
from router.client.xrpc import Xrpc
from router.demo.cast import Actor
from router.demo.screen import ending_data, ending_view, scene_view
from router.demo.stage import Ending, Scene
from router.demo.verdict import Message

LOG = [Message(2, "m2", "one"), Message(3, "m3", "two")]


def actor(name: str, received: list[Message]) -> Actor:
    # Neither is used: what is shown comes from the lists.
    client = RookeryClient(Xrpc.__new__(Xrpc), "http://x", "did:web:x")  # type: ignore[arg-type]  # a plain name
    return Actor(
        name,
        "session",
        client,
        Device(DeviceId("d"), name, b"\0" * 32),
        trio.lowlevel.ParkingLot(),
        said=2,
        acknowledged=LOG[:1],
        received=received,
    )


@pytest.fixture
def scene() -> Scene:
    return Scene(
        total=2, step="talking", actors=[actor("alice's phone", LOG), actor("bob's laptop", LOG[:1])]
    )


def shown(renderable: object) -> str:
    file = io.StringIO()
    Console(width=100, file=file).print(renderable)
    return file.getvalue()


def test_the_running_scene_shows_who_waits_and_who_heard(scene: Scene) -> None:
    text = shown(scene_view(scene))
    assert "2/2" in text
    assert "1/2" in text
    assert "bob's laptop opens" in text


def test_a_device_that_lacks_something_is_marked_and_the_fault_is_told(scene: Scene) -> None:
    ending = Ending(["bob's laptop lacks 1 messages."], LOG, 2, 1, 3.0)
    text = shown(ending_view(scene, ending))
    assert "It did not hold" in text
    assert "NO" in text
    data = json.loads(msgspec.json.encode(ending_data(scene, ending)))
    assert data["held"] is False
    assert [device["inOrderOnce"] for device in data["devices"]] == [True, False]


def test_what_held_is_said_with_its_figures(scene: Scene) -> None:
    text = " ".join(shown(ending_view(scene, Ending([], LOG, 2, 1, 3.0))).split())
    assert "It held" in text
    assert "killed with 1 sends unanswered" in text
    assert "no forward secrecy" in text
