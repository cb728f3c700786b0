"""`rookery welcomes`: who was added to a group and is not in it."""

from pathlib import Path

import click
from rich.table import Table

from router.admin import ControlClient
from router.cli.calls import run
from router.cli.console import Console
from router.cli.options import console_of, json_option, read_settings, settings_options
from router.stuck import Unanswered, WelcomeRow


@click.command("welcomes", short_help="Show Welcomes that nobody has acknowledged.")
@click.option(
    "--older-than",
    type=click.IntRange(min=0),
    help="Show those that wait for so many seconds; default: mls.stuck_welcome.",
)
@click.option(
    "--limit", type=click.IntRange(1, 1000), default=100, show_default=True, help="Show so many at most."
)
@settings_options
@json_option
def command(
    older_than: int | None,
    limit: int,
    config: Path | None,
    data: Path | None,
    settings: tuple[str, ...],
    as_json: bool,
) -> None:
    """Show Welcomes that wait for a device and were not acknowledged, the oldest first.

    Such a device was added to an MLS group and is not in it. `never` under «fetched» means that it has not
    been here since; an error is what it said itself.

    \b
    Examples:
      rookery welcomes
      rookery welcomes --older-than 86400 --json | jq -r .account
    """
    folder = read_settings(config, data, settings).settings.store.path
    run(_show, folder, Unanswered(older_than, limit), console_of(as_json))


async def _show(folder: Path, asked: Unanswered, console: Console) -> None:
    rows = await ControlClient(folder).ask("welcomes.stuck", asked, answer=list[WelcomeRow])
    if console.json:
        for row in rows:
            console.data(row)
        return
    if not rows:
        console.remark("No Welcome waits for so long.")
        return
    table = Table("conversation", "account", "device", "epoch", "made", "waits", "fetched", "error", box=None)
    for row in rows:
        table.add_row(
            row.conversation,
            row.account,
            row.device,
            str(row.epoch),
            row.created,
            _duration(row.waiting_seconds),
            row.fetched or "never",
            row.error or "",
        )
    console.show(table)


def _duration(seconds: int) -> str:
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60)):
        if seconds >= size:
            return f"{seconds // size} {unit}"
    return f"{seconds} s"
