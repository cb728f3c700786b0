"""One incarnation, seen from inside: which path it has, what it owns, whether it should leave.

A supervisor or registry puts the `Life` of each incarnation into a context variable, so that mailboxes
and nested nodes find their owner without being handed it, also from tasks the actor started itself.
When the incarnation ends, so do the claims it made: what its mailboxes gave it and it did not finish
becomes dead letters.
"""

from contextvars import ContextVar
from typing import TYPE_CHECKING, Protocol

import trio

from ._events import Fate
from ._instrument import Hooks
from ._policy import ExitKind

if TYPE_CHECKING:
    from ._terms import MailboxStatistics
    from ._tree import TreeNode

FATES = {
    ExitKind.CRASHED: Fate.POISON,
    ExitKind.START_FAILED: Fate.POISON,
    ExitKind.RETURNED: Fate.UNANSWERED,
    ExitKind.SHUTDOWN: Fate.UNANSWERED,
    ExitKind.STOPPED: Fate.INTERRUPTED,
    ExitKind.KILLED: Fate.INTERRUPTED,
}


class Node(Protocol):
    """A part of the tree: a supervisor or a registry."""

    @property
    def name(self) -> str: ...
    @property
    def path(self) -> str: ...
    @property
    def stop_limit(self) -> float:
        """Seconds it may need to stop."""
        ...

    def tree(self) -> "TreeNode": ...
    async def drain(self) -> None: ...


class Claimed(Protocol):
    """A mailbox, of whatever messages, as the incarnation that takes from it sees it."""

    @property
    def name(self) -> str: ...
    def abandon(self, fate: Fate, error: BaseException | None) -> int: ...
    def statistics(self) -> "MailboxStatistics": ...
    async def drain(self) -> None: ...


class Life:
    """One incarnation of one child or key."""

    __slots__ = ("__weakref__", "_hooks", "_mailboxes", "_nodes", "_stop")

    def __init__(self, hooks: Hooks) -> None:
        self._hooks = hooks
        self._mailboxes: list[Claimed] | None = None
        self._nodes: list[Node] | None = None
        self._stop: trio.Event | None = None

    @property
    def path(self) -> str:
        """Where in the tree, `root/child`."""
        raise NotImplementedError

    @property
    def polite(self) -> bool:
        """Whether somebody inside asked for the polite stop signal."""
        return self._stop is not None

    def stop_event(self) -> trio.Event:
        """The event that is set when this incarnation should leave by itself."""
        if self._stop is None:
            self._stop = trio.Event()
        return self._stop

    def claim(self, mailbox: Claimed) -> Hooks:
        """This incarnation takes from `mailbox` and answers for what it has in hand.

        Returns the hooks that want to hear of the mailbox's dead letters.
        """
        if self._mailboxes is None:
            self._mailboxes = []
        if not any(each is mailbox for each in self._mailboxes):
            self._mailboxes.append(mailbox)
        return self._hooks

    def attach(self, node: Node) -> tuple[Hooks, str]:
        """`node` runs inside this incarnation: the hooks it reports to as well, and the path it has.

        The usual incarnation is one node and shares its path; a second one appends its name.
        """
        if self._nodes is None:
            self._nodes = []
        self._nodes.append(node)
        path = self.path if len(self._nodes) == 1 else f"{self.path}/{node.name}"
        return self._hooks, path

    def detach(self, node: Node) -> None:
        """`node` ended."""
        if self._nodes is not None:
            self._nodes.remove(node)

    @property
    def mailboxes(self) -> tuple[Claimed, ...]:
        """The mailboxes this incarnation took from."""
        return () if self._mailboxes is None else tuple(self._mailboxes)

    @property
    def nodes(self) -> tuple[Node, ...]:
        """The supervisors and registries that run inside."""
        return () if self._nodes is None else tuple(self._nodes)

    def over(self, kind: ExitKind, error: BaseException | None) -> int:
        """It ended: fail what it had in hand and return how many messages that were."""
        mailboxes, self._mailboxes = self._mailboxes, None
        return sum(m.abandon(FATES[kind], error) for m in mailboxes or ())


current_life: ContextVar[Life | None] = ContextVar("current_life", default=None)


def stopping() -> trio.Event:
    """The event that is set when the calling child should leave by itself.

    Asking for it makes the child polite: its supervisor sets the event and cancels it only after
    `Shutdown.timeout` seconds. Raises RuntimeError outside of a supervised child.
    """
    life = current_life.get()
    if life is None:
        raise RuntimeError("actors.stopping() is for code that runs in a supervised child")
    return life.stop_event()


def now_or_zero() -> float:
    """Trio's time, or 0 outside of a run: a tree may be looked at after it ended."""
    return trio.current_time() if trio.lowlevel.in_trio_run() else 0.0
