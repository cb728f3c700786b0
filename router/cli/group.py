"""`rookery group`: the state of one MLS group."""

from collections.abc import Iterator
from pathlib import Path

import click
from rich.table import Table

from router.admin import ControlClient
from router.cli.calls import run
from router.cli.console import Console
from router.cli.options import console_of, json_option, read_settings, settings_options
from router.groups import GroupAsked, GroupShown


@click.command("group", short_help="Show the state of an MLS group.")
@click.argument("convo")
@settings_options
@json_option
def command(
    convo: str, config: Path | None, data: Path | None, settings: tuple[str, ...], as_json: bool
) -> None:
    """Show who has a leaf in the MLS group of CONVO, who waits for one, and what the server holds for it.

    For the question why somebody cannot read: an account that is pending is no member, a device that waits
    was added by nobody, a lost one asked to be added again, and without a GroupInfo nobody comes in alone.

    \b
    Examples:
      rookery group kq3xrb5vmd2tqz7h4n6w
      rookery group kq3xrb5vmd2tqz7h4n6w --json | jq .epoch
    """
    folder = read_settings(config, data, settings).settings.store.path
    run(_show, folder, GroupAsked(convo), console_of(as_json))


async def _show(folder: Path, asked: GroupAsked, console: Console) -> None:
    shown = await ControlClient(folder).ask("group.show", asked, answer=GroupShown)
    if console.json:
        console.data(shown)
        return
    for line in lines_of(shown):
        console.remark(line)
    console.show(leaves_of(shown))


def lines_of(shown: GroupShown) -> Iterator[str]:
    """What is true of the group as a whole, and who waits."""
    yield f"epoch {shown.epoch}, generation {shown.generation}, seq {shown.last_seq}, {shown.cipher_suite}"
    yield f"digest {shown.digest}"
    if shown.group_info_epoch is None:
        yield "no GroupInfo is stored: a member has to upload one before anybody comes in from outside"
    if shown.proposals:
        yield f"{shown.proposals} proposals wait for the next commit"
    for what, names in (
        ("named, and added by no commit", shown.pending_accounts),
        ("in before the last reset, and not since", shown.displaced_accounts),
        ("new devices that nobody has added", shown.waiting_devices),
        ("devices that asked to be added again", shown.lost_devices),
        ("out, with a leaf that the next commit has to remove", shown.stale_devices),
    ):
        if names:
            yield f"{what}: {', '.join(names)}"


def leaves_of(shown: GroupShown) -> Table:
    """The devices in the group."""
    table = Table("leaf", "account", "device", "role", "since seq", box=None)
    for row in shown.leaves:
        leaf = "?" if row.leaf is None else str(row.leaf)
        table.add_row(leaf, row.account, row.device, row.role, str(row.since_seq))
    return table
