"""Data against its lexicon, rule by rule, with the path and the rule of whatever is wrong.

The wire types decide on the hot path; this is the slow, plain reading of the same documents. Tests hold
the two against each other, and check every answer of the server with it. What comes in is strict: a field
the lexicon does not name is refused. What goes out may grow: unknown fields pass, as clients must let them.
"""

from collections.abc import Mapping, Sequence
from typing import Final, Literal, NamedTuple

from schema._errors import ERRORS, GENERIC_ERRORS
from schema._formats import MAX_SAFE_INTEGER, decode_base64, is_format
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
    Query,
    Ref,
    String,
    Subscription,
    Union,
)
from schema._library import LIBRARY, Library, split_reference
from schema._problems import InvalidData, UnknownLexicon

Form = Literal["json", "data"]
"""How bytes look: `{"$bytes": base64}` in JSON, `bytes` in data decoded from DAG-CBOR."""

_Node = Definition | Property | Params | ParamsArray
_TYPE_FIELD: Final = "$type"


class _Place(NamedTuple):
    """Where in the data and in the lexicons a check stands."""

    path: str
    base: str
    form: Form
    strict: bool

    def below(self, step: str) -> "_Place":
        return self._replace(path=self.path + step)

    def refuse(self, rule: str, message: str) -> InvalidData:
        return InvalidData(self.path, rule, message)


class Validator:
    """Checks data against the lexicons of one library. Each method returns None or raises InvalidData."""

    def __init__(self, library: Library) -> None:
        self._library = library

    def params(self, nsid: str, params: Mapping[str, object]) -> None:
        """The parameters of a method, already typed: numbers are ints, repeated ones are lists."""
        method = self._library.lexicon(nsid).method
        schema = getattr(method, "parameters", None) or Params(properties={})
        self._check(schema, params, _Place("$", nsid, "json", strict=True))

    def input(self, nsid: str, data: object) -> None:
        """The body of a procedure."""
        method = self._library.lexicon(nsid).method
        if not isinstance(method, Procedure):
            raise InvalidData("$", "input", f"{nsid} takes no body")
        self._check(method.input.schema, data, _Place("$", nsid, "json", strict=True))

    def output(self, nsid: str, data: object) -> None:
        """The answer of a query or procedure; of one that streams, the data of one event."""
        method = self._library.lexicon(nsid).method
        if not isinstance(method, Query | Procedure) or method.output is None:
            raise InvalidData("$", "output", f"{nsid} gives no body")
        self._check(method.output.schema, data, _Place("$", nsid, "json", strict=False))

    def error(self, nsid: str, status: int, data: object) -> None:
        """An error answer: `{error, message}` with a name this method may answer and that name's status."""
        if not isinstance(data, dict) or not isinstance(data.get("message"), str):
            raise InvalidData("$", "type", "Expected an object with error and message")
        name = data.get("error")
        if not isinstance(name, str) or name not in self._library.lexicon(nsid).error_names | GENERIC_ERRORS:
            raise InvalidData("$.error", "errors", f"{nsid} does not declare the error {name!r}")
        if ERRORS[name].status != status:
            raise InvalidData("$.error", "status", f"{name} is {ERRORS[name].status}, not {status}")

    def message(self, nsid: str, t: str, payload: object, form: Form = "data") -> None:
        """A message of a subscription: `t` of its frame header and the payload without `$type`."""
        method = self._library.lexicon(nsid).method
        if not isinstance(method, Subscription) or t not in method.message.schema.refs:
            raise InvalidData("$", "union", f"{nsid} sends no message {t!r}")
        self.definition(t, payload, base=nsid, form=form)

    def definition(
        self, ref: str, data: object, *, base: str = "", form: Form = "json", strict: bool = False
    ) -> None:
        """Any definition by its reference: `nsid#name`, or `#name` with a `base`."""
        full, target = self._library.resolve(ref, base)
        self._check(target, data, _Place("$", full.partition("#")[0], form, strict))

    def _check(self, node: _Node, data: object, at: _Place) -> None:
        match node:
            case Boolean():
                if type(data) is not bool:
                    raise at.refuse("type", "Expected a boolean")
            case Integer():
                _check_integer(node, data, at)
            case String():
                _check_string(node, data, at)
            case Bytes():
                _check_length(node, len(_bytes_of(data, at)), at, "bytes")
            case Ref():
                full, target = self._library.resolve(node.ref, at.base)
                self._check(target, data, at._replace(base=full.partition("#")[0]))
            case Union():
                self._check_union(node, data, at)
            case Array() | ParamsArray():
                if not isinstance(data, list | tuple):
                    raise at.refuse("type", "Expected an array")
                _check_length(node, len(data), at, "items")
                for index, item in enumerate(data):
                    self._check(node.items, item, at.below(f"[{index}]"))
            case Object() | Params():
                self._check_fields(node, data, at)
            case Query() | Procedure() | Subscription():
                raise UnknownLexicon(f"{at.base} as a type (it is a method)")

    def _check_fields(self, node: Object | Params, data: object, at: _Place, tag: str | None = None) -> None:
        if not isinstance(data, Mapping):
            raise at.refuse("type", "Expected an object")
        for name in node.required:
            if name not in data:
                raise at.refuse("required", f"Missing field {name!r}")
        for name, value in data.items():
            if name in node.properties:
                self._check(node.properties[name], value, at.below(f".{name}"))
            elif at.strict and name != tag:
                raise at.refuse("unknown-field", f"Unknown field {name!r}")

    def _check_union(self, node: Union, data: object, at: _Place) -> None:
        name = data.get(_TYPE_FIELD) if isinstance(data, Mapping) else None
        if not isinstance(name, str) or not name:
            raise at.refuse("union", f"Expected an object with {_TYPE_FIELD}")
        for ref in node.refs:
            full, target = self._library.resolve(ref, at.base)
            if name == full and isinstance(target, Object):
                self._check_fields(target, data, at._replace(base=split_reference(full, "")[0]), _TYPE_FIELD)
                return
        if node.closed:
            raise at.refuse("union", f"{name!r} is none of the types that may stand here")


def _check_integer(node: Integer, data: object, at: _Place) -> None:
    if type(data) is not int:
        raise at.refuse("type", "Expected an integer")
    low = -MAX_SAFE_INTEGER if node.minimum is None else node.minimum
    high = MAX_SAFE_INTEGER if node.maximum is None else node.maximum
    if data < low:
        raise at.refuse("minimum", f"Expected at least {low}")
    if data > high:
        raise at.refuse("maximum", f"Expected at most {high}")
    _check_choice(node.const, node.enum, data, at)


def _check_string(node: String, data: object, at: _Place) -> None:
    if not isinstance(data, str):
        raise at.refuse("type", "Expected text")
    try:
        size = len(data.encode())
    except UnicodeEncodeError:
        raise at.refuse("type", "Text with a lone surrogate") from None
    _check_length(node, size, at, "bytes of UTF-8")
    if node.format is not None and not is_format(data, node.format):
        raise at.refuse("format", f"Not a {node.format}")
    _check_choice(node.const, node.enum, data, at)


def _check_choice(const: object, enum: Sequence[object] | None, data: object, at: _Place) -> None:
    if const is not None and data != const:
        raise at.refuse("const", f"Expected {const!r}")
    if enum is not None and data not in enum:
        raise at.refuse("enum", f"Expected one of {list(enum)}")


def _check_length(node: String | Bytes | Array | ParamsArray, size: int, at: _Place, what: str) -> None:
    if node.min_length is not None and size < node.min_length:
        raise at.refuse("minLength", f"Expected at least {node.min_length} {what}, got {size}")
    if node.max_length is not None and size > node.max_length:
        raise at.refuse("maxLength", f"Expected at most {node.max_length} {what}, got {size}")


def _bytes_of(data: object, at: _Place) -> bytes:
    if at.form == "data":
        if isinstance(data, bytes):
            return data
        raise at.refuse("type", "Expected bytes")
    if not isinstance(data, dict) or set(data) != {"$bytes"} or not isinstance(data["$bytes"], str):
        raise at.refuse("type", 'Expected {"$bytes": base64}')
    try:
        return decode_base64(data["$bytes"])
    except ValueError as problem:
        raise at.refuse("base64", str(problem)) from None


VALIDATOR: Final = Validator(LIBRARY)
"""The validator of this server's own lexicons."""
