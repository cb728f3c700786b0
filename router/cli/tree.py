"""`rookery tree`: the supervision tree of the running server."""

from pathlib import Path

import click
from rich.text import Text

from actors import TreeNode, format_tree
from router.admin import ControlClient
from router.cli.calls import run
from router.cli.console import Console
from router.cli.options import console_of, json_option, read_settings, settings_options


@click.command("tree", short_help="Show the running supervision tree.")
@settings_options
@json_option
def command(config: Path | None, data: Path | None, settings: tuple[str, ...], as_json: bool) -> None:
    """Show the supervision tree of the server that runs on the data folder.

    Each line is a supervisor, a registry or an actor with its state, restarts and settings; one with a
    `!` wants a look: it is stuck, quarantined or backing off.

    \b
    Examples:
      rookery tree
      rookery tree --data /var/lib/rookery --json | jq '.children[].path'
    """
    folder = read_settings(config, data, settings).settings.store.path
    run(_tree, folder, console_of(as_json))


async def _tree(folder: Path, console: Console) -> None:
    node = await ControlClient(folder).ask("tree", answer=TreeNode)
    if console.json:
        console.data(node)
    elif console.out.is_terminal:
        for line in format_tree(node).splitlines():
            console.show(Text(line, style="bold red" if "! " in line else ""))
    else:
        console.line(format_tree(node))
