"""From an entry to the event its receivers see, encoded once for each form and shared by all of them.

Only the cursor differs between receivers, so an encoding is kept as two halves with a hole between
(`Spliced`, and `FrameTemplate` of `_atframes.py`): what is done per receiver is one join of bytes. The
session `rookery.v1` sends cursors in frames of their own, so its event frames have no hole and are the
same bytes for everybody.

The shapes are those of the lexicons `*.streamConvoEvents` and `chat.rookery.streamEvents`. No event has a
sender; its time is the entry's bucket. Bytes in JSON are `{"$bytes": …}` in base64 *with* padding: the
data model of AT Protocol lets receivers expect either, and decoders that insist on padding exist.
"""

import re

import msgspec

from protocol._atframes import FrameTemplate, message_template
from protocol._dagcbor import encode_dagcbor
from protocol._errors import BrokenLog
from protocol._ids import Nsid
from protocol._log import Created, Entry, EntryKind, MemberRemoved, MembersAdded, decode_fact
from protocol._time import bucket_text

SESSION_EVENTS = Nsid("chat.rookery.streamEvents")
"""The lexicon whose event types a `rookery.v1` session names in `$type`."""

_CURSOR = re.compile(r"[A-Za-z0-9_.~-]+")


class _Bytes(msgspec.Struct, frozen=True, gc=False, rename={"raw": "$bytes"}):
    raw: bytes


class _MessageView(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    id: str
    convo_id: str
    ciphertext: _Bytes | bytes
    epoch: int
    seq: int
    created_at: str


class _MessageEvent(msgspec.Struct, frozen=True, gc=False):
    message: _MessageView


class _MembershipChangeEvent(msgspec.Struct, frozen=True, gc=False, rename="camel", omit_defaults=True):
    convo_id: str
    did: str
    action: str
    epoch: int
    seq: int
    actor: str | None = None
    reason: str | None = None


class _ConvoEvent(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    convo_id: str
    seq: int
    action: str


class _InfoEvent(msgspec.Struct, frozen=True, gc=False):
    info: str


_Event = _MessageEvent | _MembershipChangeEvent | _ConvoEvent | _InfoEvent
_NAMES: dict[type[_Event], str] = {
    _MessageEvent: "messageEvent",
    _MembershipChangeEvent: "membershipChangeEvent",
    _ConvoEvent: "convoEvent",
    _InfoEvent: "infoEvent",
}
_encode_json = msgspec.json.Encoder().encode


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
    """One entry as its receivers see it. Each form is made on first need and then kept.

    Not for sharing between threads. An entry of a kind that has no event raises `BrokenLog`.
    """

    __slots__ = ("_at_frame", "_event", "_json", "_session_cbor", "_session_json", "entry", "name")

    def __init__(self, entry: Entry) -> None:
        self.entry = entry
        self._event = _event_of(entry)
        self.name = _NAMES[type(self._event)]
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
            self._at_frame = message_template(f"#{self.name}", _fields(self._event))
        return self._at_frame

    def session_json(self) -> bytes:
        """The whole `event` frame of a `rookery.v1` session in JSON."""
        if self._session_json is None:
            self._session_json = b'{"type":"event","event":{"$type":"%b#%b",%b}' % (
                SESSION_EVENTS.encode(),
                self.name.encode(),
                _encode_json(_for_json(self._event))[1:],
            )
        return self._session_json

    def session_cbor(self) -> bytes:
        """The whole `event` frame of a `rookery.v1` session in CBOR."""
        if self._session_cbor is None:
            event = {"$type": f"{SESSION_EVENTS}#{self.name}", **_fields(self._event)}
            self._session_cbor = encode_dagcbor({"type": "event", "event": event})
        return self._session_cbor


def info_json(stream: Nsid, cursor: str, info: str) -> bytes:
    """An `infoEvent` of a stream: the server speaks about the stream itself."""
    return _json_parts(stream, _InfoEvent(info)).fill(cursor)


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


def _event_of(entry: Entry) -> _Event:
    if entry.kind is EntryKind.MESSAGE and entry.msg_id is not None:
        return _MessageEvent(
            _MessageView(
                entry.msg_id,
                entry.conversation,
                entry.body,
                entry.epoch,
                entry.seq,
                bucket_text(entry.received),
            )
        )
    if entry.kind is EntryKind.MESSAGE or entry.kind is EntryKind.COMMIT:
        raise BrokenLog(f"no event shows this entry of kind {entry.kind.name}")
    convo_id = entry.conversation
    match decode_fact(entry.body):
        case Created():
            return _ConvoEvent(convo_id, entry.seq, "created")
        case MembersAdded(actor=actor, members=members):
            did = members[0].account
            by = None if actor == did else actor
            return _MembershipChangeEvent(convo_id, did, "joined", entry.epoch, entry.seq, by)
        case MemberRemoved(account=did, actor=by, action=action, reason=reason):
            return _MembershipChangeEvent(convo_id, did, action, entry.epoch, entry.seq, by, reason)


def _for_json(event: _Event) -> _Event:
    if isinstance(event, _MessageEvent) and isinstance(event.message.ciphertext, bytes):
        view = msgspec.structs.replace(event.message, ciphertext=_Bytes(event.message.ciphertext))
        return _MessageEvent(view)
    return event


def _fields(event: _Event) -> dict[str, object]:
    fields: dict[str, object] = msgspec.to_builtins(event, builtin_types=(bytes,))
    return fields


def _json_parts(stream: Nsid, event: _Event) -> Spliced:
    before = f'{{"event":{{"$type":"{stream}#{_NAMES[type(event)]}","cursor":'.encode()
    return Spliced(before, b",%b}" % _encode_json(_for_json(event))[1:])
