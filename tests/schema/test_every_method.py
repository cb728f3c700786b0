"""Each method by itself: what its lexicon allows is a wire value and comes back; each broken rule is refused.

`test_wire_types.py` asks the same of the family as a whole, with many more draws; here no method can hide
behind the others.
"""

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import schema
from schema import wire
from schema.testing import breakages, complete, from_lexicon, given_to, query_string, smallest

NSIDS = list(wire.METHODS)
TAKING = [nsid for nsid in NSIDS if given_to(nsid).properties]


def test_a_test_of_a_client_may_draw_what_a_method_takes() -> None:
    """The example: the kit as somebody who writes a client would use it."""
    nsid = "blue.catbird.mls.updatePolicy"
    assert smallest(given_to(nsid), nsid) == {"convoId": "x"}
    assert complete(given_to(nsid), nsid)["maxMembers"] == 2
    rules = dict(breakages(given_to(nsid), {"convoId": "c", "maxMembers": 7}, nsid, strict=True))
    assert rules["maximum"] == {"convoId": "c", "maxMembers": 10**30}


def read(nsid: str, data: Any) -> wire.Wire:
    """As the server reads it: a body, or a query string."""
    types = wire.METHODS[nsid]
    if types.kind == "procedure":
        assert types.input is not None
        return wire.decode(types.input, json.dumps(data))
    assert types.params is not None
    return wire.decode_query(types.params, query_string(data))


def judge(nsid: str, data: Any) -> None:
    """As the plain validator reads it."""
    if wire.METHODS[nsid].kind == "procedure":
        schema.VALIDATOR.input(nsid, data)
    else:
        schema.VALIDATOR.params(nsid, data)


@pytest.mark.parametrize("nsid", TAKING)
def test_what_the_lexicon_allows_is_read_and_written_again(nsid: str) -> None:
    node = given_to(nsid)

    @settings(max_examples=15)
    @given(st.just(complete(node, nsid)) | st.just(smallest(node, nsid)) | from_lexicon(node, nsid))
    def asked(data: Any) -> None:
        judge(nsid, data)
        value = read(nsid, data)
        written = json.loads(wire.encode(value))
        judge(nsid, written)
        assert read(nsid, written) == value

    asked()


@pytest.mark.parametrize("nsid", TAKING)
def test_what_breaks_one_rule_is_refused_by_both(nsid: str) -> None:
    """Every rule of every field, of an input in which every field is given."""
    node = given_to(nsid)
    asked = 0
    for rule, broken in breakages(node, complete(node, nsid), nsid, strict=True):
        with pytest.raises(schema.InvalidData):
            judge(nsid, broken)
        if wire.METHODS[nsid].kind == "procedure":
            with pytest.raises(wire.InvalidWire):
                read(nsid, broken)
        asked += 1
        assert rule
    assert asked > len(node.properties)


@pytest.mark.parametrize("nsid", [nsid for nsid in NSIDS if wire.METHODS[nsid].output is not None])
def test_an_answer_the_lexicon_allows_can_be_written_and_read_by_a_client(nsid: str) -> None:
    kind = wire.METHODS[nsid].output
    assert kind is not None
    method: Any = schema.lexicon(nsid).method
    for make in (smallest, complete):
        data = make(method.output.schema, nsid)
        schema.VALIDATOR.output(nsid, data)
        value = wire.decode(kind, json.dumps(data))
        schema.VALIDATOR.output(nsid, json.loads(wire.encode(value)))


@pytest.mark.parametrize("nsid", NSIDS)
def test_an_error_is_declared_once_and_has_a_sentence(nsid: str) -> None:
    method: Any = schema.lexicon(nsid).method
    names = [error.name for error in method.errors]
    assert len(names) == len(set(names))
    for error in method.errors:
        assert error.name in schema.ERRORS
        assert error.description
        assert error.description.endswith(".")
