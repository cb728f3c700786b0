"""All parts of one node, as the files that wire them hand them on."""

import time
from collections.abc import Callable
from importlib.metadata import version

import attrs
import trio

from protocol import bucket
from router.config import Settings
from router.limits import LocalQuotas
from router.wiring.identity import Identity
from router.wiring.messages import Messages
from router.wiring.observation import Observation

VERSION = version("rookery")


@attrs.frozen
class Clock:
    """The time, and the time as the log may know it."""

    bucket_seconds: int
    now: Callable[[], float] = time.time
    """Unix seconds."""

    def bucket(self) -> int:
        """Unix seconds, rounded down to the log's bucket: what is stored keeps no finer time."""
        return bucket(self.now(), self.bucket_seconds)


@attrs.frozen(kw_only=True)
class Parts:
    """One node, wired and not running."""

    settings: Settings
    clock: Clock
    observation: Observation
    messages: Messages
    identity: Identity
    quotas: LocalQuotas
    drain: trio.Event
    """Set when the server begins to leave."""
    drained: trio.Event
    """Set when the public listener has let everybody go."""
