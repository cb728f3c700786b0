"""Query strings: typed by the lexicon, strict, one error."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schema import wire
from schema.testing import from_lexicon, query_string
from schema.wire import mls
from tests.schema.test_wire_types import _node


def test_parameters_become_numbers_and_text() -> None:
    params = wire.decode_query(mls.GetMessagesParams, b"convoId=a%20b&sinceSeq=7")
    assert (params.convo_id, params.since_seq, params.limit) == ("a b", 7, 50)


class _Flags(wire.Wire, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Kinds of parameters that no method of ours has today, but the codec promises."""

    flag: bool = False
    numbers: tuple[int, ...] = ()


def test_booleans_are_words_and_arrays_are_repetitions() -> None:
    flags = wire.decode_query(_Flags, "numbers=3&flag=true&numbers=-1")
    assert flags == _Flags(flag=True, numbers=(3, -1))
    assert wire.decode_query(_Flags, "") == _Flags()


@pytest.mark.parametrize(
    ("query", "path"),
    [
        ("flag=True", "$.flag"),
        ("flag=1", "$.flag"),
        ("flag=", "$.flag"),
        ("flag=true&flag=true", "$.flag"),
        ("numbers=01", "$.numbers"),
        ("numbers=+1", "$.numbers"),
        ("numbers=-0", "$.numbers"),
        ("numbers=1.0", "$.numbers"),
        ("numbers=%201", "$.numbers"),
        ("numbers=٣", "$.numbers"),
        ("numbers=9007199254740992", "$.numbers"),
        ("numbers=" + "9" * 5000, "$.numbers"),
        ("other=1", "$"),
        ("Flag=true", "$"),
        ("flag", "$"),
        ("flag=%ff", "$"),
        ("&".join(["numbers=1"] * 1001), "$"),
    ],
)
def test_refuses(query: str, path: str) -> None:
    with pytest.raises(wire.InvalidWire) as caught:
        wire.decode_query(_Flags, query)
    assert caught.value.path == path


QUERIES = [nsid for nsid, types in wire.METHODS.items() if types.params is not None]


@given(st.sampled_from(QUERIES).flatmap(lambda n: st.tuples(st.just(n), from_lexicon(_node(n, "params"), n))))
def test_what_the_lexicon_allows_arrives_through_a_query_string(case: tuple[str, dict[str, object]]) -> None:
    nsid, params = case
    kind = wire.METHODS[nsid].params
    assert kind is not None
    assert wire.decode_query(kind, query_string(params)) == wire.convert(kind, params)


@given(st.sampled_from(QUERIES), st.binary(max_size=40))
def test_any_query_is_a_value_or_the_one_error(nsid: str, query: bytes) -> None:
    kind = wire.METHODS[nsid].params
    assert kind is not None
    try:
        wire.decode_query(kind, query)
    except wire.InvalidWire:
        pass
