"""The supervision tree: who is started after whom, and whose fault takes whom along.

root  rest_for_one
  store          the log and its writer
  tokens         what was used before the last stop must stay used
  conversations  registry: activated on demand, passivated when idle
  tail           reads the log once for the whole node
  devices        registry: alive while connected
  chores         one_for_one: sweeping, figures of MLS, the watch over the loop, DIDs that live elsewhere and
                 their blocks, who adds lost devices again; their failures stay below
  edge           one_for_one: public listener, admin listener, control socket; started last, stopped first
"""

from functools import partial

import trio

from actors import Backoff, ChildSpec, Intensity, Restart, Strategy, Supervisor
from router.config.mls import Mls
from router.device.seen import keep_last_seen
from router.figures import keep_figures
from router.housekeeping import remember_used_tokens, sweep
from router.observe import ActorInstrument, watch_loop
from router.store.values import Retention
from router.wiring.listeners import Listeners
from router.wiring.parts import Parts

_STORE_STOP_SECONDS = 10.0
_CHILDREN = (
    "root", "store", "tokens", "conversations", "tail", "devices", "chores", "sweep", "figures", "seen",
    "loop", "readditions", "resolver", "blocks", "edge", "public", "admin", "control",
)  # fmt: skip


def make_tree(parts: Parts, listeners: Listeners) -> Supervisor:
    """The root of all that runs."""
    messages, observation = parts.messages, parts.observation
    limits = parts.settings.supervision
    backoff = Backoff(initial=limits.backoff_initial, maximum=limits.backoff_maximum)
    instrument = ActorInstrument(
        observation.logs,
        observation.metrics,
        _CHILDREN,
        exception_messages=observation.exception_messages,
    )
    return Supervisor(
        "root",
        (
            ChildSpec("store", messages.store.run, shutdown=_STORE_STOP_SECONDS, backoff=backoff),
            ChildSpec("tokens", partial(_remember, parts)),
            ChildSpec("conversations", messages.conversation_actors.run),
            ChildSpec("tail", messages.tail.run, backoff=backoff),
            ChildSpec("devices", messages.device_actors.run),
            ChildSpec("chores", _chores(parts, backoff).run),
            ChildSpec("edge", _edge(parts, listeners, backoff).run),
        ),
        strategy=Strategy.REST_FOR_ONE,
        intensity=Intensity(limits.root_restarts, limits.root_period),
        instruments=(instrument,),
    )


def _chores(parts: Parts, backoff: Backoff) -> Supervisor:
    """Small steady work, whose failure harms nothing at once."""
    messages, identity, observe = parts.messages, parts.identity, parts.settings.observe
    limits = parts.settings.supervision
    seen = partial(keep_last_seen, identity.seen, messages.store, messages.devices.connected_devices)
    loop = partial(
        watch_loop,
        parts.observation.metrics,
        parts.observation.logs.events,
        interval=observe.loop_check_interval,
        threshold=observe.loop_stall_threshold,
    )
    return Supervisor(
        "chores",
        tuple(
            ChildSpec(name, run, shutdown=limits.stop_timeout, backoff=backoff)
            for name, run in (
                (
                    "sweep",
                    partial(
                        sweep, messages.store, parts.clock.now, retention=retention_of(parts.settings.mls)
                    ),
                ),
                (
                    "figures",
                    partial(keep_figures, messages.store, parts.observation.metrics, parts.clock.now),
                ),
                ("seen", seen),
                ("readditions", messages.readditions.run),
                ("resolver", identity.outside.run),
                ("blocks", identity.blocks.run),
                ("loop", loop),
            )
        ),
        intensity=Intensity(limits.restarts, limits.period),
    )


def retention_of(chosen: Mls) -> Retention:
    """What the sweep leaves, by the settings."""
    return Retention(
        welcome=chosen.welcome_lifetime,
        ended=chosen.ended_retention,
        evidence=chosen.evidence_retention,
        report=chosen.report_retention,
        lapsed_claims=chosen.lapsed_claims,
    )


def _edge(parts: Parts, listeners: Listeners, backoff: Backoff) -> Supervisor:
    """The listeners. The public one ends by itself when it is drained, and stays ended."""
    limits = parts.settings.supervision
    stop = limits.stop_timeout
    return Supervisor(
        "edge",
        (
            ChildSpec("control", listeners.serve_control, shutdown=stop, backoff=backoff),
            ChildSpec("admin", listeners.serve_admin, shutdown=stop, backoff=backoff),
            ChildSpec("public", listeners.serve_public, Restart.TRANSIENT, shutdown=stop, backoff=backoff),
        ),
        intensity=Intensity(limits.restarts, limits.period),
    )


async def _remember(parts: Parts, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
    """What was used or ended before the last stop stays so: before the edge opens."""
    identity, store = parts.identity, parts.messages.store
    await identity.login.grants.load()
    identity.revocations.load([each.account for each in await store.suspensions()])
    await remember_used_tokens(store, identity.replay, parts.clock.now, task_status=task_status)
