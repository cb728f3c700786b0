"""`rookery config`: the settings in force, whether they can be run with, and what each means."""

import os
from pathlib import Path

import click

from router.cli.failures import CannotDo
from router.cli.options import console_of, json_option, read_settings, settings_options
from router.config import (
    Severity,
    check,
    check_environment,
    check_files,
    effective,
    refusals,
    settings_doc,
    show,
)


@click.group("config", short_help="Show, check and explain the settings.")
def command() -> None:
    """Show, check and explain the settings.

    A setting is a key in a section of the TOML file (server.port), a variable (ROOKERY_SERVER__PORT)
    or --set server.port=3001. The command line beats the environment, which beats the file.

    \b
    Examples:
      rookery config show
      rookery config check --config /etc/rookery.toml && systemctl restart rookery
      rookery config doc > SETTINGS.md
    """


@command.command("show")
@settings_options
@json_option
def show_command(config: Path | None, data: Path | None, settings: tuple[str, ...], as_json: bool) -> None:
    """Print every setting in force and where it came from; secrets are masked.

    The text is TOML that `rookery serve --config` can read again.

    \b
    Examples:
      rookery config show
      rookery config show --json | jq '.["server.port"].value'
    """
    loaded = read_settings(config, data, settings)
    console = console_of(as_json)
    if as_json:
        console.data(
            {
                item.option.path: {
                    "value": str(item.value) if isinstance(item.value, Path) else item.value,
                    "from": item.origin,
                }
                for item in effective(loaded)
            }
        )
    else:
        console.line(show(loaded).rstrip("\n"))


@command.command("check")
@settings_options
@json_option
def check_command(config: Path | None, data: Path | None, settings: tuple[str, ...], as_json: bool) -> None:
    """Say whether a server would start with these settings; exit code 1 if not.

    Warnings do not keep it from starting.

    \b
    Examples:
      rookery config check
      rookery config check --config /etc/rookery.toml --set server.host=0.0.0.0
    """
    loaded = read_settings(config, data, settings)
    findings = (*check(loaded.settings), *check_environment(os.environ), *check_files(loaded))
    console = console_of(as_json)
    if as_json:
        console.data(
            [
                {"severity": f.severity.value, "about": f.about, "wrong": f.wrong, "mend": f.mend}
                for f in findings
            ]
        )
    for finding in findings:
        if not as_json:
            style = "red" if finding.severity is Severity.REFUSE else "yellow"
            console.out.print(f"{finding.severity.value}: {finding}", style=style, markup=False)
    stop = refusals(findings)
    if stop:
        raise CannotDo(f"A server would not start: {len(stop)} of the settings must be mended first.")
    if not as_json:
        console.line("The settings are fit to start with.")


@command.command("doc")
def doc_command() -> None:
    """Print the reference of all settings as Markdown, with the variables of mls-ds and Unhidra.

    \b
    Example:
      rookery config doc | less
    """
    console_of(False).line(settings_doc().rstrip("\n"))
