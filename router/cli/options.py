"""Options that several commands share, each with the same name, default and words everywhere."""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import click

from router.cli.console import Console, make_console
from router.cli.failures import CannotDo
from router.config import (
    Loaded,
    Settings,
    check,
    check_environment,
    check_files,
    find_file,
    load,
    refusals,
)

F = TypeVar("F", bound=Callable[..., Any])


def json_option(command: F) -> F:
    """`--json`: machine-readable output."""
    return click.option("--json", "as_json", is_flag=True, help="Print JSON, for programs.")(command)


def settings_options(command: F) -> F:
    """`--config`, `--data` and `--set`: where the settings come from."""
    for option in (
        click.option(
            "--set",
            "settings",
            metavar="KEY=VALUE",
            multiple=True,
            help="Override one setting, such as log.epoch_window=5. May be repeated.",
        ),
        click.option(
            "--data",
            type=click.Path(path_type=Path, file_okay=False),
            help="Data folder.  [default: store.path of the settings, rookery-data]",
        ),
        click.option(
            "--config",
            type=click.Path(path_type=Path, dir_okay=False),
            help="Settings file.  [default: $ROOKERY_CONFIG, else ./rookery.toml if it is there]",
        ),
    ):
        command = option(command)
    return command


def key_option(command: F) -> F:
    """`--key`: whose account."""
    return click.option(
        "--key",
        "key_file",
        type=click.Path(path_type=Path, dir_okay=False),
        required=True,
        help="The account's key file, NAME.key.json, made by `rookery account create`.",
    )(command)


def server_options(command: F) -> F:
    """`--url` and `--aud`: which server, and who it says it is."""
    for option in (
        click.option(
            "--aud",
            metavar="DID",
            help="DID of the server.  [default: the one the account's DID lies below]",
        ),
        click.option(
            "--url",
            help="Where the server listens.  [default: as the account's DID says: http://localhost:PORT "
            "for did:web:NAME.localhost%3APORT, https://HOST for did:web:NAME.HOST]",
        ),
    ):
        command = option(command)
    return command


def read_settings(
    config: Path | None, data: Path | None, settings: tuple[str, ...], extra: dict[str, str] | None = None
) -> Loaded:
    """The settings of file, environment and command line; raises `SettingsError` with every mistake."""
    overrides = dict(extra or {})
    if data is not None:
        overrides["store.path"] = str(data)
    for assignment in settings:
        key, equals, value = assignment.partition("=")
        if not equals:
            raise click.UsageError(f"--set wants KEY=VALUE, such as server.port=3001; got {assignment!r}.")
        overrides[key.strip()] = value
    return load(find_file(config, os.environ), environ=os.environ, overrides=overrides)


def judge(loaded: Loaded, console: Console) -> Settings:
    """The settings, once they are fit to start with; warnings are told, refusals end the command."""
    findings = (*check(loaded.settings), *check_environment(os.environ), *check_files(loaded))
    stop = refusals(findings)
    for finding in findings:
        if finding not in stop:
            console.err.print(f"warning: {finding}", style="yellow", highlight=False)
    if stop:
        raise CannotDo("\n".join(str(finding) for finding in stop))
    return loaded.settings


def console_of(as_json: bool) -> Console:
    """The console of one command."""
    return make_console(json=as_json)
