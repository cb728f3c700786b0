"""Knobs of the running tree, for an operator: read, turn, and leave a record of who turned what.

What can be turned and what is valid is `actors`' to say; this is its use by path from outside. A change is
recorded in the audit chain after it took effect: the record tells a fact. If the store cannot write just
then, the change is turned back, so that none is unrecorded.
"""

from collections.abc import Callable, Mapping

import attrs
import msgspec

from actors import InvalidKnob, Supervisor, UnknownNode, knobs, tunable, tune
from router.admin import CommandFailed
from router.store.audit import AuditFact
from router.store.errors import StoreError
from router.store.interface import Store


class NodePath(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A node of the tree, such as `root/conversations`; empty for all that have knobs."""

    path: str = ""


class KnobRow(msgspec.Struct, frozen=True):
    """One knob as it stands."""

    path: str
    name: str
    value: str
    kind: str
    """What it takes, in words."""


class Turn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Change these knobs of one node, all or none."""

    path: str
    changes: dict[str, str]


class Change(msgspec.Struct, frozen=True):
    """One knob that was turned."""

    name: str
    before: str
    after: str


class Turned(msgspec.Struct, frozen=True):
    """What took effect; empty where the values were the same."""

    path: str
    changes: list[Change]


@attrs.frozen
class Tuning:
    """The handlers of `knobs` and `tune`. `now` gives the bucket a record carries."""

    root: Supervisor
    store: Store
    now: Callable[[], int]

    async def knobs(self, asked: NodePath) -> list[KnobRow]:
        """The knobs of one node, or of every node of the tree."""
        paths = [asked.path] if asked.path else list(tunable(self.root))
        try:
            return [
                KnobRow(path, knob.name, str(knob.value), knob.kind)
                for path in paths
                for knob in knobs(self.root, path).values()
            ]
        except UnknownNode as unknown:
            raise CommandFailed("UnknownNode", str(unknown)) from None

    async def tune(self, turn: Turn) -> Turned:
        """Turn knobs of one node, all or none, recorded."""
        try:
            tuned = tune(self.root, turn.path, turn.changes)
        except UnknownNode as unknown:
            raise CommandFailed("UnknownNode", str(unknown)) from None
        except InvalidKnob as invalid:
            message = f"the knob {invalid.knob} of {turn.path} was not turned: {invalid.reason}"
            raise CommandFailed("InvalidKnob", message) from None
        changes = _changes(tuned.before, tuned.after)
        if changes:
            try:
                await self.store.record(tuple(_fact(turn.path, change) for change in changes), now=self.now())
            except StoreError as error:
                tune(self.root, turn.path, dict(tuned.before))
                message = f"the change could not be recorded and was turned back: {error}"
                raise CommandFailed("NotEnoughResources", message) from None
        return Turned(turn.path, changes)


def _changes(before: Mapping[str, object], after: Mapping[str, object]) -> list[Change]:
    return [Change(name, str(before[name]), str(after[name])) for name in before]


def _fact(path: str, change: Change) -> AuditFact:
    return AuditFact(
        "knob.turned", subject=f"{path} {change.name}", detail=f"{change.before} -> {change.after}"
    )
