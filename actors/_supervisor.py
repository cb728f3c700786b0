"""The supervisor: starts its children in order, restarts them by policy, stops them in reverse order.

A supervisor in Trio is not a nursery: a nursery cancels all children at once. So every child runs in a
cancel scope of its own, which is shielded from the moment the child is ready; the supervisor's own task
stays unshielded to feel a cancellation from outside, and then stops the children one after the other,
each within its own limit. A child is *not* shielded while it starts, and it belongs to the supervisor's
nursery from its first step (no `Nursery.start`, whose adoption step cannot be shielded across).

One task decides everything: exits, commands and due restarts are queued and handled one at a time, so
that two simultaneous crashes cannot interleave. Exits carry their incarnation; the exit of one that is
no longer the child's current one is late and changes nothing.

States of a child, and who moves it (`ChildState`):

    DOWN ──start──▶ STARTING ──started()──▶ UP ──exit──▶ DOWN | BACKING_OFF
    UP | STARTING ──stop──▶ STOPPING ──ended──▶ DOWN            BACKING_OFF ──due──▶ STARTING
                                     └─grace over─▶ STUCK ──ended after all──▶ DOWN | BACKING_OFF

What can never happen: two live incarnations of one id (a restart waits for a stuck one), a start before
the earlier members of the same group are up, a shield without a deadline.
"""

import random
from collections import deque
from collections.abc import Callable, Iterable, Sequence

import attrs
import trio

from ._child import Child, ChildLife, ChildSpec, ChildState, ChildStatistics
from ._commands import CommandQueue
from ._errors import (
    ActorError,
    NeverStarted,
    RestartIntensityExceeded,
    StartFailed,
    StartTimeout,
    UnknownNode,
)
from ._events import Exit, StuckChild
from ._instrument import Hooks, Instrument
from ._life import current_life, now_or_zero
from ._policy import AutoShutdown, ExitKind, Intensity, Restart, Strategy, admit, attempt_after, decide
from ._tree import TreeNode

# A nested supervisor's limit is the sum of its children's; this much more lets the innermost one report
# a stuck child before its parent would report the innermost supervisor.
_LEVEL_MARGIN = 0.1


@attrs.frozen
class SupervisorStatistics:
    """A snapshot of one supervisor."""

    path: str
    strategy: Strategy
    intensity: Intensity
    running: bool
    restarts: int
    """Restarts counted against the intensity since it was created."""
    restarts_in_window: int
    escalations: int
    stuck: int
    instruments_failed: int
    children: tuple[ChildStatistics, ...]

    @property
    def healthy(self) -> bool:
        """No child is stuck."""
        return self.stuck == 0


class Supervisor:
    """Runs children and keeps them running. `run` is a Trio start function: supervisors nest.

    `rng` returns a number in [0, 1) for the jitter of back-offs. The same supervisor may be run again
    after it ended (a parent does that on restart): it then begins with the children it was made with.
    """

    def __init__(
        self,
        name: str,
        children: Sequence[ChildSpec] = (),
        *,
        strategy: Strategy = Strategy.ONE_FOR_ONE,
        intensity: Intensity = Intensity(5, 30.0),  # noqa: B008 - frozen
        auto_shutdown: AutoShutdown = AutoShutdown.NEVER,
        instruments: Iterable[Instrument] = (),
        rng: Callable[[], float] = random.random,
    ) -> None:
        if not name or "/" in name:
            raise ValueError(f"a supervisor's name is a word without '/', not {name!r}")
        ids = [spec.id for spec in children]
        if len(set(ids)) != len(ids):
            raise ValueError(f"{name}: two children share an id: {ids}")
        self.name: str = name
        self.strategy: Strategy = strategy
        self.intensity: Intensity = intensity
        self.auto_shutdown: AutoShutdown = auto_shutdown
        self.hooks: Hooks = Hooks(instruments)
        self._rng = rng
        self._specs = {spec.id: spec for spec in children}
        self._path = name
        self._children: dict[str, Child] = {}
        self._nursery: trio.Nursery | None = None
        self._exits: deque[tuple[ChildLife, Exit]] = deque()
        self._commands = CommandQueue(self._wake)
        self._awake = trio.Event()
        self._history: tuple[float, ...] = ()
        self._failures: tuple[Exit, ...] = ()
        self._draining = False
        self._incarnations: dict[str, int] = {}
        self._restarts = 0
        self._escalations = 0

    def __repr__(self) -> str:
        up = sum(child.state is ChildState.UP for child in self._children.values())
        return f"<Supervisor {self._path}: {up} of {len(self._children)} up, {self.strategy.value}>"

    @property
    def path(self) -> str:
        """Where it runs: its name, or the path of the child it runs in."""
        return self._path

    @property
    def running(self) -> bool:
        """Whether `run` is under way."""
        return self._nursery is not None

    @property
    def stop_limit(self) -> float:
        """Seconds a stop may take: the sum of the children's limits."""
        return sum(self._stop_limit(child) for child in self._children.values()) + _LEVEL_MARGIN

    # -- running ------------------------------------------------------------------------------------

    async def run(self, *, task_status: trio.TaskStatus["Supervisor"] = trio.TASK_STATUS_IGNORED) -> None:
        """Start the children in order, say `started(self)`, supervise until told to stop.

        Returns when its significant children are gone (`auto_shutdown`). Raises `StartFailed` if a child
        does not start, after stopping those that did; `RestartIntensityExceeded` if it gives up. When
        cancelled, stops the children in reverse order, each within its own `Shutdown`, then lets the
        cancellation pass. Only a stuck child can hold it longer (a Trio task cannot be killed); it is
        reported by then.
        """
        if self._nursery is not None:
            raise trio.BusyResourceError(f"{self._path} already runs")
        life = current_life.get()
        if life is not None:
            parent, self._path = life.attach(self)
            self.hooks.inherit(parent)
        self._children = {
            spec.id: Child(spec, f"{self._path}/{spec.id}", self._incarnations.get(spec.id, 0))
            for spec in self._specs.values()
        }
        self._exits.clear()
        self._history = self._failures = ()
        self._draining = False
        failure: ActorError | None = None
        try:
            async with trio.open_nursery() as nursery:
                self._nursery = nursery
                try:
                    failure = await self._serve(task_status)
                finally:
                    await self._stop_all()
        finally:
            self._nursery = None
            self._commands.give_up(self._path)
            if life is not None:
                life.detach(self)
        if failure is not None:
            self._escalations += 1
            if self.hooks.escalated:
                self.hooks.call("escalated", self._path, failure)
            raise failure

    async def _serve(self, task_status: trio.TaskStatus["Supervisor"]) -> ActorError | None:
        """Supervise; return why it gives up, or None when it ends normally."""
        for child in list(self._children.values()):
            failed = await self._start(child)
            if failed is not None:
                return StartFailed(child.path, failed.error or NeverStarted(child.path))
        task_status.started(self)
        while True:
            if self._exits:
                life, exit_ = self._exits.popleft()
                child = life.child
                if child.life is not life:
                    continue  # late: this incarnation was stopped, its end was waited for
                child.life = None
                child.state = ChildState.DOWN if child.due is None else ChildState.BACKING_OFF
                if exit_.asked:  # it was stuck; a restart that waited for it is due by itself
                    if child.spec.restart is Restart.TEMPORARY:
                        self._forget(child.spec.id)
                    continue
                if self._draining and exit_.kind in (ExitKind.RETURNED, ExitKind.SHUTDOWN):
                    continue  # it has finished what waited; only a crash leaves work behind
                done, failure = await self._follow(child, exit_)
                if done:
                    return failure
                continue
            if self._commands:
                await self._commands.obey_next(self._path)
                continue
            ready, when = self._next_start()
            if ready is None:
                await self._sleep_until(when)
                continue
            ready.due = None
            failed = await self._start(ready)
            if failed is not None:
                done, failure = await self._follow(ready, failed)
                if done:
                    return failure
                continue
            ready.restarts += 1

    def _wake(self) -> None:
        self._awake.set()

    async def _sleep_until(self, when: float) -> None:
        with trio.move_on_at(when):
            await self._awake.wait()
        self._awake = trio.Event()

    def _next_start(self) -> tuple[Child | None, float]:
        """The child to start now, or None and the time to look again. No checkpoint."""
        now = trio.current_time()
        soonest = float("inf")
        for child in self._children.values():
            if child.due is None:
                continue
            held = child.life is not None  # stuck: its old incarnation still lives
            if not held and child.due <= now:
                return child, now
            if not held:
                soonest = min(soonest, child.due)
            if self.strategy is not Strategy.ONE_FOR_ONE:
                break  # later members of the group come after it
        return None, soonest

    async def _follow(self, child: Child, exit_: Exit) -> tuple[bool, ActorError | None]:
        """Do what the policy says about an exit: (whether to end, why it is a failure)."""
        seats = [each.seat for each in self._children.values()]
        plan = decide(self.strategy, self.auto_shutdown, seats, child.spec.id, exit_.kind)
        now = trio.current_time()
        delay = 0.0
        if plan.restart:
            self._restarts += 1
            self._history, within = admit(self._history, now, self.intensity)
            self._failures = (*self._failures, exit_)[-len(self._history) :]
            if not within:
                return True, RestartIntensityExceeded(self._path, self.intensity, self._failures)
            backoff = child.spec.backoff
            if backoff is not None:
                child.attempt = attempt_after(child.attempt, exit_.uptime, backoff)
                delay = backoff.delay(child.attempt, self._rng())
                child.attempt += 1
            if self.hooks.restart_planned:
                self.hooks.call("restart_planned", child.path, delay, exit_)
        for id_ in plan.stop:
            await self._stop(self._children[id_])
        for id_ in plan.forget:
            self._forget(id_)
        for id_ in plan.start:
            member = self._children[id_]
            member.due = now + delay
            if member.state is ChildState.DOWN:
                member.state = ChildState.BACKING_OFF
        return plan.shutdown, None

    def _forget(self, id_: str) -> None:
        child = self._children[id_]
        if child.life is None:  # a stuck one stays in sight
            del self._children[id_]
            if id_ not in self._specs:  # ids of dynamic children may be without number
                self._incarnations.pop(id_, None)

    # -- one child ----------------------------------------------------------------------------------

    async def _start(self, child: Child) -> Exit | None:
        """Start one incarnation and wait until it is ready; its exit if it is not."""
        assert self._nursery is not None  # noqa: S101 - only called from run
        child.incarnation += 1
        self._incarnations[child.spec.id] = child.incarnation
        life = ChildLife(child, child.incarnation, self.hooks)
        child.life = life
        child.state = ChildState.STARTING
        self._nursery.start_soon(self._live, life, name=child.path)
        limit = child.spec.start_timeout
        with trio.move_on_after(limit):
            await life.ready.wait()
        if life.ready_at is not None:
            return None
        if not life.ready.is_set():
            life.blame = StartTimeout(child.path, limit)
            await self._stop(child)
            if child.life is not None:  # stuck while starting; its exit will come, or not
                return life.exit(life.blame)
        else:
            child.life = None
            child.state = ChildState.DOWN
        assert child.last_exit is not None  # noqa: S101 - it ended, and _ended says how
        return child.last_exit

    async def _live(self, life: ChildLife) -> None:
        """The task of one incarnation. Swallows its crash, never a cancellation from outside."""
        current_life.set(life)
        error: BaseException | None = None
        try:
            with life.scope:
                await life.child.spec.start(task_status=life)
        except Exception as crash:  # noqa: BLE001 - turning crashes into exits is the point
            error = crash
        except trio.Cancelled:
            # only while it starts, before the shield: the supervisor is being stopped
            life.asked_at = trio.current_time()
            raise
        except BaseExceptionGroup as group:
            # its own errors beside a cancellation or a KeyboardInterrupt; only the latter goes on
            error, rest = group.split(Exception)
            life.asked_at = trio.current_time()
            if rest is not None:
                raise rest from None
        except BaseException as interrupt:
            error = interrupt
            life.asked_at = trio.current_time()  # it ends the run; nothing else follows from it
            raise
        finally:
            self._ended(life, error)

    def _ended(self, life: ChildLife, error: BaseException | None) -> None:
        child = life.child
        exit_ = life.exit(error)
        exit_ = attrs.evolve(exit_, in_hand=life.over(exit_.kind, exit_.error))
        child.last_exit = exit_
        life.ended.set()
        life.ready.set()
        self._exits.append((life, exit_))
        self._awake.set()
        watchers, child.watchers = child.watchers, []
        for watcher in watchers:
            watcher.set()
        if self.hooks.child_exited:
            self.hooks.call("child_exited", exit_)

    def _stop_limit(self, child: Child) -> float:
        """Seconds until a child that is being stopped counts as stuck."""
        nodes = () if child.life is None else child.life.nodes
        return max(child.spec.shutdown.total, sum(node.stop_limit for node in nodes))

    async def _stop(self, child: Child) -> None:
        """Polite signal, wait, cancel, wait, report. Bounded, also when we are cancelled ourselves."""
        life = child.life
        if life is None:
            child.state = ChildState.DOWN  # it may have been backing off
            return
        if child.state is ChildState.STUCK:
            return
        limit = child.spec.shutdown
        asked_at = trio.current_time()
        life.asked_at = asked_at
        child.state = ChildState.STOPPING
        if life.polite and life.ready_at is not None and not life.ended.is_set():
            life.stop_event().set()
            with trio.move_on_after(limit.timeout, shield=True):
                await life.ended.wait()
        if not life.ended.is_set():
            life.cancelled = True
            life.scope.cancel()
            grace = max(limit.cancel_grace, sum(node.stop_limit for node in life.nodes))
            with trio.move_on_after(grace, shield=True):
                await life.ended.wait()
        if life.ended.is_set():
            child.life = None
            child.state = ChildState.DOWN
            return
        child.state = ChildState.STUCK
        if self.hooks.child_stuck:
            stuck = StuckChild(child.path, life.number, trio.current_time() - asked_at)
            self.hooks.call("child_stuck", stuck)

    async def _stop_all(self) -> None:
        for child in reversed(list(self._children.values())):
            child.due = None
            await self._stop(child)

    # -- commands -----------------------------------------------------------------------------------

    async def start_child(self, spec: ChildSpec) -> object:
        """Add a child at the end and start it; returns what it passed to `started()`.

        Raises `StartFailed` (and forgets it), ValueError if the id is taken, `NotRunning`. Cancelled
        while it waits for its turn: nothing happens; later: unknown outcome. It is not there any more
        when this supervisor itself is restarted.
        """

        async def act() -> object:
            if spec.id in self._children:
                raise ValueError(f"{self._path} already has a child {spec.id!r}")
            child = Child(spec, f"{self._path}/{spec.id}", self._incarnations.get(spec.id, 0))
            self._children[spec.id] = child
            return await self._start_now(child, forget=True)

        return await self._commands.ask(self._path, act, running=self.running)

    async def stop_child(self, id_: str) -> None:
        """Stop a child for good; it stays listed (a TEMPORARY one is forgotten). Not counted.

        Raises `UnknownNode`, `NotRunning`.
        """

        async def act() -> None:
            child = self._child(id_)
            child.due = None
            await self._stop(child)
            if child.spec.restart is Restart.TEMPORARY:
                self._forget(id_)

        await self._commands.ask(self._path, act, running=self.running)

    async def restart_child(self, id_: str) -> object:
        """Stop a child if it runs and start it again; returns what it passed to `started()`. Not counted.

        Raises `UnknownNode`, `StartFailed` (it is then down), `NotRunning`.
        """

        async def act() -> object:
            child = self._child(id_)
            child.due = None
            await self._stop(child)
            return await self._start_now(child, forget=False)

        return await self._commands.ask(self._path, act, running=self.running)

    async def remove_child(self, id_: str) -> None:
        """Stop a child and take it off the list. Raises `UnknownNode`, `NotRunning`."""

        async def act() -> None:
            child = self._child(id_)
            child.due = None
            await self._stop(child)
            self._forget(id_)

        await self._commands.ask(self._path, act, running=self.running)

    async def _start_now(self, child: Child, *, forget: bool) -> object:
        if child.life is not None:
            raise StartFailed(child.path, RuntimeError("its last incarnation is stuck"))
        failed = await self._start(child)
        if failed is None:
            return child.value
        if forget:
            self._forget(child.spec.id)
        raise StartFailed(child.path, failed.error or NeverStarted(child.path))

    def respecify(self, child: Child, spec: ChildSpec) -> None:
        """Replace the spec of a child while it runs; it holds for restarts of this supervisor too."""
        child.spec = spec
        if spec.id in self._specs:
            self._specs[spec.id] = spec

    def _child(self, id_: str) -> Child:
        try:
            return self._children[id_]
        except KeyError:
            raise UnknownNode(f"{self._path}/{id_}") from None

    # -- looking ------------------------------------------------------------------------------------

    async def watch(self, id_: str) -> Exit:
        """Wait for the end of the child's present incarnation; at once if it has none but had one.

        Raises `UnknownNode`.
        """
        child = self._child(id_)
        if child.life is None and child.last_exit is not None:
            await trio.lowlevel.checkpoint()
        else:
            watcher = trio.Event()
            child.watchers.append(watcher)
            try:
                await watcher.wait()
            except trio.Cancelled:
                if watcher in child.watchers:
                    child.watchers.remove(watcher)
                raise
        assert child.last_exit is not None  # noqa: S101 - set before watchers are woken
        return child.last_exit

    async def drain(self) -> None:
        """Let the children finish what waits, in reverse start order: no new work enters.

        Closes their mailboxes and drains their nodes. A child that then ends normally is not restarted;
        one that crashes is, to finish the rest. `run` goes on until it is cancelled. Bound the wait with
        a cancel scope.
        """
        self._draining = True
        for child in reversed(list(self._children.values())):
            life = child.life
            if life is not None:
                for node in life.nodes:
                    await node.drain()
                for mailbox in life.mailboxes:
                    await mailbox.drain()

    def children(self) -> tuple[Child, ...]:
        """The seats, in start order."""
        return tuple(self._children.values())

    def statistics(self) -> SupervisorStatistics:
        """A snapshot."""
        now = now_or_zero()
        return SupervisorStatistics(
            path=self._path,
            strategy=self.strategy,
            intensity=self.intensity,
            running=self.running,
            restarts=self._restarts,
            restarts_in_window=sum(then >= now - self.intensity.period for then in self._history),
            escalations=self._escalations,
            stuck=sum(child.state is ChildState.STUCK for child in self._children.values()),
            instruments_failed=self.hooks.failed,
            children=tuple(child.statistics(now) for child in self._children.values()),
        )

    def tree(self) -> TreeNode:
        """This supervisor and all that runs below it."""
        now = now_or_zero()
        children = tuple(child.tree(now) for child in self._children.values())
        return TreeNode(
            path=self._path,
            kind="supervisor",
            state="up" if self.running else "down",
            healthy=all(child.healthy for child in children),
            facts=(("strategy", self.strategy.value), ("intensity", str(self.intensity))),
            children=children,
        )
