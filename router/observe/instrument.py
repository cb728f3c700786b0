"""The supervision tree as log lines and metrics: what crashed, where, and what was done about it.

Paths are told with the ids of static children only (`actor_label`): below a registry lie conversation and
device ids. Exits of addressed actors that are no crash are counted and not logged; there are thousands.
"""

from collections.abc import Collection

from actors import ActorError, DeadLetter, Exit, ExitKind, Instrument, SlowStep, StuckChild, Tuned
from router.observe import metrics
from router.observe.lines import actor_label
from router.observe.logs import Logs, fault_fields
from router.observe.metrics import Metrics

_FAILED = frozenset({ExitKind.CRASHED, ExitKind.START_FAILED, ExitKind.KILLED})


class ActorInstrument(Instrument):
    """Give it to the root supervisor. `known` are the ids of all children that are no registry's keys."""

    def __init__(
        self, logs: Logs, recorded: Metrics, known: Collection[str], *, exception_messages: bool = False
    ) -> None:
        self._log = logs.lines
        self._metrics = recorded
        self._known = frozenset(known)
        self._with_text = exception_messages

    def child_exited(self, exit: Exit) -> None:  # noqa: A002 - the hook's own name for it
        actor = self._label(exit.path)
        self._metrics.count(metrics.EXITS, actor, exit.kind.value)
        failed = exit.kind in _FAILED
        if not failed and "*" in actor:
            return
        fields: dict[str, object] = {
            "actor": actor,
            "kind": exit.kind.value,
            "incarnation": exit.incarnation,
            "uptime_s": round(exit.uptime, 3),
        }
        if exit.in_hand:
            fields["in_hand"] = exit.in_hand
        if exit.error is not None and failed:
            fields |= fault_fields(exit.error, with_text=self._with_text)
        (self._log.error if failed else self._log.info)("exit", **fields)

    def restart_planned(self, path: str, delay: float, failed: Exit) -> None:
        actor = self._label(path)
        self._metrics.count(metrics.RESTARTS, actor)
        self._log.warning("restart", actor=actor, kind=failed.kind.value, restart_in_s=round(delay, 3))

    def escalated(self, path: str, error: ActorError) -> None:
        actor = self._label(path)
        self._metrics.count(metrics.ESCALATIONS, actor)
        self._log.error("escalated", actor=actor, **fault_fields(error, with_text=self._with_text))

    def child_stuck(self, stuck: StuckChild) -> None:
        actor = self._label(stuck.path)
        self._metrics.count(metrics.STUCK, actor)
        self._log.error("stuck", actor=actor, incarnation=stuck.incarnation, seconds=round(stuck.waited, 3))

    def dead_letter(self, letter: DeadLetter) -> None:
        self._metrics.count(metrics.DEAD_LETTERS, self._label(letter.address), letter.fate.value)

    def mailbox_full(self, address: str) -> None:
        self._metrics.count(metrics.MAILBOX_FULL, self._label(address))

    def activated(self, path: str, incarnation: int) -> None:  # noqa: ARG002 - the hook's signature
        self._metrics.count(metrics.ACTIVATIONS, self._label(path))

    def passivated(self, path: str, incarnation: int) -> None:  # noqa: ARG002 - the hook's signature
        self._metrics.count(metrics.PASSIVATIONS, self._label(path))

    def evicted(self, path: str, incarnation: int) -> None:  # noqa: ARG002 - the hook's signature
        self._metrics.count(metrics.EVICTIONS, self._label(path))

    def quarantined(self, path: str, seconds: float, failed: Exit) -> None:
        actor = self._label(path)
        self._metrics.count(metrics.QUARANTINES, actor)
        fields = {} if failed.error is None else fault_fields(failed.error, with_text=self._with_text)
        self._log.error("quarantined", actor=actor, seconds=round(seconds, 3), **fields)

    def tuned(self, change: Tuned) -> None:
        self._log.warning(
            "tuned",
            actor=self._label(change.path),
            knobs={name: repr(value) for name, value in change.after.items()},
        )

    def slow_step(self, step: SlowStep) -> None:
        actor = self._label(step.path)
        self._metrics.count(metrics.SLOW_STEPS, actor)
        self._log.warning("slow_step", actor=actor, seconds=round(step.seconds, 3))

    def _label(self, path: str) -> str:
        return actor_label(path, self._known)
