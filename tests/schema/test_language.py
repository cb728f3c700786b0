"""The lexicon language: what is read, what is refused, and the interop files as far as our part reaches."""

import json
from typing import Any

import pytest

import schema
from schema import InvalidData, InvalidLexicon, Library, Validator, parse_lexicon
from tests.vectors import load_vectors

MINIMAL: dict[str, Any] = {"lexicon": 1, "id": "example.lexicon.other", "defs": {"demo": {"type": "integer"}}}
EMPTY_BODY: dict[str, Any] = {"encoding": "application/json", "schema": {"type": "object", "properties": {}}}


def parsed(document: object) -> schema.Lexicon:
    return parse_lexicon(json.dumps(document).encode())


def _object(**properties: Any) -> dict[str, Any]:
    return {**MINIMAL, "defs": {"demo": {"type": "object", "properties": properties}}}


def test_a_document_becomes_frozen_values() -> None:
    lexicon = schema.lexicon("blue.catbird.mls.getEpoch")
    assert lexicon.method is lexicon.definition("main")
    assert lexicon.error_names == {"ConvoNotFound", "NotMember"}
    with pytest.raises(AttributeError):
        lexicon.id = "other"  # type: ignore[misc]  # on purpose
    with pytest.raises(schema.UnknownLexicon):
        schema.lexicon("blue.catbird.mls.getEpochs")


def test_interop_lexicons_of_our_part_are_read_and_the_others_refused() -> None:
    """Permission sets are valid atproto, but nothing here uses them: refused like every unknown type."""
    verdicts = {}
    for case in load_vectors("atproto/lexicon/lexicon-valid.json"):
        try:
            parsed(case["lexicon"])
            verdicts[case["name"]] = True
        except InvalidLexicon:
            verdicts[case["name"]] = False
    assert verdicts == {"minimal": True, "basic permission-set": False}


def test_interop_lexicons_that_are_invalid_are_refused() -> None:
    for case in load_vectors("atproto/lexicon/lexicon-invalid.json"):
        with pytest.raises(InvalidLexicon):
            parsed(case["lexicon"])


@pytest.mark.parametrize(
    "document",
    [
        {},
        [],
        {**MINIMAL, "lexicon": 2},
        {**MINIMAL, "surprise": 1},
        {**MINIMAL, "defs": {"two words": {"type": "integer"}}},
        _object(a={"type": "blob"}),
        _object(a={"type": "integer", "maxLength": 3}),
        _object(a={"type": "string", "maxGraphemes": 3}),
        _object(a={"type": "string", "format": "handle"}),
        _object(a={"type": "string", "minLength": 4, "maxLength": 3}),
        _object(a={"type": "integer", "minimum": 4, "maximum": 3}),
        _object(a={"type": "array"}),
        _object(a={"type": "array", "items": {"type": "array", "items": {"type": "integer"}}}),
        {**MINIMAL, "defs": {"demo": {"type": "object", "properties": {}, "required": ["a"]}}},
        {**MINIMAL, "defs": {"demo": {"type": "query", "output": EMPTY_BODY}}},
        {**MINIMAL, "defs": {"main": {"type": "procedure", "input": {**EMPTY_BODY, "encoding": "text/css"}}}},
    ],
)  # fmt: skip
def test_anything_outside_the_language_is_refused(document: object) -> None:
    with pytest.raises(InvalidLexicon):
        parsed(document)


@pytest.mark.parametrize(
    "documents",
    [
        [MINIMAL, MINIMAL],
        [_object(a={"type": "ref", "ref": "#nowhere"})],
        [_object(a={"type": "ref", "ref": "example.lexicon.absent#x"})],
        [_object(a={"type": "union", "refs": ["#demo", "#nowhere"]})],
        [_object(a={"type": "union", "refs": ["example.b.x#demo"]}), {**MINIMAL, "id": "example.a.x"}],
        [_object(a={"type": "union", "refs": ["example.a.x#demo"]}), {**MINIMAL, "id": "example.a.x"}],
    ],
)  # fmt: skip
def test_a_library_with_a_loose_end_is_refused(documents: list[object]) -> None:
    with pytest.raises(InvalidLexicon):
        Library(json.dumps(document).encode() for document in documents)


# What our part of the language leaves out, so these cases of the interop files cannot be asked here.
OUTSIDE = {
    "invalid cid-link field",
    "invalid blob: wrong type",
    "blob too large",
    "object nested wrong data type",  # objects inside objects are references here
    "invalid string format language",
    "invalid string format tid",
    "string too long (graphemes)",
    "unknown wrong type (bytes)",
    "unknown as a type",
}


@pytest.fixture(scope="module")
def record() -> tuple[Validator, set[str]]:
    """The interop record as an object, without the fields our language cannot say; and those fields."""
    document = load_vectors("atproto/lexicon/catalog/record.json")
    definitions = {"record": document["defs"]["main"]["record"]} | {
        name: node for name, node in document["defs"].items() if node["type"] == "object"
    }
    left_out = set()
    for node in definitions.values():
        node.pop("nullable", None)
        for name, field in list(node["properties"].items()):
            try:
                parsed(_object(a=field))
            except InvalidLexicon:
                del node["properties"][name]
                left_out.add(name)
    text = json.dumps({"lexicon": 1, "id": document["id"], "defs": definitions})
    return Validator(Library([text.encode()])), left_out


def _refusal(validator: Validator, data: dict[str, Any]) -> InvalidData | None:
    fields = {key: value for key, value in data.items() if key != "$type"}
    try:
        validator.definition("example.lexicon.record#record", fields, strict=True)
    except InvalidData as problem:
        return problem
    return None


def test_interop_data_of_our_part_gets_the_verdict_of_the_files(record: tuple[Validator, set[str]]) -> None:
    validator, _ = record
    asked = set()
    for verdict in ("valid", "invalid"):
        for case in load_vectors(f"atproto/lexicon/record-data-{verdict}.json"):
            if case["name"] not in OUTSIDE:
                assert (_refusal(validator, case["data"]) is None) == (verdict == "valid"), case["name"]
                asked.add(case["name"])
    assert len(asked) == 18


def test_the_cases_not_asked_are_really_outside_our_part(record: tuple[Validator, set[str]]) -> None:
    _, left_out = record
    everything = [
        case
        for verdict in ("valid", "invalid")
        for case in load_vectors(f"atproto/lexicon/record-data-{verdict}.json")
    ]
    for case in everything:
        if case["name"] in OUTSIDE:
            touched = set(case["data"]) | set(case["data"].get("formats", {}))
            assert touched & left_out, case["name"]


@pytest.mark.parametrize(
    ("change", "path", "rule"),
    [
        ({"convoId": 1}, "$.convoId", "type"),
        ({"msgId": "x" * 27}, "$.msgId", "maxLength"),
        ({"msgId": "é" * 14}, "$.msgId", "maxLength"),
        ({"ciphertext": "QQ"}, "$.ciphertext", "type"),
        ({"ciphertext": {"$bytes": "Q"}}, "$.ciphertext", "base64"),
        ({"epoch": -1}, "$.epoch", "minimum"),
        ({"epoch": True}, "$.epoch", "type"),
        ({"paddedSize": 511}, "$.paddedSize", "minimum"),
        ({"paddedSize": 10485761}, "$.paddedSize", "maximum"),
        ({"deviceId": None}, "$.deviceId", "type"),
        ({"sender": "did:web:a.example"}, "$", "unknown-field"),
    ],
)
def test_a_refusal_names_path_and_rule(change: dict[str, Any], path: str, rule: str) -> None:
    good = {"convoId": "c", "msgId": "m", "ciphertext": {"$bytes": "QQ"}, "epoch": 0,
            "declaredSize": 1, "paddedSize": 512}  # fmt: skip
    schema.VALIDATOR.input("blue.catbird.mls.sendMessage", good)
    with pytest.raises(InvalidData) as caught:
        schema.VALIDATOR.input("blue.catbird.mls.sendMessage", {**good, **change})
    assert (caught.value.path, caught.value.rule) == (path, rule)


def test_a_path_leads_into_lists_and_references() -> None:
    data = {"convoId": "c", "didList": ["did:web:a.example", "nobody"]}
    with pytest.raises(InvalidData) as caught:
        schema.VALIDATOR.input("blue.catbird.mls.addMembers", data)
    assert (caught.value.path, caught.value.rule) == ("$.didList[1]", "format")


def test_an_unknown_member_of_an_open_union_passes_and_one_without_type_does_not() -> None:
    schema.VALIDATOR.output("chat.rookery.streamEvents", {"event": {"$type": "chat.example#later"}})
    with pytest.raises(InvalidData):
        schema.VALIDATOR.output("chat.rookery.streamEvents", {"event": {}})


@pytest.mark.parametrize(
    ("ask", "rule"),
    [
        (lambda v: v.input("blue.catbird.mls.getEpoch", {}), "input"),
        (lambda v: v.output("chat.rookery.session", {}), "output"),
        (lambda v: v.message("blue.catbird.mls.getEpoch", "#info", {}), "union"),
        (lambda v: v.message("chat.rookery.subscribeEvents", "#other", {}), "union"),
        (lambda v: v.message("chat.rookery.subscribeEvents", "#info", {"name": "\ud800"}), "type"),
        (lambda v: v.params("blue.catbird.mls.getEpoch", {}), "required"),
        (lambda v: v.params("chat.rookery.createConvo", {"convoId": "c"}), "unknown-field"),
    ],
)
def test_a_question_that_does_not_fit_the_method_is_refused(ask: Any, rule: str) -> None:
    with pytest.raises(InvalidData) as caught:
        ask(schema.VALIDATOR)
    assert caught.value.rule == rule


def test_bytes_are_bytes_in_data_and_objects_in_json() -> None:
    view = {"id": "m", "convoId": "c", "epoch": 0, "seq": 1, "createdAt": "2026-01-01T00:00:00Z"}
    check = schema.VALIDATOR.definition
    check("chat.rookery.defs#messageView", {**view, "ciphertext": b"\x00"}, form="data")
    check("chat.rookery.defs#messageView", {**view, "ciphertext": {"$bytes": "AA"}}, form="json")
    with pytest.raises(InvalidData):
        check("chat.rookery.defs#messageView", {**view, "ciphertext": b"\x00"}, form="json")
    with pytest.raises(InvalidData):
        check("chat.rookery.defs#messageView", {**view, "ciphertext": {"$bytes": "AA"}}, form="data")


def test_a_method_is_not_a_type_of_data() -> None:
    with pytest.raises(schema.UnknownLexicon, match="method"):
        schema.VALIDATOR.definition("blue.catbird.mls.getEpoch", {})
    with pytest.raises(schema.UnknownLexicon):
        schema.VALIDATOR.definition("blue.catbird.mls.defs#nobody", {})
