"""Strategies for what travels: wire types of the lexicons, frames of `rookery.v1`, AT Protocol frames.

    @given(wire(mls.SendMessageInput))
    @given(outputs("blue.catbird.mls.getMessages"))
    @given(client_frames(binary=True))

Data is drawn from the lexicon JSON, not from the Python types, and decoded into them: a strategy that drew
what the decoder refuses would fail at once.
"""

import json
from collections.abc import Mapping
from functools import cache
from types import MappingProxyType
from typing import Any, TypeVar, cast

from hypothesis import strategies as st
from msgspec import UNSET

from protocol import AtError, AtFrame, AtMessage, decode_dagcbor, encode_dagcbor
from schema import LIBRARY
from schema import wire as wire_types
from schema._lexicon import Object, Params
from schema.generate import class_name, module_of
from schema.testing import Node, from_lexicon, given_to
from schema.wire import METHODS, Octets, Wire, decode, encode, plain, rookery

from ._values import conversation_ids, device_ids, msg_ids

W = TypeVar("W", bound=Wire)


@cache
def wire_definitions() -> Mapping[type[Wire], tuple[Node, str]]:
    """Every wire type with the definition it was made from, and the lexicon that stands in."""
    found: dict[type[Wire], tuple[Node, str]] = {}
    for nsid, lexicon in LIBRARY.lexicons.items():
        module = getattr(wire_types, module_of(nsid))
        for name, definition in lexicon.defs.items():
            if isinstance(definition, Object):
                found[getattr(module, class_name(nsid, name))] = definition, nsid
    for nsid, method in METHODS.items():
        if method.params is not None:
            parameters = getattr(LIBRARY.lexicon(nsid).method, "parameters", None)
            found[method.params] = parameters or Params(properties={}), nsid
        if method.input is not None:
            found.setdefault(method.input, (given_to(nsid), nsid))
        output = getattr(LIBRARY.lexicon(nsid).method, "output", None)
        if method.output is not None and output is not None and isinstance(output.schema, Object):
            found.setdefault(method.output, (output.schema, nsid))
    return MappingProxyType(found)


@cache
def wire(kind: type[W]) -> st.SearchStrategy[W]:
    """Values of a wire type; KeyError for a class that is none."""
    node, base = wire_definitions()[kind]
    return from_lexicon(node, base).map(lambda data: _decoded(kind, data))


def inputs(nsid: str) -> st.SearchStrategy[Wire]:
    """What a procedure may be given; KeyError where there is no such procedure."""
    return wire(_there(METHODS[nsid].input, nsid))


def parameters(nsid: str) -> st.SearchStrategy[Wire]:
    """What a query may be asked; KeyError where there is no such query, or it takes nothing."""
    return wire(_there(METHODS[nsid].params, nsid))


def outputs(nsid: str) -> st.SearchStrategy[Wire]:
    """What a call may be answered with, or one event of a stream of server-sent events."""
    return wire(_there(METHODS[nsid].output, nsid))


def messages(nsid: str) -> st.SearchStrategy[Wire]:
    """What a subscription may send, of each kind."""
    return st.one_of([wire(kind) for kind in METHODS[nsid].messages.values()])


# -- frames -----------------------------------------------------------------------------------------------


def client_frames(*, binary: bool | None = None) -> st.SearchStrategy[str | bytes]:
    """What a client of a `rookery.v1` session may send: JSON text, DAG-CBOR bytes, or (None) either."""
    return _formatted(_client_values(), binary)


def server_frames(*, binary: bool | None = None) -> st.SearchStrategy[str | bytes]:
    """What a server of a `rookery.v1` session may send."""
    return _formatted(st.one_of([wire(kind) for kind in _SERVER]), binary)


def junk_frames() -> st.SearchStrategy[str | bytes]:
    """What nobody should send: noise, and objects that have a frame's words in the wrong places."""
    words = st.sampled_from(["type", "id", "n", "credit", "hello", "send"])
    odd = st.recursive(
        st.none() | st.booleans() | st.integers(-(2**63), 2**63 - 1) | st.text(max_size=4) | words,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
        max_leaves=6,
    )
    return st.text(max_size=20) | st.binary(max_size=20) | odd.map(json.dumps) | odd.map(encode_dagcbor)


def _as_read(message: Wire) -> dict[str, object]:
    """A payload as whoever reads the stream has it: arrays are lists."""
    return cast("dict[str, object]", decode_dagcbor(encode_dagcbor(plain(message))))


def at_frames() -> st.SearchStrategy[AtFrame]:
    """Frames of an AT Protocol event stream: any message of any subscription of ours, and errors."""
    sent = [
        st.builds(AtMessage, st.just(shown), wire(kind).map(_as_read))
        for method in METHODS.values()
        for shown, kind in method.messages.items()
        if shown.startswith("#")
    ]
    names = st.sampled_from(["FutureCursor", "ConsumerTooSlow"])
    failed = st.builds(AtError, names, st.none() | st.text(max_size=9))
    return st.one_of([*sent, failed])


_SERVER = (
    rookery.SessionWelcome,
    rookery.SessionAck,
    rookery.SessionError,
    rookery.SessionEvent,
    rookery.SessionCursor,
    rookery.SessionPong,
    rookery.SessionClose,
)


@cache
def _client_values() -> st.SearchStrategy[Wire]:
    """What the lexicon allows and `parse_frame` takes: ids are ids there, not any text."""
    unset, credit = st.just(UNSET), st.integers(1, 10_000)
    mark = st.builds(rookery.SessionSeenMark, convo_id=conversation_ids(), seq=st.integers(0, 2**53 - 1))
    kinds: list[st.SearchStrategy[Wire]] = [
        st.builds(
            rookery.SessionHello,
            credit=credit,
            device_id=unset | device_ids(),
            cursor=unset | st.text("abcXYZ019_-", min_size=1, max_size=20),
            seen=unset | st.lists(mark, max_size=3).map(tuple),
        ),
        st.builds(
            rookery.SessionSend,
            id=st.integers(0, 2**53 - 1),
            convo_id=conversation_ids(),
            msg_id=msg_ids(),
            ciphertext=st.sampled_from([512, 1024]).map(bytes).map(Octets),
            epoch=st.integers(0, 2**53 - 1),
        ),
        st.builds(rookery.SessionCredit, n=credit),
        st.builds(rookery.SessionPing, id=unset | st.integers(0, 2**53 - 1)),
    ]
    return st.one_of(kinds)


def _formatted(values: st.SearchStrategy[Wire], binary: bool | None) -> st.SearchStrategy[str | bytes]:
    text, octets = values.map(_as_text), values.map(_as_octets)
    if binary is None:
        return text | octets
    return octets if binary else text


def _as_text(value: Wire) -> str:
    return encode(value).decode()


def _as_octets(value: Wire) -> bytes:
    return encode_dagcbor({"type": value.__struct_config__.tag, **plain(value)})


def _decoded(kind: type[W], data: Any) -> W:
    return decode(kind, json.dumps(data))


def _there(kind: type[Wire] | None, nsid: str) -> type[Wire]:
    if kind is None:
        raise KeyError(f"{nsid} has none")
    return kind
