"""One child of a supervisor: what it should be (`ChildSpec`) and what it is just now (`Child`)."""

import enum
from collections.abc import Awaitable, Callable

import attrs
import trio

from ._errors import NeverStarted, on_purpose
from ._events import Exit
from ._instrument import Hooks
from ._life import Life
from ._policy import Backoff, ExitKind, Restart, Seat, Shutdown
from ._tree import TreeNode, describe, mailbox_node


def _shutdown(value: float | Shutdown) -> Shutdown:
    return value if isinstance(value, Shutdown) else Shutdown(value)


def _name(_: object, attribute: "attrs.Attribute[str]", value: str) -> None:
    if not value or "/" in value:
        raise ValueError(f"{attribute.name} is a word without '/', not {value!r}")


@attrs.frozen
class ChildSpec:
    """How to start, restart and stop one child.

    `start(*, task_status)` is a plain Trio start function: it calls `task_status.started(value)` when it
    is ready, within `start_timeout` seconds, and then runs. It is called anew for every incarnation.
    A number for `shutdown` is short for `Shutdown(number)`.
    """

    id: str = attrs.field(validator=_name)
    start: Callable[..., Awaitable[None]]
    restart: Restart = Restart.PERMANENT
    shutdown: Shutdown = attrs.field(default=Shutdown(5.0), converter=_shutdown)
    significant: bool = False
    start_timeout: float = attrs.field(default=10.0, validator=attrs.validators.gt(0))
    backoff: Backoff | None = None

    def __attrs_post_init__(self) -> None:
        if self.significant and self.restart is Restart.PERMANENT:
            # OTP: a permanent child never ends for good, so its end can mean nothing
            raise ValueError(f"{self.id}: a permanent child cannot be significant")


class ChildState(enum.Enum):
    """Where a child is in its life."""

    DOWN = "down"
    STARTING = "starting"
    UP = "up"
    BACKING_OFF = "backing off"
    STOPPING = "stopping"
    STUCK = "stuck"


@attrs.frozen
class ChildStatistics:
    """A snapshot of one child."""

    id: str
    state: ChildState
    incarnation: int
    restarts: int
    uptime: float
    last_exit: Exit | None
    restart_in: float | None
    """Seconds until its next start, while it backs off."""


class ChildLife(Life):
    """One incarnation of a supervised child, and the `task_status` its function is given."""

    __slots__ = (
        "asked_at",
        "blame",
        "cancelled",
        "child",
        "ended",
        "number",
        "ready",
        "ready_at",
        "scope",
        "value",
    )

    def __init__(self, child: "Child", number: int, hooks: Hooks) -> None:
        super().__init__(hooks)
        self.child: Child = child
        self.number: int = number
        self.scope: trio.CancelScope = trio.CancelScope()
        self.ready: trio.Event = trio.Event()
        """Set when it is ready and also when it ended."""
        self.ended: trio.Event = trio.Event()
        self.ready_at: float | None = None
        self.asked_at: float | None = None
        self.blame: Exception | None = None
        """Why the supervisor ended its start."""
        self.cancelled: bool = False
        self.value: object = None

    @property
    def path(self) -> str:
        return self.child.path

    def started(self, value: object = None) -> None:
        """The child is ready. From now on only its supervisor stops it.

        Until here a cancellation from outside reaches it at once; from here it is shielded, so that the
        supervisor, which feels that cancellation, can stop its children one by one in reverse order.
        """
        if self.ready_at is not None:
            raise RuntimeError("called 'started' twice on the same task status")
        self.ready_at = trio.current_time()
        self.value = value
        if self.asked_at is None:
            self.scope.shield = True
            self.child.state = ChildState.UP
        self.ready.set()
        if self._hooks.child_started:  # here, so that it is told before its exit, however soon that comes
            self._hooks.call("child_started", self.path, self.number)

    def exit(self, error: BaseException | None) -> Exit:
        """What ending now, with this error or none, is."""
        asked = self.asked_at is not None
        if self.blame is not None:
            kind, error = ExitKind.START_FAILED, self.blame
        elif asked and error is None:
            kind = ExitKind.KILLED if self.cancelled and self.polite else ExitKind.STOPPED
        elif self.ready_at is None:
            kind, error = ExitKind.START_FAILED, error or NeverStarted(self.path)
        elif error is None:
            kind = ExitKind.RETURNED
        else:
            kind = ExitKind.SHUTDOWN if on_purpose(error) else ExitKind.CRASHED
        uptime = 0.0 if self.ready_at is None else trio.current_time() - self.ready_at
        return Exit(self.path, self.child.spec.id, self.number, kind, error, uptime, asked)


class Child:
    """The seat of one child in its supervisor; outlives its incarnations."""

    __slots__ = (
        "attempt",
        "due",
        "incarnation",
        "last_exit",
        "life",
        "path",
        "restarts",
        "spec",
        "state",
        "watchers",
    )

    def __init__(self, spec: ChildSpec, path: str, incarnation: int) -> None:
        self.spec: ChildSpec = spec
        self.path: str = path
        self.state: ChildState = ChildState.DOWN
        self.life: ChildLife | None = None
        self.incarnation: int = incarnation
        self.attempt: int = 0
        self.restarts: int = 0
        self.due: float | None = None
        self.last_exit: Exit | None = None
        self.watchers: list[trio.Event] = []

    @property
    def seat(self) -> Seat:
        """What the policy may know of it."""
        return Seat(self.spec.id, self.spec.restart, self.spec.significant, self.life is not None)

    @property
    def value(self) -> object:
        """What the present incarnation passed to `started()`."""
        return None if self.life is None else self.life.value

    def tree(self, now: float) -> TreeNode:
        """The child with what runs inside it: a nested node at its path takes its place."""
        life = self.life
        inside = [node.tree() for node in life.nodes] if life is not None else []
        own = next((node for node in inside if node.path == self.path), None)
        boxes = [mailbox_node(self.path, m.statistics()) for m in (life.mailboxes if life else ())]
        others = [node for node in inside if node is not own]
        facts: list[tuple[str, str]] = []
        if life is not None and life.ready_at is not None:
            facts.append(("up", f"{now - life.ready_at:.0f}s"))
        if self.due is not None:
            facts.append(("restart_in", f"{max(0.0, self.due - now):.1f}s"))
        if self.last_exit is not None:
            facts.append(("last_exit", describe(self.last_exit)))
        troubled = self.state in (ChildState.STUCK, ChildState.BACKING_OFF)
        return TreeNode(
            path=self.path,
            kind="child" if own is None else own.kind,
            state=self.state.value,
            healthy=not troubled and all(node.healthy for node in inside),
            incarnation=self.incarnation,
            restarts=self.restarts,
            facts=(*facts, *(own.facts if own is not None else ())),
            children=(*(own.children if own is not None else ()), *others, *boxes),
        )

    def statistics(self, now: float) -> ChildStatistics:
        """A snapshot at `now`."""
        ready_at = None if self.life is None else self.life.ready_at
        return ChildStatistics(
            id=self.spec.id,
            state=self.state,
            incarnation=self.incarnation,
            restarts=self.restarts,
            uptime=0.0 if ready_at is None else now - ready_at,
            last_exit=self.last_exit,
            restart_in=None if self.due is None else max(0.0, self.due - now),
        )
