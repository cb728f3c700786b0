"""`rookery tree`: the supervision tree of the running server, once or live."""

from pathlib import Path

import click
from rich.live import Live
from rich.text import Text

from actors import TreeNode, format_tree
from router.admin import ControlClient
from router.cli.calls import run
from router.cli.console import Console
from router.cli.options import console_of, json_option, read_settings, settings_options


@click.command("tree", short_help="Show the running supervision tree.")
@click.option("--watch", is_flag=True, help="Stay and show it again and again, until Ctrl-C.")
@click.option(
    "--interval",
    type=click.FloatRange(0.1, 3600),
    default=1.0,
    show_default=True,
    help="With --watch: seconds between two looks.",
)
@settings_options
@json_option
def command(
    watch: bool,
    interval: float,
    config: Path | None,
    data: Path | None,
    settings: tuple[str, ...],
    as_json: bool,
) -> None:
    """Show the supervision tree of the server that runs on the data folder.

    Each line is a supervisor, a registry or an actor with its state, restarts and settings; one with a
    `!` wants a look: it is stuck, quarantined or backing off.

    \b
    Examples:
      rookery tree
      rookery tree --watch
      rookery tree --data /var/lib/rookery --json | jq '.children[].path'
    """
    folder = read_settings(config, data, settings).settings.store.path
    console = console_of(as_json)
    if watch:
        run(_watch, folder, interval, console)
    else:
        run(_once, folder, console)


async def _once(folder: Path, console: Console) -> None:
    node = await ControlClient(folder).ask("tree", answer=TreeNode)
    if console.json:
        console.data(node)
    elif console.out.is_terminal:
        console.show(_styled(node))
    else:
        console.line(format_tree(node))


async def _watch(folder: Path, interval: float, console: Console) -> None:
    asked = {"interval": interval}
    async with ControlClient(folder).watch("tree.watch", asked, item=TreeNode) as nodes:
        if console.json or not console.out.is_terminal:
            async for node in nodes:
                if console.json:
                    console.data(node)
                else:
                    console.line(format_tree(node) + "\n")
            return
        with Live(console=console.out, screen=True, auto_refresh=False) as live:
            async for node in nodes:
                live.update(_styled(node), refresh=True)


def _styled(node: TreeNode) -> Text:
    """The tree for a terminal: what wants a look is red."""
    text = Text()
    for line in format_tree(node).splitlines():
        text.append(line + "\n", style="bold red" if "! " in line else "")
    return text
