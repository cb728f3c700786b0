"""`rookery tune`: read and turn the knobs of the running tree."""

from pathlib import Path

import click
from rich.table import Table

from router.admin import ControlClient
from router.cli.calls import run
from router.cli.console import Console
from router.cli.options import console_of, json_option, read_settings, settings_options
from router.tuning import KnobRow, NodePath, Turn, Turned


@click.command("tune", short_help="Turn knobs of the running server.")
@click.argument("path", required=False, default="")
@click.argument("changes", nargs=-1, metavar="[KEY=VALUE]...")
@settings_options
@json_option
def command(
    path: str,
    changes: tuple[str, ...],
    config: Path | None,
    data: Path | None,
    settings: tuple[str, ...],
    as_json: bool,
) -> None:
    """Turn knobs of the node at PATH while the server runs; without KEY=VALUE, show them.

    Paths are those of `rookery tree`. Several changes of one node take effect together or not at all,
    and each is recorded in the audit chain. They last until the server stops: what should stay belongs
    into the settings.

    \b
    Examples:
      rookery tune                                           every knob there is
      rookery tune root/conversations                        those of one node
      rookery tune root/edge intensity=10/60
      rookery tune root/conversations idle_timeout=30 cap=20000
    """
    folder = read_settings(config, data, settings).settings.store.path
    console = console_of(as_json)
    if changes:
        run(_turn, folder, Turn(path, _pairs(changes)), console)
    else:
        run(_show, folder, NodePath(path), console)


def _pairs(changes: tuple[str, ...]) -> dict[str, str]:
    pairs: dict[str, str] = {}
    for change in changes:
        name, equals, value = change.partition("=")
        if not equals or not name:
            raise click.UsageError(f"{change!r} is not KEY=VALUE")
        if name in pairs:
            raise click.UsageError(f"{name} is given twice")
        pairs[name] = value
    return pairs


async def _show(folder: Path, asked: NodePath, console: Console) -> None:
    rows = await ControlClient(folder).ask("knobs", asked, answer=list[KnobRow])
    if console.json:
        for row in rows:
            console.data(row)
        return
    table = Table("node", "knob", "value", "takes", box=None)
    for row in rows:
        table.add_row(row.path, row.name, row.value, row.kind)
    console.show(table)


async def _turn(folder: Path, turn: Turn, console: Console) -> None:
    turned = await ControlClient(folder).ask("tune", turn, answer=Turned)
    if console.json:
        console.data(turned)
        return
    for change in turned.changes:
        console.line(f"{turned.path} {change.name}: {change.before} -> {change.after}")
    if not turned.changes:
        console.line(f"{turned.path} stands so already; nothing was changed.")
