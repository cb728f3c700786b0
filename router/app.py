"""Composition: the only file that builds things, and the supervision tree they run in.

    root  rest_for_one
      store          the log and its writer
      tokens         what was used before the last stop must stay used
      conversations  registry: activated on demand, passivated when idle
      tail           reads the log once for the whole node
      devices        registry: alive while connected
      chores         one_for_one: sweeping, the watch over the loop, DIDs that live elsewhere; their failures
                     stay below
      edge           one_for_one: public listener, admin listener, control socket; started last, stopped first

Signals: the first SIGTERM or SIGINT drains (readiness red, streams told to reconnect, requests finished,
within `server.graceful_timeout`), a second one stops at once.
"""

import math
import os
import random
import resource
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from importlib.metadata import version

import attrs
import trio

from actors import (
    Backoff,
    ChildSpec,
    Intensity,
    Registry,
    RegistryOptions,
    Restart,
    Strategy,
    Supervisor,
)
from protocol import ConversationId, DeviceId, Limits, bucket
from router.admin import serve_control
from router.admin.asgi import AdminListener
from router.bus.local import LocalBus
from router.config import Settings, loopback_hosts, public_origin, service_did
from router.control import ControlHandlers, Numbers, Status
from router.conversation.actor import ConversationBehaviour
from router.conversation.service import Ask, Conversations, weigh
from router.device.actor import CatchUp, DeviceBehaviour
from router.device.seen import LastSeen, keep_last_seen
from router.device.service import Devices
from router.device.tail import PENDING_BYTES, PENDING_ENTRIES, Tail
from router.edge import server as edge_server
from router.edge.admission import Admission
from router.edge.client_address import TrustedProxies
from router.edge.public import public_app
from router.edge.routes import ROUTES, route_names
from router.edge.services import Edge
from router.housekeeping import remember_used_tokens, sweep
from router.identity.api_keys import ApiKeys
from router.identity.authenticator import Authenticator, Look, TokenKind
from router.identity.device_auth import DeviceTokens
from router.identity.replay import ReplayGuard
from router.identity.resolver import HomeFirst, LocalResolver
from router.identity.revocations import Revocations
from router.identity.secrets import ServerSecrets, load_or_create_secrets
from router.identity.service import ServedDocuments, ServiceIdentity
from router.identity.service_auth import ServiceTokens, TokenPolicy
from router.identity.sources import outside_resolver
from router.identity.tickets import Tickets
from router.keys import Keys
from router.limits import LocalQuotas, classes
from router.login.keyring import KeyRing
from router.login.service import make_login
from router.login.tokens import AccessTokens
from router.observe import (
    ActorInstrument,
    CallCheck,
    Health,
    Logs,
    Metrics,
    Observer,
    QueueState,
    Verdict,
    Vocabulary,
    fault_fields,
    set_up_logging,
    watch_loop,
)
from router.observe.sources import Forgotten, did_looks, forgotten, log_writer, process, queues
from router.observe.sources import store as store_counters
from router.observe.sources import tail as tail_counters
from router.people import People
from router.store.sqlite.store import SqliteOptions, SqliteStore
from router.store.sqlite.writer import Bounds
from router.tuning import Tuning
from schema import ERRORS

_VERSION = version("rookery")
_STORE_STOP_SECONDS = 10.0
_TAIL_LAG_ENTRIES = 10_000
_CHILDREN = (
    "root", "store", "tokens", "conversations", "tail", "devices", "chores", "sweep", "seen", "loop",
    "resolver", "edge", "public", "admin", "control",
)  # fmt: skip


async def run(settings: Settings, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
    """Run a router until SIGTERM or SIGINT (drained) or a cancel (at once).

    `started()` when every listener is open. Raises what the parts raise when they cannot start, a store
    in use by another server among them, and `RestartIntensityExceeded` when the root gives up.
    """
    os.umask(0o077)  # what the process writes is nobody else's
    _open_as_many_files_as_we_may()
    router = Router(settings)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(router.obey_signals, nursery.cancel_scope)
        await nursery.start(router.root.run)
        router.announce()
        task_status.started()
        await router.drained.wait()
        nursery.cancel_scope.cancel()


class Router:
    """All parts of one node, wired. Made without I/O but for the data folder and its secrets."""

    def __init__(self, settings: Settings) -> None:
        self.settings = _with_a_port(settings)
        settings = self.settings
        settings.store.path.mkdir(mode=0o700, parents=True, exist_ok=True)
        self.secrets: ServerSecrets = load_or_create_secrets(settings.store.path)
        self.service = ServiceIdentity(service_did(settings), str(public_origin(settings)))
        self.logs: Logs = set_up_logging(
            settings.logging, bucket_seconds=settings.log.received_bucket_seconds
        )
        self.metrics = Metrics(version=_VERSION)
        self.observer = Observer(self.logs, self.metrics, Vocabulary(route_names(), ERRORS))
        self.drain = trio.Event()
        self.drained = trio.Event()
        self.now = time.time

        self.store = _store(settings)
        self.bus = LocalBus()
        self.store.on_commit(self.bus.hint)
        self.tail = Tail(self.store, self.bus)
        self.conversation_actors = _conversation_actors(settings, self.store)
        self.device_actors: Registry[DeviceId, CatchUp] = Registry(
            "devices",
            DeviceBehaviour(self.store, self.tail),
            RegistryOptions(idle_timeout=10.0, capacity=64, cap=settings.server.max_connections),
        )
        self.conversations = Conversations(self.conversation_actors)
        self.devices = Devices(
            self.device_actors,
            self.tail,
            max_connections=settings.devices.max_connections_per_device,
            feed_items=settings.devices.feed_items,
            feed_bytes=settings.devices.feed_bytes,
        )
        self.token_keys = KeyRing(settings.store.path, self.now)
        self.replay = ReplayGuard()
        self.revocations = Revocations(self.now)
        self.login = make_login(
            settings,
            store=self.store,
            service=self.service,
            root=self.secrets.logins,
            ring=self.token_keys,
            revocations=self.revocations,
            clock=self.now,
            bucket=self._bucket,
            report=self._report,
        )
        self.residents = LocalResolver(self.service, self.store)
        self.outside = outside_resolver(settings.identity, report=self._report)
        self.api_keys = ApiKeys(self.store, self.secrets, clock=self.now)
        self.tickets = Tickets(self.secrets, clock=self.now)
        self.seen = LastSeen(self.now)
        self.authenticator = self._authenticator()
        self.quotas = LocalQuotas(
            classes(settings.rate), capacity=settings.rate.max_keys, clock=trio.current_time
        )
        self.health = Health(
            (CallCheck("store", self._examine_store), CallCheck("bus", self._examine_bus),
             CallCheck("tails", self._examine_tree)),
            self.metrics,
            timeout=settings.observe.health_timeout,
        )  # fmt: skip
        self._observe_queues()
        self.root = self._tree()

    def _authenticator(self) -> Authenticator:
        """Every kind of credential, by the look of it."""
        policy, token_hash = _token_policy(self.settings, self.service), self.secrets.token_hash
        kinds: dict[Look, TokenKind] = {
            Look.SERVICE: ServiceTokens(
                policy=policy,
                resolver=HomeFirst(self.service, self.residents, self.outside),
                clock=self.now,
                token_hash=token_hash,
                on_bare_audience=self.observer.bare_audience,
            ),
            Look.DEVICE: DeviceTokens(
                policy=policy, devices=self.store, clock=self.now, token_hash=token_hash
            ),
            Look.KEY: self.api_keys,
            Look.ACCESS: AccessTokens(
                self.service, self.token_keys, clock=self.now, token_hash=self.secrets.token_hash
            ),
        }
        return Authenticator(
            kinds,
            clock=self.now,
            replay=self.replay,
            remember=self.store.remember_token,
            revocations=self.revocations,
            tickets=self.tickets,
        )

    # -- the tree --------------------------------------------------------------------------------------

    def _tree(self) -> Supervisor:
        settings, limits = self.settings, self.settings.supervision
        backoff = Backoff(initial=limits.backoff_initial, maximum=limits.backoff_maximum)
        inner = Intensity(limits.restarts, limits.period)
        stop = limits.stop_timeout
        chores = Supervisor(
            "chores",
            (
                ChildSpec("sweep", partial(sweep, self.store, self.now), shutdown=stop, backoff=backoff),
                ChildSpec(
                    "seen",
                    partial(keep_last_seen, self.seen, self.store, self.devices.connected_devices),
                    shutdown=stop,
                    backoff=backoff,
                ),
                ChildSpec("resolver", self.outside.run, shutdown=stop, backoff=backoff),
                ChildSpec(
                    "loop",
                    partial(
                        watch_loop,
                        self.metrics,
                        self.logs.events,
                        interval=settings.observe.loop_check_interval,
                        threshold=settings.observe.loop_stall_threshold,
                    ),
                    shutdown=stop,
                    backoff=backoff,
                ),
            ),
            intensity=inner,
        )
        edge = Supervisor(
            "edge",
            (
                ChildSpec("control", self._serve_control, shutdown=stop, backoff=backoff),
                ChildSpec("admin", self._serve_admin, shutdown=stop, backoff=backoff),
                ChildSpec("public", self._serve_public, Restart.TRANSIENT, shutdown=stop, backoff=backoff),
            ),
            intensity=inner,
        )
        instrument = ActorInstrument(
            self.logs, self.metrics, _CHILDREN, exception_messages=settings.logging.exception_messages
        )
        return Supervisor(
            "root",
            (
                ChildSpec("store", self.store.run, shutdown=_STORE_STOP_SECONDS, backoff=backoff),
                ChildSpec("tokens", self._remember),
                ChildSpec("conversations", self.conversation_actors.run),
                ChildSpec("tail", self.tail.run, backoff=backoff),
                ChildSpec("devices", self.device_actors.run),
                ChildSpec("chores", chores.run),
                ChildSpec("edge", edge.run),
            ),
            strategy=Strategy.REST_FOR_ONE,
            intensity=Intensity(limits.root_restarts, limits.root_period),
            instruments=(instrument,),
        )

    async def _remember(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """What was used or ended before the last stop stays so: before the edge opens."""
        await self.login.grants.load()
        self.revocations.load([each.account for each in await self.store.suspensions()])
        await remember_used_tokens(self.store, self.replay, self.now, task_status=task_status)

    async def _serve_public(self, *, task_status: trio.TaskStatus[object] = trio.TASK_STATUS_IGNORED) -> None:
        settings = self.settings
        edge = Edge(
            store=self.store,
            conversations=self.conversations,
            devices=self.devices,
            authenticator=self.authenticator,
            admission=Admission(self.quotas, TrustedProxies.of(settings), self.observer, self.now),
            revocations=self.revocations,
            api_keys=self.api_keys,
            tickets=self.tickets,
            seen=self.seen,
            routes=ROUTES,
            login=self.login,
            documents=ServedDocuments(self.service, self.store),
            secrets=self.secrets,
            health=self.health,
            observer=self.observer,
            settings=settings,
            version=_VERSION,
            drain=self.drain,
            now=self.now,
            dice=random.random,
            report=self._report,
        )
        with _named("server", settings.server.host, settings.server.port):
            await edge_server.serve(
                public_app(edge),
                [edge_server.TcpAddress(settings.server.host, settings.server.port)],
                _listener_limits(settings),
                drain=self.drain,
                on_drain=self._end_streams,
                report=self._report,
                task_status=task_status,
            )
        self.drained.set()

    def _end_streams(self) -> None:
        """Every stream ends with a word: what is queued for it first, then that it should come back."""
        self.devices.end_all("draining", "the server is stopping")

    async def _serve_admin(self, *, task_status: trio.TaskStatus[object] = trio.TASK_STATUS_IGNORED) -> None:
        """Stays until the very end, so that a drain can be watched."""
        listener = AdminListener(
            health=self.health,
            metrics=self.metrics,
            tree=self.root.tree,
            token=self.settings.admin.token,
            version=_VERSION,
        )
        with _named("admin", self.settings.admin.host, self.settings.admin.port):
            await edge_server.serve(
                listener,
                [edge_server.TcpAddress(self.settings.admin.host, self.settings.admin.port)],
                edge_server.Limits(),
                drain=trio.Event(),
                report=self._report,
                task_status=task_status,
            )

    async def _serve_control(
        self, *, task_status: trio.TaskStatus[object] = trio.TASK_STATUS_IGNORED
    ) -> None:
        handlers = ControlHandlers(
            store=self.store,
            service=self.service,
            people=People(self.store, self.revocations, self.residents, self.login.grants, self._bucket),
            now=lambda: bucket(self.now(), self.settings.log.received_bucket_seconds),
            status=self._status,
            numbers=self._numbers,
            tree=self.root.tree,
            tuning=Tuning(self.root, self.store, self._bucket),
            keys=Keys({"access": self.token_keys}, self.store, self._bucket),
        )
        await serve_control(
            self.settings.store.path, handlers.table(), on_crash=self._report, task_status=task_status
        )

    # -- signals and words -----------------------------------------------------------------------------

    async def obey_signals(self, everything: trio.CancelScope) -> None:
        """The first signal drains, the second stops at once."""
        with trio.open_signal_receiver(signal.SIGTERM, signal.SIGINT) as signals:
            async for _ in signals:
                if self.drain.is_set():
                    everything.cancel()
                    return
                self.logs.lines.info("draining", seconds=self.settings.server.graceful_timeout)
                self.health.begin_drain()
                self.drain.set()

    def announce(self) -> None:
        """Say where the server listens."""
        self.logs.lines.info("ready", url=self.service.endpoint, version=_VERSION)

    def _bucket(self) -> int:
        """The time as the log may know it."""
        return bucket(self.now(), self.settings.log.received_bucket_seconds)

    def _report(self, what: str, error: BaseException | None) -> None:
        """A fault of ours that ended one connection or command and nothing else."""
        if error is None:
            self.logs.events.info(what)
        else:
            self.logs.events.error(
                what,
                **fault_fields(error, with_text=self.settings.logging.exception_messages),
            )

    # -- health, status, numbers -----------------------------------------------------------------------

    async def _examine_store(self) -> Verdict:
        health = await self.store.health()
        return Verdict(ok=health.ok, detail=health.detail)

    async def _examine_bus(self) -> Verdict:
        """The local bus is up with the process; it is behind when the tail is."""
        behind = await self.store.head() - self.tail.position
        return Verdict(ok=behind < _TAIL_LAG_ENTRIES, detail=f"the tail is {behind} entries behind")

    async def _examine_tree(self) -> Verdict:
        sick = [node.path for node in self.root.tree().walk() if not node.healthy and node.kind == "child"]
        return Verdict(ok=not sick, detail=", ".join(sick) or "all parts run")

    async def _status(self) -> Status:
        report = await self.health.report()
        return Status(
            did=self.service.did,
            public_url=self.service.endpoint,
            version=_VERSION,
            pid=os.getpid(),
            ready=report.ready,
            checks={
                name: "ok" if verdict.ok else verdict.detail for name, verdict in report.verdicts.items()
            },
        )

    async def _numbers(self) -> Numbers:
        return Numbers(
            store=self.store.statistics(),
            connections=self.devices.connections,
            connected_devices=self.devices.connected,
            active_conversations=self.conversation_actors.statistics().active,
            queued_bytes=self.devices.queued_bytes,
            head=await self.store.head(),
            tail_position=self.tail.position,
            tail_pending=self.tail.pending[0],
            tail_reads=self.tail.reads,
            tail_failed_reads=self.tail.failed_reads,
            delivered=self.tail.delivered,
            fell_behind=self.tail.fell_behind,
            bus_failures=self.bus.failures,
        )

    def _observe_queues(self) -> None:
        settings = self.settings

        def states() -> list[QueueState]:
            logins = self.login.pending.statistics()
            replay, outside = self.replay.statistics(), self.outside.statistics()
            stored = self.store.statistics()
            pending_items, pending_bytes = self.tail.pending
            open_feeds = self.devices.connections
            return [
                QueueState(
                    queue="store",
                    items=stored.queued_items,
                    max_items=settings.store.queue_items,
                    bytes=stored.queued_bytes,
                    max_bytes=settings.store.queue_bytes,
                ),
                QueueState(
                    queue="tail",
                    items=pending_items,
                    max_items=PENDING_ENTRIES,
                    bytes=pending_bytes,
                    max_bytes=PENDING_BYTES,
                ),
                QueueState(  # of all feeds together; each has its own bound
                    queue="feeds",
                    max_items=open_feeds * settings.devices.feed_items,
                    bytes=self.devices.queued_bytes,
                    max_bytes=open_feeds * settings.devices.feed_bytes,
                ),
                QueueState(queue="connections", items=open_feeds, max_items=settings.server.max_connections),
                QueueState(queue="used_tokens", items=replay["items"], max_items=replay["capacity"]),
                QueueState(
                    queue="did_documents",
                    items=outside["items"],
                    max_items=outside["max_items"],
                    bytes=outside["bytes"],
                    max_bytes=outside["max_bytes"],
                ),
                QueueState(queue="did_looks", items=outside["looks"], max_items=outside["max_looks"]),
                QueueState(
                    queue="conversations",
                    items=self.conversation_actors.statistics().active,
                    max_items=_bound(self.conversation_actors.options.cap),
                ),
                QueueState(
                    queue="devices",
                    items=self.devices.connected,
                    max_items=_bound(self.device_actors.options.cap),
                ),
                *(
                    QueueState(queue=name, items=held["items"], max_items=held["capacity"])
                    for name, held in (
                        ("revocations", self.revocations.statistics()),
                        ("lockout", self.authenticator.statistics()),
                        ("api_keys", self.api_keys.statistics()),
                        ("devices_seen", self.seen.statistics()),
                    )
                ),
                QueueState(queue="logins", items=logins["items"], max_items=logins["capacity"]),
                *(
                    QueueState(queue=f"rates_{table.whose}", items=table.items, max_items=table.max_items)
                    for table in self.quotas.statistics()
                ),
            ]

        def crowded_out() -> list[Forgotten]:
            return [Forgotten(table.whose, table.forgotten) for table in self.quotas.statistics()]

        for source in (process, queues(states), store_counters(self.store.statistics),
                       tail_counters(self.tail, self.bus), log_writer(self.logs.writer),
                       forgotten(crowded_out), did_looks(self.outside)):  # fmt: skip
            self.metrics.add_source(source)


def _bound(cap: float) -> int | None:
    """A registry's cap as it is tuned now; None while it has none."""
    return None if math.isinf(cap) else int(cap)


@contextmanager
def _named(section: str, host: str, port: int) -> Iterator[None]:
    """An address that cannot be listened on is told with its name and the settings that choose it."""
    try:
        yield
    except OSError as error:
        reason = f"cannot listen on {host}:{port}: {error.strerror}"
        mend = f"stop what has it, or choose another with {section}.host and {section}.port"
        raise OSError(error.errno, f"{reason}; {mend}") from error


def _open_as_many_files_as_we_may() -> None:
    """Connections are files: the soft limit is a default for programs that use select(2), which we do not."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _with_a_port(settings: Settings) -> Settings:
    """The service's name holds its port, so «any free one» is settled before anything is named."""
    if settings.server.port:
        return settings
    with socket.create_server((settings.server.host, 0)) as probe:
        port = probe.getsockname()[1]
    return attrs.evolve(settings, server=attrs.evolve(settings.server, port=port))


def _store(settings: Settings) -> SqliteStore:
    chosen = settings.store
    return SqliteStore(
        chosen.path,
        SqliteOptions(
            writer=chosen.writer,
            synchronous=chosen.synchronous,
            bounds=Bounds(
                max_batch_items=chosen.max_batch_items,
                max_batch_bytes=chosen.max_batch_bytes,
                queue_items=chosen.queue_items,
                queue_bytes=chosen.queue_bytes,
            ),
            checkpoint_interval=chosen.checkpoint_interval,
        ),
    )


def _conversation_actors(settings: Settings, store: SqliteStore) -> "Registry[ConversationId, Ask]":
    chosen = settings.conversations
    behaviour = ConversationBehaviour(
        store,
        Limits(
            max_members=settings.limits.max_members,
            epoch_window=settings.log.epoch_window,
            bucket_seconds=settings.log.received_bucket_seconds,
        ),
        time.time,
    )
    return Registry(
        "conversations",
        behaviour,
        RegistryOptions(
            idle_timeout=chosen.idle_timeout,
            capacity=chosen.mailbox_items,
            max_weight=chosen.mailbox_bytes,
            weigh=weigh,
            cap=chosen.cap,
            quarantine=Intensity(chosen.quarantine_crashes, chosen.quarantine_window),
            quarantine_time=chosen.quarantine_time,
            storm=Intensity(chosen.storm_crashes, chosen.storm_window),
            backoff=Backoff(initial=0.05, maximum=5.0),
        ),
    )


def _token_policy(settings: Settings, service: ServiceIdentity) -> TokenPolicy:
    return TokenPolicy(
        service=service,
        max_lifetime=int(settings.auth.max_token_lifetime),
        issue_skew=int(settings.auth.clock_skew),
        bare_audience_accepted=settings.service.aud_bare_did_accepted,
        loopback_hosts=loopback_hosts(settings.identity),
    )


def _listener_limits(settings: Settings) -> edge_server.Limits:
    server = settings.server
    return edge_server.Limits(
        max_header_bytes=server.max_header_bytes,
        max_message_bytes=settings.session.max_frame_bytes,
        header_timeout=server.header_timeout,
        keep_alive_timeout=server.keep_alive_timeout,
        send_timeout=server.send_timeout,
        ping_interval=settings.session.heartbeat_seconds,
        graceful_timeout=server.graceful_timeout,
        max_connections=server.max_connections,
    )
