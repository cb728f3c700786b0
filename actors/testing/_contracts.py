"""Contract suites as plain async functions: run them against your own variant of a part.

Each one builds what it needs with `make`, raises AssertionError at the first broken promise, and wants
a Trio run on `trio.testing.MockClock(autojump_threshold=0)`.
"""

import functools
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, ParamSpec

import trio
import trio.testing

from actors import (
    ActorContext,
    AskFailed,
    ChildSpec,
    Fate,
    Intensity,
    Mailbox,
    MailboxClosed,
    MailboxFull,
    Quarantined,
    Registry,
    RegistryOptions,
    RestartIntensityExceeded,
    Strategy,
    Supervisor,
)

from ._faults import PlannedCrash
from ._recorder import Recorder

P = ParamSpec("P")

_settle = trio.testing.wait_all_tasks_blocked


def _require(holds: bool, promise: str) -> None:
    if not holds:
        raise AssertionError(f"broken promise: {promise}")


def _plain(check: Callable[P, Awaitable[None]]) -> Callable[P, Awaitable[None]]:
    """A broken promise comes out as itself, not in the groups of the nurseries it was found in."""

    @functools.wraps(check)
    async def run(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            await check(*args, **kwargs)
        except BaseExceptionGroup as group:
            broken: BaseException | None = group.split(AssertionError)[0]
            while isinstance(broken, BaseExceptionGroup):
                broken = broken.exceptions[0]
            if broken is None:
                raise
            raise broken from None

    return run


async def _raises(kind: type[BaseException], call: Callable[[], Awaitable[object]]) -> bool:
    try:
        await call()
    except kind:
        return True
    return False


@_plain
async def check_mailbox(make: Callable[[int], Mailbox[int]]) -> None:
    """`make(capacity)` returns an empty, open mailbox with no bound in weight."""
    mailbox = make(3)
    for n in range(3):
        mailbox.tell_nowait(n)
    _require(await _raises(MailboxFull, _later(mailbox.tell_nowait, 9)), "a full mailbox refuses")
    order: list[int] = []

    async def tell(n: int) -> None:
        await mailbox.tell(n)
        order.append(n)

    async with trio.open_nursery() as nursery:
        for n in (3, 4):
            nursery.start_soon(tell, n)
            await _settle()
        _require(order == [], "tell waits while the mailbox is full")
        got = [e.message for e in await mailbox.take(max_items=2)]
        _require(got == [0, 1], "messages are taken in order, up to max_items")
        await _settle()
        _require(sorted(order) == [3, 4], "waiting senders enter when there is room")
        got = [e.message for e in await mailbox.take()]
        _require(got == [2, 3, 4], "nothing is lost or overtaken")

    with trio.move_on_after(1) as scope:
        await mailbox.take()
    _require(scope.cancelled_caught, "take waits for a message")
    first, second = mailbox.post_nowait(1), mailbox.post_nowait(2)
    asked, refused = await mailbox.take()
    asked.reply("one")
    refused.refuse(LookupError("two"))
    _require(await first.wait() == "one", "an ask gets its answer")
    _require(await _raises(LookupError, second.wait), "a refusal is raised where the asker waits")

    poison = mailbox.post_nowait(3)
    await mailbox.take()
    waiting = mailbox.post_nowait(4)
    mailbox.abandon(Fate.POISON, PlannedCrash())
    _require(await _raises(AskFailed, poison.wait), "what was in hand at a crash fails its asker")
    _require(not waiting.done and len(mailbox) == 1, "what waits survives the crash")

    mailbox.close()
    _require(await _raises(MailboxClosed, _later(mailbox.tell_nowait, 9)), "a closed mailbox refuses")
    _require([e.message for e in await mailbox.take()] == [4], "what waits is still given out")
    _require(await _raises(MailboxClosed, mailbox.take), "then taking says that it is closed")


def _later(call: Callable[[int], object], value: int) -> Callable[[], Awaitable[object]]:
    async def run() -> object:
        return call(value)

    return run


Behaviour = Callable[[ActorContext[str, str]], Awaitable[None]]


@_plain
async def check_registry(make: Callable[[Behaviour, RegistryOptions], Registry[str, str]]) -> None:
    """`make(behaviour, options)` returns a registry that does not run yet."""
    living: dict[str, int] = {}

    async def behave(ctx: ActorContext[str, str]) -> None:
        living[ctx.key] = living.get(ctx.key, 0) + 1
        _require(living[ctx.key] == 1, "at most one incarnation of a key")
        try:
            while batch := await ctx.take(max_items=1):
                if batch[0].message == "crash":
                    raise PlannedCrash
                batch[0].reply((ctx.key, batch[0].message))
            await trio.sleep(2)  # takes its time to leave
        finally:
            living[ctx.key] -= 1

    options = RegistryOptions(idle_timeout=10, cap=3, quarantine=Intensity(1, 60), quarantine_time=30)
    registry = make(behave, options)
    _require(await _raises(MailboxClosed, _ask(registry, "a", "x")), "it accepts nothing before it runs")
    async with trio.open_nursery() as nursery:
        await nursery.start(registry.run)
        _require(await registry.ask("a", "x") == ("a", "x"), "the first message activates a key")
        await trio.sleep(11)
        reply = registry.post_nowait("a", "late")
        _require(await reply.wait() == ("a", "late"), "a message to a leaving actor is not lost")
        await trio.sleep(15)
        _require(not registry.active("a"), "idleness passivates")
        replies = [registry.post_nowait("b", m) for m in ("crash", "x")]
        _require(await _raises(AskFailed, replies[0].wait), "the asker of a crash is told")
        _require(await replies[1].wait() == ("b", "x"), "what waited goes to the next incarnation")
        _require(await _raises(AskFailed, _ask(registry, "b", "crash")), "the asker of a crash is told")
        _require(await _raises(Quarantined, _ask(registry, "b", "x")), "a poison key is quarantined")
        _require(await registry.ask("c", "x") == ("c", "x"), "other keys are not")
        await trio.sleep(31)
        _require(await registry.ask("b", "x") == ("b", "x"), "a quarantine ends")
        for key in "defg":
            await registry.ask(key, "x")
            await _settle()
        _require(registry.statistics().active <= 3 + 4, "the longest idle makes room at the cap")
        waiting = [registry.post_nowait("g", str(n)) for n in range(5)]
        nursery.cancel_scope.cancel()
    _require(all(reply.done for reply in waiting), "what was accepted is finished before the end")
    s = registry.statistics()
    accounted = s.handled + s.lost + s.dropped + s.waiting + s.in_hand
    _require(s.accepted == accounted, "every accepted message is accounted for")
    _require(s.active == 0 and not any(living.values()), "nothing lives after the end")


def _ask(registry: Registry[str, str], key: str, message: str) -> Callable[[], Awaitable[object]]:
    async def run() -> object:
        return await registry.ask(key, message)

    return run


@_plain
async def check_supervisor(make: Callable[..., Supervisor]) -> None:
    """`make(children, strategy=…, intensity=…, instruments=…)` returns a supervisor that does not run."""
    for strategy in Strategy:
        await _check_restarts(make, strategy)
    await _check_escalation(make)


class _Child:
    def __init__(self, name: str, log: list[str]) -> None:
        self.name = name
        self.log = log
        self.crash = trio.Event()

    async def start(self, *, task_status: trio.TaskStatus[None]) -> None:
        self.crash = trio.Event()
        self.log.append(f"+{self.name}")
        task_status.started()
        try:
            await self.crash.wait()
            raise PlannedCrash(self.name)
        finally:
            with trio.CancelScope(shield=True):
                await trio.sleep(1)  # each has its own grace
            self.log.append(f"-{self.name}")


async def _check_restarts(make: Callable[..., Supervisor], strategy: Strategy) -> None:
    log: list[str] = []
    children = [_Child(name, log) for name in "abc"]
    recorder = Recorder()
    specs = [ChildSpec(child.name, child.start) for child in children]
    supervisor = make(specs, strategy=strategy, intensity=Intensity(5, 30), instruments=[recorder])
    async with trio.open_nursery() as nursery:
        await nursery.start(supervisor.run)
        _require(log == ["+a", "+b", "+c"], "children start in order")
        log.clear()
        children[1].crash.set()
        await trio.sleep(10)
        expected = {
            Strategy.ONE_FOR_ONE: ["-b", "+b"],
            Strategy.REST_FOR_ONE: ["-b", "-c", "+b", "+c"],
            Strategy.ONE_FOR_ALL: ["-b", "-c", "-a", "+a", "+b", "+c"],
        }[strategy]
        _require(log == expected, f"{strategy.value} restarts its group in order")
        log.clear()
        for child in children:
            child.crash.set()
        await trio.sleep(20)
        names = [entry[1] for entry in log if entry[0] == "+"]
        _require(sorted(names) == ["a", "b", "c"], "simultaneous exits start one incarnation of each")
        log.clear()
        nursery.cancel_scope.cancel()
    _require(log == ["-c", "-b", "-a"], "children stop in reverse order when cancelled from outside")
    _require(len(recorder.paths("child_started")) == len(recorder.exits), "every incarnation has one exit")


async def _check_escalation(make: Callable[..., Supervisor]) -> None:
    log: list[str] = []
    child = _Child("a", log)
    supervisor = make([ChildSpec("a", child.start)], intensity=Intensity(1, 30), instruments=[])

    async def crash_twice() -> None:
        for _ in range(2):
            await trio.sleep(5)
            child.crash.set()

    gave_up: list[RestartIntensityExceeded] = []
    async with trio.open_nursery() as nursery:
        nursery.start_soon(crash_twice)
        try:
            await supervisor.run()
        except RestartIntensityExceeded as error:
            gave_up.append(error)
    _require(bool(gave_up), "one restart too many escalates")
    _require(isinstance(gave_up[0].__cause__, PlannedCrash), "with the last failure as its cause")
    _require(log == ["+a", "-a", "+a", "-a"], "and nothing is left alive")


def assert_stopped_in_order(recorder: Recorder, paths: Sequence[str]) -> None:
    """The last exits of these paths happened in this order."""
    last: dict[str, Any] = {
        event.path: n for n, event in enumerate(recorder.events) if event.hook == "child_exited"
    }
    missing = [path for path in paths if path not in last]
    if missing:
        raise AssertionError(f"did not stop: {missing}")
    order = sorted(paths, key=lambda path: last[path])
    if order != list(paths):
        raise AssertionError(f"stopped in the order {order}, not {list(paths)}")
