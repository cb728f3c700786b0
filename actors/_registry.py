"""Addressed (virtual) actors: a key always exists; its actor runs while there is something to do.

The first message to a key activates it, idleness passivates it, a crash restarts it, too many crashes of
one key put that key into quarantine, too many over all keys escalate. There is at most one incarnation
per key at any time.

Each active key has one task, which runs its incarnations one after the other, and one mailbox, which
outlives them. **Nothing is awaited between «the mailbox is empty» and «forget the key»** (`_forget`), and
an empty mailbox has no waiting sender, so passivation cannot lose a message.

States of a key, and who moves it:

    (none) ──first message──▶ ACTIVE ──crash──▶ BACKING OFF ──delay──▶ ACTIVE
    ACTIVE ◀──message── PARKED ──idle, cap, memory──▶ LEAVING ──returned, mailbox empty──▶ (none)
                                                      LEAVING ──returned, messages wait──▶ ACTIVE
    ACTIVE ──one crash too many──▶ QUARANTINED ──time, or release()──▶ (none)

Every actor runs in a shielded scope of its own; the registry's own task feels a cancellation from
outside and then stops all actors in parallel: finish the queue and leave, be cancelled, be reported.
"""

import contextvars
import enum
import itertools
import math
import random
from collections import OrderedDict
from collections.abc import Awaitable, Callable, Iterable, Iterator
from typing import Generic, TypeVar, overload

import trio
from trio.lowlevel import enable_ki_protection

from ._context import ActorContext, Cell
from ._errors import (
    ActorTimeout,
    LeftWithoutTaking,
    MailboxClosed,
    Quarantined,
    RegistryFull,
    RestartIntensityExceeded,
    on_purpose,
)
from ._events import Exit, Fate, StuckChild
from ._instrument import Hooks, Instrument
from ._life import FATES, current_life, now_or_zero
from ._mailbox import Mailbox
from ._options import RegistryOptions
from ._policy import ExitKind, attempt_after, shed_count
from ._quarantine import CrashLedger
from ._registry_report import RegistryStatistics, registry_tree
from ._reply import Reply, Request
from ._terms import Terms
from ._tree import TreeNode

K = TypeVar("K")
M = TypeVar("M")
R = TypeVar("R")


class _Phase(enum.Enum):
    OPEN = enum.auto()
    LEAVING = enum.auto()
    """No new messages; actors finish what waits and leave."""
    CANCELLING = enum.auto()
    """Time is up: actors are cancelled, what waits is dropped."""
    CLOSED = enum.auto()
    """It does not run."""


class Registry(Generic[K, M]):
    """Activates `behaviour(ctx)` for each key that gets a message. `run` is a Trio start function.

    Keys are hashable; `str(key)` is their name in paths. `rng` returns numbers in [0, 1) for jitter.
    Messages are accepted from `started()` until it begins to stop; otherwise `MailboxClosed`.
    """

    def __init__(
        self,
        name: str,
        behaviour: Callable[[ActorContext[K, M]], Awaitable[None]],
        options: RegistryOptions = RegistryOptions(),  # noqa: B008 - frozen
        *,
        instruments: Iterable[Instrument] = (),
        rng: Callable[[], float] = random.random,
    ) -> None:
        if not name or "/" in name:
            raise ValueError(f"a registry's name is a word without '/', not {name!r}")
        self.name: str = name
        self.options: RegistryOptions = options
        self.hooks: Hooks = Hooks(instruments)
        self.parked: OrderedDict[K, Cell[K, M]] = OrderedDict()
        """Actors that wait for a message, the longest idle first. Kept by `ActorContext.take`."""
        self._behaviour = behaviour
        self._rng = rng
        self._path = name
        self._terms: Terms[M] = Terms(
            f"{name}/", options.capacity, options.max_weight, options.weigh, self.hooks
        )
        self._cells: dict[K, Cell[K, M]] = {}
        self._leaving = 0
        self._ledger: CrashLedger[K] = CrashLedger()
        self._numbers = itertools.count(1)
        self._nursery: trio.Nursery | None = None
        self._phase = _Phase.CLOSED
        self._context = contextvars.copy_context()
        self._next_shed = 0.0
        self._failure: RestartIntensityExceeded | None = None
        self._awake = trio.Event()
        self._empty = trio.Event()
        self._activations = self._passivations = self._evictions = 0
        self._crash_count = self._quarantines = self._escalations = 0

    def __repr__(self) -> str:
        return f"<Registry {self._path}: {len(self._cells)} active, {len(self._ledger)} quarantined>"

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
        """Seconds a stop may take."""
        return self.options.shutdown + self.options.cancel_grace + 0.1

    # -- sending ------------------------------------------------------------------------------------

    @enable_ki_protection
    def tell_nowait(self, key: K, message: M) -> None:
        """Put a message into the mailbox of `key`, activating it if needed.

        Raises `MailboxFull`, `MailboxClosed` (the registry does not run), `Quarantined`, `RegistryFull`.
        """
        cell = self._cells.get(key)
        (self._activate(key) if cell is None else cell).mailbox.tell_nowait(message)

    @enable_ki_protection
    async def tell(self, key: K, message: M) -> None:
        """Like `tell_nowait`, but waits while the mailbox of `key` is full.

        Also raises `Quarantined` or `MailboxClosed` while it waits. Cancelled: the message is not in.
        """
        cell = self._cells.get(key)
        await (self._activate(key) if cell is None else cell).mailbox.put_waiting(message, None)

    @overload
    def post_nowait(self, key: K, message: Request[R]) -> Reply[R]: ...
    @overload
    def post_nowait(self, key: K, message: M) -> Reply[object]: ...
    @enable_ki_protection
    def post_nowait(self, key: K, message: object) -> object:
        """Like `tell_nowait`, and return the reply to wait for. No checkpoint."""
        cell = self._cells.get(key)
        mailbox = (self._activate(key) if cell is None else cell).mailbox
        return mailbox.post_nowait(message)  # type: ignore[arg-type]  # see Mailbox.post_nowait

    @overload
    async def post(self, key: K, message: Request[R]) -> Reply[R]: ...
    @overload
    async def post(self, key: K, message: M) -> Reply[object]: ...
    @enable_ki_protection
    async def post(self, key: K, message: object) -> object:
        """Like `tell`, and return the reply to wait for."""
        cell = self._cells.get(key)
        mailbox = (self._activate(key) if cell is None else cell).mailbox
        return await mailbox.post(message)  # type: ignore[arg-type]  # see Mailbox.post_nowait

    @overload
    async def ask(self, key: K, message: Request[R]) -> R: ...
    @overload
    async def ask(self, key: K, message: M) -> object: ...
    async def ask(self, key: K, message: object) -> object:
        """Post and wait for the answer. Raises like `tell` and `Reply.wait`."""
        reply = await self.post(key, message)  # type: ignore[arg-type]  # see Mailbox.post_nowait
        return await reply.wait()

    # -- life of a key ------------------------------------------------------------------------------

    def _activate(self, key: K) -> Cell[K, M]:
        """A cell for a key that has none, with its task on the way. No checkpoint."""
        nursery = self._nursery
        if nursery is None or self._phase is not _Phase.OPEN:
            raise MailboxClosed(f"{self._path}/{key}")
        until = self._ledger.rests(key)
        if until is not None:
            now = trio.current_time()
            if now < until:
                raise Quarantined(key, until - now)
            self.release(key)
        if len(self._cells) - self._leaving >= self.options.cap:
            self._make_room()
        cell = Cell(key, Mailbox.member(key, self._terms))
        self._cells[key] = cell
        # in the registry's context: the actor must not inherit the variables of whoever sent first
        self._context.run(nursery.start_soon, self._live, cell)
        return cell

    async def _live(self, cell: Cell[K, M]) -> None:
        """The task of one key: one incarnation after the other until there is nothing to do."""
        delay: float | None = 0.0
        try:
            while delay is not None:
                if delay > 0:
                    with trio.CancelScope(shield=True) as cell.scope:
                        await trio.sleep(delay)
                delay = await self._incarnate(cell)
                if delay == 0:
                    await trio.lowlevel.cancel_shielded_checkpoint()
        except BaseException:  # a KeyboardInterrupt, say: it ends the run, but leaves nothing half done
            cell.mailbox.abandon(Fate.INTERRUPTED, None)
            self._forget(cell)
            raise

    async def _incarnate(self, cell: Cell[K, M]) -> float | None:
        """Run one incarnation. Seconds until the next, or None when the key is forgotten."""
        eager = cell.restarts and self._phase is _Phase.OPEN
        if self._phase is _Phase.CANCELLING or not (cell.mailbox.waiting or eager):
            self._forget(cell)  # nothing to do: its first message was refused, or it is too late
            return None
        now = trio.current_time()
        context = ActorContext(self, cell, next(self._numbers), now)
        cell.context = context
        current_life.set(context)
        self._activations += 1
        if self.hooks.activated:
            self.hooks.call("activated", context.path, context.incarnation)
        error: Exception | None = None
        cell.interrupted = False
        scope = trio.CancelScope(shield=True, deadline=now + self.options.activate_timeout)
        cell.scope = scope
        try:
            with scope:
                await self._behaviour(context)
        except Exception as crash:  # noqa: BLE001 - turning crashes into exits is the point
            error = crash
        # Nothing is awaited from here to the end: what is decided here still holds when it is done.
        cell.context = None
        exit_ = self._judge(cell, context, scope, error)
        return self._follow(cell, exit_)

    def _judge(
        self, cell: Cell[K, M], context: ActorContext[K, M], scope: trio.CancelScope, error: Exception | None
    ) -> Exit:
        """What the end of this incarnation was. Fails what it had in hand."""
        kind = ExitKind.CRASHED
        asked = self._phase is _Phase.CANCELLING
        if error is None and scope.cancelled_caught:
            if asked or cell.interrupted:
                kind = ExitKind.STOPPED if asked else ExitKind.KILLED
            elif context.parked_at < 0:
                error = ActorTimeout(context.path, "activation", self.options.activate_timeout)
            else:
                error = ActorTimeout(context.path, "passivation", self.options.passivate_timeout)
        elif error is None or on_purpose(error):
            if cell.mailbox.waiting and context.parked_at < 0:
                error = LeftWithoutTaking(context.path)
            else:
                kind = ExitKind.RETURNED if error is None else ExitKind.SHUTDOWN
        in_hand = context.over(kind, error) + cell.mailbox.abandon(FATES[kind], error)
        uptime = trio.current_time() - context.activated_at
        exit_ = Exit(context.path, str(cell.key), context.incarnation, kind, error, uptime, asked, in_hand)
        cell.last_exit = exit_
        if self.hooks.child_exited:
            self.hooks.call("child_exited", exit_)
        return exit_

    def _follow(self, cell: Cell[K, M], exit_: Exit) -> float | None:
        """Seconds until the next incarnation, or None when the key is forgotten. No checkpoint."""
        self._unleave(cell)
        if exit_.kind is ExitKind.CRASHED and self._crashed(cell, exit_):
            return None
        if self._phase is _Phase.CANCELLING:
            self._forget(cell)
            return None
        if exit_.kind is not ExitKind.CRASHED:
            if cell.mailbox.waiting:
                return 0.0  # something came while it left
            self._passivations += 1
            self._forget(cell)
            if self.hooks.passivated:  # only now: a hook may send to this very key
                self.hooks.call("passivated", exit_.path, exit_.incarnation)
            return None
        if not cell.mailbox.waiting and not (self.options.eager and self._phase is _Phase.OPEN):
            self._forget(cell)  # its next message activates it
            return None
        cell.restarts += 1
        backoff = self.options.backoff
        delay = 0.0
        if backoff is not None and self._phase is _Phase.OPEN:
            cell.attempt = attempt_after(cell.attempt, exit_.uptime, backoff)
            delay = backoff.delay(cell.attempt, self._rng())
            cell.attempt += 1
        if self.hooks.restart_planned:
            self.hooks.call("restart_planned", exit_.path, delay, exit_)
        return delay

    def _crashed(self, cell: Cell[K, M], exit_: Exit) -> bool:
        """Count a crash against the key and against the storm; True if the key now rests."""
        now = trio.current_time()
        options = self.options
        self._crash_count += 1
        rests, storm = self._ledger.crash(cell.key, exit_, now, options)
        if storm and self._failure is None:
            self._failure = RestartIntensityExceeded(self._path, options.storm, self._ledger.storm_exits)
            self._awake.set()
        if not rests:
            return False
        self._quarantines += 1
        refusal = Quarantined(cell.key, options.quarantine_time)
        cell.mailbox.close(refusal)
        cell.mailbox.discard(Fate.QUARANTINED, refusal)
        self._forget(cell)
        self._awake.set()
        if self.hooks.quarantined:
            self.hooks.call("quarantined", exit_.path, options.quarantine_time, exit_)
        return True

    def _forget(self, cell: Cell[K, M]) -> None:
        """The key is as if it had never been. No await since the look that said so."""
        del self._cells[cell.key]
        self._unleave(cell)
        cell.mailbox.close()  # who kept a reference learns it
        cell.mailbox.discard(Fate.CLOSED)  # nothing, unless we stop
        if not self._cells:
            self._empty.set()

    # -- what the actors' takes report --------------------------------------------------------------

    @property
    def accepting(self) -> bool:
        """Whether new messages are accepted."""
        return self._phase is _Phase.OPEN

    def settled(self, cell: Cell[K, M], context: ActorContext[K, M]) -> None:
        """The actor takes: for the first time, or again although it was asked to leave. No limit then."""
        if cell.scope is not None and cell.scope.deadline != math.inf:
            cell.scope.deadline = math.inf
        if context.parked_at < 0:
            context.parked_at = 0.0
        else:
            context.wants_out = False
        self._unleave(cell)

    def told(self, cell: Cell[K, M]) -> None:
        """The actor was given the empty batch and has so long to return."""
        if cell.scope is not None and self.options.passivate_timeout != math.inf:
            cell.scope.deadline = trio.current_time() + self.options.passivate_timeout

    # -- making room --------------------------------------------------------------------------------

    def _make_room(self) -> None:
        """Ask the longest idle actor to leave, or raise."""
        cell = next(iter(self.parked.values()), None)
        if cell is None:
            raise RegistryFull(self._path, int(self.options.cap))
        self._evict(cell)

    def _evict(self, cell: Cell[K, M]) -> None:
        """Ask a parked actor to leave; it no longer counts against the cap."""
        context = cell.context
        if context is None:
            return
        del self.parked[cell.key]
        cell.leaving = True
        self._leaving += 1
        self._evictions += 1
        context.passivate_now()
        if self.hooks.evicted:
            self.hooks.call("evicted", context.path, context.incarnation)

    def _unleave(self, cell: Cell[K, M]) -> None:
        if cell.leaving:
            cell.leaving = False
            self._leaving -= 1

    def shed(self, count: int) -> int:
        """Ask up to `count` actors to leave, the longest idle first. Returns how many were asked."""
        idle = list(itertools.islice(self.parked.values(), max(0, count)))
        for cell in idle:
            self._evict(cell)
        return len(idle)

    def passivate(self, key: K) -> bool:
        """Ask the actor of this key to leave once nothing waits for it. Whether there is one."""
        cell = self._cells.get(key)
        if cell is None or cell.context is None:
            return False
        cell.context.passivate_now()
        return True

    def interrupt(self, key: K) -> bool:
        """Cancel the present incarnation of this key: the way out for one that hangs.

        Not a crash: what it has in hand is lost, what waits is given to the next incarnation. Whether
        there was one. If it ignores its cancellation it stays; nothing can kill a Trio task.
        """
        cell = self._cells.get(key)
        if cell is None or cell.context is None or cell.scope is None:
            return False
        cell.interrupted = True
        cell.scope.cancel()
        return True

    def release(self, key: K) -> bool:
        """End the quarantine of this key. Whether it was in quarantine."""
        if not self._ledger.release(key):
            return False
        if self.hooks.released:
            self.hooks.call("released", f"{self._path}/{key}")
        return True

    # -- running ------------------------------------------------------------------------------------

    async def run(self, *, task_status: trio.TaskStatus["Registry[K, M]"] = trio.TASK_STATUS_IGNORED) -> None:
        """Serve until told to stop.

        When cancelled: refuses new messages, gives the actors `shutdown` seconds to finish what waits and
        to leave, cancels the rest, reports those that are stuck. Raises `RestartIntensityExceeded` when
        crashes over all keys exceed `storm`. May be run again after it ended.
        """
        if self._nursery is not None:
            raise trio.BusyResourceError(f"{self._path} already runs")
        life = current_life.get()
        if life is not None:
            parent, self._path = life.attach(self)
            self.hooks.inherit(parent)
            self._terms.prefix = f"{self._path}/"
        self._failure = None
        self._ledger.calm_down()
        self._context = contextvars.copy_context()
        try:
            async with trio.open_nursery() as nursery:
                self._nursery = nursery
                self._phase = _Phase.OPEN
                try:
                    task_status.started(self)
                    await self._sweep()
                finally:
                    await self._stop_all()
        finally:
            self._nursery = None
            self._phase = _Phase.CLOSED
            if life is not None:
                life.detach(self)
        failure: RestartIntensityExceeded | None = self._failure
        if failure is not None:
            self._escalations += 1
            if self.hooks.escalated:
                self.hooks.call("escalated", self._path, failure)
            raise failure

    async def _sweep(self) -> None:
        """Do what is due by the clock, until a storm of crashes ends it."""
        while self._failure is None:
            when = self._tidy(trio.current_time())
            with trio.move_on_at(when):
                await self._awake.wait()
            self._awake = trio.Event()

    def _tidy(self, now: float) -> float:
        """Do what is due at `now`; the time of the next look. No checkpoint."""
        options = self.options
        looks = [math.inf]
        if 0 < options.idle_timeout < math.inf:
            # whoever parks later expires later, so that parking needs to wake nobody
            looks.append(self._send_idle_home(now) + options.idle_timeout)
        for key in self._ledger.over(now):
            self.release(key)
        looks.append(self._ledger.forget(now, options.quarantine.period))
        if options.shedding is not None:
            if now >= self._next_shed:
                shedding = options.shedding
                self._next_shed = now + shedding.interval
                self.shed(shed_count(len(self._cells), shedding.pressure(), shedding.high, shedding.low))
            looks.append(self._next_shed)
        return min(looks)

    def _send_idle_home(self, now: float) -> float:
        """Tell the idle to leave. Since when the longest idle of the others is idle."""
        while self.parked:
            cell = next(iter(self.parked.values()))
            context = cell.context
            assert context is not None  # noqa: S101 - a parked actor has one
            if context.parked_at + self.options.idle_timeout > now:
                return context.parked_at
            del self.parked[cell.key]
            context.passivate_now()
        return now

    def _send_all_home(self, phase: "_Phase") -> None:
        self._phase = phase
        for cell in list(self._cells.values()):
            if cell.context is not None:
                cell.context.passivate_now()
                if cell.context.polite:
                    cell.context.stop_event().set()
            elif cell.scope is not None:
                cell.scope.cancel()  # backing off: finish what waits now
            cell.mailbox.close()

    async def _stop_all(self) -> None:
        """Leave, be cancelled, be reported: bounded at each step, also when we are cancelled ourselves."""
        asked_at = trio.current_time()
        self._send_all_home(_Phase.LEAVING)
        with trio.move_on_after(self.options.shutdown, shield=True):
            await self._wait_empty()
        self._phase = _Phase.CANCELLING
        for cell in list(self._cells.values()):
            if cell.scope is not None:
                cell.scope.cancel()
        with trio.move_on_after(self.options.cancel_grace, shield=True):
            await self._wait_empty()
        waited = trio.current_time() - asked_at
        for cell in list(self._cells.values()):
            cell.stuck = True
            if self.hooks.child_stuck and cell.context is not None:
                stuck = StuckChild(cell.context.path, cell.context.incarnation, waited)
                self.hooks.call("child_stuck", stuck)

    async def _wait_empty(self) -> None:
        if self._cells:
            self._empty = trio.Event()
            await self._empty.wait()

    async def drain(self) -> None:
        """Refuse new messages and wait until every actor has finished what waits and left.

        The registry goes on running, empty, until it is stopped. Bound it with a cancel scope.
        """
        if self._phase is _Phase.OPEN:
            self._send_all_home(_Phase.LEAVING)
        await self._wait_empty()

    def configure(self, options: RegistryOptions) -> None:
        """Replace the options while it runs, for all keys at once. No checkpoint.

        A lower cap asks idle actors to leave; delays and time limits under way are not changed.
        """
        self.options = options
        self._terms.weigh = options.weigh
        self._terms.bound(options.capacity, options.max_weight)
        for cell in self._cells.values():
            cell.mailbox.bounds_changed()
        surplus = len(self._cells) - self._leaving - options.cap
        if surplus > 0:
            self.shed(int(surplus))
        self._awake.set()  # idle times may end earlier now

    # -- looking ------------------------------------------------------------------------------------

    def active(self, key: K) -> bool:
        """Whether an actor of this key runs (or is about to)."""
        return key in self._cells

    def keys(self) -> Iterator[K]:
        """The active keys."""
        return iter(tuple(self._cells))

    def quarantine(self) -> dict[K, float]:
        """The keys in quarantine and when (Trio's time) each one ends."""
        return self._ledger.resting()

    def statistics(self) -> RegistryStatistics:
        """A snapshot."""
        terms = self._terms
        now = now_or_zero()
        return RegistryStatistics(
            path=self._path,
            active=len(self._cells),
            parked=len(self.parked),
            leaving=self._leaving,
            quarantined=len(self._ledger),
            stuck=sum(cell.stuck for cell in self._cells.values()),
            activations=self._activations,
            passivations=self._passivations,
            evictions=self._evictions,
            crashes=self._crash_count,
            quarantines=self._quarantines,
            storm_in_window=self._ledger.storm_size(now, self.options.storm.period),
            escalations=self._escalations,
            accepted=terms.accepted,
            taken=terms.taken,
            waiting=terms.accepted - terms.taken - terms.dropped,
            in_hand=sum(cell.mailbox.in_hand for cell in self._cells.values()),
            dropped=terms.dropped,
            lost=terms.lost,
            refused=terms.refused,
            high_water=terms.high_water,
            instruments_failed=self.hooks.failed,
        )

    def tree(self) -> TreeNode:
        """This registry with up to 16 keys: quarantined, then in trouble, then the fullest mailboxes."""
        state = "down" if not self.running else "up" if self.accepting else "draining"
        return registry_tree(
            self.statistics(), state, self.options.cap, self.quarantine(), self._cells.values(), now_or_zero()
        )
