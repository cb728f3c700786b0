"""What the program tells about its settings: the reference (`config doc`), the values in force (`show`)."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import cast

import attrs

from router.config.load import RESERVED_VARIABLES, Loaded
from router.config.named import values_of
from router.config.options import Kind, Option
from router.config.sections import OPTIONS, PROVIDERS, SECTIONS
from router.config.seeds import SEED_VARIABLES, Fate
from router.config.values import Value

MASK = "***"


@attrs.frozen
class Effective:
    """One setting as it is in force: a set secret's value is `MASK`."""

    option: Option
    value: Value
    origin: str


def effective(loaded: Loaded) -> tuple[Effective, ...]:
    """Every setting with its value in force and where that came from, secrets masked."""
    found = []
    for option, value in values_of(loaded.settings):
        shown = MASK if option.secret and value is not None else cast("Value", value)
        found.append(Effective(option, shown, loaded.origins.get(option.path, "default")))
    return tuple(found)


def show(loaded: Loaded) -> str:
    """The settings in force as TOML that could be loaded again, each with its source; secrets masked."""
    return "\n".join(_show_lines(loaded)).strip() + "\n"


def _show_lines(loaded: Loaded) -> Iterator[str]:
    section = ""
    for item in effective(loaded):
        if item.option.section != section:
            section = item.option.section
            yield from ("", f"[{section}]")
        if item.value is None:
            yield f"# {item.option.key} is not set"
        elif item.option.secret:
            yield f'# {item.option.key} = "{MASK}"  # {item.origin}'
        else:
            yield f"{item.option.key} = {as_toml(item.value)}  # {item.origin}"


def as_toml(value: str | float | Path) -> str:
    """A value as TOML writes it."""
    match value:
        case bool():
            return "true" if value else "false"
        case int() | float():
            return repr(value)
        case _:
            # settings hold printable text only, for which a JSON string is a TOML basic string
            return json.dumps(str(value), ensure_ascii=False)


def settings_doc() -> str:
    """The whole reference as Markdown: a table per section, then the variables of the two seeds."""
    return "\n".join(_doc_lines()) + "\n"


def _doc_lines() -> Iterator[str]:
    yield from (
        "# Settings of Rookery",
        "",
        "Each is a key in its section of the TOML file, or a variable `ROOKERY_<SECTION>__<KEY>`. The",
        "command line beats the environment, the environment beats the file, the file beats the default.",
        "An unknown key or `ROOKERY_` variable is an error. Relative paths start at the working directory.",
    )
    for section, cls in SECTIONS.items():
        yield from ("", f"## [{section}]", "", (cls.__doc__ or "").splitlines()[0])
        if section in PROVIDERS:
            yield f"Another one is a section `[{section}_NAME]`, with a NAME of letters a-z and digits."
        yield ""
        yield from ("| key | type | default | meaning |", "|---|---|---|---|")
        for option in OPTIONS.values():
            if option.section == section:
                yield f"| `{option.key}` | {_type(option)} | {_default(option)} | {option.doc} |"
    yield from ("", "## Other variables", "", "| variable | meaning |", "|---|---|")
    yield from (f"| `{name}` | {meaning} |" for name, meaning in RESERVED_VARIABLES.items())
    yield from (
        "",
        "## Variables of mls-ds and Unhidra",
        "",
        "None of them is read for its value. One that would weaken a check keeps the server from starting.",
        "",
        "| variable | of | here | |",
        "|---|---|---|---|",
    )
    for variable in SEED_VARIABLES:
        answer = f"`{variable.answer}`" if variable.fate is Fate.RENAMED else variable.answer
        yield f"| `{variable.name}` | {variable.seed} | {variable.fate.value} | {answer} |"


def _type(option: Option) -> str:
    match option.kind:
        case Kind.INTEGER | Kind.NUMBER:
            unit = f" {option.unit}" if option.unit else ""
            return f"{option.kind.value} {option.minimum:g} to {option.maximum:.12g}{unit}"
        case Kind.CHOICE:
            return " or ".join(f"`{choice}`" for choice in option.choices)
        case _:
            return option.kind.value + (", secret" if option.secret else "")


def _default(option: Option) -> str:
    match option.default:
        case None:
            return "not set"
        case bool() | int() | float() | str() | Path():
            return f"`{as_toml(option.default)}`"
        case other:
            raise TypeError(f"{option.path} has a default no setting can have: {other!r}")
