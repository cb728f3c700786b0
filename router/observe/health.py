"""Health: named checks, asked together within a time limit, and a report that is a plain value.

*Live* says the loop answers; it asks nothing, or a slow disk would have the process killed. *Ready* says
send traffic here: every check green and no drain begun. *Health* is the same with the findings.
"""

import math
from collections.abc import Awaitable, Callable
from typing import Protocol

import attrs
import trio

from router.observe import metrics
from router.observe.metrics import Metrics


@attrs.frozen
class Verdict:
    """What a check found; `detail` is for operators and names nobody."""

    ok: bool
    detail: str = ""


class Check(Protocol):
    """One dependency that can be asked how it is."""

    @property
    def name(self) -> str: ...

    async def examine(self) -> Verdict: ...


@attrs.frozen
class CallCheck:
    """A check made of a name and a coroutine function."""

    name: str
    _examine: Callable[[], Awaitable[Verdict]]

    async def examine(self) -> Verdict:
        """Ask it."""
        return await self._examine()


@attrs.frozen
class Report:
    """All verdicts by name, and whether the server is leaving."""

    verdicts: dict[str, Verdict]
    draining: bool = False

    @property
    def healthy(self) -> bool:
        """Every check is green."""
        return all(verdict.ok for verdict in self.verdicts.values())

    @property
    def ready(self) -> bool:
        """Traffic is welcome."""
        return self.healthy and not self.draining


class Health:
    """Asks the checks when somebody wants to know; answers young enough are given again.

    Strangers may ask at any rate, so one round of checks runs at a time and serves all who wait for it.
    """

    def __init__(
        self,
        checks: tuple[Check, ...],
        recorded: Metrics,
        *,
        timeout: float,
        max_age: float = 1.0,
    ) -> None:
        self._checks = checks
        self._metrics = recorded
        self._timeout = timeout
        self._max_age = max_age
        self._one_round = trio.Lock()
        self._verdicts: dict[str, Verdict] = {}
        self._examined_at = -math.inf
        self._draining = False

    def begin_drain(self) -> None:
        """From now on the server is not ready, whatever the checks say."""
        self._draining = True

    async def report(self) -> Report:
        """The state of every check, at most `max_age` seconds old; takes `timeout` at the longest."""
        async with self._one_round:
            if trio.current_time() - self._examined_at > self._max_age:
                self._verdicts = await self._examine_all()
                self._examined_at = trio.current_time()
        return Report(verdicts=dict(self._verdicts), draining=self._draining)

    async def _examine_all(self) -> dict[str, Verdict]:
        # pre-filled, so that the report keeps the order of the checks whoever answers first
        verdicts = {check.name: Verdict(ok=False, detail="no answer") for check in self._checks}

        async def examine(check: Check) -> None:
            with trio.move_on_after(self._timeout) as limit:
                try:
                    verdicts[check.name] = await check.examine()
                except Exception as error:  # noqa: BLE001 - a check that breaks is a red check
                    verdicts[check.name] = Verdict(ok=False, detail=type(error).__name__)
            if limit.cancelled_caught:
                verdicts[check.name] = Verdict(ok=False, detail=f"no answer within {self._timeout:g} s")

        async with trio.open_nursery() as nursery:
            for check in self._checks:
                nursery.start_soon(examine, check)
        for name, verdict in verdicts.items():
            self._metrics.set(metrics.HEALTH, int(verdict.ok), name)
        return verdicts
