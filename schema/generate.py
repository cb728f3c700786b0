"""Write the wire types from the lexicons: `python -m schema.generate` (`--check` only compares).

The modules it writes (one for each family: `schema/wire/mls.py`, ...) are committed, read like code
written by hand, and carry every limit of the lexicons; a test fails when they differ from what this
makes. Names: `sendMessage` gives `SendMessageInput` and `SendMessageOutput`, a shared definition its
own name (`MessageView`), a definition local to a method both (`StreamConvoEventsMessageEvent`).
"""

import json
import re
import sys
import textwrap
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Final

import msgspec

from schema._lexicon import (
    Array,
    Body,
    Boolean,
    Bytes,
    Definition,
    Integer,
    Lexicon,
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
from schema._library import LIBRARY, split_reference
from schema._problems import InvalidLexicon
from schema.wire._base import camel

FAMILIES: Final = {
    "mls": "blue.catbird.mls",
    "mls_chat": "blue.catbird.mlsChat",
    "rookery": "chat.rookery",
    "rookery_mls": "chat.rookery.mls",
}
"""Each module of `schema/wire` and the names it holds: those below the longest family that fits."""
FOLDER: Final = Path(__file__).with_name("wire")

WIDTH: Final = 110  # the formatter's line length: what is written here is what it would write

_DOC = '"""Wire types of `{family}.*`, made by `python -m schema.generate`: edit the lexicons."""'
_IMPORTS: Final = (
    ("types", ("MappingProxyType",)),
    ("typing", ("Annotated", "Final", "Literal", "TypeAlias")),
    ("msgspec", ("UNSET", "Meta", "UnsetType")),
    (
        "schema.wire._base",
        (
            "SAFE", "AtUri", "Cid", "Datetime", "Did", "Method", "NsidText", "Octets", "Uri", "Wire",
            "fits", "holds",
        ),
    ),
)  # fmt: skip


class _Type(msgspec.Struct, frozen=True):
    """One type to write: a struct's fields, or another type's name it stands for."""

    name: str
    doc: str
    fields: Object | Params | None
    base: str  # the lexicon its references start from
    tag: tuple[str, str] | None = None  # (field, value) that tells it apart in a union
    strict: bool = False


def class_name(nsid: str, name: str, suffix: str = "") -> str:
    """The Python name of a definition."""
    method = nsid.rsplit(".", 1)[-1]
    own = "" if name == "main" else name[0].upper() + name[1:]
    prefix = "" if method == "defs" else method[0].upper() + method[1:]
    return prefix + own + suffix


def module_of(nsid: str) -> str:
    """The module that holds the types of this lexicon."""
    fitting = [(len(family), module) for module, family in FAMILIES.items() if nsid.startswith(family + ".")]
    if not fitting:
        raise InvalidLexicon(f"{nsid} belongs to no family")
    return max(fitting)[1]


def _discriminator(definition: Definition) -> str | None:
    """The constant of a required `type` field: how the frames of a session are told apart."""
    if isinstance(definition, Object) and "type" in definition.required:
        field = definition.properties["type"]
        return field.const if isinstance(field, String) else None
    return None


class _Module:
    """The types of one family, in an order in which each stands before its first use."""

    def __init__(self, module: str, family: str) -> None:
        self.lexicons = [lex for nsid, lex in LIBRARY.lexicons.items() if module_of(nsid) == module]
        self.family = family
        self.in_unions = {full for lex in self.lexicons for full in self._union_members(lex)}
        self.in_inputs: set[str] = set()
        for lex in self.lexicons:
            if isinstance(lex.method, Procedure):
                self._mark_input(lex.method.input.schema, lex.id)
            for name, definition in lex.defs.items():
                if _discriminator(definition) is not None and f"{lex.id}#{name}" not in self._sent(lex):
                    self._mark_input(Ref(ref=f"#{name}"), lex.id)
        self.types: list[_Type] = []
        self.done: set[str] = set()

    def _union_members(self, lex: Lexicon) -> Iterable[str]:
        for definition in lex.defs.values():
            fields = definition.properties.values() if isinstance(definition, Object) else ()
            for field in fields:
                if isinstance(field, Union):
                    for ref in field.refs:
                        yield "#".join(split_reference(ref, lex.id))
        yield from self._sent(lex)

    def _sent(self, lex: Lexicon) -> list[str]:
        """The definitions a subscription sends."""
        if not isinstance(lex.method, Subscription):
            return []
        return ["#".join(split_reference(ref, lex.id)) for ref in lex.method.message.schema.refs]

    def _mark_input(self, node: Property | Object, base: str) -> None:
        """Remember every definition an input reaches: those refuse unknown fields."""
        match node:
            case Ref():
                full, target = LIBRARY.resolve(node.ref, base)
                if full not in self.in_inputs and isinstance(target, Object):
                    self.in_inputs.add(full)
                    self._mark_input(target, full.partition("#")[0])
            case Object():
                for field in node.properties.values():
                    self._mark_input(field, base)
            case Array():
                self._mark_input(node.items, base)
            case _:
                pass

    def _need(self, node: Property | Object | Params, base: str) -> None:
        """Put what `node` refers to into the order first."""
        match node:
            case Ref():
                self.define(*split_reference(node.ref, base))
            case Union():
                for ref in node.refs:
                    self.define(*split_reference(ref, base))
            case Object():
                for field in node.properties.values():
                    self._need(field, base)
            case Array():
                self._need(node.items, base)
            case _:
                pass

    def define(self, nsid: str, name: str) -> None:
        """Add a shared or local object definition, once."""
        full = f"{nsid}#{name}"
        definition = LIBRARY.lexicon(nsid).definition(name)
        if full in self.done or not isinstance(definition, Object):
            return
        self.done.add(full)
        self._need(definition, nsid)
        frame = _discriminator(definition)
        tag = ("type", frame) if frame else ("$type", full) if full in self.in_unions else None
        doc = definition.description or f"`{full}`."
        self.types.append(
            _Type(class_name(nsid, name), doc, definition, nsid, tag, strict=full in self.in_inputs)
        )

    def _body(self, lex: Lexicon, body: Body, suffix: str, doc: str) -> str:
        """Add an input or output and return its name; a reference is used under its own name."""
        self._need(body.schema, lex.id)
        if isinstance(body.schema, Ref):
            return class_name(*split_reference(body.schema.ref, lex.id))
        name = class_name(lex.id, "main", suffix)
        self.types.append(_Type(name, doc, body.schema, lex.id, strict=suffix == "Input"))
        return name

    def write(self) -> str:
        """The whole module as text."""
        methods: list[str] = []
        aliases: list[str] = []
        for lex in self.lexicons:
            for name in lex.defs:
                if name != "main":
                    self.define(lex.id, name)
            method = lex.method
            if method is None:
                continue
            entry = [f"nsid={_quoted(lex.id)}", f"kind={_quoted(str(method.__struct_config__.tag))}"]
            if method.parameters is not None and method.parameters.properties:
                name = class_name(lex.id, "main", "Params")
                doc = f"Parameters of `{lex.id}`."
                self.types.append(_Type(name, doc, method.parameters, lex.id, strict=True))
                entry.append(f"params={name}")
            if isinstance(method, Procedure):
                entry.append(f"input={self._body(lex, method.input, 'Input', f'Input of `{lex.id}`.')}")
            if isinstance(method, Query | Procedure) and method.output is not None:
                name = self._body(lex, method.output, "Output", f"Output of `{lex.id}`.")
                alias = class_name(lex.id, "main", "Output")
                if name != alias:
                    aliases.append(f"{alias}: TypeAlias = {name}")
                entry.append(f"output={name}")
                if method.output.encoding == "text/event-stream":
                    entry.append("streams=True")
            if isinstance(method, Subscription):
                entry.append(f"messages={self._messages(lex, method)}")
                aliases += self._frames(lex)
            arguments = "".join(f"            {argument},\n" for argument in entry)
            methods.append(f"        {_quoted(lex.id)}: Method(\n{arguments}        ),\n")
        blocks = [self._struct(item) for item in self.types]
        if aliases:
            blocks.append("\n".join(aliases))
        blocks.append("METHODS: Final = MappingProxyType(\n    {\n" + "".join(methods) + "    }\n)\n")
        body = "\n\n".join(blocks)
        return f"{_DOC.format(family=self.family)}\n\n{_imports(body)}\n\n{body}"

    def _messages(self, lex: Lexicon, method: Subscription) -> str:
        pairs = []
        for ref in method.message.schema.refs:
            nsid, name = split_reference(ref, lex.id)
            shown = f"#{name}" if nsid == lex.id else f"{nsid}#{name}"
            pairs.append(f"                {_quoted(shown)}: {class_name(nsid, name)},\n")
        return "{\n" + "".join(pairs) + "            }"

    def _frames(self, lex: Lexicon) -> list[str]:
        """Of a two-way session: the union of what each side may send."""
        sent = self._sent(lex)
        frames = [name for name, definition in lex.defs.items() if _discriminator(definition)]
        server = [class_name(lex.id, name) for name in frames if f"{lex.id}#{name}" in sent]
        client = [class_name(lex.id, name) for name in frames if f"{lex.id}#{name}" not in sent]
        if not frames:
            return []
        prefix = class_name(lex.id, "main")
        return [
            _union(f"{prefix}ClientFrame: TypeAlias = ", client),
            _union(f"{prefix}ServerFrame: TypeAlias = ", server),
        ]

    def _struct(self, item: _Type) -> str:
        fields = item.fields.properties if item.fields else {}
        required = item.fields.required if item.fields else ()
        options = ["frozen=True", "kw_only=True"]
        if item.strict:
            options.append("forbid_unknown_fields=True")
        if item.tag:
            options += [f"tag_field={_quoted(item.tag[0])}", f"tag={_quoted(item.tag[1])}"]
        lines = [_head(item.name, options), *_docstring(item.doc), ""]
        checks: list[str] = []
        for wire_name, field in fields.items():
            if item.tag and wire_name == item.tag[0]:
                continue
            name = snake(wire_name)
            checks += _checks(field, name, wire_name)
            if isinstance(field, Union):
                members = [class_name(*split_reference(ref, item.base)) for ref in field.refs]
                if wire_name in required:
                    lines.append(_union(f"{name}: ", members, "    "))
                else:
                    lines.append(_union(f"{name}: ", [*members, "UnsetType"], "    ") + " = UNSET")
                continue
            text = self._annotation(field, item.base)
            default = getattr(field, "default", None)
            if wire_name in required:
                lines.append(f"    {name}: {text}")
            elif default is not None:
                value = _quoted(default) if isinstance(default, str) else repr(default)
                lines.append(f"    {name}: {text} = {value}")
            else:
                lines.append(f"    {name}: {text} | UnsetType = UNSET")
        if checks:
            lines += ["", "    def __post_init__(self) -> None:", *(f"        {check}" for check in checks)]
        return "\n".join(lines).rstrip() + "\n"

    def _annotation(self, field: Property | ParamsArray, base: str) -> str:
        match field:
            case Boolean():
                return "bool"
            case Integer(enum=None, const=None):
                return _integer(field)
            case Integer(enum=None, const=int() as const):
                return f"Literal[{const}]"
            case String(format="did"):
                return "Did"
            case String(format="datetime"):
                return "Datetime"
            case String(format="nsid"):
                return "NsidText"
            case String(format="uri"):
                return "Uri"
            case String(format="at-uri"):
                return "AtUri"
            case String(format="cid"):
                return "Cid"
            case String(format=None, enum=None, const=None):
                return _text(field)
            case String(enum=tuple() as choices):
                return f"Literal[{', '.join(map(_quoted, choices))}]"
            case Bytes():
                return "Octets"
            case Ref():
                _, target = LIBRARY.resolve(field.ref, base)
                if isinstance(target, Object):
                    return class_name(*split_reference(field.ref, base))
            case Array() | ParamsArray():
                if _checks(field.items, "", ""):
                    raise InvalidLexicon(f"{base}: lengths of array items are not generated yet")
                inner = f"tuple[{self._annotation(field.items, base)}, ...]"
                return _bounded(inner, field.min_length, field.max_length)
            case _:
                pass
        raise InvalidLexicon(f"{base}: no wire type for {field}")


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _head(name: str, options: list[str]) -> str:
    """The first line of a class, broken where it is too long."""
    line = f"class {name}(Wire, {', '.join(options)}):"
    if len(line) <= WIDTH:
        return line
    inner = f"    Wire, {', '.join(options)}"
    if len(inner) <= WIDTH:
        return f"class {name}(\n{inner}\n):"
    return f"class {name}(\n" + "".join(f"    {option},\n" for option in ["Wire", *options]) + "):"


def _docstring(text: str) -> list[str]:
    lines = textwrap.wrap(text, WIDTH - 10)
    if len(lines) == 1:
        return [f'    """{lines[0]}"""']
    return [f'    """{lines[0]}', *(f"    {line}" for line in lines[1:]), '    """']


def _union(before: str, members: list[str], indent: str = "") -> str:
    """`before` and the members of a union, broken as the formatter breaks them."""
    joined = " | ".join(members)
    if len(f"{indent}{before}{joined}") <= WIDTH:
        return f"{indent}{before}{joined}"
    if len(f"{indent}    {joined}") <= WIDTH:
        return f"{indent}{before}(\n{indent}    {joined}\n{indent})"
    lines = "".join(f"{indent}    | {member}\n" for member in members[1:])
    return f"{indent}{before}(\n{indent}    {members[0]}\n{lines}{indent})"


def _imports(body: str) -> str:
    """The import lines of what `body` uses, grouped as the linter groups them."""
    groups: dict[str, list[str]] = {}
    for module, names in _IMPORTS:
        used = [name for name in names if re.search(rf"\b{name}\b", body)]
        if used:
            group = {"types": "std", "typing": "std"}.get(module, module)
            groups.setdefault(group, []).append(f"from {module} import {', '.join(used)}\n")
    return "\n".join("".join(lines) for lines in groups.values())


def _integer(field: Integer) -> str:
    low = "-SAFE" if field.minimum is None else f"{field.minimum}"
    high = "SAFE" if field.maximum is None else f"{field.maximum}"
    return f"Annotated[int, Meta(ge={low}, le={high})]"


def _text(field: String) -> str:
    # Characters never outnumber bytes, so the same maximum is a first sieve; `fits` is the exact one.
    # A minimum of one byte is one character; a greater one would need its own check.
    if (field.min_length or 0) > 1:
        raise InvalidLexicon("a minimum text length above 1 is not generated yet")
    return _bounded("str", field.min_length, field.max_length)


def _bounded(inner: str, low: int | None, high: int | None) -> str:
    bounds = [f"min_length={low}"] if low else []
    bounds += [f"max_length={high}"] if high is not None else []
    return f"Annotated[{inner}, Meta({', '.join(bounds)})]" if bounds else inner


def _checks(field: Property | ParamsArray, name: str, wire_name: str) -> list[str]:
    match field:
        case String(format=None, enum=None, const=None, max_length=int()):
            return [f"fits(self.{name}, {field.max_length}, {_quoted(wire_name)})"]
        case Bytes() if field.min_length or field.max_length is not None:
            high = "SAFE" if field.max_length is None else f"{field.max_length}"
            return [f"holds(self.{name}, {field.min_length or 0}, {high}, {_quoted(wire_name)})"]
        case _:
            return []


def snake(wire_name: str) -> str:
    """`convoId` as `convo_id`; refuses a name that `camel` would not bring back."""
    text = "".join(f"_{char.lower()}" if char.isupper() else char for char in wire_name)
    if camel(text) != wire_name or not text.isidentifier():
        raise InvalidLexicon(f"{wire_name!r} has no snake_case form")
    return text


def modules() -> dict[Path, str]:
    """What the generated files must hold, by their path."""
    return {FOLDER / f"{module}.py": _Module(module, family).write() for module, family in FAMILIES.items()}


def main(arguments: Sequence[str]) -> int:
    """Write the files, or with `--check` compare them; 1 when something differs."""
    stale = [path for path, text in modules().items() if not path.exists() or path.read_text() != text]
    if "--check" in arguments:
        return 1 if stale else 0
    for path, text in modules().items():
        path.write_text(text, encoding="utf-8")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
