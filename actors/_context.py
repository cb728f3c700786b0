"""What an addressed actor is given: its key, its mailbox, and the take that also says when to leave."""

from typing import TYPE_CHECKING, Generic, TypeVar

import trio
from trio.lowlevel import enable_ki_protection

from ._events import Exit
from ._life import Life
from ._mailbox import Mailbox
from ._reply import Envelope

if TYPE_CHECKING:
    from ._registry import Registry

K = TypeVar("K")
M = TypeVar("M")


class Cell(Generic[K, M]):
    """One active key: its mailbox, which outlives incarnations, and the one that runs now."""

    __slots__ = (
        "attempt",
        "context",
        "interrupted",
        "key",
        "last_exit",
        "leaving",
        "mailbox",
        "restarts",
        "scope",
        "stuck",
    )

    def __init__(self, key: K, mailbox: Mailbox[M]) -> None:
        self.key: K = key
        self.mailbox: Mailbox[M] = mailbox
        self.context: ActorContext[K, M] | None = None
        self.scope: trio.CancelScope | None = None
        self.leaving: bool = False
        """It was asked to leave to make room; it does not count against the cap."""
        self.stuck: bool = False
        self.interrupted: bool = False
        self.attempt: int = 0
        self.restarts: int = 0
        self.last_exit: Exit | None = None


class ActorContext(Life, Generic[K, M]):
    """One incarnation of one key, as its behaviour sees it.

    The whole contract is one loop:

        async def behaviour(ctx):
            state = await load(ctx.key)
            while batch := await ctx.take():
                for envelope in batch:
                    ...
            await save(ctx.key, state)

    An empty batch means «time to leave»: nothing came for `idle_timeout`, or the registry needs the room
    or stops. Return, saving first if you must; a message that comes meanwhile waits in the mailbox and
    is given to the next incarnation. An actor that takes again instead stays. One task of it takes.
    """

    __slots__ = ("_cell", "_registry", "_told", "activated_at", "incarnation", "parked_at", "wants_out")

    def __init__(self, registry: "Registry[K, M]", cell: Cell[K, M], incarnation: int, now: float) -> None:
        super().__init__(registry.hooks)
        self._registry = registry
        self._cell = cell
        self.incarnation: int = incarnation
        """Higher than that of every earlier incarnation of this key (unique in its registry)."""
        self.activated_at: float = now
        self.parked_at: float = -1.0
        """When it last began to wait; negative before its first take."""
        self.wants_out: bool = False
        self._told = False

    @property
    def key(self) -> K:
        """Who this actor is."""
        return self._cell.key

    @property
    def mailbox(self) -> Mailbox[M]:
        """What waits for it."""
        return self._cell.mailbox

    @property
    def path(self) -> str:
        return f"{self._registry.path}/{self._cell.key}"

    @property
    def parked(self) -> bool:
        """Whether it waits for a message just now."""
        return self._registry.parked.get(self._cell.key) is self._cell

    def passivate_now(self) -> None:
        """Make the next `take` return the empty batch as soon as nothing waits."""
        self.wants_out = True
        self._cell.mailbox.wake()

    @enable_ki_protection
    async def take(self, max_items: int = 64, max_weight: int = 1 << 20) -> list[Envelope[M]]:
        """Like `Mailbox.take`, but returns an empty list when it is time to leave."""
        cell = self._cell
        mailbox = cell.mailbox
        registry = self._registry
        mailbox.conclude()
        told, self._told = self._told, False
        if told or self.parked_at < 0:
            registry.settled(cell, self)
        leaves = self.wants_out or registry.options.idle_timeout <= 0 or not registry.accepting
        if mailbox.waiting or (leaves and not told):
            await trio.lowlevel.checkpoint()
        else:
            # `parked` is in the order of parking: its head is the longest idle actor
            self.parked_at = trio.current_time()
            mailbox.expect_taker(trio.lowlevel.current_task())
            registry.parked[cell.key] = cell
            try:
                await trio.lowlevel.wait_task_rescheduled(mailbox.taker_gave_up)
            finally:
                registry.parked.pop(cell.key, None)
        if mailbox.waiting:
            if cell.leaving:  # a message came before it had left to make room
                registry.settled(cell, self)
            return mailbox.collect(max_items, max_weight)
        self._told = True
        registry.told(cell)
        return []
