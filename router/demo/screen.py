"""How the demo looks: a table that lives on a terminal, plain lines elsewhere, JSON for programs."""

import contextlib
from collections.abc import AsyncIterator

import trio
from rich.console import Console, Group
from rich.live import Live
from rich.panel import Panel
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from router.demo.cast import Actor
from router.demo.stage import Ending, Scene

_FRAMES_PER_SECOND = 12
_LATEST = 6

ABOUT_ENCRYPTION = (
    "Encryption in this demo: one shared group key (SecretBox), made by Alice's phone and handed to the "
    "others inside this process. The router sees padded ciphertext and no sender. It has no forward "
    "secrecy, and a removed member would keep the key; ratchets come later."
)


def scene_view(scene: Scene) -> Group:
    """The running demo."""
    heard = sum(len(actor.received) for actor in scene.actors)
    whole = max(1, scene.total * max(1, len(scene.actors)))
    bar = Table.grid()  # a bar on its own does not end its line
    bar.add_row(ProgressBar(total=whole, completed=heard, width=72))
    return Group(_cast_table(scene.actors, scene.total), bar, *_latest(scene))


def _cast_table(actors: list[Actor], total: int) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0))
    table.add_column("device", no_wrap=True)
    table.add_column("way")
    for column in ("said", "answered", "waiting", "heard", "conns"):
        table.add_column(column, justify="right")
    for actor in actors:
        waiting = Text(str(actor.waiting or ""), style="yellow")
        heard = Text(f"{len(actor.received)}/{total}", style="green" if len(actor.received) == total else "")
        table.add_row(
            actor.name,
            actor.way,
            str(actor.said),
            str(len(actor.acknowledged)),
            waiting,
            heard,
            str(actor.connections),
        )
    return table


def _latest(scene: Scene) -> list[Text]:
    if not scene.actors:
        return []
    listener = scene.actors[-1]
    lines = [f"{message.seq:>4}  {message.text}" for message in listener.received[-_LATEST:]]
    title = f"  what {listener.name} opens:"
    return [
        Text(title, style="dim"),
        *(Text("  " + line, style="cyan", overflow="ellipsis") for line in lines),
    ]


def ending_view(scene: Scene, ending: Ending) -> Group:
    """The result, with the table that proves it."""
    table = Table(box=None, padding=(0, 2, 0, 0))
    table.add_column("device", no_wrap=True)
    table.add_column("way")
    for column in ("sent", "acked", "received", "in order", "repeats", "conns"):
        table.add_column(column, justify="right", no_wrap=True)
    for actor in scene.actors:
        good = actor.received == ending.log
        table.add_row(
            actor.name,
            actor.way,
            str(actor.said),
            str(len(actor.acknowledged)),
            str(len(actor.received)),
            Text("yes" if good else "NO", style="green" if good else "bold red"),
            str(actor.repeats_dropped),
            str(actor.connections),
        )
    return Group(Text(), table, Text(), _verdict(scene, ending), Text(ABOUT_ENCRYPTION, style="dim"))


def _verdict(scene: Scene, ending: Ending) -> Panel:
    if ending.faults:
        return Panel(Text("\n".join(ending.faults)), title="It did not hold", border_style="red", width=80)
    words = (
        f"The router was killed with {ending.unanswered_at_kill} sends unanswered and was back after "
        f"{scene.seconds_down:.1f} s. All {ending.acknowledged} acknowledged messages are in the log once, "
        f"in order and without a gap, and each of {len(scene.actors)} devices opened every one of them, once "
        f"and in that order. {ending.seconds:.1f} s in all."
    )
    return Panel(Text(words), title="It held", border_style="green", width=80)


def ending_data(scene: Scene, ending: Ending) -> dict[str, object]:
    """The result for a program."""
    return {
        "held": not ending.faults,
        "faults": ending.faults,
        "messages": scene.total,
        "acknowledged": ending.acknowledged,
        "unansweredAtKill": ending.unanswered_at_kill,
        "secondsDown": round(scene.seconds_down, 3),
        "seconds": round(ending.seconds, 3),
        "devices": [
            {
                "name": actor.name,
                "way": actor.way,
                "sent": actor.said,
                "acknowledged": len(actor.acknowledged),
                "received": len(actor.received),
                "inOrderOnce": actor.received == ending.log,
                "repeatsDropped": actor.repeats_dropped,
                "connections": actor.connections,
            }
            for actor in scene.actors
        ],
        "encryption": ABOUT_ENCRYPTION,
    }


@contextlib.asynccontextmanager
async def shown(scene: Scene, console: Console, *, quiet: bool) -> AsyncIterator[None]:
    """Show the scene while the block runs: live on a terminal, a line for each step elsewhere."""
    if quiet:
        yield
    elif not console.is_terminal:
        scene.on_step = lambda step: console.print(step, markup=False)
        yield
    else:
        with Live(console=console, auto_refresh=False, transient=True) as live:
            # Above the live part, so that the story stays when the table goes.
            scene.on_step = lambda step: live.console.print(Text(f"▸ {step}", style="bold"))
            async with trio.open_nursery() as nursery:
                nursery.start_soon(_refresh, scene, live)
                yield
                nursery.cancel_scope.cancel()


async def _refresh(scene: Scene, live: Live) -> None:
    while True:
        live.update(scene_view(scene), refresh=True)
        await trio.sleep(1 / _FRAMES_PER_SECOND)
