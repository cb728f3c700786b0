"""Settings from a TOML file, the environment and the command line; every mistake is told at once.

Precedence: command line, then environment, then file, then default. `resolve` is the pure core; `load` reads
the file for it. A key nobody knows is an error that names the nearest known one: a setting that is silently
ignored is worse than one that is missing.
"""

import difflib
import functools
import re
import tomllib
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import attrs

from router.config.named import named_among, options_with, section_class
from router.config.options import ENVIRONMENT_PREFIX, BadValueError, Option
from router.config.sections import SECTIONS, Settings
from router.config.values import Value, from_text, from_toml

CONFIG_VARIABLE = "ROOKERY_CONFIG"
DEFAULT_FILE = Path("rookery.toml")

RESERVED_VARIABLES = {
    CONFIG_VARIABLE: "the configuration file, when --config does not name one",
    "ROOKERY_VECTORS": "read by the test suite only: where the test vectors lie",
}

# Kubernetes puts variables for each Service into every pod of the namespace; for a Service named `rookery`
# they begin like ours. PORT is theirs only when it holds an address.
_KUBERNETES = re.compile(r"ROOKERY(_[A-Z0-9_]+)?_SERVICE_(HOST|PORT(_[A-Z0-9_]+)?)")
_KUBERNETES_PORT = re.compile(r"ROOKERY(_[A-Z0-9_]+)?_PORT(_[0-9]+_(TCP|UDP|SCTP)(_(PROTO|PORT|ADDR))?)?")


@attrs.frozen
class Problem:
    """One mistake: where it was made and what would be right."""

    where: str
    message: str

    def __str__(self) -> str:
        return f"{self.where}: {self.message}"


class SettingsError(Exception):
    """The operator's mistakes, all of them; `str()` is a list a person can work through."""

    def __init__(self, problems: tuple[Problem, ...]) -> None:
        self.problems = problems
        super().__init__("\n".join(str(problem) for problem in problems))


@attrs.frozen
class Loaded:
    """Settings and, by option path, where each value came from (`default`, a file, a variable, ...)."""

    settings: Settings
    origins: Mapping[str, str]


def find_file(given: Path | None, environ: Mapping[str, str]) -> Path | None:
    """The configuration file to read: the one given, `$ROOKERY_CONFIG`, or ./rookery.toml if it is there."""
    if given is not None:
        return given
    if environ.get(CONFIG_VARIABLE):
        return Path(environ[CONFIG_VARIABLE])
    return DEFAULT_FILE if DEFAULT_FILE.exists() else None


def load(
    file: Path | None = None,
    *,
    environ: Mapping[str, str],
    overrides: Mapping[str, str] | None = None,
) -> Loaded:
    """Read and resolve everything; raises `SettingsError` with all mistakes, never anything else.

    `overrides` maps an option path (`server.port`) to its text on the command line.
    """
    document = read_document(file) if file is not None else {}
    return resolve(document, environ=environ, overrides=overrides or {}, file_name=str(file))


def read_document(file: Path) -> dict[str, object]:
    """The parsed TOML of a file; an unreadable or malformed one is a `SettingsError`."""
    try:
        return tomllib.loads(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise SettingsError((Problem(str(file), f"cannot be read: {error.strerror or error}"),)) from error
    except UnicodeDecodeError as error:
        raise SettingsError((Problem(str(file), "is not UTF-8 text"),)) from error
    except (ValueError, RecursionError) as error:
        raise SettingsError((Problem(str(file), f"is not valid TOML: {error}"),)) from error


def resolve(
    document: Mapping[str, object],
    *,
    environ: Mapping[str, str],
    overrides: Mapping[str, str],
    file_name: str = "file",
) -> Loaded:
    """The settings these three sources give together; pure. Raises `SettingsError` with every mistake."""
    problems: list[Problem] = []
    values: dict[str, Value] = {}
    options = options_with(named_among(_sections_of(document, environ, overrides)))
    origins = dict.fromkeys(options, "default")

    def put(option: Option, where: str, origin: str, read: Callable[[], Value]) -> None:
        try:
            values[option.path] = read()
        except BadValueError as error:
            problems.append(Problem(where, str(error)))
        else:
            origins[option.path] = origin

    for option, raw in _flatten(document, options, file_name, problems):
        put(
            option,
            f"{file_name}: {option.path}",
            f"file {file_name}",
            functools.partial(from_toml, option, raw),
        )
    for name, option in _variables(environ, options, problems):
        put(option, name, f"environment {name}", functools.partial(from_text, option, environ[name]))
    for path, text in overrides.items():
        if path not in options:
            problems.append(Problem(f"command line: {path}", _unknown(path, options)))
            continue
        option = options[path]
        put(option, f"command line: {path}", "command line", functools.partial(from_text, option, text))
    if problems:
        raise SettingsError(tuple(problems))
    return Loaded(settings=build(values), origins=origins)


def build(values: Mapping[str, Value]) -> Settings:
    """Settings from values by option path; what is not named has its default."""
    named = named_among(path.partition(".")[0] for path in values)
    sections: dict[str, Any] = {}
    for section in (*SECTIONS, *named):
        own = {
            path.partition(".")[2]: value for path, value in values.items() if path.startswith(section + ".")
        }
        cls: Any = section_class(section)  # SECTIONS gives each name its class; a test compares
        sections[section] = cls(**own)
    further = {section: sections.pop(section) for section in named}
    return Settings(**sections, further_logins=further)


def _sections_of(
    document: Mapping[str, object], environ: Mapping[str, str], overrides: Mapping[str, str]
) -> Iterator[str]:
    """Every name of a section that somebody wrote, right or wrong."""
    yield from document
    yield from (path.partition(".")[0] for path in overrides)
    for name in environ:
        if name.startswith(ENVIRONMENT_PREFIX) and name.isupper():
            yield name.removeprefix(ENVIRONMENT_PREFIX).partition("__")[0].lower()


def _flatten(
    document: Mapping[str, object], options: Mapping[str, Option], file_name: str, problems: list[Problem]
) -> Iterator[tuple[Option, object]]:
    for section, table in document.items():
        where = f"{file_name}: {section}"
        if section_class(section) is None:
            problems.append(Problem(where, _unknown(section, options)))
        elif not isinstance(table, Mapping):
            problems.append(Problem(where, f"must be a table, written [{section}]"))
        else:
            for key, raw in table.items():
                path = f"{section}.{key}"
                if path in options:
                    yield options[path], raw
                else:
                    problems.append(Problem(f"{file_name}: {path}", _unknown(path, options)))


def _variables(
    environ: Mapping[str, str], options: Mapping[str, Option], problems: list[Problem]
) -> Iterator[tuple[str, Option]]:
    by_name = {option.variable: option for option in options.values()}
    for name in sorted(environ):
        if not name.startswith(ENVIRONMENT_PREFIX) or name in RESERVED_VARIABLES:
            continue
        if name in by_name:
            yield name, by_name[name]
        elif not _is_kubernetes(name, environ[name]):
            close = difflib.get_close_matches(name, by_name, n=1, cutoff=0.6)
            problems.append(
                Problem(name, "is not a setting" + (f"; did you mean {close[0]}?" if close else ""))
            )


def _is_kubernetes(name: str, value: str) -> bool:
    if "__" in name:
        return False
    if _KUBERNETES.fullmatch(name):
        return True
    match = _KUBERNETES_PORT.fullmatch(name)
    if match is None:
        return False
    # ROOKERY_PORT=tcp://10.0.0.1:3000 is theirs; ROOKERY_SERVER_PORT=3000 is a slip of the operator's
    return bool(match[2]) or value.startswith(("tcp://", "udp://", "sctp://"))


def _unknown(path: str, options: Mapping[str, Option]) -> str:
    """`is not a setting; did you mean server.port?`: a known key of another section first, then spelling."""
    section, dot, key = path.partition(".")
    if not dot:
        close = difflib.get_close_matches(section, SECTIONS, n=1, cutoff=0.5)
        homes = [option.path for option in options.values() if option.key == section]
    else:
        homes = [option.path for option in options.values() if option.key == key]
        keys = [option.key for option in options.values() if option.section == section]
        close = [f"{section}.{hit}" for hit in difflib.get_close_matches(key, keys, n=1, cutoff=0.5)]
        close = close or difflib.get_close_matches(path, options, n=1, cutoff=0.6)
    guess = (homes or close)[:1]
    return "is not a setting" + (f"; did you mean {guess[0]}?" if guess else "")
