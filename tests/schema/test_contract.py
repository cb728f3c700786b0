"""The contract, written down a second time: fields, limits, errors of every method, old and ours.

A client of an earlier generation depends on these names. They are compared with the lexicon files, so that
an edit there is noticed here. Notation: `*` required, `str<=N` at most N bytes, `str(a|b)` known values,
`enum(a|b)` the only values, `int(a..b)`, `[T](a..b)`; a field with `+` is ours and must say so in its
description.
"""

from typing import Any

import pytest

import schema
from schema._lexicon import (
    Array,
    Body,
    Boolean,
    Bytes,
    Integer,
    Object,
    Params,
    ParamsArray,
    Procedure,
    Query,
    Ref,
    String,
    Subscription,
    Union,
)
from tests.schema.contract_later import LATER
from tests.schema.contract_seed import SEED

SUITES = 6
CONTRACT = {**SEED, **LATER}


def _bounds(low: int | None, high: int | None) -> str:
    return f"({'' if low is None else low}..{'' if high is None else high})"


def shown(node: Any) -> str:
    """A property in the notation above."""
    match node:
        case Boolean():
            return "bool" if node.default is None else f"bool={str(node.default).lower()}"
        case Integer(const=int() as const):
            return f"const({const})"
        case Integer():
            default = "" if node.default is None else f"={node.default}"
            return f"int{_bounds(node.minimum, node.maximum)}{default}"
        case String(format=str() as name):
            return name
        case String(known_values=tuple() as known):
            return "suite" if len(known) == SUITES else f"str({'|'.join(known)})"
        case String(enum=tuple() as choices):
            return f"enum({'|'.join(choices)}){'' if node.default is None else f'={node.default}'}"
        case String(min_length=None):
            return "str" if node.max_length is None else f"str<={node.max_length}"
        case String():
            return f"str{_bounds(node.min_length, node.max_length)}"
        case Bytes(min_length=None):
            return "bytes" if node.max_length is None else f"bytes<={node.max_length}"
        case Bytes():
            return f"bytes{_bounds(node.min_length, node.max_length)}"
        case Ref():
            return node.ref
        case Union():
            return f"union({'|'.join(node.refs)})"
        case Array() | ParamsArray():
            bounds = (
                ""
                if node.min_length is node.max_length is None
                else _bounds(node.min_length, node.max_length)
            )
            return f"[{shown(node.items)}]{bounds}"
        case Object() | Params():
            return " ".join(
                f"{name}{'+' if 'Rookery addition' in (field.description or '') else ''}"
                f"{'*' if name in node.required else ''}:{shown(field)}"
                for name, field in node.properties.items()
            )
    raise AssertionError(node)


def _parts(lex: schema.Lexicon) -> dict[str, str]:
    parts = {name: shown(node) for name, node in lex.defs.items() if name != "main"}
    method = lex.method
    if method is not None:
        parts["errors"] = " ".join(error.name for error in method.errors)
        if method.parameters is not None:
            parts["params"] = shown(method.parameters)
    bodies: list[tuple[str, Body | None]] = []
    if isinstance(method, Procedure):
        bodies = [("in", method.input), ("out", method.output)]
    if isinstance(method, Query):
        bodies = [("out", method.output)]
    parts |= {side: shown(body.schema) for side, body in bodies if body is not None}
    if isinstance(method, Subscription):
        parts["message"] = "|".join(method.message.schema.refs)
    return parts


@pytest.mark.parametrize("nsid", CONTRACT)
def test_the_lexicon_keeps_the_contract(nsid: str) -> None:
    assert _parts(schema.lexicon(nsid)) == CONTRACT[nsid]


def test_the_contract_has_these_methods_and_no_other() -> None:
    ours = {nsid for nsid in schema.LEXICONS if nsid.startswith(("blue.", "chat.rookery.mls."))}
    assert ours == set(CONTRACT)


def test_our_own_family_is_complete() -> None:
    ours = {
        nsid.removeprefix("chat.rookery.")
        for nsid in schema.LEXICONS
        if nsid.startswith("chat.") and not nsid.startswith("chat.rookery.mls.")
    }
    assert ours == {
        "addMembers", "createApiKey", "createConvo", "createPasskeyLink", "defs", "getConvos",
        "getMessages", "getTicket", "leaveConvo", "linkIdentity", "listApiKeys", "listDevices",
        "listIdentities", "registerDevice", "removeMember", "renameDevice", "revokeApiKey", "revokeDevice",
        "rotateDeviceKey", "sendMessage", "session", "streamEvents", "subscribeEvents", "unlinkIdentity",
        "updateCursor",
    }  # fmt: skip


def test_no_message_has_a_sender() -> None:
    """P5: neither family's view of a message has a field that could name its sender."""
    for family in ("blue.catbird.mls", "chat.rookery"):
        view = schema.lexicon(f"{family}.defs").definition("messageView")
        assert isinstance(view, Object)
        assert list(view.properties) == [
            "id", "convoId", "ciphertext", "epoch", "seq", "createdAt", "messageType", "digest"
        ]  # fmt: skip
