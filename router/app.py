"""Composition: one node, built of the parts that `router/wiring` makes, and run until it is told to stop.

Nothing else builds things. The order of starting is in `wiring/tree.py`.

Signals: the first SIGTERM or SIGINT drains (readiness red, streams told to reconnect, requests finished,
within `server.graceful_timeout`), a second one stops at once.
"""

import signal

import trio

from router.config import Settings
from router.limits import LocalQuotas, classes
from router.wiring.gauges import add_gauges
from router.wiring.identity import make_identity
from router.wiring.listeners import Listeners
from router.wiring.messages import make_messages
from router.wiring.observation import make_observation
from router.wiring.parts import VERSION, Clock, Parts
from router.wiring.process import prepare_process, with_a_port
from router.wiring.tree import make_tree
from router.wiring.wellbeing import Wellbeing


async def run(settings: Settings, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
    """Run a router until SIGTERM or SIGINT (drained) or a cancel (at once).

    `started()` when every listener is open. Raises what the parts raise when they cannot start, a store
    in use by another server among them, and `RestartIntensityExceeded` when the root gives up.
    """
    prepare_process()
    router = Router(settings)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(router.obey_signals, nursery.cancel_scope)
        await nursery.start(router.root.run)
        router.announce()
        task_status.started()
        await router.parts.drained.wait()
        nursery.cancel_scope.cancel()


class Router:
    """One node, wired. Made without I/O but for the data folder and its secrets."""

    def __init__(self, settings: Settings) -> None:
        settings = with_a_port(settings)
        settings.store.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        clock = Clock(settings.log.received_bucket_seconds)
        observation = make_observation(settings, VERSION)
        messages = make_messages(settings, clock.now)
        self.parts = Parts(
            settings=settings,
            clock=clock,
            observation=observation,
            messages=messages,
            identity=make_identity(settings, messages.store, observation, now=clock.now, bucket=clock.bucket),
            quotas=LocalQuotas(
                classes(settings.rate), capacity=settings.rate.max_keys, clock=trio.current_time
            ),
            drain=trio.Event(),
            drained=trio.Event(),
        )
        add_gauges(self.parts)
        wellbeing = Wellbeing(self.parts, lambda: self.root.tree())
        self.health = wellbeing.health()
        self.root = make_tree(self.parts, Listeners(self.parts, self.health, wellbeing, lambda: self.root))

    async def obey_signals(self, everything: trio.CancelScope) -> None:
        """The first signal drains, the second stops at once."""
        drain = self.parts.drain
        with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
            async for _ in signals:
                if drain.is_set():
                    everything.cancel()
                    return
                seconds = self.parts.settings.server.graceful_timeout
                self.parts.observation.logs.lines.info("draining", seconds=seconds)
                self.health.begin_drain()
                drain.set()

    def announce(self) -> None:
        """Say where the server listens."""
        endpoint = self.parts.identity.service.endpoint
        self.parts.observation.logs.lines.info("ready", url=endpoint, version=VERSION)
