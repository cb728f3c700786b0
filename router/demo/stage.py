"""The run of the demo: set up, talk, kill, start again, talk on, compare."""

import contextlib
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import attrs
import trio

from crypto import Curve
from protocol import ConversationId
from router.admin import ControlClient
from router.client.directory import AccountCreate, AccountRow, ServerStatus
from router.client.errors import ClientError
from router.client.sealing import GroupKey
from router.demo.cast import Actor, open_actor, read_log
from router.demo.plan import ACCOUNTS, DEVICES, Line, Plan
from router.demo.process import ServerProcess, free_port
from router.demo.verdict import Message, judge
from router.identity.accounts import new_account
from router.identity.keys import AccountKey
from router.identity.service import ServiceIdentity

LIMIT_SECONDS = 55.0
_PACE_SECONDS = 0.03
_GRACE_SECONDS = 0.5
"""After everything arrived, for a repeat that would come late."""


@attrs.define
class Scene:
    """What there is to see at any moment; the screen only looks."""

    total: int
    step: str = "Starting a router"
    actors: list[Actor] = attrs.field(factory=list)
    folder: Path | None = None
    killed_pid: int = 0
    unanswered_at_kill: int = 0
    seconds_down: float = 0.0
    remarks: list[str] = attrs.field(factory=list)
    news: trio.lowlevel.ParkingLot = attrs.field(factory=trio.lowlevel.ParkingLot)
    on_step: Callable[[str], None] = attrs.field(default=lambda _step: None)

    def enter(self, step: str) -> None:
        """The next part of the play begins."""
        self.step = step
        self.on_step(step)


@attrs.frozen
class Ending:
    """The result: `faults` is empty when every promise was kept."""

    faults: list[str]
    log: list[Message]
    acknowledged: int
    unanswered_at_kill: int
    seconds: float


async def play(plan: Plan, scene: Scene, *, keep: bool) -> Ending:
    """Run the whole demo within `LIMIT_SECONDS`; raises a `ClientError` when it cannot be run at all."""
    began = trio.current_time()
    with _folder(keep) as folder:
        scene.folder = folder
        server = ServerProcess(folder, free_port())
        try:
            with trio.move_on_after(LIMIT_SECONDS) as limit:
                ending = await _play(plan, scene, server, began)
            if limit.cancelled_caught:
                missing = {actor.name: scene.total - len(actor.received) for actor in scene.actors}
                return Ending(
                    [f"Not done within {LIMIT_SECONDS:g} s; still missing: {missing}."],
                    [],
                    sum(len(actor.acknowledged) for actor in scene.actors),
                    scene.unanswered_at_kill,
                    trio.current_time() - began,
                )
            return ending
        finally:
            with trio.CancelScope(shield=True):
                await server.stop()


@contextlib.contextmanager
def _folder(keep: bool) -> Iterator[Path]:
    folder = Path(tempfile.mkdtemp(prefix="rookery-demo-"))
    try:
        yield folder
    finally:
        if not keep:
            shutil.rmtree(folder, ignore_errors=True)


async def _play(plan: Plan, scene: Scene, server: ServerProcess, began: float) -> Ending:
    scene.enter("Starting a router in a temporary folder")
    await server.start()
    async with _cast(server, scene) as actors:
        scene.enter("Alice makes a group and a key for it; everybody listens")
        key = await _make_group(actors)
        async with trio.open_nursery() as listening:
            for actor in actors:
                await listening.start(actor.listen, key)
            scene.enter("They talk, every message sealed on its device")
            async with trio.open_nursery() as talking:
                await _talk(plan.before, actors, key, talking)
                await _kill_amid(plan.burst, actors, key, talking, scene, server)
                scene.enter("The router is back: unanswered sends go out again, listeners resume")
                await _talk(plan.after, actors, key, talking)
            scene.enter("Waiting until every device has heard everything")
            log = await read_log(actors[0], key)
            while any(len(actor.received) < len(log) for actor in actors):
                await scene.news.park()
            await trio.sleep(_GRACE_SECONDS)
            scene.enter("Comparing what arrived with the log, message by message")
            log = await read_log(actors[0], key)
            listening.cancel_scope.cancel()
        acknowledged = [message for actor in actors for message in actor.acknowledged]
        faults = judge(acknowledged=acknowledged, log=log, devices={a.name: a.received for a in actors})
        faults += [f"{a.name}: a send failed: {why}" for a in actors for why in a.failures]
        if len(acknowledged) != scene.total:
            faults.append(f"{scene.total - len(acknowledged)} sends were never acknowledged.")
        return Ending(faults, log, len(acknowledged), scene.unanswered_at_kill, trio.current_time() - began)


@contextlib.asynccontextmanager
async def _cast(server: ServerProcess, scene: Scene) -> AsyncIterator[list[Actor]]:
    scene.enter("Three accounts get their keys, six devices register")
    control = ControlClient(server.data)
    status = await control.ask("status", answer=ServerStatus)
    service = ServiceIdentity(status.did, status.public_url)
    async with contextlib.AsyncExitStack() as stack:
        for owner in ACCOUNTS:
            key = await _make_account(control, owner, service)
            for kind in DEVICES:
                actor = open_actor(server.url, key, owner, kind, scene.news)
                scene.actors.append(await stack.enter_async_context(actor))
        yield scene.actors


async def _make_account(control: ControlClient, name: str, service: ServiceIdentity) -> AccountKey:
    account = new_account(name, service, curve=Curve.K256)
    row = await control.ask(
        "account.create", AccountCreate(name, account.verification_key), answer=AccountRow
    )
    if row.did != account.did:
        raise ClientError(f"the router made {row.did} where {account.did} was expected")
    return account.key


async def _make_group(actors: list[Actor]) -> GroupKey:
    creator = actors[0]
    others = sorted({actor.client.did for actor in actors} - {creator.client.did})
    view = await creator.client.chat.create_convo(others, name="the rookery")
    return GroupKey.create(ConversationId(view.id))


async def _talk(lines: tuple[Line, ...], actors: list[Actor], key: GroupKey, talking: trio.Nursery) -> None:
    for line in lines:
        talking.start_soon(actors[line.device].say, line, key)
        await trio.sleep(_PACE_SECONDS)


async def _kill_amid(
    burst: tuple[Line, ...],
    actors: list[Actor],
    key: GroupKey,
    talking: trio.Nursery,
    scene: Scene,
    server: ServerProcess,
) -> None:
    """Everybody speaks at once; with the first answer of the burst the server dies."""
    before = _answered(actors)
    for line in burst:
        talking.start_soon(actors[line.device].say, line, key)
    while _answered(actors) == before:
        await scene.news.park()
    # No await from here to the signal: what is unanswered now stays unanswered.
    scene.killed_pid = server.pid
    down = trio.current_time()
    scene.unanswered_at_kill = sum(actor.waiting for actor in actors)
    await server.kill()
    scene.enter(
        f"kill -9 {scene.killed_pid}, with {scene.unanswered_at_kill} sends unanswered; starting it again"
    )
    await server.start()
    scene.seconds_down = trio.current_time() - down


def _answered(actors: list[Actor]) -> int:
    return sum(len(actor.acknowledged) for actor in actors)
