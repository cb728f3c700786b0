"""`rookery demo`: see it work, be killed, and lose nothing."""

import click

from router.cli.calls import run
from router.cli.console import Console
from router.cli.failures import CannotDo
from router.cli.options import console_of, json_option


@click.command("demo", short_help="See it work, be killed, and lose nothing.")
@click.option(
    "--messages",
    type=click.IntRange(12, 2_000),
    default=90,
    show_default=True,
    help="How many messages are sent.",
)
@click.option("--keep", is_flag=True, help="Keep the temporary folder, with the server's log and database.")
@json_option
def command(messages: int, keep: bool, as_json: bool) -> None:
    """Start a router, let six devices talk, kill -9 the router, and check that nothing was lost.

    Three accounts with two devices each share a group. Phones use one WebSocket session both ways;
    laptops send over HTTP and listen over SSE. The router is killed while sends are unanswered and
    started again on the same folder. Then every device's opened messages are compared with the log.
    Takes some seconds, never more than a minute; exit code 1 if a promise was broken.

    The messages are sealed under one group key shared by all (SecretBox). That has no forward secrecy;
    ratchets come later.

    \b
    Examples:
      rookery demo
      rookery demo --messages 500 --keep
      rookery demo --json | jq .held
    """
    run(_demo, messages, keep, console_of(as_json))


async def _demo(messages: int, keep: bool, console: Console) -> None:
    from router.demo.plan import make_plan
    from router.demo.screen import ending_data, ending_view, shown
    from router.demo.stage import Scene, play

    scene = Scene(total=messages)
    async with shown(scene, console.out, quiet=console.json):
        ending = await play(make_plan(messages), scene, keep=keep)
    if console.json:
        console.data(ending_data(scene, ending))
    else:
        console.show(ending_view(scene, ending))
    if keep:
        console.remark(f"Kept: {scene.folder}")
    if ending.faults:
        raise CannotDo("A promise was broken; run it again with --keep and look at server.log.")
