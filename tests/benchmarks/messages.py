"""The bytes of the load: a message of 1 KiB that carries the moment it was sent.

The first nine bytes of a ciphertext are the sender's monotonic clock (one clock for all processes of a
machine) and one byte of padding, so that they are twelve characters of base64 and a listener reads the
moment without decoding anything else. A message that warms the server up carries zero.
"""

import base64
import os
import time

MESSAGE_BYTES = 1024
_STAMP_BYTES = 9
_STAMP_CHARACTERS = 12
_TAIL = base64.b64encode(os.urandom(MESSAGE_BYTES - _STAMP_BYTES)).rstrip(b"=").decode()
_MARK = b'"$bytes":"'

EVENT = b'{"type":"event"'
"""How the JSON form of an event frame begins."""


def ciphertext(*, stamped: bool) -> str:
    """The base64 of a message sent now."""
    moment = time.monotonic_ns() if stamped else 0
    return base64.b64encode(moment.to_bytes(8, "big") + b"\0").decode() + _TAIL


def age(event: bytes) -> float | None:
    """Seconds since the message in this JSON was sent; None where there is none, or it carries no moment."""
    at = event.find(_MARK)
    if at < 0:
        return None
    at += len(_MARK)
    moment = int.from_bytes(base64.b64decode(event[at : at + _STAMP_CHARACTERS])[:8], "big")
    return (time.monotonic_ns() - moment) / 1e9 if moment else None


def send_frame(request: int, conversation: str, message: str, *, stamped: bool = True) -> bytes:
    """A `send` of rookery.v1 in JSON."""
    return (
        f'{{"type":"send","id":{request},"convoId":"{conversation}","msgId":"{message}",'
        f'"ciphertext":{{"$bytes":"{ciphertext(stamped=stamped)}"}}}}'
    ).encode()


def send_body(conversation: str, message: str, *, stamped: bool = True) -> bytes:
    """The body of `chat.rookery.sendMessage`."""
    return (
        f'{{"convoId":"{conversation}","msgId":"{message}",'
        f'"ciphertext":{{"$bytes":"{ciphertext(stamped=stamped)}"}}}}'
    ).encode()


FRAME_BYTES = len(send_frame(1, "c" * 26, "m" * 20))
"""Size of a send on the wire, and nearly that of an event."""
BODY_BYTES = len(send_body("c" * 26, "m" * 20))
