"""Code blocks of a Markdown file: pure, and strict about what it does not understand."""

import re
from collections.abc import Iterator
from pathlib import Path

import attrs

_FENCE = re.compile(r"(?P<indent>[ \t]*)(?P<fence>`{3,}|~{3,})(?P<info>[^`]*)$")
_TYPED = re.compile(r"^\s*(\$ |>>> |import |from \w+ import |rookery |make )", re.MULTILINE)


class UnclosedBlock(ValueError):
    """A fence was opened and never closed: everything after it would be code."""


@attrs.frozen
class Block:
    """One fenced block: where its code begins, its language ("" when it has none), its text."""

    file: Path
    line: int
    language: str
    code: str

    @property
    def name(self) -> str:
        """How a test run names it: `schema/README.md:20`."""
        return f"{self.file}:{self.line}"


def find_readmes(root: Path) -> list[Path]:
    """Every README.md below `root`, relative to it; hidden, built and fetched folders are left out."""
    found = []
    for path in sorted(root.rglob("README.md")):
        relative = path.relative_to(root)
        folders = relative.parts[:-1]
        if not any(part.startswith(".") or part in {"node_modules", "build", "dist"} for part in folders):
            found.append(relative)
    return found


def read_blocks(file: Path, text: str) -> Iterator[Block]:
    """The fenced blocks of a Markdown text, in order; raises `UnclosedBlock`."""
    lines = iter(enumerate(text.splitlines(), start=1))
    for number, line in lines:
        opened = _FENCE.fullmatch(line)
        if opened is None:
            continue
        fence, indent = opened["fence"], opened["indent"]
        language = (opened["info"].split() or [""])[0].lower()
        code: list[str] = []
        for _, inner in lines:
            closing = inner.strip()
            if len(closing) >= len(fence) and closing == fence[0] * len(closing):
                break
            code.append(inner.removeprefix(indent))
        else:
            raise UnclosedBlock(f"{file}:{number}: this block is never closed")
        yield Block(file, number + 1, language, "".join(f"{each}\n" for each in code))


def looks_like_code(text: str) -> bool:
    """Whether a block without a language holds something a reader would type."""
    return _TYPED.search(text) is not None
