"""Wire types of `chat.rookery.*`, made by `python -m schema.generate`: edit the lexicons."""

from types import MappingProxyType
from typing import Annotated, Final, TypeAlias

from msgspec import UNSET, Meta, UnsetType

from schema.wire._base import SAFE, Datetime, Did, Method, NsidText, Octets, Uri, Wire, fits, holds


class AddMembersInput(Wire, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Input of `chat.rookery.addMembers`."""

    convo_id: str
    idempotency_key: Annotated[str, Meta(min_length=1, max_length=64)]
    did_list: Annotated[tuple[Did, ...], Meta(min_length=1, max_length=50)]

    def __post_init__(self) -> None:
        fits(self.idempotency_key, 64, "idempotencyKey")


class AddMembersOutput(Wire, frozen=True, kw_only=True):
    """Output of `chat.rookery.addMembers`."""

    new_epoch: Annotated[int, Meta(ge=0, le=SAFE)]
    seq: Annotated[int, Meta(ge=0, le=SAFE)]


class CreateApiKeyInput(Wire, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Input of `chat.rookery.createApiKey`."""

    idempotency_key: Annotated[str, Meta(min_length=1, max_length=64)]
    device_id: Annotated[str, Meta(max_length=64)]
    name: Annotated[str, Meta(min_length=1, max_length=128)]
    methods: Annotated[tuple[NsidText, ...], Meta(min_length=1, max_length=32)]
    replaces: Annotated[str, Meta(max_length=64)] | UnsetType = UNSET

    def __post_init__(self) -> None:
        fits(self.idempotency_key, 64, "idempotencyKey")
        fits(self.device_id, 64, "deviceId")
        fits(self.name, 128, "name")
        fits(self.replaces, 64, "replaces")


class CreateApiKeyOutput(Wire, frozen=True, kw_only=True):
    """Output of `chat.rookery.createApiKey`."""

    key_id: str
    api_key: str


class CreateConvoMetadataInput(Wire, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to write on the conversation's cover."""

    name: Annotated[str, Meta(max_length=128)] | UnsetType = UNSET
    description: Annotated[str, Meta(max_length=512)] | UnsetType = UNSET

    def __post_init__(self) -> None:
        fits(self.name, 128, "name")
        fits(self.description, 512, "description")


class CreateConvoInput(Wire, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Input of `chat.rookery.createConvo`."""

    idempotency_key: Annotated[str, Meta(min_length=1, max_length=64)]
    initial_members: Annotated[tuple[Did, ...], Meta(max_length=100)] | UnsetType = UNSET
    metadata: CreateConvoMetadataInput | UnsetType = UNSET

    def __post_init__(self) -> None:
        fits(self.idempotency_key, 64, "idempotencyKey")


class MemberView(Wire, frozen=True, kw_only=True):
    """One device of one member."""

    did: Did
    device_id: str
    device_name: Annotated[str, Meta(max_length=128)] | UnsetType = UNSET
    joined_at: Datetime | UnsetType = UNSET
    is_admin: bool

    def __post_init__(self) -> None:
        fits(self.device_name, 128, "deviceName")


class ConvoMetadata(Wire, frozen=True, kw_only=True):
    """What the creator wrote on the conversation's cover."""

    name: Annotated[str, Meta(max_length=128)] | UnsetType = UNSET
    description: Annotated[str, Meta(max_length=512)] | UnsetType = UNSET

    def __post_init__(self) -> None:
        fits(self.name, 128, "name")
        fits(self.description, 512, "description")


class ConvoView(Wire, frozen=True, kw_only=True):
    """A conversation as one of its members sees it."""

    id: str
    creator: Did
    members: tuple[MemberView, ...]
    epoch: Annotated[int, Meta(ge=0, le=SAFE)]
    created_at: Datetime
    last_message_at: Datetime | UnsetType = UNSET
    last_seq: Annotated[int, Meta(ge=0, le=SAFE)]
    unread_count: Annotated[int, Meta(ge=0, le=SAFE)] | UnsetType = UNSET
    metadata: ConvoMetadata | UnsetType = UNSET


class CreatePasskeyLinkInput(Wire, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Input of `chat.rookery.createPasskeyLink`."""


class CreatePasskeyLinkOutput(Wire, frozen=True, kw_only=True):
    """Output of `chat.rookery.createPasskeyLink`."""

    url: Uri
    expires_at: Datetime


class MessageView(Wire, frozen=True, kw_only=True):
    """A sealed message as the server keeps it: no sender, a coarse time."""

    id: str
    convo_id: str
    ciphertext: Octets
    epoch: Annotated[int, Meta(ge=0, le=SAFE)]
    seq: Annotated[int, Meta(ge=0, le=SAFE)]
    created_at: Datetime
    message_type: str | UnsetType = UNSET
    digest: Octets | UnsetType = UNSET

    def __post_init__(self) -> None:
        holds(self.ciphertext, 0, 10485760, "ciphertext")


class KeyProof(Wire, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A signature by a device's new key: whoever brings the key holds it. Good for five minutes and for
    one effect; a repeat of the same request carries the same proof.
    """

    issued_at: Annotated[int, Meta(ge=0, le=SAFE)]
    nonce: Octets
    signature: Octets

    def __post_init__(self) -> None:
        holds(self.nonce, 16, 16, "nonce")
        holds(self.signature, 64, 64, "signature")


class IdentityView(Wire, frozen=True, kw_only=True):
    """Somebody who may log in to the account at an identity provider."""

    identity_id: str
    provider: str | UnsetType = UNSET
    provider_name: str | UnsetType = UNSET
    linked_at: Datetime | UnsetType = UNSET


class GetConvosParams(Wire, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Parameters of `chat.rookery.getConvos`."""

    limit: Annotated[int, Meta(ge=1, le=100)] = 50
    cursor: Annotated[str, Meta(max_length=1024)] | UnsetType = UNSET

    def __post_init__(self) -> None:
        fits(self.cursor, 1024, "cursor")


class GetConvosOutput(Wire, frozen=True, kw_only=True):
    """Output of `chat.rookery.getConvos`."""

    conversations: tuple[ConvoView, ...]
    cursor: str | UnsetType = UNSET


class GetMessagesParams(Wire, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Parameters of `chat.rookery.getMessages`."""

    convo_id: str
    limit: Annotated[int, Meta(ge=1, le=100)] = 50
    since_seq: Annotated[int, Meta(ge=0, le=SAFE)] | UnsetType = UNSET
    device_id: Annotated[str, Meta(max_length=64)] | UnsetType = UNSET

    def __post_init__(self) -> None:
        fits(self.device_id, 64, "deviceId")


class GetMessagesOutput(Wire, frozen=True, kw_only=True):
    """Output of `chat.rookery.getMessages`."""

    messages: tuple[MessageView, ...]
    last_seq: Annotated[int, Meta(ge=0, le=SAFE)]
    has_more: bool


class GetTicketInput(Wire, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Input of `chat.rookery.getTicket`."""

    purpose: NsidText
    device_id: Annotated[str, Meta(max_length=64)] | UnsetType = UNSET
    convo_id: str | UnsetType = UNSET

    def __post_init__(self) -> None:
        fits(self.device_id, 64, "deviceId")


class GetTicketOutput(Wire, frozen=True, kw_only=True):
    """Output of `chat.rookery.getTicket`."""

    ticket: str
    endpoint: Uri
    expires_at: Datetime


class LeaveConvoInput(Wire, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Input of `chat.rookery.leaveConvo`."""

    convo_id: str
    idempotency_key: Annotated[str, Meta(min_length=1, max_length=64)]

    def __post_init__(self) -> None:
        fits(self.idempotency_key, 64, "idempotencyKey")


class LeaveConvoOutput(Wire, frozen=True, kw_only=True):
    """Output of `chat.rookery.leaveConvo`."""

    new_epoch: Annotated[int, Meta(ge=0, le=SAFE)]
    seq: Annotated[int, Meta(ge=0, le=SAFE)]


class LinkIdentityInput(Wire, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Input of `chat.rookery.linkIdentity`."""

    code: Annotated[str, Meta(min_length=1, max_length=512)]
    code_verifier: Annotated[str, Meta(min_length=1, max_length=128)]
    redirect_uri: Annotated[str, Meta(min_length=1, max_length=2048)]

    def __post_init__(self) -> None:
        fits(self.code, 512, "code")
        fits(self.code_verifier, 128, "codeVerifier")
        fits(self.redirect_uri, 2048, "redirectUri")


class LinkIdentityOutput(Wire, frozen=True, kw_only=True):
    """Output of `chat.rookery.linkIdentity`."""

    identity: IdentityView


class ListApiKeysApiKeyView(Wire, frozen=True, kw_only=True):
    """An API key."""

    key_id: str
    device_id: str
    name: str
    methods: tuple[NsidText, ...]
    created_at: Datetime


class ListApiKeysOutput(Wire, frozen=True, kw_only=True):
    """Output of `chat.rookery.listApiKeys`."""

    api_keys: tuple[ListApiKeysApiKeyView, ...]


class ListDevicesDeviceView(Wire, frozen=True, kw_only=True):
    """A device."""

    device_id: str
    device_name: str
    signature_public_key: Octets
    registered_at: Datetime
    last_seen_at: Datetime

    def __post_init__(self) -> None:
        holds(self.signature_public_key, 32, 32, "signaturePublicKey")


class ListDevicesOutput(Wire, frozen=True, kw_only=True):
    """Output of `chat.rookery.listDevices`."""

    devices: tuple[ListDevicesDeviceView, ...]


class ListIdentitiesOutput(Wire, frozen=True, kw_only=True):
    """Output of `chat.rookery.listIdentities`."""

    identities: tuple[IdentityView, ...]


class RegisterDeviceInput(Wire, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Input of `chat.rookery.registerDevice`."""

    device_name: Annotated[str, Meta(max_length=128)]
    signature_public_key: Octets
    proof: KeyProof
    idempotency_key: Annotated[str, Meta(min_length=1, max_length=64)] | UnsetType = UNSET

    def __post_init__(self) -> None:
        fits(self.device_name, 128, "deviceName")
        holds(self.signature_public_key, 32, 32, "signaturePublicKey")
        fits(self.idempotency_key, 64, "idempotencyKey")


class RegisterDeviceOutput(Wire, frozen=True, kw_only=True):
    """Output of `chat.rookery.registerDevice`."""

    device_id: str


class RemoveMemberInput(Wire, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Input of `chat.rookery.removeMember`."""

    convo_id: str
    target_did: Did
    idempotency_key: Annotated[str, Meta(min_length=1, max_length=64)]
    reason: Annotated[str, Meta(max_length=500)] | UnsetType = UNSET

    def __post_init__(self) -> None:
        fits(self.idempotency_key, 64, "idempotencyKey")
        fits(self.reason, 500, "reason")


class RemoveMemberOutput(Wire, frozen=True, kw_only=True):
    """Output of `chat.rookery.removeMember`."""

    new_epoch: Annotated[int, Meta(ge=0, le=SAFE)]
    seq: Annotated[int, Meta(ge=0, le=SAFE)]


class RenameDeviceInput(Wire, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Input of `chat.rookery.renameDevice`."""

    device_id: Annotated[str, Meta(max_length=64)]
    device_name: Annotated[str, Meta(max_length=128)]

    def __post_init__(self) -> None:
        fits(self.device_id, 64, "deviceId")
        fits(self.device_name, 128, "deviceName")


class RenameDeviceOutput(Wire, frozen=True, kw_only=True):
    """Output of `chat.rookery.renameDevice`."""

    device_id: str
    device_name: str


class RevokeApiKeyInput(Wire, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Input of `chat.rookery.revokeApiKey`."""

    key_id: Annotated[str, Meta(max_length=64)]

    def __post_init__(self) -> None:
        fits(self.key_id, 64, "keyId")


class RevokeApiKeyOutput(Wire, frozen=True, kw_only=True):
    """Output of `chat.rookery.revokeApiKey`."""

    revoked: bool


class RevokeDeviceInput(Wire, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Input of `chat.rookery.revokeDevice`."""

    device_id: Annotated[str, Meta(max_length=64)]

    def __post_init__(self) -> None:
        fits(self.device_id, 64, "deviceId")


class RevokeDeviceOutput(Wire, frozen=True, kw_only=True):
    """Output of `chat.rookery.revokeDevice`."""

    key_packages_deleted: Annotated[int, Meta(ge=0, le=SAFE)]
    api_keys_revoked: Annotated[int, Meta(ge=0, le=SAFE)]


class RotateDeviceKeyInput(Wire, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Input of `chat.rookery.rotateDeviceKey`."""

    device_id: Annotated[str, Meta(max_length=64)]
    signature_public_key: Octets
    proof: KeyProof

    def __post_init__(self) -> None:
        fits(self.device_id, 64, "deviceId")
        holds(self.signature_public_key, 32, 32, "signaturePublicKey")


class RotateDeviceKeyOutput(Wire, frozen=True, kw_only=True):
    """Output of `chat.rookery.rotateDeviceKey`."""

    device_id: str


class SendMessageInput(Wire, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Input of `chat.rookery.sendMessage`."""

    convo_id: str
    msg_id: Annotated[str, Meta(min_length=1, max_length=64)]
    idempotency_key: Annotated[str, Meta(max_length=64)] | UnsetType = UNSET
    ciphertext: Octets
    device_id: Annotated[str, Meta(max_length=64)] | UnsetType = UNSET

    def __post_init__(self) -> None:
        fits(self.msg_id, 64, "msgId")
        fits(self.idempotency_key, 64, "idempotencyKey")
        holds(self.ciphertext, 1, 10485760, "ciphertext")
        fits(self.device_id, 64, "deviceId")


class SendMessageOutput(Wire, frozen=True, kw_only=True):
    """Output of `chat.rookery.sendMessage`."""

    message_id: str
    seq: Annotated[int, Meta(ge=0, le=SAFE)]
    epoch: Annotated[int, Meta(ge=0, le=SAFE)]
    received_at: Datetime


class SessionSeenMark(Wire, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How far the client has seen one conversation."""

    convo_id: str
    seq: Annotated[int, Meta(ge=0, le=SAFE)]


class SessionHello(
    Wire, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="type", tag="hello"
):
    """The first frame: who listens, from where, and how much it takes at once."""

    device_id: Annotated[str, Meta(max_length=64)] | UnsetType = UNSET
    cursor: Annotated[str, Meta(max_length=1024)] | UnsetType = UNSET
    seen: Annotated[tuple[SessionSeenMark, ...], Meta(max_length=10000)] | UnsetType = UNSET
    credit: Annotated[int, Meta(ge=1, le=10000)]

    def __post_init__(self) -> None:
        fits(self.device_id, 64, "deviceId")
        fits(self.cursor, 1024, "cursor")


class SessionSend(Wire, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="type", tag="send"):
    """Send a message; many may be unanswered at once, each answered by an ack or an error with its id."""

    id: Annotated[int, Meta(ge=0, le=SAFE)]
    convo_id: str
    msg_id: Annotated[str, Meta(min_length=1, max_length=64)]
    ciphertext: Octets
    epoch: Annotated[int, Meta(ge=0, le=SAFE)] = 0

    def __post_init__(self) -> None:
        fits(self.msg_id, 64, "msgId")
        holds(self.ciphertext, 1, 10485760, "ciphertext")


class SessionCredit(
    Wire, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="type", tag="credit"
):
    """Let the server send this many events more."""

    n: Annotated[int, Meta(ge=1, le=10000)]


class SessionPing(Wire, frozen=True, kw_only=True, forbid_unknown_fields=True, tag_field="type", tag="ping"):
    """Ask for a pong."""

    id: Annotated[int, Meta(ge=0, le=SAFE)] | UnsetType = UNSET


class SessionWelcome(Wire, frozen=True, kw_only=True, tag_field="type", tag="welcome"):
    """The answer to hello."""

    device_id: str
    cursor: str
    heartbeat: Annotated[int, Meta(ge=1, le=SAFE)]
    max_in_flight: Annotated[int, Meta(ge=1, le=SAFE)]
    max_frame_bytes: Annotated[int, Meta(ge=1, le=SAFE)]


class SessionAck(Wire, frozen=True, kw_only=True, tag_field="type", tag="ack"):
    """A send is in the log, for good."""

    id: Annotated[int, Meta(ge=0, le=SAFE)]
    message_id: str
    seq: Annotated[int, Meta(ge=0, le=SAFE)]
    epoch: Annotated[int, Meta(ge=0, le=SAFE)]
    received_at: Datetime


class SessionError(Wire, frozen=True, kw_only=True, tag_field="type", tag="error"):
    """A frame was refused; with an id it is the answer to that send, without one the session ends after
    it.
    """

    id: Annotated[int, Meta(ge=0, le=SAFE)] | UnsetType = UNSET
    error: str
    message: str
    retry_after: Annotated[int, Meta(ge=0, le=SAFE)] | UnsetType = UNSET
    epoch: Annotated[int, Meta(ge=0, le=SAFE)] | UnsetType = UNSET


class StreamEventsMessageEvent(
    Wire, frozen=True, kw_only=True, tag_field="$type", tag="chat.rookery.streamEvents#messageEvent"
):
    """A message was taken."""

    cursor: str | UnsetType = UNSET
    message: MessageView


class StreamEventsMembershipChangeEvent(
    Wire, frozen=True, kw_only=True, tag_field="$type", tag="chat.rookery.streamEvents#membershipChangeEvent"
):
    """Accounts came or went."""

    cursor: str | UnsetType = UNSET
    convo_id: str
    did: Did
    action: str
    actor: Did | UnsetType = UNSET
    reason: Annotated[str, Meta(max_length=500)] | UnsetType = UNSET
    epoch: Annotated[int, Meta(ge=0, le=SAFE)]
    seq: Annotated[int, Meta(ge=0, le=SAFE)]
    dids: tuple[Did, ...] | UnsetType = UNSET
    device_ids: tuple[str, ...] | UnsetType = UNSET

    def __post_init__(self) -> None:
        fits(self.reason, 500, "reason")


class StreamEventsConvoEvent(
    Wire, frozen=True, kw_only=True, tag_field="$type", tag="chat.rookery.streamEvents#convoEvent"
):
    """The conversation itself changed."""

    cursor: str | UnsetType = UNSET
    convo_id: str
    seq: Annotated[int, Meta(ge=0, le=SAFE)]
    action: str
    what: str | UnsetType = UNSET
    did: Did | UnsetType = UNSET
    role: str | UnsetType = UNSET
    actor: Did | UnsetType = UNSET


class StreamEventsInfoEvent(
    Wire, frozen=True, kw_only=True, tag_field="$type", tag="chat.rookery.streamEvents#infoEvent"
):
    """The stream speaks about itself."""

    cursor: str | UnsetType = UNSET
    info: str


class StreamEventsNewDeviceEvent(
    Wire, frozen=True, kw_only=True, tag_field="$type", tag="chat.rookery.streamEvents#newDeviceEvent"
):
    """A member has a new device that waits to be added."""

    cursor: str | UnsetType = UNSET
    convo_id: str
    user_did: Did
    device_id: str
    device_name: str | UnsetType = UNSET
    device_credential_did: str
    pending_addition_id: str
    seq: Annotated[int, Meta(ge=0, le=SAFE)]


class StreamEventsGroupInfoRefreshRequestedEvent(
    Wire,
    frozen=True,
    kw_only=True,
    tag_field="$type",
    tag="chat.rookery.streamEvents#groupInfoRefreshRequestedEvent",
):
    """A fresh GroupInfo is asked for."""

    cursor: str | UnsetType = UNSET
    convo_id: str
    requested_by: Did
    requested_at: Datetime
    seq: Annotated[int, Meta(ge=0, le=SAFE)]


class StreamEventsReadditionRequestedEvent(
    Wire,
    frozen=True,
    kw_only=True,
    tag_field="$type",
    tag="chat.rookery.streamEvents#readditionRequestedEvent",
):
    """A member that lost its state asks to be added again."""

    cursor: str | UnsetType = UNSET
    convo_id: str
    user_did: Did
    requested_at: Datetime
    device_id: str | UnsetType = UNSET
    leased_to: str | UnsetType = UNSET
    attempt: Annotated[int, Meta(ge=0, le=SAFE)] | UnsetType = UNSET
    seq: Annotated[int, Meta(ge=0, le=SAFE)]


class StreamEventsGroupResetEvent(
    Wire, frozen=True, kw_only=True, tag_field="$type", tag="chat.rookery.streamEvents#groupResetEvent"
):
    """The MLS group was replaced by a new one."""

    cursor: str | UnsetType = UNSET
    convo_id: str
    new_group_id: Annotated[str, Meta(max_length=128)]
    reset_generation: Annotated[int, Meta(ge=0, le=SAFE)]
    reset_by: Did | UnsetType = UNSET
    cipher_suite: str | UnsetType = UNSET
    reason: Annotated[str, Meta(max_length=500)] | UnsetType = UNSET
    seq: Annotated[int, Meta(ge=0, le=SAFE)]

    def __post_init__(self) -> None:
        fits(self.new_group_id, 128, "newGroupId")
        fits(self.reason, 500, "reason")


class StreamEventsTreeChangedEvent(
    Wire, frozen=True, kw_only=True, tag_field="$type", tag="chat.rookery.streamEvents#treeChangedEvent"
):
    """The state of the group has moved, or its GroupInfo is fresh."""

    cursor: str | UnsetType = UNSET
    convo_id: str
    epoch: Annotated[int, Meta(ge=0, le=SAFE)]
    confirmation_tag: Octets | UnsetType = UNSET
    digest: Octets | UnsetType = UNSET
    seq: Annotated[int, Meta(ge=0, le=SAFE)]


class StreamEventsWelcomeReissueRequestedEvent(
    Wire,
    frozen=True,
    kw_only=True,
    tag_field="$type",
    tag="chat.rookery.streamEvents#welcomeReissueRequestedEvent",
):
    """A device asks for a new Welcome."""

    cursor: str | UnsetType = UNSET
    convo_id: str
    recipient_device_did: str
    requested_at: Datetime
    request_id: str
    seq: Annotated[int, Meta(ge=0, le=SAFE)]


class StreamEventsNoticeEvent(
    Wire, frozen=True, kw_only=True, tag_field="$type", tag="chat.rookery.streamEvents#noticeEvent"
):
    """Something the members should know that has no event of its own."""

    cursor: str | UnsetType = UNSET
    convo_id: str
    name: str
    did: Did | UnsetType = UNSET
    device_id: str | UnsetType = UNSET
    actor: Did | UnsetType = UNSET
    text: Annotated[str, Meta(max_length=1000)] | UnsetType = UNSET
    expires_at: Datetime | UnsetType = UNSET
    seq: Annotated[int, Meta(ge=0, le=SAFE)]

    def __post_init__(self) -> None:
        fits(self.text, 1000, "text")


class SessionEvent(Wire, frozen=True, kw_only=True, tag_field="type", tag="event"):
    """One event; costs one credit. Its cursor is absent: cursor frames carry it."""

    event: (
        StreamEventsMessageEvent
        | StreamEventsMembershipChangeEvent
        | StreamEventsConvoEvent
        | StreamEventsInfoEvent
        | StreamEventsNewDeviceEvent
        | StreamEventsGroupInfoRefreshRequestedEvent
        | StreamEventsReadditionRequestedEvent
        | StreamEventsGroupResetEvent
        | StreamEventsTreeChangedEvent
        | StreamEventsWelcomeReissueRequestedEvent
        | StreamEventsNoticeEvent
    )


class SessionCursor(Wire, frozen=True, kw_only=True, tag_field="type", tag="cursor"):
    """Everything before this frame is covered by this cursor; at most once a second, and before a close."""

    cursor: str


class SessionPong(Wire, frozen=True, kw_only=True, tag_field="type", tag="pong"):
    """The answer to ping."""

    id: Annotated[int, Meta(ge=0, le=SAFE)] | UnsetType = UNSET


class SessionClose(Wire, frozen=True, kw_only=True, tag_field="type", tag="close"):
    """The last frame of the server."""

    reason: Annotated[str, Meta(max_length=64)]
    message: str
    reconnect_after: Annotated[int, Meta(ge=0, le=SAFE)] | UnsetType = UNSET

    def __post_init__(self) -> None:
        fits(self.reason, 64, "reason")


class SessionParams(Wire, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Parameters of `chat.rookery.session`."""

    ticket: Annotated[str, Meta(max_length=2048)] | UnsetType = UNSET

    def __post_init__(self) -> None:
        fits(self.ticket, 2048, "ticket")


class StreamEventsEventWrapper(Wire, frozen=True, kw_only=True):
    """One event."""

    event: (
        StreamEventsMessageEvent
        | StreamEventsMembershipChangeEvent
        | StreamEventsConvoEvent
        | StreamEventsInfoEvent
        | StreamEventsNewDeviceEvent
        | StreamEventsGroupInfoRefreshRequestedEvent
        | StreamEventsReadditionRequestedEvent
        | StreamEventsGroupResetEvent
        | StreamEventsTreeChangedEvent
        | StreamEventsWelcomeReissueRequestedEvent
        | StreamEventsNoticeEvent
    )


class StreamEventsParams(Wire, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Parameters of `chat.rookery.streamEvents`."""

    cursor: str | UnsetType = UNSET
    convo_id: str | UnsetType = UNSET
    device_id: Annotated[str, Meta(max_length=64)] | UnsetType = UNSET
    ticket: Annotated[str, Meta(max_length=2048)] | UnsetType = UNSET

    def __post_init__(self) -> None:
        fits(self.device_id, 64, "deviceId")
        fits(self.ticket, 2048, "ticket")


class SubscribeEventsMessageEvent(
    Wire, frozen=True, kw_only=True, tag_field="$type", tag="chat.rookery.subscribeEvents#messageEvent"
):
    """A message was taken."""

    cursor: str | UnsetType = UNSET
    message: MessageView


class SubscribeEventsMembershipChangeEvent(
    Wire,
    frozen=True,
    kw_only=True,
    tag_field="$type",
    tag="chat.rookery.subscribeEvents#membershipChangeEvent",
):
    """Accounts came or went."""

    cursor: str | UnsetType = UNSET
    convo_id: str
    did: Did
    action: str
    actor: Did | UnsetType = UNSET
    reason: Annotated[str, Meta(max_length=500)] | UnsetType = UNSET
    epoch: Annotated[int, Meta(ge=0, le=SAFE)]
    seq: Annotated[int, Meta(ge=0, le=SAFE)]
    dids: tuple[Did, ...] | UnsetType = UNSET
    device_ids: tuple[str, ...] | UnsetType = UNSET

    def __post_init__(self) -> None:
        fits(self.reason, 500, "reason")


class SubscribeEventsConvoEvent(
    Wire, frozen=True, kw_only=True, tag_field="$type", tag="chat.rookery.subscribeEvents#convoEvent"
):
    """The conversation itself changed."""

    cursor: str | UnsetType = UNSET
    convo_id: str
    seq: Annotated[int, Meta(ge=0, le=SAFE)]
    action: str
    what: str | UnsetType = UNSET
    did: Did | UnsetType = UNSET
    role: str | UnsetType = UNSET
    actor: Did | UnsetType = UNSET


class SubscribeEventsInfoEvent(
    Wire, frozen=True, kw_only=True, tag_field="$type", tag="chat.rookery.subscribeEvents#infoEvent"
):
    """The stream speaks about itself."""

    cursor: str | UnsetType = UNSET
    info: str


class SubscribeEventsNewDeviceEvent(
    Wire, frozen=True, kw_only=True, tag_field="$type", tag="chat.rookery.subscribeEvents#newDeviceEvent"
):
    """A member has a new device that waits to be added."""

    cursor: str | UnsetType = UNSET
    convo_id: str
    user_did: Did
    device_id: str
    device_name: str | UnsetType = UNSET
    device_credential_did: str
    pending_addition_id: str
    seq: Annotated[int, Meta(ge=0, le=SAFE)]


class SubscribeEventsGroupInfoRefreshRequestedEvent(
    Wire,
    frozen=True,
    kw_only=True,
    tag_field="$type",
    tag="chat.rookery.subscribeEvents#groupInfoRefreshRequestedEvent",
):
    """A fresh GroupInfo is asked for."""

    cursor: str | UnsetType = UNSET
    convo_id: str
    requested_by: Did
    requested_at: Datetime
    seq: Annotated[int, Meta(ge=0, le=SAFE)]


class SubscribeEventsReadditionRequestedEvent(
    Wire,
    frozen=True,
    kw_only=True,
    tag_field="$type",
    tag="chat.rookery.subscribeEvents#readditionRequestedEvent",
):
    """A member that lost its state asks to be added again."""

    cursor: str | UnsetType = UNSET
    convo_id: str
    user_did: Did
    requested_at: Datetime
    device_id: str | UnsetType = UNSET
    leased_to: str | UnsetType = UNSET
    attempt: Annotated[int, Meta(ge=0, le=SAFE)] | UnsetType = UNSET
    seq: Annotated[int, Meta(ge=0, le=SAFE)]


class SubscribeEventsGroupResetEvent(
    Wire, frozen=True, kw_only=True, tag_field="$type", tag="chat.rookery.subscribeEvents#groupResetEvent"
):
    """The MLS group was replaced by a new one."""

    cursor: str | UnsetType = UNSET
    convo_id: str
    new_group_id: Annotated[str, Meta(max_length=128)]
    reset_generation: Annotated[int, Meta(ge=0, le=SAFE)]
    reset_by: Did | UnsetType = UNSET
    cipher_suite: str | UnsetType = UNSET
    reason: Annotated[str, Meta(max_length=500)] | UnsetType = UNSET
    seq: Annotated[int, Meta(ge=0, le=SAFE)]

    def __post_init__(self) -> None:
        fits(self.new_group_id, 128, "newGroupId")
        fits(self.reason, 500, "reason")


class SubscribeEventsTreeChangedEvent(
    Wire, frozen=True, kw_only=True, tag_field="$type", tag="chat.rookery.subscribeEvents#treeChangedEvent"
):
    """The state of the group has moved, or its GroupInfo is fresh."""

    cursor: str | UnsetType = UNSET
    convo_id: str
    epoch: Annotated[int, Meta(ge=0, le=SAFE)]
    confirmation_tag: Octets | UnsetType = UNSET
    digest: Octets | UnsetType = UNSET
    seq: Annotated[int, Meta(ge=0, le=SAFE)]


class SubscribeEventsWelcomeReissueRequestedEvent(
    Wire,
    frozen=True,
    kw_only=True,
    tag_field="$type",
    tag="chat.rookery.subscribeEvents#welcomeReissueRequestedEvent",
):
    """A device asks for a new Welcome."""

    cursor: str | UnsetType = UNSET
    convo_id: str
    recipient_device_did: str
    requested_at: Datetime
    request_id: str
    seq: Annotated[int, Meta(ge=0, le=SAFE)]


class SubscribeEventsNoticeEvent(
    Wire, frozen=True, kw_only=True, tag_field="$type", tag="chat.rookery.subscribeEvents#noticeEvent"
):
    """Something the members should know that has no event of its own."""

    cursor: str | UnsetType = UNSET
    convo_id: str
    name: str
    did: Did | UnsetType = UNSET
    device_id: str | UnsetType = UNSET
    actor: Did | UnsetType = UNSET
    text: Annotated[str, Meta(max_length=1000)] | UnsetType = UNSET
    expires_at: Datetime | UnsetType = UNSET
    seq: Annotated[int, Meta(ge=0, le=SAFE)]

    def __post_init__(self) -> None:
        fits(self.text, 1000, "text")


class SubscribeEventsInfo(
    Wire, frozen=True, kw_only=True, tag_field="$type", tag="chat.rookery.subscribeEvents#info"
):
    """The stream speaks about itself in the way of atproto event streams; its one name today is
    OutdatedCursor.
    """

    name: str
    message: str | UnsetType = UNSET


class SubscribeEventsParams(Wire, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Parameters of `chat.rookery.subscribeEvents`."""

    cursor: str | UnsetType = UNSET
    convo_id: str | UnsetType = UNSET
    device_id: Annotated[str, Meta(max_length=64)] | UnsetType = UNSET
    ticket: Annotated[str, Meta(max_length=2048)] | UnsetType = UNSET

    def __post_init__(self) -> None:
        fits(self.device_id, 64, "deviceId")
        fits(self.ticket, 2048, "ticket")


class UnlinkIdentityInput(Wire, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Input of `chat.rookery.unlinkIdentity`."""

    identity_id: Annotated[str, Meta(max_length=64)]

    def __post_init__(self) -> None:
        fits(self.identity_id, 64, "identityId")


class UnlinkIdentityOutput(Wire, frozen=True, kw_only=True):
    """Output of `chat.rookery.unlinkIdentity`."""

    unlinked: bool


class UpdateCursorInput(Wire, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Input of `chat.rookery.updateCursor`."""

    convo_id: str
    seq: Annotated[int, Meta(ge=0, le=SAFE)]
    device_id: Annotated[str, Meta(max_length=64)] | UnsetType = UNSET

    def __post_init__(self) -> None:
        fits(self.device_id, 64, "deviceId")


class UpdateCursorOutput(Wire, frozen=True, kw_only=True):
    """Output of `chat.rookery.updateCursor`."""

    seq: Annotated[int, Meta(ge=0, le=SAFE)]


CreateConvoOutput: TypeAlias = ConvoView
SessionClientFrame: TypeAlias = SessionHello | SessionSend | SessionCredit | SessionPing
SessionServerFrame: TypeAlias = (
    SessionWelcome | SessionAck | SessionError | SessionEvent | SessionCursor | SessionPong | SessionClose
)
StreamEventsOutput: TypeAlias = StreamEventsEventWrapper

METHODS: Final = MappingProxyType(
    {
        "chat.rookery.addMembers": Method(
            nsid="chat.rookery.addMembers",
            kind="procedure",
            input=AddMembersInput,
            output=AddMembersOutput,
        ),
        "chat.rookery.createApiKey": Method(
            nsid="chat.rookery.createApiKey",
            kind="procedure",
            input=CreateApiKeyInput,
            output=CreateApiKeyOutput,
        ),
        "chat.rookery.createConvo": Method(
            nsid="chat.rookery.createConvo",
            kind="procedure",
            input=CreateConvoInput,
            output=ConvoView,
        ),
        "chat.rookery.createPasskeyLink": Method(
            nsid="chat.rookery.createPasskeyLink",
            kind="procedure",
            input=CreatePasskeyLinkInput,
            output=CreatePasskeyLinkOutput,
        ),
        "chat.rookery.getConvos": Method(
            nsid="chat.rookery.getConvos",
            kind="query",
            params=GetConvosParams,
            output=GetConvosOutput,
        ),
        "chat.rookery.getMessages": Method(
            nsid="chat.rookery.getMessages",
            kind="query",
            params=GetMessagesParams,
            output=GetMessagesOutput,
        ),
        "chat.rookery.getTicket": Method(
            nsid="chat.rookery.getTicket",
            kind="procedure",
            input=GetTicketInput,
            output=GetTicketOutput,
        ),
        "chat.rookery.leaveConvo": Method(
            nsid="chat.rookery.leaveConvo",
            kind="procedure",
            input=LeaveConvoInput,
            output=LeaveConvoOutput,
        ),
        "chat.rookery.linkIdentity": Method(
            nsid="chat.rookery.linkIdentity",
            kind="procedure",
            input=LinkIdentityInput,
            output=LinkIdentityOutput,
        ),
        "chat.rookery.listApiKeys": Method(
            nsid="chat.rookery.listApiKeys",
            kind="query",
            output=ListApiKeysOutput,
        ),
        "chat.rookery.listDevices": Method(
            nsid="chat.rookery.listDevices",
            kind="query",
            output=ListDevicesOutput,
        ),
        "chat.rookery.listIdentities": Method(
            nsid="chat.rookery.listIdentities",
            kind="query",
            output=ListIdentitiesOutput,
        ),
        "chat.rookery.registerDevice": Method(
            nsid="chat.rookery.registerDevice",
            kind="procedure",
            input=RegisterDeviceInput,
            output=RegisterDeviceOutput,
        ),
        "chat.rookery.removeMember": Method(
            nsid="chat.rookery.removeMember",
            kind="procedure",
            input=RemoveMemberInput,
            output=RemoveMemberOutput,
        ),
        "chat.rookery.renameDevice": Method(
            nsid="chat.rookery.renameDevice",
            kind="procedure",
            input=RenameDeviceInput,
            output=RenameDeviceOutput,
        ),
        "chat.rookery.revokeApiKey": Method(
            nsid="chat.rookery.revokeApiKey",
            kind="procedure",
            input=RevokeApiKeyInput,
            output=RevokeApiKeyOutput,
        ),
        "chat.rookery.revokeDevice": Method(
            nsid="chat.rookery.revokeDevice",
            kind="procedure",
            input=RevokeDeviceInput,
            output=RevokeDeviceOutput,
        ),
        "chat.rookery.rotateDeviceKey": Method(
            nsid="chat.rookery.rotateDeviceKey",
            kind="procedure",
            input=RotateDeviceKeyInput,
            output=RotateDeviceKeyOutput,
        ),
        "chat.rookery.sendMessage": Method(
            nsid="chat.rookery.sendMessage",
            kind="procedure",
            input=SendMessageInput,
            output=SendMessageOutput,
        ),
        "chat.rookery.session": Method(
            nsid="chat.rookery.session",
            kind="subscription",
            params=SessionParams,
            messages={
                "#welcome": SessionWelcome,
                "#ack": SessionAck,
                "#error": SessionError,
                "#event": SessionEvent,
                "#cursor": SessionCursor,
                "#pong": SessionPong,
                "#close": SessionClose,
            },
        ),
        "chat.rookery.streamEvents": Method(
            nsid="chat.rookery.streamEvents",
            kind="query",
            params=StreamEventsParams,
            output=StreamEventsEventWrapper,
            streams=True,
        ),
        "chat.rookery.subscribeEvents": Method(
            nsid="chat.rookery.subscribeEvents",
            kind="subscription",
            params=SubscribeEventsParams,
            messages={
                "#messageEvent": SubscribeEventsMessageEvent,
                "#membershipChangeEvent": SubscribeEventsMembershipChangeEvent,
                "#convoEvent": SubscribeEventsConvoEvent,
                "#infoEvent": SubscribeEventsInfoEvent,
                "#newDeviceEvent": SubscribeEventsNewDeviceEvent,
                "#groupInfoRefreshRequestedEvent": SubscribeEventsGroupInfoRefreshRequestedEvent,
                "#readditionRequestedEvent": SubscribeEventsReadditionRequestedEvent,
                "#groupResetEvent": SubscribeEventsGroupResetEvent,
                "#treeChangedEvent": SubscribeEventsTreeChangedEvent,
                "#welcomeReissueRequestedEvent": SubscribeEventsWelcomeReissueRequestedEvent,
                "#noticeEvent": SubscribeEventsNoticeEvent,
                "#info": SubscribeEventsInfo,
            },
        ),
        "chat.rookery.unlinkIdentity": Method(
            nsid="chat.rookery.unlinkIdentity",
            kind="procedure",
            input=UnlinkIdentityInput,
            output=UnlinkIdentityOutput,
        ),
        "chat.rookery.updateCursor": Method(
            nsid="chat.rookery.updateCursor",
            kind="procedure",
            input=UpdateCursorInput,
            output=UpdateCursorOutput,
        ),
    }
)
