"""Our lexicons, loaded once and checked as a whole: every reference leads somewhere."""

from collections.abc import Iterable, Mapping
from importlib.resources import files
from importlib.resources.abc import Traversable
from types import MappingProxyType
from typing import Final

from schema._lexicon import (
    Array,
    Definition,
    Lexicon,
    Object,
    Params,
    Procedure,
    Property,
    Query,
    Ref,
    Subscription,
    Union,
    parse_lexicon,
)
from schema._problems import InvalidLexicon, UnknownLexicon


class Library:
    """A closed set of lexicons that refer to each other only.

    Immutable after construction; raises InvalidLexicon on a name given twice, a reference that leads
    nowhere, or a union member that is not an object.
    """

    def __init__(self, documents: Iterable[bytes]) -> None:
        lexicons: dict[str, Lexicon] = {}
        for document in documents:
            lexicon = parse_lexicon(document)
            if lexicon.id in lexicons:
                raise InvalidLexicon(f"{lexicon.id} is defined twice")
            lexicons[lexicon.id] = lexicon
        self.lexicons: Mapping[str, Lexicon] = MappingProxyType(dict(sorted(lexicons.items())))
        for lexicon in lexicons.values():
            for name, definition in lexicon.defs.items():
                self._check_references(lexicon.id, name, definition)

    def lexicon(self, nsid: str) -> Lexicon:
        """The lexicon of this name, or UnknownLexicon."""
        try:
            return self.lexicons[nsid]
        except KeyError:
            raise UnknownLexicon(nsid) from None

    def resolve(self, ref: str, base: str) -> tuple[str, Definition]:
        """Where a reference written in lexicon `base` leads: (`nsid#name`, definition)."""
        nsid, name = split_reference(ref, base)
        return f"{nsid}#{name}", self.lexicon(nsid).definition(name)

    def _check_references(self, nsid: str, name: str, node: Definition | Property | Params) -> None:
        for ref, in_union in _references(node):
            try:
                _, target = self.resolve(ref, nsid)
            except UnknownLexicon as problem:
                raise InvalidLexicon(f"{nsid}#{name} refers to {ref}: {problem}") from None
            if isinstance(target, Query | Procedure | Subscription) or (
                in_union and not isinstance(target, Object)
            ):
                raise InvalidLexicon(f"{nsid}#{name} refers to {ref}, which cannot stand there")


def split_reference(ref: str, base: str) -> tuple[str, str]:
    """(nsid, name) of a reference written in lexicon `base`; `#` alone is that lexicon, no name is main."""
    nsid, _, name = ref.partition("#")
    return nsid or base, name or "main"


def _references(node: Definition | Property | Params) -> list[tuple[str, bool]]:
    match node:
        case Ref():
            return [(node.ref, False)]
        case Union():
            return [(ref, True) for ref in node.refs]
        case Array():
            return _references(node.items)
        case Object():
            return [found for field in node.properties.values() for found in _references(field)]
        case Query():
            return _references(node.output.schema)
        case Procedure():
            out = _references(node.output.schema) if node.output else []
            return _references(node.input.schema) + out
        case Subscription():
            return _references(node.message.schema)
        case _:
            return []


def _documents(folder: Traversable) -> Iterable[bytes]:
    for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
        if entry.is_dir():
            yield from _documents(entry)
        elif entry.name.endswith(".json"):
            yield entry.read_bytes()


LIBRARY: Final = Library(_documents(files("schema").joinpath("lexicons")))
LEXICONS: Final[Mapping[str, Lexicon]] = LIBRARY.lexicons
"""Every lexicon of this server by its NSID, in alphabetical order."""


def lexicon(nsid: str) -> Lexicon:
    """The lexicon of this name, or UnknownLexicon."""
    return LIBRARY.lexicon(nsid)
