"""What the edge is given by `wiring/listeners.py`, and one verified call on its way to a handler."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING, TypeVar

import attrs
import trio

from protocol import AccountDid
from router.blocks.service import Blocks
from router.config import superadmins
from router.config.sections import Settings
from router.conversation.service import Conversations
from router.device.seen import LastSeen
from router.device.service import Devices
from router.edge.admission import Admission
from router.edge.cursors import Cursors
from router.identity.api_keys import ApiKeys
from router.identity.authenticator import Authenticator
from router.identity.principal import Principal
from router.identity.revocations import Revocations
from router.identity.secrets import ServerSecrets
from router.identity.service import ServedDocuments
from router.identity.tickets import Tickets
from router.login.service import Login
from router.observe import Health, Observer
from router.store.interface import Store
from schema.wire import Wire

if TYPE_CHECKING:
    from router.edge.routes import Route

W = TypeVar("W", bound=Wire)


@attrs.frozen(kw_only=True)
class Edge:
    """The services below the edge. All of them are owned by others and outlive it."""

    store: Store
    conversations: Conversations
    devices: Devices
    authenticator: Authenticator
    admission: Admission
    revocations: Revocations
    api_keys: ApiKeys
    tickets: Tickets
    seen: LastSeen
    login: Login
    blocks: Blocks
    documents: ServedDocuments
    secrets: ServerSecrets
    health: Health
    observer: Observer
    settings: Settings
    version: str
    drain: trio.Event
    """Set when the server begins to leave: streams say so and end."""
    now: Callable[[], float]
    """Unix seconds."""
    dice: Callable[[], float]
    """Numbers in [0, 1): the jitter of reconnections."""
    report: Callable[[str, BaseException | None], None]
    """Told of faults of ours: a few-valued name and the exception."""
    routes: Mapping[str, Route] = attrs.field(factory=dict)
    """The table, for handlers that judge what may be called."""
    verifiers: trio.CapacityLimiter = attrs.field(factory=lambda: trio.CapacityLimiter(os.cpu_count() or 1))
    """Threads that verify large MLS bytes."""
    answer_timeout: float = 30.0
    """Seconds a handler may take; after that the outcome is unknown to the caller."""

    @property
    def cursors(self) -> Cursors:
        """Resume tokens of this log."""
        return Cursors(self.secrets, self.store.log_id)

    def is_superadmin(self, account: AccountDid) -> bool:
        """Whether the operator has named this account: it may see what concerns the whole server."""
        return account in superadmins(self.settings.identity.superadmins)


@attrs.frozen
class Call:
    """A request that was read, judged against its lexicon, and proven to come from `caller`."""

    route: Route
    caller: Principal
    given: Wire
    still: Callable[[], None]
    """Raises `AuthError` if the caller may no longer manage its account (`xrpc.py`). Whoever waits before a
    write asks again, after what the write depends on was read."""

    @property
    def account(self) -> AccountDid:
        """Whose request it is."""
        return self.caller.account

    def value(self, kind: type[W]) -> W:
        """The parameters or the body, as the type the route's lexicon has for them."""
        if not isinstance(self.given, kind):
            raise TypeError(f"{self.route.nsid} gives {type(self.given).__name__}, not {kind.__name__}")
        return self.given
