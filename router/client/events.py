"""What a device is told, as values, and how they are read from the wire's JSON.

The same union comes over the session and over SSE, and in both families of names; only the part of
`$type` after the `#` decides. An event of a kind this client does not know becomes `UnknownEvent`, so
that a newer server does not break an older client.
"""

import base64
import binascii

import attrs
import msgspec

from protocol import AccountDid, ConversationId, MsgId
from router.client.errors import BadAnswer


@attrs.frozen
class MessageEvent:
    """A sealed message; nobody but its reader learns who sent it."""

    convo: ConversationId
    seq: int
    msg_id: MsgId
    ciphertext: bytes
    epoch: int
    created_at: str


@attrs.frozen
class MembershipEvent:
    """`did` joined, left or was removed, by itself or by `actor`."""

    convo: ConversationId
    seq: int
    did: AccountDid
    action: str
    epoch: int
    actor: AccountDid | None = None
    reason: str | None = None


@attrs.frozen
class ConvoEvent:
    """Something about the conversation itself: it was created."""

    convo: ConversationId
    seq: int
    action: str


@attrs.frozen
class InfoEvent:
    """A word from the server that is not an entry of any log."""

    info: str
    convo: None = None
    seq: int = 0


@attrs.frozen
class UnknownEvent:
    """An event of a kind that this client does not know; `kind` is its name after the `#`."""

    kind: str
    convo: None = None
    seq: int = 0


Event = MessageEvent | MembershipEvent | ConvoEvent | InfoEvent | UnknownEvent


class LexBytes(msgspec.Struct, frozen=True):
    """The JSON form of bytes in AT Protocol: `{"$bytes": base64}`, padding left out or not."""

    value: str = msgspec.field(name="$bytes")

    @classmethod
    def of(cls, data: bytes) -> "LexBytes":
        """The wire form of `data`."""
        return cls(base64.b64encode(data).rstrip(b"=").decode("ascii"))

    def read(self) -> bytes:
        """The bytes meant; raises `BadAnswer` when it is not base64."""
        try:
            return base64.b64decode(self.value + "=" * (-len(self.value) % 4), validate=True)
        except binascii.Error as error:
            raise BadAnswer("bytes that are not base64") from error


class MessageView(msgspec.Struct, frozen=True, rename="camel"):
    """A message as the server shows it, in answers and in events alike."""

    id: str
    convo_id: str
    ciphertext: LexBytes
    epoch: int
    seq: int
    created_at: str

    def event(self) -> MessageEvent:
        """The same message as an event."""
        return MessageEvent(
            convo=ConversationId(self.convo_id),
            seq=self.seq,
            msg_id=MsgId(self.id),
            ciphertext=self.ciphertext.read(),
            epoch=self.epoch,
            created_at=self.created_at,
        )


class _Body(msgspec.Struct, frozen=True, rename="camel"):
    """Every field that an event of any kind may have; the kind says which of them must be there."""

    type: str = msgspec.field(name="$type")
    cursor: str | None = None
    message: MessageView | None = None
    convo_id: str | None = None
    did: str | None = None
    action: str = ""
    actor: str | None = None
    reason: str | None = None
    epoch: int = 0
    seq: int = 0
    info: str = ""


class _Wrapper(msgspec.Struct, frozen=True):
    event: _Body


_BODY = msgspec.json.Decoder(_Body)
_WRAPPER = msgspec.json.Decoder(_Wrapper)


def read_event(data: str | bytes) -> tuple[Event, str | None]:
    """The event in `data` (wrapped in `{"event": …}` or bare) and the cursor it carried, if any.

    Raises `BadAnswer` when it is not JSON of this shape.
    """
    try:
        body = _WRAPPER.decode(data).event
    except msgspec.ValidationError:
        try:
            body = _BODY.decode(data)
        except msgspec.ValidationError as error:
            raise BadAnswer(f"an event of an unknown shape: {error}") from error
    except msgspec.DecodeError as error:
        raise BadAnswer("an event that is not JSON") from error
    return _event(body), body.cursor


def _event(body: _Body) -> Event:
    kind = body.type.rpartition("#")[2]
    match kind:
        case "messageEvent" if body.message is not None:
            return body.message.event()
        case "membershipChangeEvent" if body.convo_id is not None and body.did is not None and body.seq > 0:
            return MembershipEvent(
                convo=ConversationId(body.convo_id),
                seq=body.seq,
                did=AccountDid(body.did),
                action=body.action,
                epoch=body.epoch,
                actor=AccountDid(body.actor) if body.actor is not None else None,
                reason=body.reason,
            )
        case "convoEvent" if body.convo_id is not None and body.seq > 0:
            return ConvoEvent(convo=ConversationId(body.convo_id), seq=body.seq, action=body.action)
        case "infoEvent":
            return InfoEvent(body.info)
        case "messageEvent" | "membershipChangeEvent" | "convoEvent":
            raise BadAnswer(f"a {kind} without the fields that name its place in the log")
        case _:
            return UnknownEvent(kind)
