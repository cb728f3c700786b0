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

import attrs

from router.config.options import ENVIRONMENT_PREFIX, BadValueError, Option
from router.config.sections import OPTIONS, SECTIONS, Settings
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
    origins = dict.fromkeys(OPTIONS, "default")

    def put(option: Option, where: str, origin: str, read: Callable[[], Value]) -> None:
        try:
            values[option.path] = read()
        except BadValueError as error:
            problems.append(Problem(where, str(error)))
        else:
            origins[option.path] = origin

    for option, raw in _flatten(document, file_name, problems):
        put(
            option,
            f"{file_name}: {option.path}",
            f"file {file_name}",
            functools.partial(from_toml, option, raw),
        )
    for name, option in _variables(environ, problems):
        put(option, name, f"environment {name}", functools.partial(from_text, option, environ[name]))
    for path, text in overrides.items():
        if path not in OPTIONS:
            problems.append(Problem(f"command line: {path}", _unknown(path)))
            continue
        option = OPTIONS[path]
        put(option, f"command line: {path}", "command line", functools.partial(from_text, option, text))
    if problems:
        raise SettingsError(tuple(problems))
    return Loaded(settings=build(values), origins=origins)


def build(values: Mapping[str, Value]) -> Settings:
    """Settings from values by option path; what is not named has its default."""
    sections: dict[str, object] = {}
    for section, cls in SECTIONS.items():
        own = {
            path.partition(".")[2]: value for path, value in values.items() if path.startswith(section + ".")
        }
        sections[section] = cls(**own)
    return Settings(**sections)  # type: ignore[arg-type]  # SECTIONS gives each name its class; a test compares


def _flatten(
    document: Mapping[str, object], file_name: str, problems: list[Problem]
) -> Iterator[tuple[Option, object]]:
    for section, table in document.items():
        where = f"{file_name}: {section}"
        if section not in SECTIONS:
            problems.append(Problem(where, _unknown(section)))
        elif not isinstance(table, Mapping):
            problems.append(Problem(where, f"must be a table, written [{section}]"))
        else:
            for key, raw in table.items():
                path = f"{section}.{key}"
                if path in OPTIONS:
                    yield OPTIONS[path], raw
                else:
                    problems.append(Problem(f"{file_name}: {path}", _unknown(path)))


def _variables(environ: Mapping[str, str], problems: list[Problem]) -> Iterator[tuple[str, Option]]:
    by_name = {option.variable: option for option in OPTIONS.values()}
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


def _unknown(path: str) -> str:
    """`is not a setting; did you mean server.port?`: a known key of another section first, then spelling."""
    section, dot, key = path.partition(".")
    if not dot:
        close = difflib.get_close_matches(section, SECTIONS, n=1, cutoff=0.5)
        homes = [option.path for option in OPTIONS.values() if option.key == section]
    else:
        homes = [option.path for option in OPTIONS.values() if option.key == key]
        keys = [option.key for option in OPTIONS.values() if option.section == section]
        close = [f"{section}.{hit}" for hit in difflib.get_close_matches(key, keys, n=1, cutoff=0.5)]
        close = close or difflib.get_close_matches(path, OPTIONS, n=1, cutoff=0.6)
    guess = (homes or close)[:1]
    return "is not a setting" + (f"; did you mean {guess[0]}?" if guess else "")
