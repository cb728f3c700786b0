"""Knobs of the running tree, for an operator: read, turn, and leave a record of who turned what.

What can be turned and what is valid is `actors`' to say; this is its use by path from outside. What is
valid shows when it is applied, so a change is applied and then recorded in the audit chain, one change at a
time and never given up halfway. If the store refuses, the change is turned back before another can begin:
what the chain says last of a knob is what the knob is.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress

import attrs
import msgspec
import trio

from actors import InvalidKnob, Knob, Supervisor, UnknownNode, knobs, tunable, tune
from router.admin import CommandFailed
from router.store.audit import AuditFact
from router.store.errors import OutcomeUnknown
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
    _one_at_a_time: trio.Lock = attrs.field(factory=trio.Lock, init=False)

    async def knobs(self, asked: NodePath) -> list[KnobRow]:
        """The knobs of one node, or of every node of the tree."""
        paths = [asked.path] if asked.path else list(tunable(self.root))
        return [
            KnobRow(path, knob.name, str(knob.value), knob.kind)
            for path in paths
            for knob in self._knobs_of(path).values()
        ]

    async def tune(self, turn: Turn) -> Turned:
        """Turn knobs of one node, all or none, recorded.

        Raises what the store does when it refuses the record, and then nothing is changed. Once the change
        is applied a cancel waits until it is recorded or turned back.
        """
        async with self._one_at_a_time:
            before = self._knobs_of(turn.path)
            try:
                tuned = tune(self.root, turn.path, turn.changes)
            except InvalidKnob as invalid:
                message = f"the knob {invalid.knob} of {turn.path} was not turned: {invalid.reason}"
                raise CommandFailed("InvalidKnob", message) from None
            changes = _changes(tuned.before, tuned.after)
            if changes:
                with trio.CancelScope(shield=True):
                    await self._record(turn.path, changes, before)
        return Turned(turn.path, changes)

    async def _record(self, path: str, changes: list[Change], before: Mapping[str, Knob]) -> None:
        try:
            await self.store.record(tuple(_fact(path, change) for change in changes), now=self.now())
        except OutcomeUnknown as unknown:
            # Turned back, it would belie a record that was made after all.
            message = f"the change holds, but it is not known whether it was recorded: {unknown}"
            raise CommandFailed("OutcomeUnknown", message) from None
        except BaseException:
            self._turn_back(path, changes, before)
            raise

    def _turn_back(self, path: str, changes: list[Change], before: Mapping[str, Knob]) -> None:
        """Undo a change. Knobs that came with it (those of a backoff that was off) go with it again."""
        undo = {change.name: before[change.name].value for change in changes if change.name in before}
        with suppress(UnknownNode):  # gone in the meantime, its knobs with it
            tune(self.root, path, undo)

    def _knobs_of(self, path: str) -> Mapping[str, Knob]:
        try:
            return knobs(self.root, path)
        except UnknownNode as unknown:
            raise CommandFailed("UnknownNode", str(unknown)) from None


def _changes(before: Mapping[str, object], after: Mapping[str, object]) -> list[Change]:
    return [Change(name, str(before[name]), str(after[name])) for name in before]


def _fact(path: str, change: Change) -> AuditFact:
    return AuditFact(
        "knob.turned", subject=f"{path} {change.name}", detail=f"{change.before} -> {change.after}"
    )
