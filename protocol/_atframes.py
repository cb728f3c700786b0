"""Frames of an AT Protocol event stream: a DAG-CBOR header, then a DAG-CBOR payload, one behind the other.

The header is `{op: 1, t: "#name"}` before a message and `{op: -1}` before an error, after which the stream
is closed. A receiver passes over frames whose `op` or `t` it does not know, and drops the connection on
broken DAG-CBOR. Source: atproto.com/specs/event-stream.

*One payload for all receivers.* A payload differs between receivers in its cursor alone, so it is encoded
once, around a hole. The hole cannot simply be in front: DAG-CBOR sorts keys (shorter first, then bytewise),
and a strict reader refuses a map out of order. In `{message, cursor}` the cursor comes first; in
`{did, seq, epoch, action, cursor, reason, convoId, ...}` it stands in the middle. So the shared bytes are
cut where the key belongs, and what is done per receiver is one short encoding and one join.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import TypeAlias

import msgspec

from protocol._dagcbor import Cid as Cid  # `Value` names it where types are evaluated
from protocol._dagcbor import InvalidDagCbor, Value, decode_dagcbor_prefix, encode_dagcbor, splice_dagcbor


class AtMessage(msgspec.Struct, frozen=True):
    """A message frame: its name with the `#`, and its fields."""

    t: str
    payload: dict[str, Value]


class AtError(msgspec.Struct, frozen=True):
    """An error frame, the last of its stream."""

    error: str
    message: str | None = None


class AtUnknown(msgspec.Struct, frozen=True):
    """A frame of a kind this version does not know: to be passed over."""

    op: int


AtFrame: TypeAlias = AtMessage | AtError | AtUnknown


class FrameTemplate(msgspec.Struct, frozen=True):
    """A message frame with one text field left open; see the header of this module."""

    before: bytes
    after: bytes

    def fill(self, text: str) -> bytes:
        """The frame with `text` in the open field."""
        return self.before + encode_dagcbor(text) + self.after


def message_frame(t: str, payload: Mapping[str, object]) -> bytes:
    """One message frame; `t` has its `#`, the payload no `$type`. InvalidDagCbor for data that is none."""
    return _header(t) + encode_dagcbor(dict(payload))


def message_template(t: str, payload: Mapping[str, object], hole: str = "cursor") -> FrameTemplate:
    """A message frame whose text field `hole` is filled per receiver; the payload is without it."""
    before, after = splice_dagcbor(payload, hole)
    return FrameTemplate(_header(t) + before, after)


def error_frame(error: str, message: str | None = None) -> bytes:
    """The last frame of a stream that ends for a reason; `error` is a name of the catalogue."""
    return _ERROR_HEADER + encode_dagcbor({"error": error, **({"message": message} if message else {})})


def info_frame(name: str, message: str | None = None) -> bytes:
    """A message about the stream itself, such as `OutdatedCursor`; the stream goes on."""
    return message_frame("#info", {"name": name, **({"message": message} if message else {})})


def decode_frame(data: bytes) -> AtFrame:
    """One frame from a peer; InvalidDagCbor unless it is two maps with the fields above."""
    header, start = decode_dagcbor_prefix(data, 0)
    payload, end = decode_dagcbor_prefix(data, start)
    if not isinstance(header, dict) or not isinstance(payload, dict) or end != len(data):
        raise InvalidDagCbor("a frame is a header and a payload, both maps")
    match header:
        case {"op": 1, "t": str(t)} if t and header["op"] is not True:
            return AtMessage(t, payload)
        case {"op": -1}:
            error, message = payload.get("error"), payload.get("message")
            if not isinstance(error, str) or not isinstance(message, str | None):
                raise InvalidDagCbor("an error frame without its name")
            return AtError(error, message)
        case {"op": int(op)} if op not in (1, -1) and not isinstance(op, bool):
            return AtUnknown(op)
    raise InvalidDagCbor("a header without op, or a message without t")


@lru_cache(maxsize=64)
def _header(t: str) -> bytes:
    return encode_dagcbor({"op": 1, "t": t})


_ERROR_HEADER = encode_dagcbor({"op": -1})
