"""What one host of accounts is asked: so much at once, so often, and not at all while it is silent.

A PDS carries up to hundreds of thousands of accounts, and anybody may name any account. So what bounds the
looks at one *account* bounds nothing for its *host*; this does. A host that was silent `TRIES` times in a row
is left alone for `PAUSE` seconds: one that hangs takes up its slots once and not for every account it has.

Hosts are remembered while they are in use, and the latest `most` of them beyond that.
"""

from collections import OrderedDict
from collections.abc import Callable
from typing import Final

import attrs
import trio

from router.identity.did_cache import TokenBucket

TRIES: Final = 3
PAUSE: Final = 5.0


@attrs.define
class Host:
    """One host: take a slot of `turns`, then ask `refuses`, then say how it went."""

    turns: trio.CapacityLimiter
    budget: TokenBucket
    silences: int = 0
    silent_until: float = 0.0

    def refuses(self, now: float) -> str | None:
        """Why it is not asked now, in a word; None counts a request against its budget."""
        if self.silences >= TRIES and now < self.silent_until:
            return "paused"
        return None if self.budget.take(now) else "braked"

    def spoke(self) -> None:
        """It answered, whatever."""
        self.silences = 0

    def was_silent(self, now: float) -> None:
        """It did not answer, or said that it cannot."""
        self.silences += 1
        self.silent_until = now + PAUSE

    @property
    def idle(self) -> bool:
        """Nobody is with it or waits for it."""
        held = self.turns.statistics()
        return held.borrowed_tokens == 0 and held.tasks_waiting == 0


class Hosts:
    """The hosts by name."""

    def __init__(
        self,
        *,
        at_once: int,
        per_minute: float,
        most: int = 4_096,
        clock: Callable[[], float] = trio.current_time,
    ) -> None:
        """`at_once` requests and `per_minute` on average to each; `clock` is monotonic."""
        self._at_once = at_once
        self._per_minute = per_minute
        self._most = most
        self.clock = clock
        self._hosts: OrderedDict[str, Host] = OrderedDict()

    def named(self, name: str) -> Host:
        """The host of this name (`host[:port]`)."""
        host = self._hosts.get(name)
        if host is None:
            host = Host(trio.CapacityLimiter(self._at_once), TokenBucket(self._per_minute))
            self._hosts[name] = host
            self._forget_idle()
        self._hosts.move_to_end(name)
        return host

    def statistics(self) -> dict[str, int]:
        """`items` remembered and `capacity`, which hosts in use may exceed."""
        return {"items": len(self._hosts), "capacity": self._most}

    def _forget_idle(self) -> None:
        """The oldest that nobody uses go; the newest stays, for whoever asked for it."""
        while len(self._hosts) > self._most:
            idle = next((name for name, host in self._hosts.items() if host.idle), None)
            if idle is None:
                return
            del self._hosts[idle]
