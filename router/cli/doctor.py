"""`rookery doctor`: what is wrong, and how to mend it."""

import os
from pathlib import Path

import click

from router.cli.calls import run
from router.cli.console import Console
from router.cli.failures import CannotDo
from router.cli.options import console_of, json_option, read_settings, settings_options
from router.config import Loaded

_STYLES = {"ok": "green", "advice": "yellow", "mend": "bold red"}


@click.command("doctor", short_help="Find what is wrong and say how to mend it.")
@settings_options
@json_option
def command(config: Path | None, data: Path | None, settings: tuple[str, ...], as_json: bool) -> None:
    """Look at the settings and at the server that runs with them, and explain what is found.

    Settings, modes of files, ports, health of the parts, database, disk, file descriptors, DID document,
    DID directory, identity providers, clock. It changes nothing. Exit code 1 when something must be mended.

    \b
    Examples:
      rookery doctor
      rookery doctor --config /etc/rookery.toml
      rookery doctor --json | jq 'select(.state != "ok")'
    """
    run(_examine, read_settings(config, data, settings), console_of(as_json))


async def _examine(loaded: Loaded, console: Console) -> None:
    from router.doctor import State, examine

    ill = 0
    async for found in examine(loaded, os.environ):
        ill += found.state is State.MEND
        if console.json:
            console.data(found)
            continue
        style = _STYLES[found.state]
        console.out.print(f"{found.state:>6}  {found.check}: {found.found}", style=style, markup=False)
        if found.mend is not None:
            console.line(f"        {found.mend}")
    if ill:
        raise CannotDo(f"{ill} {'thing' if ill == 1 else 'things'} must be mended.")
