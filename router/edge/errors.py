"""Refusals: how whatever went wrong becomes `{"error", "message"}`, a status and a few headers.

Translated once, here. Names, statuses and retryability come from the catalogue (`schema/errors.json`);
what is not known to this table is ours, becomes `InternalServerError` without details, and is reported.
"""

from __future__ import annotations

import math
from typing import Final

import attrs
import msgspec
import trio

from protocol import InvalidCursor, InvalidId, Rejected
from router.conversation.service import Busy, OutcomeLost, OwnerChanged
from router.device.service import TooManyConnections
from router.identity.errors import AuthError, AuthOverloadedError, DirectoryAwayError
from router.login.errors import LoginError
from router.store.errors import OutcomeUnknown, Overloaded, StoreUnavailable
from schema import ERRORS, InvalidWire

JSON: Final = b"application/json"

Headers = tuple[tuple[bytes, bytes], ...]


@attrs.frozen
class Reply:
    """An answer as it leaves: nothing here knows a framework."""

    status: int
    body: bytes
    headers: Headers = ()
    content_type: bytes = JSON
    error: str | None = None
    """The catalogue's name, for the log."""
    crash: BaseException | None = None
    """What to report, when it is our fault."""


class Refusal(Exception):
    """A request that is refused by name. `retry_after` is in seconds, where waiting helps."""

    def __init__(
        self, error: str, message: str, *, retry_after: float | None = None, headers: Headers = ()
    ) -> None:
        super().__init__(error)
        self.error = error
        self.message = message
        self.retry_after = retry_after
        self.headers = headers

    @property
    def wait(self) -> int | None:
        """Whole seconds to wait, one at least; None where waiting does not help."""
        return None if self.retry_after is None else max(1, math.ceil(self.retry_after))

    @property
    def sentence(self) -> str:
        """The message with the wait in it: a PDS that proxies passes few headers on."""
        return self.message if self.wait is None else f"{self.message} Try again in {self.wait} s."

    @classmethod
    def of(cls, rejected: Rejected) -> Refusal:
        """What the protocol refused; an epoch that matters is in its message."""
        return cls(rejected.error, rejected.message, retry_after=rejected.retry_after)


class ClientGone(Exception):
    """The client went away before its request was whole: nobody is there to answer."""


def refusal_of(error: Exception) -> Refusal | None:
    """The refusal an exception stands for; None when it is a fault of ours."""
    match error:
        case Refusal():
            if error.error != "InternalServerError":
                _forget_how(error)
            return error
        case AuthError():
            return Refusal(error.error, error.message)
        case LoginError():
            return Refusal(error.error, error.message, retry_after=error.retry_after)
        case InvalidWire():
            return Refusal("InvalidRequest", str(error))
        case InvalidId():
            return Refusal("InvalidRequest", str(error))
        case InvalidCursor():
            return Refusal("InvalidCursor", "The cursor was not made by this server for this caller.")
        case OutcomeUnknown():
            message = "It is not known whether this took effect. Send the same bytes again."
            return Refusal("UpstreamTimeout", message, retry_after=error.retry_after)
        case trio.TooSlowError():
            return Refusal(
                "UpstreamTimeout", "The answer took too long. Send the same bytes again.", retry_after=1
            )
        case TooManyConnections():
            message = "This device has too many open connections; nothing was opened."
            return Refusal("NotEnoughResources", message, retry_after=error.retry_after)
        case AuthOverloadedError() | Busy() | Overloaded() | StoreUnavailable():
            message = "The server cannot take this now; nothing was done."
            return Refusal("NotEnoughResources", message, retry_after=error.retry_after)
        case DirectoryAwayError():
            message = "The caller's key cannot be looked up now; nothing was done."
            return Refusal("NotEnoughResources", message, retry_after=error.retry_after)
        case OwnerChanged():
            return Refusal(
                "NotEnoughResources", "The conversation is moving; nothing was done.", retry_after=1
            )
        case OutcomeLost():
            message = "It is not known whether this took effect. Send the same bytes again."
            return Refusal("InternalServerError", message, retry_after=1)
        case _:
            return None


def _forget_how(refusal: Refusal) -> None:
    """Let go of the frames that it came through.

    Many refusals are constants, and each raise of one adds its frames, with the request in them, to those of
    all raises before: memory that whoever is refused could fill.
    """
    refusal.__traceback__ = None
    refusal.__context__ = None


def reply_of(error: Exception) -> Reply:
    """The answer to a request that failed with `error`."""
    refusal = refusal_of(error)
    if refusal is None:
        return attrs.evolve(refuse(Refusal("InternalServerError", "The server has a fault.")), crash=error)
    reply = refuse(refusal)
    return attrs.evolve(reply, crash=error) if refusal.error == "InternalServerError" else reply


def refuse(refusal: Refusal) -> Reply:
    """The answer that says a refusal."""
    status = ERRORS[refusal.error].status
    headers = refusal.headers
    if refusal.wait is not None:
        headers += ((b"retry-after", b"%d" % refusal.wait),)
    if status == 401:
        headers += ((b"www-authenticate", b'Bearer error="%b"' % refusal.error.encode()),)
    body = msgspec.json.encode({"error": refusal.error, "message": refusal.sentence})
    return Reply(status, body, headers, error=refusal.error)
