"""Read and change the knobs of any node of a running tree, by path.

`knobs(root, "root/conversations")` lists them, `tune(root, "root/conversations", {"idle_timeout": 60})`
changes some: checked first, then applied at once, without a checkpoint in between, and told to the
instruments (`Instrument.tuned`). Values may be text, as an operator types them.

A child in which a supervisor or registry runs is one node of the tree with the knobs of both: those of
the child's seat begin with `child.`. What is tuned survives restarts of the node, not of the process.
"""

from collections.abc import Iterator, Mapping
from typing import Any, Protocol

import attrs

from ._child import Child
from ._errors import InvalidKnob, UnknownNode
from ._events import Tuned
from ._instrument import Hooks
from ._knobs import BadValue, Knob, Settings, change, read
from ._life import Life
from ._mailbox import Mailbox
from ._policy import Backoff, Intensity, Shutdown
from ._registry import Registry
from ._supervisor import Supervisor
from ._terms import check_bounds


class Target(Protocol):
    """Something with settings that can be replaced while it runs."""

    @property
    def hooks(self) -> Hooks: ...
    def settings(self) -> Settings: ...
    def apply(self, settings: Any) -> None: ...


@attrs.frozen
class SupervisorSettings:
    """The knobs of a supervisor."""

    intensity: Intensity


@attrs.frozen
class SeatSettings:
    """The knobs of a child."""

    shutdown: float
    cancel_grace: float
    start_timeout: float = attrs.field(validator=attrs.validators.gt(0))
    backoff: Backoff | None

    def __attrs_post_init__(self) -> None:
        Shutdown(self.shutdown, self.cancel_grace)  # raises if these are no limits


@attrs.frozen
class MailboxSettings:
    """The knobs of a mailbox."""

    capacity: float
    max_weight: int | None

    def __attrs_post_init__(self) -> None:
        check_bounds(self.capacity, self.max_weight)


@attrs.frozen
class _SupervisorTarget:
    supervisor: Supervisor

    @property
    def hooks(self) -> Hooks:
        return self.supervisor.hooks

    def settings(self) -> SupervisorSettings:
        return SupervisorSettings(self.supervisor.intensity)

    def apply(self, settings: SupervisorSettings) -> None:
        self.supervisor.intensity = settings.intensity


@attrs.frozen
class _SeatTarget:
    supervisor: Supervisor
    child: Child

    @property
    def hooks(self) -> Hooks:
        return self.supervisor.hooks

    def settings(self) -> SeatSettings:
        spec = self.child.spec
        return SeatSettings(
            spec.shutdown.timeout, spec.shutdown.cancel_grace, spec.start_timeout, spec.backoff
        )

    def apply(self, settings: SeatSettings) -> None:
        self.supervisor.respecify(
            self.child,
            attrs.evolve(
                self.child.spec,
                shutdown=Shutdown(settings.shutdown, settings.cancel_grace),
                start_timeout=settings.start_timeout,
                backoff=settings.backoff,
            ),
        )


@attrs.frozen
class _RegistryTarget:
    registry: Registry[Any, Any]

    @property
    def hooks(self) -> Hooks:
        return self.registry.hooks

    def settings(self) -> Settings:
        return self.registry.options

    def apply(self, settings: Any) -> None:
        self.registry.configure(settings)


@attrs.frozen
class _MailboxTarget:
    mailbox: Mailbox[Any]

    @property
    def hooks(self) -> Hooks:
        return self.mailbox.terms.hooks

    def settings(self) -> MailboxSettings:
        return MailboxSettings(self.mailbox.terms.capacity, self.mailbox.terms.max_weight)

    def apply(self, settings: MailboxSettings) -> None:
        self.mailbox.terms.bound(settings.capacity, settings.max_weight)
        self.mailbox.bounds_changed()


Node = Supervisor | Registry[Any, Any]
Root = Supervisor | Registry[Any, Any] | Mailbox[Any]


def knobs(root: Root, path: str | None = None) -> dict[str, Knob]:
    """The knobs of the node at `path` (of the root, without one), by name. Raises `UnknownNode`."""
    found: dict[str, Knob] = {}
    for prefix, target in _targets(root, path):
        for name, knob in read(target.settings()).items():
            found[prefix + name] = attrs.evolve(knob, name=prefix + name)
    return found


def tune(root: Root, path: str | None, changes: Mapping[str, object]) -> Tuned:
    """Change knobs of the node at `path`: all of them, or none and `InvalidKnob`.

    Returns what changed, which the instruments of the node are told as well. A delay or stop that is
    under way is not changed. Raises `UnknownNode`.
    """
    where = _path(root) if path is None else path
    targets = list(_targets(root, path))
    before = {name: knob.value for name, knob in knobs(root, path).items()}
    shares: dict[str, dict[str, object]] = {prefix: {} for prefix, _ in targets}
    for name, value in changes.items():
        # the longest prefix that fits; "" fits everything
        prefix = max((p for p in shares if name.startswith(p)), key=len)
        shares[prefix][name.removeprefix(prefix)] = value
    try:
        replaced = [(target, change(target.settings(), shares[prefix])) for prefix, target in targets]
    except BadValue as error:
        raise InvalidKnob(where, error.knob, error.reason) from None
    for target, settings in replaced:
        target.apply(settings)
    after = {name: knob.value for name, knob in knobs(root, path).items()}
    turned = sorted(n for n in before.keys() | after.keys() if before.get(n) != after.get(n))
    tuned = Tuned(where, {n: before.get(n) for n in turned}, {n: after.get(n) for n in turned})
    hooks = targets[0][1].hooks
    if hooks.tuned:
        hooks.call("tuned", tuned)
    return tuned


def tunable(root: Root) -> Iterator[str]:
    """The paths of all nodes that have knobs, parents first."""
    yield _path(root)
    if isinstance(root, Supervisor):
        for child in root.children():
            inside = _nodes(child.life)
            if not any(node.path == child.path for node in inside):
                yield child.path
            for node in inside:
                yield from tunable(node)
            for mailbox in child.life.mailboxes if child.life is not None else ():
                yield f"{child.path}/{mailbox.name}"


def _nodes(life: Life | None) -> list[Node]:
    return [] if life is None else [node for node in life.nodes if isinstance(node, Supervisor | Registry)]


def _path(root: Root) -> str:
    return root.name if isinstance(root, Mailbox) else root.path


def _own(root: Root) -> Target:
    if isinstance(root, Supervisor):
        return _SupervisorTarget(root)
    return _RegistryTarget(root) if isinstance(root, Registry) else _MailboxTarget(root)


def _targets(root: Root, path: str | None) -> list[tuple[str, Target]]:
    """What answers to this path, each with the prefix of its knobs. Raises `UnknownNode`."""
    if path is None or path == _path(root):
        return [("", _own(root))]
    found = _below(root, path)
    if not found:
        raise UnknownNode(path)
    return found


def _below(root: Root, path: str) -> list[tuple[str, Target]]:
    """The same, below this node; nothing if it is not there."""
    if isinstance(root, Supervisor):
        for child in root.children():
            if path == child.path or path.startswith(f"{child.path}/"):
                return _at(root, child, path)
    return []


def _at(supervisor: Supervisor, child: Child, path: str) -> list[tuple[str, Target]]:
    """The same, at this child or inside it."""
    seat = _SeatTarget(supervisor, child)
    life = child.life
    nodes = _nodes(life)
    for node in nodes:
        if path == node.path:
            own = [("", _own(node))]
            return [*own, ("child.", seat)] if path == child.path else own
    if path == child.path:
        return [("", seat)]
    for mailbox in () if life is None else life.mailboxes:
        if path == f"{child.path}/{mailbox.name}" and isinstance(mailbox, Mailbox):
            return [("", _MailboxTarget(mailbox))]
    return next((found for node in nodes if (found := _below(node, path))), [])
