"""Bytes, query strings and DAG-CBOR data to wire types and back; one error, `InvalidWire`."""

import binascii
import re
from collections.abc import Callable, Mapping
from functools import cache
from types import MappingProxyType
from typing import Any, Final, Literal, TypeVar
from urllib.parse import parse_qsl

import msgspec

from schema._formats import MAX_SAFE_INTEGER, decode_base64
from schema._problems import InvalidWire
from schema.wire._base import FieldError, Octets, Wire

W = TypeVar("W", bound=Wire)

MAX_QUERY_FIELDS: Final = 1000


def octets_from_json(_kind: type, value: object) -> object:
    """msgspec's hook for a type it does not know; ours is `Octets` alone."""
    if type(value) is dict and len(value) == 1:
        text = value.get("$bytes")
        if type(text) is str:
            return Octets(decode_base64(text))
    raise ValueError('Expected `{"$bytes": base64}`')


def octets_from_data(_kind: type, value: object) -> object:
    if type(value) is bytes:
        return Octets(value)
    raise ValueError("Expected `bytes`")


def _octets_to_json(value: object) -> object:
    if type(value) is Octets:
        # unpadded, as the reference writes it; every atproto reader accepts that
        return {"$bytes": binascii.b2a_base64(value, newline=False).rstrip(b"=").decode("ascii")}
    raise TypeError(f"{type(value).__name__} is not a wire type")


def _octets_to_data(value: object) -> object:
    if type(value) is Octets:
        return bytes(value)
    raise TypeError(f"{type(value).__name__} is not a wire type")


@cache
def json_decoder(kind: type[W]) -> Callable[[bytes | str], W]:
    """The bare decoder of a type, made once; it raises what msgspec raises."""
    return msgspec.json.Decoder(kind, dec_hook=octets_from_json).decode


_encode = msgspec.json.Encoder(enc_hook=_octets_to_json).encode
_LOCATED = re.compile(r"(?s)(.*) - at `(\$.*)`\Z")


def refusal(problem: Exception) -> InvalidWire:
    """What a decoder raised, as the one error of this package."""
    located = _LOCATED.match(str(problem))
    message, path = located.groups() if located else (str(problem), "$")
    if isinstance(problem, RecursionError):
        message = "Nested too deeply"
    elif isinstance(problem.__cause__, FieldError):
        path = f"{path}.{problem.__cause__.field}"
    return InvalidWire(path, message)


def decode(kind: type[W], data: bytes | str) -> W:
    """The value of wire type `kind` in JSON text; InvalidWire for anything else.

    Unknown fields are refused in inputs and passed over in outputs; of two fields of one name the
    last counts. The size of `data` is for the caller to bound.
    """
    try:
        value: W = json_decoder(kind)(data)
    except (ValueError, RecursionError) as problem:  # msgspec's errors and UnicodeDecodeError are ValueErrors
        raise refusal(problem) from problem
    return value


def convert(kind: type[W], data: object) -> W:
    """The value of wire type `kind` in decoded DAG-CBOR, where bytes are `bytes`; else InvalidWire."""
    try:
        value: W = msgspec.convert(data, kind, dec_hook=octets_from_data)
    except (ValueError, RecursionError) as problem:
        raise refusal(problem) from problem
    return value


def encode(value: Wire) -> bytes:
    """The JSON of a wire value: fields in the order of the type, absent ones left out, no white space."""
    return _encode(value)


def plain(value: Wire) -> dict[str, object]:
    """A wire value as the data of its DAG-CBOR: dicts, lists, text, ints, `bytes`.

    A `$type` of the value itself is left out, since the frame's header tells it (atproto event
    streams); inner ones stay.
    """
    data: dict[str, object] = msgspec.to_builtins(value, builtin_types=(bytes,), enc_hook=_octets_to_data)
    data.pop("$type", None)
    return data


_Scalar = Literal["text", "integer", "boolean"]


@cache
def _parameters(kind: type[Wire]) -> Mapping[str, tuple[_Scalar, bool]]:
    """Each parameter of a type by its wire name: what one value is, and whether it may be repeated."""
    found: dict[str, tuple[_Scalar, bool]] = {}
    info = msgspec.inspect.type_info(kind)
    assert isinstance(info, msgspec.inspect.StructType)  # noqa: S101 - Wire is a Struct
    for field in info.fields:
        inner: Any = field.type
        if isinstance(inner, msgspec.inspect.UnionType):  # with UnsetType: an optional one
            inner = next(t for t in inner.types if not isinstance(t, msgspec.inspect.CustomType))
        repeated = isinstance(inner, msgspec.inspect.VarTupleType)
        scalar = inner.item_type if isinstance(inner, msgspec.inspect.VarTupleType) else inner
        name: _Scalar = "text"
        if isinstance(scalar, msgspec.inspect.IntType):
            name = "integer"
        elif isinstance(scalar, msgspec.inspect.BoolType):
            name = "boolean"
        found[field.encode_name] = (name, repeated)
    return MappingProxyType(found)


_INTEGER = re.compile(r"(?:0|-?[1-9][0-9]{0,15})\Z")
_BOOLEANS: Final[Mapping[str, bool]] = MappingProxyType({"true": True, "false": False})


def _scalar(text: str, what: _Scalar, name: str) -> object:
    match what:
        case "text":
            return text
        case "boolean":
            if text in _BOOLEANS:
                return _BOOLEANS[text]
            raise InvalidWire(f"$.{name}", "Expected `true` or `false`")
        case "integer":
            if _INTEGER.match(text) and abs(int(text)) <= MAX_SAFE_INTEGER:
                return int(text)
            raise InvalidWire(f"$.{name}", "Expected a decimal integer")


def decode_query(kind: type[W], query: bytes | str) -> W:
    """The parameters in a raw query string (without `?`) as the wire type `kind`; else InvalidWire.

    Strict: a parameter that is unknown, or repeated where it is no array, is refused; booleans are
    `true` and `false`, integers are decimal without leading zeros or plus sign, and percent-decoding
    must give UTF-8.
    """
    try:
        text = query.decode("ascii") if isinstance(query, bytes) else query
        pairs = parse_qsl(text, keep_blank_values=True, strict_parsing=bool(text), errors="strict",
                          max_num_fields=MAX_QUERY_FIELDS)  # fmt: skip
    except ValueError as problem:
        raise InvalidWire("$", "Not a query string of UTF-8 names and values") from problem
    known = _parameters(kind)
    data: dict[str, object] = {}
    arrays: dict[str, list[object]] = {}
    for name, value in pairs:
        if name not in known:
            raise InvalidWire("$", f"Unknown parameter {name[:64]!r}")
        what, repeated = known[name]
        if repeated:
            arrays.setdefault(name, []).append(_scalar(value, what, name))
        elif name in data:
            raise InvalidWire(f"$.{name}", "Given more than once")
        else:
            data[name] = _scalar(value, what, name)
    return convert(kind, data | arrays)
