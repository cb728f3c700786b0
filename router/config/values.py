"""From what a file or a variable holds to the value of an option: pure, and never a traceback."""

import re
from pathlib import Path

from router.config.options import BadValueError, Kind, Option, in_bounds

Value = str | int | float | bool | Path | None

_INTEGER = re.compile(r"[+-]?[0-9]+(_[0-9]+)*", re.ASCII)
_MAX_DIGITS = 30  # beyond every bound, below Python's own limit on reading integers
_SWITCH = {
    "true": True, "yes": True, "on": True, "1": True,
    "false": False, "no": False, "off": False, "0": False,
}  # fmt: skip


def from_toml(option: Option, raw: object) -> Value:
    """The option's value from a parsed TOML value; raises `BadValueError` with a sentence about what fits."""
    match option.kind, raw:
        case Kind.SWITCH, bool():
            return raw
        case (Kind.INTEGER | Kind.NUMBER, bool()):
            pass
        case Kind.INTEGER, int():
            return _number(option, raw)
        case Kind.NUMBER, int() | float():
            return _number(option, raw)
        case (Kind.TEXT | Kind.PATH | Kind.CHOICE, str()):
            return _text(option, raw)
        case _:
            pass
    raise BadValueError(f"must be {describe(option)}, not {_kind_of(raw)}")


def from_text(option: Option, text: str) -> Value:
    """The option's value from a variable or a command line; an empty text unsets an optional one."""
    if option.optional and not text:
        return None
    word = text.strip()
    match option.kind:
        case Kind.SWITCH if word.lower() in _SWITCH:
            return _SWITCH[word.lower()]
        case Kind.INTEGER if _INTEGER.fullmatch(word) and len(word) <= _MAX_DIGITS:
            return _number(option, int(word))
        case Kind.NUMBER if len(word) <= _MAX_DIGITS:
            try:
                return _number(option, float(word))
            except BadValueError:
                raise
            except ValueError:
                pass
        case Kind.TEXT | Kind.PATH | Kind.CHOICE:
            return _text(option, text)
        case _:
            pass
    raise BadValueError(f"must be {describe(option)}")


def describe(option: Option) -> str:
    """What fits, in words: `an integer from 0 to 65535`."""
    match option.kind:
        case Kind.CHOICE:
            return "one of " + ", ".join(option.choices)
        case Kind.INTEGER | Kind.NUMBER:
            name = "an integer" if option.kind is Kind.INTEGER else "a number"
            return f"{name} from {option.minimum} to {option.maximum}"
        case Kind.SWITCH:
            return "true or false"
        case Kind.PATH:
            return "a path"
        case Kind.TEXT:
            return "text"


def _number(option: Option, value: float) -> float:
    if not in_bounds(value, option.minimum, option.maximum):
        raise BadValueError(f"must be {describe(option)}")
    return float(value) if option.kind is Kind.NUMBER else value


def _text(option: Option, text: str) -> Value:
    if not text.strip():
        raise BadValueError("must not be empty")
    if not text.isprintable():
        # so is a variable that was not UTF-8 (surrogates); a line break could forge a line of a log
        raise BadValueError("must be printable text in one line")
    if option.kind is Kind.CHOICE and text not in option.choices:
        raise BadValueError(f"must be {describe(option)}")
    return Path(text) if option.kind is Kind.PATH else text


def _kind_of(raw: object) -> str:
    match raw:
        case bool():
            return "true or false"
        case int() | float():
            return "a number"
        case str():
            return "text"
        case list() | tuple():
            return "a list"
        case dict():
            return "a table"
        case _:
            return f"a {type(raw).__name__}"
