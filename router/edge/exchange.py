"""One request, or one stream from its opening to its end, as the log and the metrics see it."""

from __future__ import annotations

import attrs
import trio

from router.edge.errors import Reply
from router.observe import Observer, RequestLine, request_id


@attrs.define
class Exchange:
    """Collects what is told once at the end. Nothing of the caller is in it."""

    observer: Observer
    method: str
    transport: str = "http"
    request: str = attrs.field(factory=request_id)
    began: float = attrs.field(factory=trio.current_time)
    status: int = 0
    error: str | None = None
    bytes_in: int = 0
    bytes_out: int = 0

    def answered(self, reply: Reply) -> None:
        """This is what the client was told."""
        self.status = reply.status
        self.error = reply.error
        self.bytes_out += len(reply.body)

    def ended(self, status: int, why: str | None = None) -> None:
        """A stream ended: its status or close code, and the reason."""
        self.status = status
        self.error = why

    def tell(self) -> None:
        """Write the line. An exchange that was never answered was given up by its client (499)."""
        self.observer.request(
            RequestLine(
                request=self.request,
                method=self.method,
                status=self.status or 499,
                duration=trio.current_time() - self.began,
                bytes_in=self.bytes_in,
                bytes_out=self.bytes_out,
                transport=self.transport,
                error=self.error,
            )
        )
