"""Strategies for settings: valid values by option path, and documents of every kind of junk."""

from collections.abc import Mapping
from pathlib import Path

from hypothesis import strategies as st

from router.config import OPTIONS, SECTIONS, Kind, Option
from router.config.values import Value

PRINTABLE = st.text(
    st.characters(exclude_categories=("C", "Zl", "Zp", "Zs"), codec="utf-8"), min_size=1, max_size=20
)


def value_of(option: Option) -> st.SearchStrategy[Value]:
    """Any value the option accepts, such as 8080 for `server.port`."""
    match option.kind:
        case Kind.SWITCH:
            return st.booleans()
        case Kind.CHOICE:
            return st.sampled_from(option.choices)
        case Kind.PATH:
            return PRINTABLE.map(Path)
        case Kind.TEXT:
            return PRINTABLE
        case Kind.INTEGER:
            assert option.minimum is not None
            assert option.maximum is not None
            return st.integers(int(option.minimum), int(option.maximum))
        case Kind.NUMBER:
            return st.floats(option.minimum, option.maximum)


def values() -> st.SearchStrategy[Mapping[str, Value]]:
    """Valid values for some of the options, such as {"server.port": 8080}."""
    return st.fixed_dictionaries({}, optional={path: value_of(option) for path, option in OPTIONS.items()})


def junk() -> st.SearchStrategy[dict[str, object]]:
    """A document whose content is anything, with real names among the invented ones."""
    leaf: st.SearchStrategy[object] = st.one_of(
        st.booleans(), st.integers(), st.floats(), st.text(max_size=8), st.datetimes(), st.none()
    )
    anything = st.recursive(
        leaf, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3)
    )
    keys = st.sampled_from([option.key for option in OPTIONS.values()]) | st.text(max_size=8)
    sections = st.sampled_from(list(SECTIONS)) | st.text(max_size=8)
    return st.dictionaries(sections, anything | st.dictionaries(keys, anything, max_size=6), max_size=6)
