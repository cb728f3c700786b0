"""The lexicon language as frozen types: exactly the part our lexicons use, nothing looser.

A document that uses any other type, keyword or format is refused with `InvalidLexicon`: a rule that
is silently not enforced is worse than none. Left out because nothing here needs them: records,
blobs, cid-links, tokens, `unknown`, nullable fields, graphemes, permission sets.
Source: atproto.com/specs/lexicon, language version 1.
"""

import re
from typing import Literal, TypeAlias

import msgspec

from schema._formats import is_format
from schema._problems import InvalidLexicon, UnknownLexicon


class _Node(msgspec.Struct, frozen=True, forbid_unknown_fields=True, rename="camel", kw_only=True):
    """What every node has: perhaps a description."""

    description: str | None = None


class Boolean(_Node, frozen=True, tag="boolean"):
    """`true` or `false`."""

    default: bool | None = None


class Integer(_Node, frozen=True, tag="integer"):
    """A whole number within ±(2^53 - 1) and the stated bounds, both inclusive."""

    minimum: int | None = None
    maximum: int | None = None
    enum: tuple[int, ...] | None = None
    const: int | None = None
    default: int | None = None


class String(_Node, frozen=True, tag="string"):
    """Text; lengths count bytes of UTF-8. `knownValues` inform, `enum` and `const` bind."""

    format: Literal["did", "datetime", "nsid", "uri", "at-uri", "cid"] | None = None
    min_length: int | None = None
    max_length: int | None = None
    known_values: tuple[str, ...] | None = None
    enum: tuple[str, ...] | None = None
    const: str | None = None
    default: str | None = None


class Bytes(_Node, frozen=True, tag="bytes"):
    """Raw bytes; `{"$bytes": base64}` in JSON. Lengths count the decoded bytes."""

    min_length: int | None = None
    max_length: int | None = None


class Ref(_Node, frozen=True, tag="ref"):
    """Another definition: `#name` here, `nsid#name` or `nsid` (its main) elsewhere."""

    ref: str


class Union(_Node, frozen=True, tag="union"):
    """One of several objects, told apart by `$type`; an open union lets unknown ones pass."""

    refs: tuple[str, ...]
    closed: bool = False


class Array(_Node, frozen=True, tag="array"):
    """A list whose items are all of one kind."""

    items: "Boolean | Integer | String | Bytes | Ref | Union"
    min_length: int | None = None
    max_length: int | None = None


class Object(_Node, frozen=True, tag="object"):
    """Named fields, some of them required."""

    properties: dict[str, "Property"]
    required: tuple[str, ...] = ()


class ParamsArray(_Node, frozen=True, tag="array"):
    """A parameter that may be repeated."""

    items: Boolean | Integer | String
    min_length: int | None = None
    max_length: int | None = None


class Params(_Node, frozen=True, tag="params"):
    """The parameters of a query string."""

    properties: dict[str, Boolean | Integer | String | ParamsArray]
    required: tuple[str, ...] = ()


class Body(_Node, frozen=True):
    """An input or output: its media type and what it holds."""

    encoding: Literal["application/json", "text/event-stream"]
    schema: Object | Ref


class Message(_Node, frozen=True):
    """What a subscription sends."""

    schema: Union


class DeclaredError(_Node, frozen=True):
    """An error name a method may answer with."""

    name: str


class Query(_Node, frozen=True, tag="query"):
    """A read: HTTP GET with parameters."""

    output: Body
    parameters: Params | None = None
    errors: tuple[DeclaredError, ...] = ()


class Procedure(_Node, frozen=True, tag="procedure"):
    """A change: HTTP POST with a body."""

    input: Body
    output: Body | None = None
    parameters: Params | None = None
    errors: tuple[DeclaredError, ...] = ()


class Subscription(_Node, frozen=True, tag="subscription"):
    """A stream over a WebSocket."""

    message: Message
    parameters: Params | None = None
    errors: tuple[DeclaredError, ...] = ()


Property: TypeAlias = Boolean | Integer | String | Bytes | Ref | Union | Array
Method: TypeAlias = Query | Procedure | Subscription
Definition: TypeAlias = Method | Object | Boolean | Integer | String | Bytes | Array


class Lexicon(_Node, frozen=True):
    """One document: a namespaced name and its definitions, at most one of them a method (`main`)."""

    lexicon: Literal[1]
    id: str
    defs: dict[str, Definition]
    revision: int | None = None

    @property
    def method(self) -> Method | None:
        """The query, procedure or subscription of this name; None where there are only shared types."""
        main = self.defs.get("main")
        return main if isinstance(main, Query | Procedure | Subscription) else None

    @property
    def error_names(self) -> frozenset[str]:
        """The errors this method declares, without those that any method may answer."""
        return frozenset(error.name for error in self.method.errors) if self.method else frozenset()

    def definition(self, name: str) -> Definition:
        """The definition `name` (without `#`), or UnknownLexicon."""
        try:
            return self.defs[name]
        except KeyError:
            raise UnknownLexicon(f"{self.id}#{name}") from None


_DEF_NAME = re.compile(r"^[a-zA-Z][a-zA-Z0-9]*\Z")
_decode = msgspec.json.Decoder(Lexicon).decode


def parse_lexicon(data: bytes) -> Lexicon:
    """One lexicon from the bytes of its document, checked as far as one document can be.

    Raises InvalidLexicon for anything outside the language above, for a bound that no value can meet,
    for a required field that is not declared, and for a method that is not `main`.
    """
    try:
        lexicon = _decode(data)
    except msgspec.DecodeError as problem:
        raise InvalidLexicon(str(problem)) from problem
    if not is_format(lexicon.id, "nsid"):
        raise InvalidLexicon(f"{lexicon.id!r} is not an NSID")
    for name, definition in lexicon.defs.items():
        where = f"{lexicon.id}#{name}"
        if not _DEF_NAME.match(name):
            raise InvalidLexicon(f"{where}: not a name")
        if isinstance(definition, Query | Procedure | Subscription) and name != "main":
            raise InvalidLexicon(f"{where}: a method must be main")
        for node in _nodes(definition):
            _check_node(node, where)
    return lexicon


_Part: TypeAlias = Definition | Property | Params | ParamsArray


def _nodes(node: _Part) -> list[_Part]:
    """The node and every node below it, references not followed."""
    below: list[_Part] = []
    match node:
        case Query() | Procedure() | Subscription():
            below = [node.parameters] if node.parameters else []
            bodies = [node.output] if isinstance(node, Query) else []
            if isinstance(node, Procedure):
                bodies = [node.input] + ([node.output] if node.output else [])
            below += [body.schema for body in bodies]
            if isinstance(node, Subscription):
                below.append(node.message.schema)
        case Object() | Params():
            below = list(node.properties.values())
        case Array() | ParamsArray():
            below = [node.items]
        case _:
            pass
    return [node] + [deeper for child in below for deeper in _nodes(child)]


def _check_node(node: _Part, where: str) -> None:
    match node:
        case Object() | Params():
            if undeclared := set(node.required) - set(node.properties):
                raise InvalidLexicon(f"{where}: required but not declared: {sorted(undeclared)}")
        case String() | Bytes() | Array() | ParamsArray():
            low, high = node.min_length or 0, node.max_length
            if low < 0 or (high is not None and high < low):
                raise InvalidLexicon(f"{where}: no length is between {low} and {high}")
        case Integer():
            if node.minimum is not None and node.maximum is not None and node.maximum < node.minimum:
                raise InvalidLexicon(f"{where}: no number is between {node.minimum} and {node.maximum}")
        case _:
            pass
