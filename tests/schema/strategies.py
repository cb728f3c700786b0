"""Data made from a lexicon: valid, broken on purpose, and broken anyhow."""

import base64
import copy
from collections.abc import Iterator
from datetime import timedelta, timezone
from typing import Any

from hypothesis import strategies as st

from schema._formats import MAX_SAFE_INTEGER
from schema._lexicon import (
    Array,
    Boolean,
    Bytes,
    Definition,
    Integer,
    Object,
    Params,
    ParamsArray,
    Property,
    Ref,
    String,
    Union,
)
from schema._library import LIBRARY, split_reference

Node = Definition | Property | Params | ParamsArray
Json = Any

DIDS = st.builds(
    "did:{}:{}{}".format,
    st.sampled_from(["plc", "web", "key", "example"]),
    st.text("abcXYZ019._:%-", max_size=20),
    st.sampled_from("azAZ09._-"),
)
ZONES = st.sampled_from([timezone(timedelta(minutes=m)) for m in (-720, -90, 60, 345, 840)])
DATETIMES = st.datetimes().map(lambda t: t.isoformat() + "Z") | st.datetimes(timezones=ZONES).map(
    lambda t: t.isoformat()
)

NSIDS = st.from_regex(r"\A[a-zA-Z][a-z0-9]{0,5}(\.[a-zA-Z0-9]{1,5}){1,2}\.[a-zA-Z][a-zA-Z0-9]{0,9}\Z")
URIS = st.from_regex(r"\A[a-z][a-z.-]{0,5}:[\x21-\x7e]{1,20}\Z")


def base64_text(raw: bytes, padded: bool) -> str:
    text = base64.b64encode(raw).decode()
    return text if padded else text.rstrip("=")


def from_lexicon(node: Node, base: str) -> st.SearchStrategy[Json]:
    """Valid data for a definition, small where the lexicon would allow it to be large."""
    match node:
        case Boolean():
            return st.booleans()
        case Integer():
            low = -MAX_SAFE_INTEGER if node.minimum is None else node.minimum
            high = MAX_SAFE_INTEGER if node.maximum is None else node.maximum
            return st.integers(low, high)
        case String(const=str() as const):
            return st.just(const)
        case String(format="did"):
            return DIDS
        case String(format="datetime"):
            return DATETIMES
        case String(format="nsid"):
            return NSIDS
        case String(format="uri"):
            return URIS
        case String():
            most = 40 if node.max_length is None else node.max_length
            text = st.text(min_size=node.min_length or 0, max_size=min(most, 40))
            known = st.sampled_from(node.known_values) if node.known_values else st.nothing()
            return known | text.filter(lambda t: len(t.encode()) <= most)
        case Bytes():
            low, most = node.min_length or 0, 40 if node.max_length is None else node.max_length
            raw = st.binary(min_size=low, max_size=max(low, min(most, 40)))
            return st.builds(lambda r, p: {"$bytes": base64_text(r, p)}, raw, st.booleans())
        case Ref():
            full, target = LIBRARY.resolve(node.ref, base)
            return from_lexicon(target, full.partition("#")[0])
        case Union():
            return st.one_of([_member(ref, base) for ref in node.refs])
        case Array() | ParamsArray():
            most = 4 if node.max_length is None else min(node.max_length, 4)
            return st.lists(from_lexicon(node.items, base), min_size=node.min_length or 0, max_size=most)
        case Object() | Params():
            fields = {name: from_lexicon(field, base) for name, field in node.properties.items()}
            required = {name: fields.pop(name) for name in node.required}
            return st.fixed_dictionaries(required, optional=fields)
    raise AssertionError(f"no data for {node}")


def _member(ref: str, base: str) -> st.SearchStrategy[Json]:
    nsid, _ = split_reference(ref, base)
    full, target = LIBRARY.resolve(ref, base)
    return from_lexicon(target, nsid).map(lambda data: {"$type": full, **data})


def breakages(node: Node, data: Json, base: str, *, strict: bool) -> Iterator[tuple[str, Json]]:
    """Each way to break valid data by one rule: (which rule, the broken data)."""
    yield "type", None
    yield "type", 1.5
    match node:
        case Boolean():
            yield "type", 1
        case Integer():
            yield "type", True
            yield "type", str(data)
            yield "minimum", (-MAX_SAFE_INTEGER if node.minimum is None else node.minimum) - 1
            yield "maximum", (MAX_SAFE_INTEGER if node.maximum is None else node.maximum) + 1
            yield "maximum", 10**30
        case String(const=str()):
            yield "const", data + "x"
        case String():
            yield "type", 7
            if node.max_length is not None:
                yield "maxLength", "é" * (node.max_length // 2 + 1)
                yield "maxLength", "x" * (node.max_length + 1)
            if node.min_length:
                yield "minLength", ""
            if node.format:
                yield "format", f" {data}"
                yield "format", f"{data}\n"
        case Bytes():
            yield "type", data["$bytes"]
            yield "type", {**data, "more": 1}
            yield "type", {"$bytes": 1}
            yield "type", {}
            for text in ("Q", "QQ=", "Q===", "QR", "QQ ", "Q_==", "====", "QUI\n"):
                yield "base64", {"$bytes": text}
            if node.min_length:
                yield "minLength", {"$bytes": base64_text(bytes(node.min_length - 1), padded=True)}
            if node.max_length is not None and node.max_length < 100_000:
                yield "maxLength", {"$bytes": base64_text(bytes(node.max_length + 1), padded=False)}
        case Ref():
            full, target = LIBRARY.resolve(node.ref, base)
            yield from breakages(target, data, full.partition("#")[0], strict=strict)
        case Union():
            yield "union", {key: value for key, value in data.items() if key != "$type"}
            yield "union", {**data, "$type": 3}
            target = LIBRARY.resolve(data["$type"], base)[1]
            inner = {key: value for key, value in data.items() if key != "$type"}
            for rule, broken in breakages(
                target, inner, split_reference(data["$type"], base)[0], strict=strict
            ):
                if isinstance(broken, dict):
                    yield rule, {"$type": data["$type"], **broken}
        case Array() | ParamsArray():
            yield "type", {"0": data}
            if node.min_length:
                yield "minLength", []
            if node.max_length is not None and data:
                yield "maxLength", data[:1] * (node.max_length + 1)
            for index, item in enumerate(data):
                for rule, broken in breakages(node.items, item, base, strict=strict):
                    yield rule, [*data[:index], broken, *data[index + 1 :]]
        case Object() | Params():
            yield "type", [data]
            for name in node.required:
                yield "required", {key: value for key, value in data.items() if key != name}
            if strict:
                yield "unknown-field", {**data, "surprise": 1}
            for name in data:
                for rule, broken in breakages(node.properties[name], data[name], base, strict=strict):
                    yield rule, {**data, name: broken}


JUNK = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=9), inner, max_size=3),
    max_leaves=6,
)


@st.composite
def meddled(draw: st.DrawFn, valid: st.SearchStrategy[Json]) -> Json:
    """Valid data with one value somewhere inside replaced by anything, which may leave it valid."""
    data = copy.deepcopy(draw(valid))
    places: list[tuple[Any, Any]] = []

    def walk(value: Json) -> None:
        keys: Any = value if isinstance(value, dict) else range(len(value)) if isinstance(value, list) else ()
        for key in keys:
            # an open union lets an unknown $type pass, the wire types know only ours: the one difference
            if key != "$type":
                places.append((value, key))
                walk(value[key])

    walk(data)
    if not places:
        return draw(JUNK)
    holder, key = draw(st.sampled_from(places))
    holder[key] = draw(JUNK)
    return data
