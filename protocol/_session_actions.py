"""What a session is bounded by, what it asks its owner to do, and why a server ends one. Values only."""

import enum

import msgspec

from protocol._ids import ConversationId, DeviceId, MsgId


class SessionLimits(msgspec.Struct, frozen=True, gc=False):
    """What a client may do; all are told to it or end in a named violation."""

    max_in_flight: int = 256
    """Unanswered sends."""
    max_frame_bytes: int = 14 * 1024 * 1024 + 4096
    """10 MiB of ciphertext in base64 and the fields around it."""
    max_credit: int = 10_000
    """Events that may be owed at any time."""
    hello_timeout: float = 10.0
    """Seconds from connecting to hello."""
    heartbeat: int = 30
    """Seconds; a client that is silent for twice as long is gone."""
    cursor_interval: float = 1.0
    """Least seconds between cursor frames; twice as much where no event comes that one could ride with."""


class CloseReason(enum.Enum):
    """Why the server ends a session that did nothing wrong: the name said and the close code."""

    DRAINING = ("ServerDraining", 1012)
    """Reconnect, to another node or after a restart."""
    TOO_SLOW = ("ConsumerTooSlow", 1008)
    """The socket did not take what was due for too long; resume from the cursor."""
    TOKEN_EXPIRED = ("JwtExpired", 1008)
    """Connect again with a fresh token."""
    DISABLED = ("AccountDisabled", 1008)
    """The operator of this server has disabled the account."""
    REVOKED = ("AccessRevoked", 1008)
    """The device, the API key or the login behind the session was revoked."""
    OVERLOADED = ("NotEnoughResources", 1013)
    """Try again after the time named."""
    FAILED = ("InternalServerError", 1011)
    """A bug or a broken part on this side; nothing that was answered is lost."""

    def __init__(self, reason: str, code: int) -> None:
        self.reason = reason
        self.code = code


class Resume(msgspec.Struct, frozen=True):
    """Check device and cursor, then call `welcome` or `turn_away` before reading on."""

    device: DeviceId | None
    cursor: str | None
    """As sealed by the router; None is the start of each membership interval."""
    seen: dict[ConversationId, int]
    """Per conversation: entries up to this seq were received already."""


class Submit(msgspec.Struct, frozen=True, gc=False):
    """Post this send, in this order, then call `acked` or `refused` with its id."""

    id: int
    conversation: ConversationId
    msg_id: MsgId
    epoch: int
    body: bytes


class Granted(msgspec.Struct, frozen=True, gc=False):
    """Credit came: `credit` events may be offered now."""

    credit: int


class CursorDue(msgspec.Struct, frozen=True, gc=False):
    """Seal the position offered so far and call `cursor_at`."""


class Emit(msgspec.Struct, frozen=True, gc=False):
    """Send these bytes as one message: binary if `Session.binary`, else text (they are UTF-8)."""

    frame: bytes


class Close(msgspec.Struct, frozen=True, gc=False):
    """Close the WebSocket with this code and reason; nothing is sent after it."""

    code: int
    reason: str


Action = Resume | Submit | Granted | CursorDue | Emit | Close
