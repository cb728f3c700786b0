"""`rookery complaints`: what people told the operator of who asked them to talk."""

from pathlib import Path

import click
from rich.table import Table
from rich.text import Text

from router.admin import ControlClient
from router.cli.calls import run
from router.cli.console import Console
from router.cli.options import console_of, json_option, read_settings, settings_options
from router.complaints import ComplaintsAsked, ComplaintsTold


@click.command("complaints", short_help="Show what people complained of.")
@click.option("--before", type=int, help="Show those behind the `next` of an answer before.")
@click.option(
    "--limit", type=click.IntRange(1, 1000), default=100, show_default=True, help="Show so many at most."
)
@settings_options
@json_option
def command(
    before: int | None,
    limit: int,
    config: Path | None,
    data: Path | None,
    settings: tuple[str, ...],
    as_json: bool,
) -> None:
    """Show what people told you of accounts that asked them to talk, the newest first.

    They gave a reason when they declined a chat request or blocked its sender: the last word of each two
    accounts is kept.

    \b
    Examples:
      rookery complaints
      rookery complaints --json | jq -r .sender | sort | uniq -c | sort -rn
    """
    folder = read_settings(config, data, settings).settings.store.path
    run(_show, folder, ComplaintsAsked(before, limit), console_of(as_json))


def table_of(told: ComplaintsTold) -> Table:
    """The complaints for a person. The words are strangers': nothing in them moves a cursor or is markup."""
    table = Table("made", "of", "by", "reason", "details", box=None)
    for row in told.complaints:
        words = "".join(c if c.isprintable() else "\N{REPLACEMENT CHARACTER}" for c in row.details or "")
        table.add_row(row.made, row.sender, row.recipient, row.reason, Text(words))
    return table


async def _show(folder: Path, asked: ComplaintsAsked, console: Console) -> None:
    told = await ControlClient(folder).ask("complaints.list", asked, answer=ComplaintsTold)
    if console.json:
        for row in told.complaints:
            console.data(row)
        return
    if not told.complaints:
        console.remark("Nobody complained.")
        return
    console.show(table_of(told))
    if told.next is not None:
        console.remark(f"There are more: --before {told.next}")
