"""The wire types say what the lexicons say: the same files, the same verdicts, the same values."""

import base64
import json
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

import schema
from schema import generate, wire
from schema._lexicon import Bytes, Integer, Object, Params, Procedure, Query, String, Subscription
from schema.testing import OF_FORMAT, breakages, from_lexicon, meddled, smallest
from schema.wire import rookery


def test_a_message_is_decoded_in_one_step_with_its_bytes_as_bytes() -> None:
    body = b"""{"convoId": "c", "msgId": "m-1", "ciphertext": {"$bytes": "c2VhbGVk"}}"""
    sent = wire.decode(rookery.SendMessageInput, body)
    assert sent.ciphertext == b"sealed"
    assert sent.msg_id == "m-1"
    assert sent.device_id is msgspec.UNSET
    assert wire.given(sent.device_id) is None


def test_the_committed_modules_are_what_the_generator_makes() -> None:
    """Run `python -m schema.generate` after changing a lexicon."""
    for path, text in generate.modules().items():
        assert path.read_text(encoding="utf-8") == text, f"{path.name} is stale"
    assert generate.main(["--check"]) == 0


def test_every_method_has_its_types_and_only_the_declared_ones() -> None:
    assert set(wire.METHODS) == {nsid for nsid, lex in schema.LEXICONS.items() if lex.method}
    for nsid, types in wire.METHODS.items():
        method = schema.lexicon(nsid).method
        assert method is not None
        assert types.nsid == nsid
        assert types.kind == type(method).__name__.lower()
        assert (types.params is not None) == bool(method.parameters and method.parameters.properties)
        assert (types.input is not None) == isinstance(method, Procedure)
        assert (types.output is not None) == isinstance(method, Query | Procedure)
        refs = method.message.schema.refs if isinstance(method, Subscription) else ()
        assert tuple(types.messages) == refs
        streams = isinstance(method, Query) and method.output.encoding == "text/event-stream"
        assert types.streams == streams


def test_every_field_of_every_type_is_a_field_of_its_lexicon_with_the_same_optionality() -> None:
    seen = 0
    for kind, node, _ in typed_objects():
        fields = {field.encode_name: field for field in msgspec.structs.fields(kind)}
        tag = kind.__struct_config__.tag_field
        assert set(fields) | ({tag} if tag == "type" else set()) == set(node.properties), kind
        for name, field in fields.items():
            assert field.required == (name in node.required), (kind, name)
            default = getattr(node.properties[name], "default", None)
            assert field.required or field.default == (msgspec.UNSET if default is None else default)
            seen += 1
    assert seen > 150


def test_every_limit_holds_at_its_edge_and_breaks_one_step_further() -> None:
    """Each field at its minimum and maximum, in an object whose other fields are all in order."""
    edges = 0
    for kind, node, base in typed_objects():
        tag = kind.__struct_config__.tag_field
        rest = {name: smallest(node.properties[name], base) for name in node.required}
        rest |= {tag: kind.__struct_config__.tag} if tag else {}
        for name, rule in node.properties.items():
            for value, good in _edges(rule):
                body = json.dumps({**rest, name: value})
                if good:
                    wire.decode(kind, body)
                else:
                    with pytest.raises(wire.InvalidWire) as caught:
                        wire.decode(kind, body)
                    assert caught.value.path.startswith(f"$.{name}")
                edges += 1
    assert edges > 200


def typed_objects() -> list[tuple[type[wire.Wire], Object | Params, str]]:
    """Every wire type, found by name alone, with the part of a lexicon it stands for and that one's id."""
    found: list[tuple[type[wire.Wire], Object | Params, str]] = []
    for nsid, lex in schema.LEXICONS.items():
        module = getattr(wire, generate.module_of(nsid))
        parts: list[tuple[str, object]] = [
            (generate.class_name(nsid, name), definition) for name, definition in lex.defs.items()
        ]
        parts.append((generate.class_name(nsid, "main", "Params"), getattr(lex.method, "parameters", None)))
        for side in ("input", "output"):
            body = getattr(lex.method, side, None)
            parts.append(
                (generate.class_name(nsid, "main", side.capitalize()), getattr(body, "schema", None))
            )
        for name, part in parts:
            if isinstance(part, Object | Params) and part.properties:
                found.append((getattr(module, name), part, nsid))
    return found


def _edges(node: Any) -> list[tuple[Any, bool]]:
    """Values at a limit and one step beyond, with the verdict the lexicon gives."""
    match node:
        case Integer(const=int() as const):
            return [(const, True), (const + 1, False), (const - 1, False)]
        case Integer():
            low = -(2**53 - 1) if node.minimum is None else node.minimum
            high = 2**53 - 1 if node.maximum is None else node.maximum
            return [(low, True), (high, True), (low - 1, False), (high + 1, False)]
        case String(enum=tuple() as choices):
            return [*((choice, True) for choice in choices), (f"{choices[0]}x", False), ("", False)]
        case String(format=None, const=None):
            low = node.min_length or 0
            high = 5000 if node.max_length is None else node.max_length
            edges: list[tuple[Any, bool]] = [("x" * low, True), ("x" * high, True)]
            if node.max_length is not None:
                # the same number of characters, but more bytes
                edges += [
                    ("x" * (high + 1), False),
                    ("x" * (high - 1) + "é", False),
                    ("x" * (high - 2) + "é", True),
                ]
            return edges + ([("x" * (low - 1), False)] if low else [])
        case Bytes():
            low = node.min_length or 0
            high = 5000 if node.max_length is None else node.max_length
            sizes = [(low, True), (high, True)]
            sizes += [(high + 1, False)] if node.max_length is not None else []
            sizes += [(low - 1, False)] if low else []
            return [({"$bytes": base64.b64encode(bytes(size)).decode()}, good) for size, good in sizes]
        case (
            schema._lexicon.Array(items=String(format=str() as form))
            | schema._lexicon.ParamsArray(items=String(format=str() as form))
        ):
            low = node.min_length or 0
            high = 500 if node.max_length is None else node.max_length
            sizes = [(low, True), (high, True)]
            sizes += [(high + 1, False)] if node.max_length is not None else []
            sizes += [(low - 1, False)] if low else []
            return [([OF_FORMAT[form]] * size, good) for size, good in sizes]
        case String(format="did"):
            return [("did:web:" + "a" * 2040, True), ("did:web:" + "a" * 2041, False), ("did:web:", False)]
        case _:
            return []


CASES = [
    (nsid, what)
    for nsid, types in wire.METHODS.items()
    for what in ("params", "input", "output")
    if getattr(types, what) is not None
]


def _node(nsid: str, what: str) -> Any:
    method = schema.lexicon(nsid).method
    if what == "params":
        return getattr(method, "parameters", None)
    return getattr(method, what).schema


def _validator_accepts(nsid: str, what: str, data: Any) -> bool:
    try:
        getattr(schema.VALIDATOR, what)(nsid, data)
    except schema.InvalidData:
        return False
    return True


def _wire_accepts(nsid: str, what: str, data: Any) -> bool:
    try:
        wire.decode(getattr(wire.METHODS[nsid], what), json.dumps(data))
    except wire.InvalidWire:
        return False
    return True


@given(st.sampled_from(CASES).flatmap(lambda c: st.tuples(st.just(c), from_lexicon(_node(*c), c[0]))))
def test_valid_data_is_accepted_by_both_and_comes_back_as_it_was(case: tuple[tuple[str, str], Any]) -> None:
    (nsid, what), data = case
    kind = getattr(wire.METHODS[nsid], what)
    getattr(schema.VALIDATOR, what)(nsid, data)
    value = wire.decode(kind, json.dumps(data))
    again = wire.encode(value)
    assert wire.decode(kind, again) == value
    written = json.loads(again)
    assert {key: unpadded(item) for key, item in data.items()}.items() <= written.items()
    getattr(schema.VALIDATOR, what)(nsid, written)
    assert wire.convert(kind, msgspec.to_builtins(value, builtin_types=(bytes,), enc_hook=bytes)) == value


def unpadded(value: Any) -> Any:
    """Data with each base64 text as we write it."""
    match value:
        case {"$bytes": str(text)}:
            return {"$bytes": text.rstrip("=")}
        case dict():
            return {key: unpadded(item) for key, item in value.items()}
        case list():
            return [unpadded(item) for item in value]
    return value


@given(
    st.sampled_from(CASES).flatmap(lambda c: st.tuples(st.just(c), from_lexicon(_node(*c), c[0]))), st.data()
)
def test_data_broken_by_one_rule_is_refused_by_both(
    case: tuple[tuple[str, str], Any], data: st.DataObject
) -> None:
    (nsid, what), valid = case
    ways = list(breakages(_node(nsid, what), valid, nsid, strict=what != "output"))
    rule, broken = data.draw(st.sampled_from(ways))
    assert not _validator_accepts(nsid, what, broken), rule
    assert not _wire_accepts(nsid, what, broken), rule


@given(
    st.sampled_from(CASES).flatmap(lambda c: st.tuples(st.just(c), meddled(from_lexicon(_node(*c), c[0]))))
)
def test_whatever_one_accepts_the_other_accepts(case: tuple[tuple[str, str], Any]) -> None:
    (nsid, what), data = case
    assert _wire_accepts(nsid, what, data) == _validator_accepts(nsid, what, data)


@given(st.sampled_from([case for case in CASES if case[1] != "params"]), st.binary(max_size=60))
def test_any_bytes_are_a_value_or_the_one_error(case: tuple[str, str], data: bytes) -> None:
    try:
        wire.decode(getattr(wire.METHODS[case[0]], case[1]), data)
    except wire.InvalidWire as problem:
        assert problem.path.startswith("$")  # noqa: PT017 - most bytes raise, a few do not


@pytest.mark.parametrize(
    ("body", "path"),
    [
        (b"", "$"),
        (b"{", "$"),
        (b"\xff", "$"),
        (b'{"convoId": "\xff"}', "$"),
        (b'{"convoId": "c"} {}', "$"),
        (b"null", "$"),
        (b"[]", "$"),
        (b"[" * 100_000, "$"),
        (b'{"convoId": 1}', "$.convoId"),
        (b'{"convoId": null}', "$.convoId"),
        (b'{"ciphertext": "c2VhbGVk"}', "$.ciphertext"),
        (b'{"ciphertext": {"$bytes": "c2VhbGV"}}', "$.ciphertext"),
        (b'{"msgId": ""}', "$.msgId"),
        (b'{"convoId": "c", "msgId": "m", "ciphertext": {"$bytes": ""}}', "$.ciphertext"),
        (b'{"nested": ' + b'{"a":' * 100_000, "$"),
    ],
)
def test_a_refusal_names_the_place(body: bytes, path: str) -> None:
    with pytest.raises(wire.InvalidWire) as caught:
        wire.decode(rookery.SendMessageInput, body)
    assert caught.value.path == path


def test_text_is_measured_in_bytes_inside_an_array_too() -> None:
    member = {"did": "did:web:a.example", "deviceId": "d", "deviceName": "é" * 65, "isAdmin": False}
    view = {"id": "c", "creator": "did:web:a.example", "members": [member], "epoch": 0,
            "createdAt": "2026-01-01T00:00:00Z", "lastSeq": 1}  # fmt: skip
    with pytest.raises(wire.InvalidWire) as caught:
        wire.decode(rookery.ConvoView, json.dumps(view))
    assert caught.value.path == "$.members[0].deviceName"


def test_an_answer_may_grow_and_old_clients_go_on_reading() -> None:
    answer = b'{"messageId": "m", "seq": 1, "epoch": 0, "receivedAt": "2026-01-01T00:00:00Z", "new": [1]}'
    assert wire.decode(rookery.SendMessageOutput, answer).seq == 1


def test_plain_bytes_are_not_mistaken_for_octets_when_written() -> None:
    with pytest.raises(TypeError):
        wire.encode(rookery.SubscribeEventsInfo(name=object()))  # type: ignore[arg-type]  # on purpose


def test_a_payload_for_dag_cbor_has_bytes_and_no_type_of_its_own() -> None:
    view = rookery.MessageView(
        id="m",
        convo_id="c",
        ciphertext=wire.Octets(b"\x00"),
        epoch=0,
        seq=1,
        created_at="2026-01-01T00:00:00Z",
    )
    payload = wire.plain(rookery.SubscribeEventsMessageEvent(cursor="k", message=view))
    assert payload["cursor"] == "k"
    assert "$type" not in payload
    assert type(payload["message"]["ciphertext"]) is bytes  # type: ignore[index]  # plain data
    schema.VALIDATOR.message("chat.rookery.subscribeEvents", "#messageEvent", payload)
    assert wire.convert(rookery.SubscribeEventsMessageEvent, payload).message == view


MESSAGES = [
    (nsid, t)
    for nsid, types in wire.METHODS.items()
    if nsid != "chat.rookery.session"  # its frames have a test file of their own
    for t in types.messages
]


@given(
    st.sampled_from(MESSAGES).flatmap(
        lambda m: st.tuples(
            st.just(m), meddled(from_lexicon(schema.lexicon(m[0]).definition(m[1][1:]), m[0]))
        )
    )
)
def test_the_messages_of_a_subscription_are_those_of_its_lexicon(case: tuple[tuple[str, str], Any]) -> None:
    (nsid, t), payload = case
    try:
        message = wire.decode(wire.METHODS[nsid].messages[t], json.dumps(payload))
    except wire.InvalidWire:
        with pytest.raises(schema.InvalidData):
            schema.VALIDATOR.message(nsid, t, payload, form="json")
    else:
        schema.VALIDATOR.message(nsid, t, payload, form="json")
        schema.VALIDATOR.message(nsid, t, wire.plain(message), form="data")
