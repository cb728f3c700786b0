"""What answers the world: the public listener, the operator's listener, the control socket."""

import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import attrs
import trio

from actors import Supervisor
from router.admin import serve_control
from router.admin.asgi import AdminListener
from router.config import Settings
from router.control import ControlHandlers
from router.edge import server as edge_server
from router.edge.admission import Admission
from router.edge.client_address import TrustedProxies
from router.edge.public import public_app
from router.edge.routes import ROUTES
from router.edge.services import Edge
from router.edge.strangers import StrangersBodies
from router.identity.service import ServedDocuments
from router.keys import Keys
from router.observe import Health
from router.people import People
from router.stuck import Stuck
from router.tuning import Tuning
from router.wiring.parts import VERSION, Parts
from router.wiring.wellbeing import Wellbeing


@attrs.frozen
class Listeners:
    """Each method is one child of the tree; what it serves is made anew when it starts again."""

    parts: Parts
    health: Health
    wellbeing: Wellbeing
    root: Callable[[], Supervisor]
    """The tree these are in, which is made after them."""

    async def serve_public(self, *, task_status: trio.TaskStatus[object] = trio.TASK_STATUS_IGNORED) -> None:
        """For everybody; returns when it is drained."""
        parts, server = self.parts, self.parts.settings.server
        with _named("server", server.host, server.port):
            await edge_server.serve(
                public_app(self._edge()),
                [edge_server.TcpAddress(server.host, server.port)],
                _listener_limits(parts.settings),
                drain=parts.drain,
                on_drain=self._end_streams,
                report=parts.observation.report,
                task_status=task_status,
            )
        parts.drained.set()

    async def serve_admin(self, *, task_status: trio.TaskStatus[object] = trio.TASK_STATUS_IGNORED) -> None:
        """For the operator. Stays until the very end, so that a drain can be watched."""
        parts, admin = self.parts, self.parts.settings.admin
        listener = AdminListener(
            health=self.health,
            metrics=parts.observation.metrics,
            tree=self.root().tree,
            token=admin.token,
            version=VERSION,
        )
        with _named("admin", admin.host, admin.port):
            await edge_server.serve(
                listener,
                [edge_server.TcpAddress(admin.host, admin.port)],
                edge_server.Limits(),
                drain=trio.Event(),
                report=parts.observation.report,
                task_status=task_status,
            )

    async def serve_control(self, *, task_status: trio.TaskStatus[object] = trio.TASK_STATUS_IGNORED) -> None:
        """For the `rookery` command on this machine."""
        parts, identity, root = self.parts, self.parts.identity, self.root()
        store, bucket = parts.messages.store, parts.clock.bucket
        handlers = ControlHandlers(
            store=store,
            service=identity.service,
            people=People(store, identity.revocations, identity.residents, identity.login.grants, bucket),
            now=bucket,
            status=lambda: self.wellbeing.status(self.health),
            numbers=self.wellbeing.numbers,
            tree=root.tree,
            tuning=Tuning(root, store, bucket),
            keys=Keys({"access": identity.token_keys}, store, bucket),
            stuck=Stuck(store, parts.settings.mls.stuck_welcome),
        )
        await serve_control(
            parts.settings.store.path,
            handlers.table(),
            on_crash=parts.observation.report,
            task_status=task_status,
        )

    def _edge(self) -> Edge:
        parts, identity, messages = self.parts, self.parts.identity, self.parts.messages
        settings, observer, now = parts.settings, parts.observation.observer, parts.clock.now
        return Edge(
            store=messages.store,
            conversations=messages.conversations,
            devices=messages.devices,
            authenticator=identity.authenticator,
            admission=Admission(
                parts.quotas,
                TrustedProxies.of(settings),
                observer,
                now,
                StrangersBodies(max(1, settings.server.max_connections // 4)),
            ),
            revocations=identity.revocations,
            api_keys=identity.api_keys,
            tickets=identity.tickets,
            seen=identity.seen,
            routes=ROUTES,
            login=identity.login,
            blocks=identity.blocks,
            documents=ServedDocuments(identity.service, messages.store),
            secrets=identity.secrets,
            health=self.health,
            observer=observer,
            settings=settings,
            version=VERSION,
            drain=parts.drain,
            now=now,
            dice=random.random,
            report=parts.observation.report,
        )

    def _end_streams(self) -> None:
        """Every stream ends with a word: what is queued for it first, then that it should come back."""
        self.parts.messages.devices.end_all("draining", "the server is stopping")


@contextmanager
def _named(section: str, host: str, port: int) -> Iterator[None]:
    """An address that cannot be listened on is told with its name and the settings that choose it."""
    try:
        yield
    except OSError as error:
        reason = f"cannot listen on {host}:{port}: {error.strerror}"
        mend = f"stop what has it, or choose another with {section}.host and {section}.port"
        raise OSError(error.errno, f"{reason}; {mend}") from error


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
