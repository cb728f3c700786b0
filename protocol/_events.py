"""From an entry to the event its receivers see, encoded once for each form and shared by all of them.

Only the cursor differs between receivers, so an encoding is kept as two halves with a hole between
(`Spliced`, and `FrameTemplate` of `_atframes.py`): what is done per receiver is one join of bytes. The
session `rookery.v1` sends cursors in frames of their own, so its event frames have no hole and are the
same bytes for everybody.

The shapes are those of `chat.rookery.streamEvents`, by way of the wire types generated from it; those of
`blue.catbird.mls.streamConvoEvents` are the same but for `$type`. No event has a sender, and its time is
the entry's bucket.
"""

import re

import msgspec

from protocol._atframes import FrameTemplate, message_template
from protocol._dagcbor import encode_dagcbor
from protocol._event_of import Event, event_of
from protocol._ids import Nsid
from protocol._log import Entry
from schema.wire import encode, plain
from schema.wire.rookery import (
    SessionEvent,
    StreamEventsInfoEvent,
)

_CURSOR = re.compile(r"[A-Za-z0-9_.~-]+")


class Spliced(msgspec.Struct, frozen=True, gc=False):
    """An event as JSON on one line, with a hole where the receiver's cursor goes."""

    before: bytes
    after: bytes

    def fill(self, cursor: str) -> bytes:
        """The text with this cursor. `ValueError` for a cursor that JSON would escape."""
        if _CURSOR.fullmatch(cursor) is None:
            raise ValueError("a cursor is made of A-Z a-z 0-9 _ . ~ -")
        return b'%b"%b"%b' % (self.before, cursor.encode("ascii"), self.after)


class EncodedEvent:
    """One entry as its receivers see it (`event_of`). Each form is made on first need and then kept.

    Not for sharing between threads. An entry that cannot be shown raises `BrokenLog`.
    """

    __slots__ = ("_at_frame", "_event", "_json", "_session_cbor", "_session_json", "entry", "name")

    def __init__(self, entry: Entry) -> None:
        self.entry = entry
        self._event = event_of(entry)
        self.name = _name(self._event)
        """Such as `messageEvent`: the `event:` of SSE and, after a `#`, the `t` of an AT frame."""
        self._json: dict[Nsid, Spliced] = {}
        self._at_frame: FrameTemplate | None = None
        self._session_json: bytes | None = None
        self._session_cbor: bytes | None = None

    def __repr__(self) -> str:
        return f"<EncodedEvent {self.name} seq={self.entry.seq} position={self.entry.position}>"

    def json(self, stream: Nsid) -> Spliced:
        """`{"event": {"$type": "<stream>#<name>", "cursor": …}}`, as the stream's lexicon has it."""
        spliced = self._json.get(stream)
        if spliced is None:
            spliced = self._json[stream] = _json_parts(stream, self._event)
        return spliced

    def at_frame(self) -> FrameTemplate:
        """A whole frame of an AT Protocol event stream: `t` is `"#" + name`, no `$type`."""
        if self._at_frame is None:
            self._at_frame = message_template(f"#{self.name}", plain(self._event))
        return self._at_frame

    def session_json(self) -> bytes:
        """The whole `event` frame of a `rookery.v1` session in JSON."""
        if self._session_json is None:
            self._session_json = encode(SessionEvent(event=self._event))
        return self._session_json

    def session_cbor(self) -> bytes:
        """The whole `event` frame of a `rookery.v1` session in CBOR."""
        if self._session_cbor is None:
            self._session_cbor = encode_dagcbor(plain(SessionEvent(event=self._event)))
        return self._session_cbor


def info_json(stream: Nsid, cursor: str, info: str) -> bytes:
    """An `infoEvent` of a stream: the server speaks about the stream itself."""
    return _json_parts(stream, StreamEventsInfoEvent(info=info)).fill(cursor)


def info_at_frame(cursor: str, info: str) -> bytes:
    """An `#infoEvent` frame of an AT Protocol event stream."""
    return message_template("#infoEvent", {"info": info}).fill(cursor)


def sse_event(name: str, cursor: str, data: bytes) -> bytes:
    """One server-sent event (HTML, section 9.2): `id:` is where `Last-Event-ID` resumes.

    `data` is one line of JSON; neither `name` nor `cursor` may hold a line break.
    """
    return b"id: %b\nevent: %b\ndata: %b\n\n" % (cursor.encode(), name.encode(), data)


SSE_KEEP_ALIVE = b": \n\n"
"""A comment: proxies see a byte, clients see nothing."""


def _tag(event: Event) -> str:
    return str(event.__struct_config__.tag)


def _name(event: Event) -> str:
    return _tag(event).rpartition("#")[2]


def _json_parts(stream: Nsid, event: Event) -> Spliced:
    rest = encode(event).removeprefix(b'{"$type":"%b"' % _tag(event).encode())
    before = f'{{"event":{{"$type":"{stream}#{_name(event)}","cursor":'
    return Spliced(before.encode(), rest + b"}")
