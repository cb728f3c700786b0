"""Settings as flat, named knobs: read them, and make changed settings from text or typed values. Pure.

Settings are frozen attrs values. A nested value (`Backoff`, `Shedding`) is flattened with dots, so that
one number can be changed: `backoff.maximum`. A callable is not a knob. The new settings are validated as
a whole by the classes themselves, so a change is either complete and valid or does not happen.
"""

import types
import typing
from collections.abc import Iterator, Mapping

import attrs

from ._options import Shedding
from ._policy import Backoff, Intensity

_WORDS = {"true": True, "on": True, "yes": True, "false": False, "off": False, "no": False}
_NOTHING = frozenset({"none", "off", ""})


Settings = attrs.AttrsInstance
S = typing.TypeVar("S", bound=attrs.AttrsInstance)


@attrs.frozen
class Knob:
    """One setting of one node that can be changed while it runs."""

    name: str
    value: object
    kind: str
    """What it takes: `number`, `whole number`, `switch`, `RESTARTS/SECONDS`; `or none` if it can be off."""


class BadValue(ValueError):
    """`knob` does not exist here (`unknown`), or does not take this value."""

    def __init__(self, knob: str, reason: str) -> None:
        super().__init__(f"{knob}: {reason}")
        self.knob = knob
        self.reason = reason


def read(settings: Settings) -> dict[str, Knob]:
    """The knobs of these settings by name."""
    return {knob.name: knob for knob in _walk(settings, "")}


def _walk(settings: Settings, prefix: str) -> Iterator[Knob]:
    for name, (kind, optional) in _fields(type(settings)).items():
        value = getattr(settings, name)
        if attrs.has(kind) and kind is not Intensity:
            if optional and issubclass(kind, Backoff):
                yield Knob(
                    f"{prefix}{name}", "none" if value is None else "on", "none, or on for the default"
                )
            if value is not None:
                yield from _walk(value, f"{prefix}{name}.")
        else:
            words = _KINDS[kind] + (" or none" if optional else "")
            yield Knob(f"{prefix}{name}", value, words)


_KINDS: dict[type, str] = {
    bool: "switch",
    int: "whole number",
    float: "number",
    Intensity: "RESTARTS/SECONDS",
}


def _fields(cls: type[Settings]) -> dict[str, tuple[type, bool]]:
    """Field name → (type, whether None is allowed), without callables."""
    hints = typing.get_type_hints(cls)
    found = {}
    for field in attrs.fields(cls):
        hint = hints[field.name]
        parts = typing.get_args(hint) if isinstance(hint, types.UnionType) else (hint,)
        kinds = [part for part in parts if part is not type(None)]
        if len(kinds) == 1 and isinstance(kinds[0], type) and (kinds[0] in _KINDS or attrs.has(kinds[0])):
            found[field.name] = (kinds[0], len(parts) > 1)
    return found


def change(settings: S, changes: Mapping[str, object]) -> S:
    """The settings with these knobs turned. Raises `BadValue`; the order of the changes is irrelevant."""
    here: dict[str, object] = {}
    below: dict[str, dict[str, object]] = {}
    fields = _fields(type(settings))
    for name, value in changes.items():
        head, dot, rest = name.partition(".")
        if head not in fields:
            raise BadValue(name, f"unknown; there are {', '.join(read(settings))}")
        kind, optional = fields[head]
        if dot:
            below.setdefault(head, {})[rest] = value
        else:
            here[head] = _parse(name, kind, value, optional=optional)
    for head, inner in below.items():
        kind, _ = fields[head]
        start = here.get(head, getattr(settings, head))
        if start is None and issubclass(kind, Backoff):
            start = Backoff()  # turning one of its knobs switches it on
        if not isinstance(start, Backoff | Shedding):
            raise BadValue(f"{head}.{next(iter(inner))}", "unknown")
        try:
            here[head] = change(start, inner)
        except BadValue as error:
            raise BadValue(f"{head}.{error.knob}", error.reason) from None
    try:
        return attrs.evolve(settings, **here)  # type: ignore[misc]  # the plugin wants a class, not a bound
    except (ValueError, TypeError) as error:
        raise BadValue(", ".join(changes), str(error)) from None


def _parse(name: str, kind: type, value: object, *, optional: bool) -> object:
    """A value of `kind` from itself, a number, or text. Raises `BadValue`."""
    if optional and (value is None or (isinstance(value, str) and value.lower() in _NOTHING)):
        return None
    try:
        if isinstance(value, str):
            return _parse_text(kind, value.strip())
        if kind is float and isinstance(value, int) and not isinstance(value, bool):
            return value
        if isinstance(value, kind) and (kind is not int or not isinstance(value, bool)):
            return value
    except (ValueError, KeyError) as error:
        raise BadValue(name, str(error)) from None
    raise BadValue(name, f"not {value!r}")


def _parse_text(kind: type, text: str) -> object:
    if kind is bool:
        return _WORDS[text.lower()]
    if kind is Intensity:
        return Intensity.parse(text)
    if kind is Backoff and text.lower() == "on":
        return Backoff()
    if kind in (int, float):
        return int(text) if kind is int else float(text)
    raise ValueError(f"not {text!r}")
