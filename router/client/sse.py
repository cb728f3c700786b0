"""Server-sent events, the reading side: bytes in any pieces go in, events come out.

Follows the event stream grammar of the WHATWG HTML standard, section 9.2.5 and 9.2.6: lines end with
LF, CR or CRLF, a blank line dispatches, `id` without a NUL is kept for `Last-Event-ID`, comment lines
(the keep-alive) carry nothing.
"""

import codecs

import attrs

from router.client.errors import BadAnswer


@attrs.frozen
class SseEvent:
    """One dispatched event; `id` is the last id seen so far, "" when there was none."""

    event: str
    data: str
    id: str = ""


class SseParser:
    """Incremental parser with a bound on the size of one event."""

    def __init__(self, *, max_event_chars: int = 16 * 1024 * 1024) -> None:
        """`max_event_chars` bounds one event, field names and all; a longer one raises `BadAnswer`."""
        self._decoder = codecs.getincrementaldecoder("utf-8-sig")(errors="replace")
        self._max = max_event_chars
        self._line: list[str] = []  # pieces of the line that is not finished
        self._after_cr = False
        self._size = 0
        self._event = ""
        self._data: list[str] = []
        self.last_id = ""
        self.retry: float | None = None

    def feed(self, chunk: bytes) -> list[SseEvent]:
        """The events that `chunk` completes, in order."""
        text = self._decoder.decode(chunk)
        # An LF at the start of this piece may belong to the CR that ended the last one.
        if text and self._after_cr:
            self._after_cr = False
            text = text.removeprefix("\n")
        if text.endswith("\r"):
            self._after_cr = True
        # Only these three end a line; str.splitlines would also cut at U+2028, which JSON may hold.
        *ended, rest = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
        events: list[SseEvent] = []
        for piece in ended:
            self._grow(piece)
            line, self._line = "".join(self._line), []
            if line:
                self._field(line)
            else:
                events.extend(self._dispatch())
        self._grow(rest)
        return events

    def _grow(self, piece: str) -> None:
        self._size += len(piece)
        if self._size > self._max:
            raise BadAnswer(f"a server-sent event is longer than {self._max} characters")
        self._line.append(piece)

    def _field(self, line: str) -> None:
        if line.startswith(":"):
            self._size -= len(line)  # a comment is not kept: hours of keep-alive must not add up
            return
        name, _, value = line.partition(":")
        value = value.removeprefix(" ")
        match name:
            case "event":
                self._event = value
            case "data":
                self._data.append(value)
            case "id" if "\0" not in value:
                self.last_id = value
            case "retry" if value.isascii() and value.isdigit():
                self.retry = int(value) / 1000
            case _:
                pass  # section 9.2.6: any other field is ignored

    def _dispatch(self) -> list[SseEvent]:
        event, data = self._event or "message", self._data
        self._event, self._data, self._size = "", [], 0
        return [SseEvent(event, "\n".join(data), self.last_id)] if data else []
