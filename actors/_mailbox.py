"""Bounded mailboxes that belong to an address, not to the incarnation that reads them.

What waits in a mailbox survives a crash of its actor; what the crashed incarnation had in hand does not
(it may be the poison): its askers get `AskFailed` and it is reported as dead letters. Bounds are in items
and in weight (bytes, say), because a thousand small messages and one large one are different things.

One invariant carries the rest: **an empty mailbox has no waiting sender**. Every change of the queue or
of its bounds lets in the senders that fit, in their order, and a message that could never fit is refused
at once. So «empty» can be judged by one look, and whoever looks may act on it if it does not await.

The queue is a list that is swapped out when a taker takes all of it, the usual case; only a partial take
turns it into a second, reversed list that is popped from its end. Both are O(1) per message, and an idle
mailbox costs no deque (760 bytes each).
"""

from collections import OrderedDict
from collections.abc import Callable, Iterable
from typing import Generic, TypeVar, overload

import trio
from outcome import Error
from trio.lowlevel import Abort, RaiseCancelT, Task, enable_ki_protection, reschedule

from ._errors import MailboxClosed, MailboxDrained, MailboxFull, MessageTooHeavy
from ._events import DeadLetter, Fate
from ._instrument import Hooks, Instrument
from ._life import Life, current_life
from ._reply import Envelope, Reply, Request
from ._terms import MailboxStatistics, Terms

M = TypeVar("M")
R = TypeVar("R")

_NOTHING: tuple[()] = ()


class Mailbox(Generic[M]):
    """A bounded queue of messages with one taker at a time and any number of senders.

    Create it where the address lives (beside the supervisor), not inside the actor. `capacity` is in
    messages (`math.inf` for no bound), `max_weight` in the unit of `weigh`.
    """

    __slots__ = (
        "__weakref__",
        "_closed",
        "_drained",
        "_hand",
        "_inbox",
        "_life",
        "_name",
        "_outbox",
        "_senders",
        "_taker",
        "_terms",
        "_weight",
        "waiting",
    )

    def __init__(
        self,
        name: str,
        capacity: float = 64,
        max_weight: int | None = None,
        weigh: Callable[[M], int] | None = None,
        *,
        instruments: Iterable[Instrument] = (),
    ) -> None:
        self._setup(name, Terms("", capacity, max_weight, weigh, Hooks(instruments)))

    @classmethod
    def member(cls, name: object, terms: Terms[M]) -> "Mailbox[M]":
        """A mailbox of a family that shares `terms` (and its counters)."""
        mailbox: Mailbox[M] = cls.__new__(cls)
        mailbox._setup(name, terms)
        return mailbox

    def _setup(self, name: object, terms: Terms[M]) -> None:
        self._name = name
        self._terms = terms
        self._inbox: list[Envelope[M]] = []
        self._outbox: list[Envelope[M]] | None = None
        self.waiting: int = 0
        """How many messages wait. Read it; only the mailbox writes it."""
        self._weight = 0
        self._hand: list[Envelope[M]] | tuple[()] = _NOTHING
        self._senders: OrderedDict[Task, Envelope[M]] | None = None
        self._taker: Task | None = None
        self._closed = False
        self._life: Life | None = None
        self._drained: trio.Event | None = None

    def __repr__(self) -> str:
        state = "closed, " if self._closed else ""
        return f"<Mailbox {self.name}: {state}{self.waiting} waiting, weight {self._weight}>"

    def __len__(self) -> int:
        """How many messages wait."""
        return self.waiting

    @property
    def name(self) -> str:
        """The address, for people."""
        return f"{self._terms.prefix}{self._name}"

    @property
    def closed(self) -> bool:
        """Whether new messages are refused for good."""
        return self._closed

    # -- sending ------------------------------------------------------------------------------------

    @enable_ki_protection
    def tell_nowait(self, message: M) -> None:
        """Put a message in, or raise `MailboxFull`, `MessageTooHeavy` or `MailboxClosed`."""
        self._put(message, None)

    @enable_ki_protection
    async def tell(self, message: M) -> None:
        """Put a message in, waiting for room in the order of arrival.

        Cancelled: the message is not in. Raises `MessageTooHeavy`, `MailboxClosed` (also while waiting).
        """
        await self.put_waiting(message, None)

    @overload
    def post_nowait(self, message: Request[R]) -> Reply[R]: ...
    @overload
    def post_nowait(self, message: M) -> Reply[object]: ...
    @enable_ki_protection
    def post_nowait(self, message: object) -> object:
        """Put a message in and return the reply to wait for: posting is ordered, waiting is elsewhere.

        No checkpoint. Raises like `tell_nowait`.
        """
        reply: Reply[object] = Reply()
        self._put(message, reply)  # type: ignore[arg-type]  # an overload cannot say «an M and a Request»
        return reply

    @overload
    async def post(self, message: Request[R]) -> Reply[R]: ...
    @overload
    async def post(self, message: M) -> Reply[object]: ...
    @enable_ki_protection
    async def post(self, message: object) -> object:
        """Like `post_nowait`, but waits for room. Raises like `tell`."""
        reply: Reply[object] = Reply()
        await self.put_waiting(message, reply)  # type: ignore[arg-type]  # as in post_nowait
        return reply

    @overload
    async def ask(self, message: Request[R]) -> R: ...
    @overload
    async def ask(self, message: M) -> object: ...
    async def ask(self, message: object) -> object:
        """Post and wait for the answer. Bound it with a cancel scope of your own.

        Raises `AskFailed`, the exception the actor refused with, or what `tell` raises. Cancelled, a
        time-out included: the outcome is unknown, the message may still be handled.
        """
        reply = await self.post(message)  # type: ignore[arg-type]  # as in post_nowait
        return await reply.wait()

    def _put(self, message: M, reply: Reply[object] | None) -> None:
        terms = self._terms
        weight = 0 if terms.weigh is None else _weigh(terms.weigh, message)
        if self._closed:
            raise MailboxClosed(self.name)
        if not self._fits(weight):
            self._too_heavy(weight)
            self._note_full()
            raise MailboxFull(self.name, self.waiting, self._weight)
        self._enter(Envelope(message, weight, reply))

    async def put_waiting(self, message: M, reply: Reply[object] | None) -> None:
        """What `tell` and `post` do (a coroutine less on the way from a registry)."""
        await trio.lowlevel.checkpoint_if_cancelled()
        terms = self._terms
        weight = 0 if terms.weigh is None else _weigh(terms.weigh, message)
        if self._closed:
            raise MailboxClosed(self.name)
        if self._fits(weight):
            self._enter(Envelope(message, weight, reply))
            await trio.lowlevel.cancel_shielded_checkpoint()
            return
        self._too_heavy(weight)
        self._note_full()
        senders = self._senders
        if senders is None:
            senders = self._senders = OrderedDict()
        task = trio.lowlevel.current_task()
        senders[task] = Envelope(message, weight, reply)

        def give_up(_: RaiseCancelT) -> Abort:
            del senders[task]
            self._let_in()  # the next in line may be lighter
            return Abort.SUCCEEDED

        await trio.lowlevel.wait_task_rescheduled(give_up)

    def _fits(self, weight: int) -> bool:
        """Whether a message of this weight may enter now; nobody overtakes a waiting sender."""
        if self._senders or self.waiting >= self._terms.capacity:
            return False
        limit = self._terms.max_weight
        return limit is None or self._weight + weight <= limit

    def _too_heavy(self, weight: int) -> None:
        limit = self._terms.max_weight
        if limit is not None and weight > limit:
            raise MessageTooHeavy(self.name, self.waiting, weight)

    def _note_full(self) -> None:
        self._terms.refused += 1
        if self._terms.hooks.mailbox_full:
            self._terms.hooks.call("mailbox_full", self.name)

    def _enter(self, envelope: Envelope[M]) -> None:
        self._inbox.append(envelope)
        self.waiting += 1
        self._weight += envelope.weight
        terms = self._terms
        terms.accepted += 1
        if self.waiting > terms.high_water:
            terms.high_water = self.waiting
        taker = self._taker
        if taker is not None:
            self._taker = None
            reschedule(taker)
        if terms.hooks.message_accepted:
            terms.hooks.call("message_accepted", self.name, envelope.message)

    def _let_in(self) -> None:
        """Let waiting senders in, in order, as long as the first one fits."""
        senders = self._senders
        if not senders:
            return
        limit = self._terms.max_weight
        while senders:
            task, envelope = next(iter(senders.items()))
            if self.waiting >= self._terms.capacity:
                break
            if limit is not None and self._weight + envelope.weight > limit:
                if envelope.weight <= limit:
                    break
                del senders[task]  # the limit was lowered below it while it waited
                reschedule(task, Error(MessageTooHeavy(self.name, self.waiting, envelope.weight)))
                continue
            del senders[task]
            self._enter(envelope)
            reschedule(task)
        if not senders:
            self._senders = None

    # -- taking -------------------------------------------------------------------------------------

    @enable_ki_protection
    async def take(self, max_items: int = 64, max_weight: int = 1 << 20) -> list[Envelope[M]]:
        """Wait until something waits, then take up to `max_items` messages or `max_weight` in order.

        At least one message, also if it alone is heavier. Taking again says that the messages told
        before are handled; asks stay in hand until answered. Only the actor takes, one task at a time
        (`trio.BusyResourceError`). Cancelled: nothing was taken. Raises `MailboxDrained` when the mailbox
        is closed and empty.
        """
        life = current_life.get()
        if life is not self._life:
            self._life = life
            if life is not None:
                self._terms.hooks.inherit(life.claim(self))
        self.conclude()
        if self.waiting or self._closed:
            await trio.lowlevel.checkpoint()
        while not self.waiting:
            if self._closed:
                self._tell_drained()
                raise MailboxDrained(self.name)
            self.expect_taker(trio.lowlevel.current_task())
            await trio.lowlevel.wait_task_rescheduled(self.taker_gave_up)
        return self.collect(max_items, max_weight)

    def expect_taker(self, task: Task) -> None:
        """`task` is about to sleep in `wait_task_rescheduled(taker_gave_up)` for a message or `wake()`."""
        if self._taker is not None:
            raise trio.BusyResourceError(f"another task already takes from {self.name}")
        self._taker = task

    def taker_gave_up(self, _: RaiseCancelT) -> Abort:
        """The abort function of the sleeping taker."""
        self._taker = None
        return Abort.SUCCEEDED

    def wake(self) -> None:
        """Wake the parked taker, if there is one."""
        taker = self._taker
        if taker is not None:
            self._taker = None
            reschedule(taker)

    def collect(self, max_items: int, max_weight: float) -> list[Envelope[M]]:
        """Take what waits, now. No checkpoint: nothing can happen between the look and the take."""
        batch = self._inbox
        if self._outbox is None and len(batch) <= max_items and self._weight <= max_weight:
            self._inbox = []
            self.waiting = self._weight = 0
        else:
            batch = self._collect_part(max_items, max_weight)
        terms = self._terms
        terms.taken += len(batch)
        self._hand = [*self._hand, *batch]
        if self._senders:
            self._let_in()
        if terms.hooks.messages_taken:
            terms.hooks.call("messages_taken", self.name, len(batch))
        return batch

    def _collect_part(self, max_items: int, max_weight: float) -> list[Envelope[M]]:
        batch: list[Envelope[M]] = []
        weight = 0
        while self.waiting and len(batch) < max_items:
            if not self._outbox:
                self._outbox, self._inbox = self._inbox, []
                self._outbox.reverse()
            heavier = weight + self._outbox[-1].weight
            if batch and heavier > max_weight:
                break
            batch.append(self._outbox.pop())
            self.waiting -= 1
            weight = heavier
        if not self._outbox:
            self._outbox = None
        self._weight -= weight
        return batch

    def conclude(self) -> None:
        """What was told and taken counts as handled; asks without an answer stay in hand."""
        if self._hand:
            self._hand = [e for e in self._hand if e.expects_reply] or _NOTHING

    # -- ending -------------------------------------------------------------------------------------

    @enable_ki_protection
    def close(self, error: Exception | None = None) -> None:
        """Refuse new messages, those of waiting senders too (with `error` if given).

        What waits can still be taken.
        """
        self._closed = True
        senders, self._senders = self._senders, None
        for task in senders or ():
            reschedule(task, Error(MailboxClosed(self.name) if error is None else error))
        if not self.waiting and self._taker is not None:
            taker, self._taker = self._taker, None
            self._tell_drained()
            reschedule(taker, Error(MailboxDrained(self.name)))

    async def drain(self) -> None:
        """Close, and wait until the actor has finished everything that waits. Bound it yourself."""
        if self._drained is None:
            self._drained = trio.Event()
        self.close()
        if not self.waiting and not any(envelope.open for envelope in self._hand):
            self._drained.set()
        await self._drained.wait()

    def _tell_drained(self) -> None:
        if self._drained is None:
            self._drained = trio.Event()
        self._drained.set()

    @enable_ki_protection
    def discard(self, fate: Fate = Fate.CLOSED, error: BaseException | None = None) -> int:
        """Drop everything that waits: dead letters, and `error` (or `MailboxClosed`) for the askers.

        Waiting senders are let in as far as they fit (close first to turn them away). Returns how many
        messages were dropped.
        """
        reason = MailboxClosed(self.name) if error is None else error
        dropped = [*reversed(self._outbox or ()), *self._inbox]
        self._inbox, self._outbox, self.waiting, self._weight = [], None, 0, 0
        self._terms.dropped += len(dropped)
        for envelope in dropped:
            envelope.refuse(reason)
            self._bury(envelope, fate, reason)
        self._let_in()
        return len(dropped)

    def abandon(self, fate: Fate, error: BaseException | None) -> int:
        """The incarnation that took from here ended: what it had in hand is lost. Returns how many.

        After a normal return, told messages count as handled.
        """
        hand, self._hand = self._hand, _NOTHING
        self._life = None
        lost = 0
        for envelope in hand:
            if envelope.open and (fate is not Fate.UNANSWERED or envelope.expects_reply):
                envelope.fail(error)
                lost += 1
                self._terms.lost += 1
                self._bury(envelope, fate, error)
        return lost

    def _bury(self, envelope: Envelope[M], fate: Fate, error: BaseException | None) -> None:
        if self._terms.hooks.dead_letter:
            letter = DeadLetter(self.name, envelope.message, fate, error)
            self._terms.hooks.call("dead_letter", letter)

    # -- looking and tuning -------------------------------------------------------------------------

    def bounds_changed(self) -> None:
        """The shared terms were changed: senders may fit now, or never."""
        self._let_in()

    @property
    def terms(self) -> Terms[M]:
        """The bounds and counters this mailbox shares with its family."""
        return self._terms

    @property
    def in_hand(self) -> int:
        """How many messages were taken and are not finished."""
        return sum(envelope.open for envelope in self._hand)

    def statistics(self) -> MailboxStatistics:
        """A snapshot. The counters of a registry's mailbox are those of the whole registry."""
        terms = self._terms
        return MailboxStatistics(
            name=self.name,
            waiting=self.waiting,
            weight=self._weight,
            capacity=terms.capacity,
            max_weight=terms.max_weight,
            in_hand=self.in_hand,
            senders_waiting=len(self._senders or ()),
            closed=self._closed,
            high_water=terms.high_water,
            accepted=terms.accepted,
            taken=terms.taken,
            dropped=terms.dropped,
            lost=terms.lost,
            refused=terms.refused,
        )


def _weigh(weigh: Callable[[M], int], message: M) -> int:
    weight = weigh(message)
    if weight < 0:
        raise ValueError(f"a message cannot weigh less than nothing: {weight}")
    return weight
