"""`rookery keys`: the key rings of the running server."""

import datetime as dt
from pathlib import Path

import click
from rich.table import Table

from router.admin import ControlClient
from router.cli.calls import run
from router.cli.console import Console
from router.cli.options import console_of, json_option, read_settings, settings_options
from router.keys import KeyRow, Rotate, Rotated

_EPOCH = dt.date(1970, 1, 1)


@click.group("keys", short_help="Look at the server's keys and rotate them.")
def command() -> None:
    """Look at the server's key rings and rotate them while it runs.

    A ring has one key in use and those before it, which still check what they made. Every rotation is
    recorded in the audit chain.

    \b
    Examples:
      rookery keys list
      rookery keys rotate access
      rookery keys rotate access --at-once     when a key may be in wrong hands
    """


@command.command("list")
@settings_options
@json_option
def list_command(config: Path | None, data: Path | None, settings: tuple[str, ...], as_json: bool) -> None:
    """List the keys that count, newest first.

    \b
    Examples:
      rookery keys list
      rookery keys list --json
    """
    folder = read_settings(config, data, settings).settings.store.path
    run(_list, folder, console_of(as_json))


async def _list(folder: Path, console: Console) -> None:
    rows = await ControlClient(folder).ask("keys.list", answer=list[KeyRow])
    if console.json:
        for row in rows:
            console.data(row)
        return
    table = Table("ring", "key", "made", "", box=None)
    for row in rows:
        made = (_EPOCH + dt.timedelta(days=row.created_day)).isoformat()
        table.add_row(row.ring, row.kid, made, row.use)
    console.show(table)


@command.command("rotate")
@click.argument("name")
@click.option("--at-once", is_flag=True, help="Let the keys before it count no longer: one may be out.")
@settings_options
@json_option
def rotate_command(
    name: str,
    at_once: bool,
    config: Path | None,
    data: Path | None,
    settings: tuple[str, ...],
    as_json: bool,
) -> None:
    """Make a new key for the ring NAME and use it from now on.

    What the keys before it made stays good until it ends by itself, so nobody notices. With --at-once it
    ends now: everybody who holds an access token gets a new one by its refresh token.

    \b
    Examples:
      rookery keys rotate access
      rookery keys rotate access --at-once
    """
    folder = read_settings(config, data, settings).settings.store.path
    run(_rotate, folder, Rotate(name, at_once), console_of(as_json))


async def _rotate(folder: Path, asked: Rotate, console: Console) -> None:
    rotated = await ControlClient(folder).ask("keys.rotate", asked, answer=Rotated)
    if console.json:
        console.data(rotated)
    else:
        console.line(f"{rotated.ring}: {rotated.before} -> {rotated.after}; {rotated.counting} keys count.")
