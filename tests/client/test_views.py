"""The client's names are the lexicons' names: a drift on either side fails here."""

import json
from importlib.resources import files
from typing import Any

import msgspec
import pytest

from router.client import views
from router.client.events import MessageView

CHAT, MLS = "chat/rookery", "blue/catbird/mls"
OUTPUTS: list[tuple[str, str, str, type[msgspec.Struct]]] = [
    (CHAT, "getConvos", "output", views.ConvoPage),
    (CHAT, "getMessages", "output", views.MessagePage),
    (CHAT, "sendMessage", "output", views.SentView),
    (MLS, "sendMessage", "output", views.SentView),
    (CHAT, "registerDevice", "output", views.DeviceView),
    (MLS, "registerDevice", "output", views.DeviceView),
    (MLS, "getEpoch", "output", views.EpochView),
    (CHAT, "updateCursor", "output", views.MarkView),
    (MLS, "updateCursor", "output", views.MarkView),
]
INPUTS: list[tuple[str, str, str, type[msgspec.Struct]]] = [
    (CHAT, "createConvo", "input", views.CreateOpaqueInput),
    (MLS, "createConvo", "input", views.CreateMlsInput),
    (CHAT, "sendMessage", "input", views.SendOpaqueInput),
    (MLS, "sendMessage", "input", views.SendMlsInput),
    (CHAT, "addMembers", "input", views.AddInput),
    (MLS, "addMembers", "input", views.AddInput),
    (CHAT, "removeMember", "input", views.RemoveInput),
    (MLS, "removeMember", "input", views.RemoveInput),
    (CHAT, "leaveConvo", "input", views.LeaveOpaqueInput),
    (MLS, "leaveConvo", "input", views.LeaveMlsInput),
    (CHAT, "updateCursor", "input", views.MarkOpaqueInput),
    (MLS, "updateCursor", "input", views.MarkMlsInput),
    (CHAT, "registerDevice", "input", views.RegisterOpaqueInput),
    (MLS, "registerDevice", "input", views.RegisterMlsInput),
    (CHAT, "rotateDeviceKey", "input", views.RotateKeyInput),
]


def body(family: str, method: str, side: str) -> Any:
    lexicon = files("schema").joinpath("lexicons", *family.split("/"), f"{method}.json").read_bytes()
    return json.loads(lexicon)["defs"]["main"][side]["schema"]


def names(schema: Any, key: str) -> set[str]:
    return set(schema.get(key, ()))


@pytest.mark.parametrize(("family", "method", "side", "view"), [*OUTPUTS, *INPUTS])
def test_every_required_field_has_its_name_in_the_lexicon(
    family: str, method: str, side: str, view: type[msgspec.Struct]
) -> None:
    """What the client insists on, the server promises; what the server insists on, the client sends."""
    schema = body(family, method, side)
    fields = msgspec.structs.fields(view)
    required = {field.encode_name for field in fields if field.required}
    if side == "output":
        assert required <= names(schema, "required")
    else:
        assert names(schema, "required") <= {field.encode_name for field in fields}
        assert {field.encode_name for field in fields} <= names(schema, "properties")


def test_a_message_view_is_the_lexicons() -> None:
    definitions = json.loads(
        files("schema").joinpath("lexicons", "chat", "rookery", "defs.json").read_bytes()
    )
    schema = definitions["defs"]["messageView"]
    assert {field.encode_name for field in msgspec.structs.fields(MessageView)} == set(schema["required"])
