"""What can go wrong for a client, sorted by whose fault it is and whether asking again helps.

ClientError
├── XrpcError          the server answered with a name
│   ├── Refused        the asker's fault: the same request gets the same answer
│   └── Unavailable    the world's: the same bytes may succeed later
├── OutcomeUnknown     no answer arrived: it may have happened; repeat the same bytes
├── BadAnswer          what arrived is not an answer of this protocol
├── SessionEnded       the session is over and will not reconnect by itself
└── StateError         the device's own files cannot be used
"""

from schema import ERRORS

_RETRYABLE_STATUSES = frozenset({408, 429, 500, 502, 503, 504})


class ClientError(Exception):
    """Base of everything the client raises on purpose."""


class XrpcError(ClientError):
    """The server refused with an XRPC error: `error` is the name to branch on, `message` is for people.

    `status` is the HTTP status, 0 when the refusal came as a session frame. `retry_after` is in
    seconds, None when the server named no time.
    """

    def __init__(
        self, error: str, message: str, *, status: int = 0, retry_after: float | None = None
    ) -> None:
        super().__init__(f"{error}: {message}" if message else error)
        self.error = error
        self.message = message
        self.status = status
        self.retry_after = retry_after


class Refused(XrpcError):
    """The request itself is the reason; repeating it unchanged cannot help."""


class Unavailable(XrpcError):
    """The server cannot now; the same request may be repeated after `retry_after` seconds."""


class OutcomeUnknown(ClientError):
    """No answer arrived, so the request may or may not have been carried out."""


class BadAnswer(ClientError):
    """The other side speaks, but not this protocol."""


class SessionEnded(ClientError):
    """The session is closed for good; `reason` is the close reason or error name."""

    def __init__(self, reason: str, message: str = "") -> None:
        super().__init__(f"{reason}: {message}" if message else reason)
        self.reason = reason
        self.message = message


class StateError(ClientError):
    """A device's state or group key file is missing, damaged or open to others."""


def xrpc_error(
    status: int, error: str, message: str, retry_after: float | None = None
) -> Refused | Unavailable:
    """The exception for a refusal: the catalogue says whether a repeat can help, else the status does.

    `status` is 0 for a session frame; a name that the catalogue does not have may come from a proxy
    or from a newer server, which then says by `retry_after` that the refusal is a temporary one.
    """
    known = ERRORS.get(error)
    temporary = known.retryable if known is not None else status in _RETRYABLE_STATUSES
    kind = Unavailable if temporary or retry_after is not None else Refused
    return kind(error, message, status=status, retry_after=retry_after)
