"""Hypothesis strategies from the lexicons: data that is valid, broken by one rule, or broken anyhow.

For tests, of this server and of clients: it needs Hypothesis, which the rest of `schema` does not.
`given_to` says what a method takes, `from_lexicon` draws valid data for it, `breakages` lists every way to
break one rule of that; `smallest` and `complete` are valid data without chance.
"""

import base64
import copy
from collections.abc import Iterator
from datetime import timedelta, timezone
from typing import Any, Final
from urllib.parse import urlencode

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
    Procedure,
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
AT_URIS = st.from_regex(
    r"\Aat://(did:plc:[a-z0-9]{1,9}|[a-z]{1,5}\.example)(/com\.example\.[a-z]{1,5}(/[a-z0-9_~:-]{1,9})?)?\Z"
)
CIDS = st.from_regex(r"\Ab[a-z2-7]{10,30}\Z")
URIS = st.from_regex(r"\A[a-z][a-z.-]{0,5}:[\x21-\x7e]{1,20}\Z")


def query_string(params: dict[str, Json]) -> str:
    """Parameters as they stand behind the question mark of an XRPC query."""

    def text(value: Json) -> Json:
        if isinstance(value, list):
            return [text(item) for item in value]
        return str(value).lower() if isinstance(value, bool) else value

    return urlencode({name: text(value) for name, value in params.items()}, doseq=True)


def base64_text(raw: bytes, padded: bool) -> str:
    text = base64.b64encode(raw).decode()
    return text if padded else text.rstrip("=")


def given_to(nsid: str) -> Object | Params:
    """What a method takes: its input with references resolved, or its parameters."""
    method = LIBRARY.lexicon(nsid).method
    if isinstance(method, Procedure):
        node = method.input.schema
        target = LIBRARY.resolve(node.ref, nsid)[1] if isinstance(node, Ref) else node
        if isinstance(target, Object):
            return target
    return getattr(method, "parameters", None) or Params(properties={})


def from_lexicon(node: Node, base: str) -> st.SearchStrategy[Json]:
    """Valid data for a definition, small where the lexicon would allow it to be large."""
    match node:
        case Boolean():
            return st.booleans()
        case Integer(const=int() as const):
            return st.just(const)
        case Integer():
            low = -MAX_SAFE_INTEGER if node.minimum is None else node.minimum
            high = MAX_SAFE_INTEGER if node.maximum is None else node.maximum
            return st.integers(low, high)
        case String(const=str() as const):
            return st.just(const)
        case String(enum=tuple() as choices):
            return st.sampled_from(choices)
        case String(format="did"):
            return DIDS
        case String(format="datetime"):
            return DATETIMES
        case String(format="nsid"):
            return NSIDS
        case String(format="uri"):
            return URIS
        case String(format="at-uri"):
            return AT_URIS
        case String(format="cid"):
            return CIDS
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
            # a query string cannot tell an empty array from none
            least = node.min_length or (1 if isinstance(node, ParamsArray) else 0)
            return st.lists(from_lexicon(node.items, base), min_size=least, max_size=most)
        case Object() | Params():
            fields = {name: from_lexicon(field, base) for name, field in node.properties.items()}
            required = {name: fields.pop(name) for name in node.required}
            return st.fixed_dictionaries(required, optional=fields)
    raise AssertionError(f"no data for {node}")


def _member(ref: str, base: str) -> st.SearchStrategy[Json]:
    nsid, _ = split_reference(ref, base)
    full, target = LIBRARY.resolve(ref, base)
    return from_lexicon(target, nsid).map(lambda data: {"$type": full, **data})


OF_FORMAT: Final = {
    "did": "did:web:a.example",
    "datetime": "2026-01-01T00:00:00Z",
    "nsid": "a.example.call",
    "uri": "https://a.example/",
    "at-uri": "at://did:web:a.example/com.example.block/1",
    "cid": "bafybeigdyrzt5sfp7udm7hu76uh7y26nf3efuylqabf3oclgtqy55fbzdi",
}


def smallest(node: Node, base: str) -> Json:
    """The smallest valid data of a definition, without chance: what is required, as short as allowed."""
    return _sample(node, base, whole=False)


def complete(node: Node, base: str) -> Json:
    """Valid data of a definition with every field in it, and something in every array."""
    return _sample(node, base, whole=True)


def _sample(node: Node, base: str, *, whole: bool) -> Json:
    match node:
        case Boolean():
            return True
        case Integer():
            return node.const or node.minimum or 0
        case String(enum=tuple() as choices):
            return choices[0]
        case String():
            return OF_FORMAT.get(node.format or "", node.const or "x")
        case Bytes():
            return {"$bytes": base64.b64encode(bytes(node.min_length or 0)).decode()}
        case Object() | Params():
            names = node.properties if whole else node.required
            return {name: _sample(node.properties[name], base, whole=whole) for name in names}
        case Array() | ParamsArray():
            least = node.min_length or int(whole or isinstance(node, ParamsArray))
            return [_sample(node.items, base, whole=whole)] * least
        case Ref():
            full, target = LIBRARY.resolve(node.ref, base)
            return _sample(target, full.partition("#")[0], whole=whole)
        case Union():
            full, target = LIBRARY.resolve(node.refs[0], base)
            return {"$type": full, **_sample(target, full.partition("#")[0], whole=whole)}
    raise AssertionError(node)


def breakages(node: Node, data: Json, base: str, *, strict: bool) -> Iterator[tuple[str, Json]]:
    """Each way to break valid data by one rule: (which rule, the broken data)."""
    yield "type", None
    yield "type", 1.5
    match node:
        case Boolean():
            yield "type", 1
        case Integer(const=int() as const):
            yield "const", const + 1
            yield "type", str(const)
        case Integer():
            yield "type", True
            yield "type", str(data)
            yield "minimum", (-MAX_SAFE_INTEGER if node.minimum is None else node.minimum) - 1
            yield "maximum", (MAX_SAFE_INTEGER if node.maximum is None else node.maximum) + 1
            yield "maximum", 10**30
        case String(const=str()):
            yield "const", data + "x"
        case String(enum=tuple()):
            yield "type", 7
            yield "enum", data + "x"
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
