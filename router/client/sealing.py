"""Sealing for a group that shares one key: what the demo and the command line use until ratchets exist.

The creator of a conversation makes a random 32-byte key and hands it to the members by a way of its
own (a file). A message is a SecretBox (XSalsa20-Poly1305, `crypto.seal`) bound to its conversation.

    padding envelope ┌─ 01, length ─┬─ version, nonce, box of ─┬─ length, who, text, fill ─┐
                     └──────────────┴──────────────────────────┴───────────────────────────┘

The fill is *inside* the box and reaches exactly to the size class, since the length in an envelope's
head can be read by everybody: the router learns the class and nothing finer.

What this gives: the router can neither read nor change a message, nor move it to another
conversation or give it another msgId. What it does not give, and ratchets will: forward secrecy (who
gets the key reads everything, also of the past), healing after a theft, exclusion of a removed member
(it still has the key), and proof of the sender (any member can write any name).
"""

import base64
from pathlib import Path

import attrs
import msgspec

from crypto import (
    KEY_BYTES,
    SEAL_OVERHEAD_BYTES,
    CryptoError,
    Entropy,
    PaddingProfile,
    open_sealed,
    pad,
    seal,
    size_class,
    system_entropy,
    unpad,
)
from protocol import ConversationId, MsgId
from router.client.errors import ClientError, StateError
from router.identity.errors import IdentityFileError
from router.identity.files import read_secret, write_secret

_ENVELOPE_HEADER_BYTES = 4
_LENGTH_BYTES = 4
_OVERHEAD_BYTES = _ENVELOPE_HEADER_BYTES + SEAL_OVERHEAD_BYTES + _LENGTH_BYTES
_PROFILE = PaddingProfile.ROOKERY


class CannotOpen(ClientError):
    """Bytes that were not sealed under this key for this conversation and msgId."""


class _KeyForm(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    version: int
    convo_id: str
    key: str


class _Inside(msgspec.Struct, frozen=True, array_like=True):
    """What lies in the box: the msgId again, so that the router cannot give it another."""

    msg_id: str
    author: str
    text: str


@attrs.frozen
class Opened:
    """A message in clear. `author` is what its writer claims; every holder of the key could write it."""

    author: str
    text: str


@attrs.frozen
class GroupKey:
    """The shared key of one conversation. Kept out of `repr`, so that it reaches no log."""

    convo: ConversationId
    secret: bytes = attrs.field(repr=False)

    def __attrs_post_init__(self) -> None:
        if len(self.secret) != KEY_BYTES:
            raise ValueError(f"a group key has {KEY_BYTES} bytes")

    @classmethod
    def create(cls, convo: ConversationId, *, entropy: Entropy = system_entropy) -> "GroupKey":
        """A new random key for `convo`."""
        return cls(convo, entropy(KEY_BYTES))

    def seal(self, msg_id: MsgId, author: str, text: str, *, entropy: Entropy = system_entropy) -> bytes:
        """A sealed message whose length is a size class of `chat.rookery.*`.

        Sealing is random: a repeat of a send must repeat these bytes, not seal again. Raises
        `crypto.InvalidPadding` for a text that fits no class (10 MiB).
        """
        inside = msgspec.msgpack.encode(_Inside(msg_id, author, text))
        room = size_class(_PROFILE, len(inside) + _OVERHEAD_BYTES) - _OVERHEAD_BYTES
        filled = len(inside).to_bytes(_LENGTH_BYTES, "big") + inside.ljust(room, b"\0")
        return pad(_PROFILE, seal(self.secret, filled, context=self.convo.encode(), entropy=entropy))

    def open(self, msg_id: MsgId, sealed: bytes) -> Opened:
        """The message in `sealed`; raises `CannotOpen` for anything `seal` did not make for this msgId."""
        try:
            filled = open_sealed(self.secret, unpad(_PROFILE, sealed), context=self.convo.encode())
            length = int.from_bytes(filled[:_LENGTH_BYTES], "big")
            inside = msgspec.msgpack.decode(filled[_LENGTH_BYTES : _LENGTH_BYTES + length], type=_Inside)
        except (CryptoError, msgspec.MsgspecError) as error:
            raise CannotOpen("not sealed under this group key") from error
        if inside.msg_id != msg_id:
            raise CannotOpen("the message was sealed under another msgId")
        return Opened(inside.author, inside.text)

    def save(self, path: Path) -> None:
        """Write the key file (JSON, mode 0600); raises `FileExistsError` rather than lose a key."""
        form = _KeyForm(1, self.convo, base64.b64encode(self.secret).decode("ascii"))
        write_secret(path, msgspec.json.format(msgspec.json.encode(form)) + b"\n")

    @classmethod
    def load(cls, path: Path) -> "GroupKey":
        """Read a key file; raises `StateError` with a way to mend it."""
        try:
            form = msgspec.json.decode(read_secret(path), type=_KeyForm)
            if form.version != 1:
                raise StateError(f"{path} is a group key of version {form.version}; this client reads 1")
            return cls(ConversationId(form.convo_id), base64.b64decode(form.key, validate=True))
        except IdentityFileError as error:
            raise StateError(str(error)) from error
        except (msgspec.MsgspecError, ValueError) as error:
            raise StateError(f"{path} is not a group key file: {error}") from error
