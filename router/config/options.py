"""One setting: its type, default, unit, bounds and its line in the reference.

A section is a frozen attrs class whose fields are made by `option`; everything else in this package
(loading, checking, the reference, `show`) walks the table of `Option` values read from those classes, so a
setting is written down once.
"""

import enum
import math
import types
import typing
from pathlib import Path
from typing import Any, Literal, TypeVar, cast

import attrs

ENVIRONMENT_PREFIX = "ROOKERY_"

_T = TypeVar("_T")
_META = "rookery.option"
_MASK = "'***'"


class Kind(enum.StrEnum):
    """The few types a setting may have; the value is how the reference names it."""

    TEXT = "text"
    INTEGER = "integer"
    NUMBER = "number"
    SWITCH = "true or false"
    PATH = "path"
    CHOICE = "one of"


class BadValueError(ValueError):
    """The value does not fit the option; the text says what would, without repeating a secret."""


@attrs.frozen
class _Meta:
    doc: str
    unit: str
    minimum: float | None
    maximum: float | None
    secret: bool


@attrs.frozen
class Option:
    """One setting as data, for the loader, the reference and `show`."""

    section: str
    key: str
    kind: Kind
    optional: bool
    default: object
    doc: str
    unit: str = ""
    minimum: float | None = None
    maximum: float | None = None
    choices: tuple[str, ...] = ()
    secret: bool = False

    @property
    def path(self) -> str:
        """How people name it: `server.port`."""
        return f"{self.section}.{self.key}"

    @property
    def variable(self) -> str:
        """How the environment names it: `ROOKERY_SERVER__PORT`."""
        return f"{ENVIRONMENT_PREFIX}{self.section.upper()}__{self.key.upper()}"


def option(
    default: _T,
    doc: str,
    *,
    unit: str = "",
    minimum: float | None = None,
    maximum: float | None = None,
    secret: bool = False,
) -> _T:
    """A field of a section: `doc` is one line, bounds are inclusive, a secret never shows in a `repr`.

    The declared return type is the default's, so that type checkers see an ordinary field with a default.
    """
    meta = _Meta(doc=doc, unit=unit, minimum=minimum, maximum=maximum, secret=secret)

    def validate(_: object, attribute: "attrs.Attribute[Any]", value: object) -> None:
        if isinstance(value, int | float) and not in_bounds(value, minimum, maximum):
            raise BadValueError(f"{attribute.name} must be from {minimum} to {maximum}")

    field: _T = attrs.field(
        default=default,
        validator=validate,
        repr=(lambda value: "None" if value is None else _MASK) if secret else True,
        metadata={_META: meta},
    )
    return field


def in_bounds(value: float, minimum: float | None, maximum: float | None) -> bool:
    """Whether a number is finite and within inclusive bounds; None is no bound."""
    return (
        math.isfinite(value)
        and (minimum is None or value >= minimum)
        and (maximum is None or value <= maximum)
    )


def options_of(section: str, cls: type[attrs.AttrsInstance]) -> tuple[Option, ...]:
    """The options of one section class, in the order they are written."""
    hints = typing.get_type_hints(cls)
    return tuple(_option(section, attribute, hints[attribute.name]) for attribute in attrs.fields(cls))


def _option(section: str, attribute: "attrs.Attribute[Any]", hint: object) -> Option:
    meta: _Meta = attribute.metadata[_META]
    optional = False
    if isinstance(hint, types.UnionType):
        (hint,) = (part for part in typing.get_args(hint) if part is not types.NoneType)
        optional = True
    choices: tuple[str, ...] = ()
    if typing.get_origin(hint) is Literal:
        kind, choices = Kind.CHOICE, typing.get_args(hint)
    else:
        kind = _KINDS[cast("type", hint)]
    return Option(
        section=section,
        key=attribute.name,
        kind=kind,
        optional=optional,
        default=attribute.default,
        choices=choices,
        **attrs.asdict(meta),
    )


_KINDS: dict[type, Kind] = {
    str: Kind.TEXT,
    int: Kind.INTEGER,
    float: Kind.NUMBER,
    bool: Kind.SWITCH,
    Path: Kind.PATH,
}
