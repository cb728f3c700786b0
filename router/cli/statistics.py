"""`rookery statistics`: the counters of the running server."""

from collections.abc import Iterator, Mapping
from pathlib import Path

import click
import msgspec
from rich.table import Table

from router.admin import ControlClient
from router.cli.calls import run
from router.cli.console import Console
from router.cli.options import console_of, json_option, read_settings, settings_options
from router.control import Numbers


@click.command("statistics", short_help="Show the running server's counters.")
@settings_options
@json_option
def command(config: Path | None, data: Path | None, settings: tuple[str, ...], as_json: bool) -> None:
    """Show the counters of the server that runs on the data folder, as they stand now.

    What the store wrote and holds, who is connected, what waits for slow clients, and how far the tail is
    behind the head of the log. The same and more, over time, is at /metrics of the admin listener.

    \b
    Examples:
      rookery statistics
      rookery statistics --data /var/lib/rookery --json | jq .connections
    """
    run(_show, read_settings(config, data, settings).settings.store.path, console_of(as_json))


async def _show(folder: Path, console: Console) -> None:
    numbers = await ControlClient(folder).ask("statistics", answer=Numbers)
    if console.json:
        console.data(numbers)
        return
    table = Table("what", "now", box=None)
    for name, value in _rows(msgspec.to_builtins(numbers)):
        table.add_row(name, value)
    console.show(table)


def _rows(values: Mapping[str, object], prefix: str = "") -> Iterator[tuple[str, str]]:
    """One row a number, under the name that it has in the JSON."""
    for name, value in values.items():
        if isinstance(value, Mapping):
            yield from _rows(value, f"{prefix}{name}.")
        else:
            yield prefix + name, str(value)
