"""Wire types of `blue.catbird.mls.*`, made from the lexicons by `python -m schema.generate`: do not edit."""

from types import MappingProxyType
from typing import Annotated, Final, TypeAlias

from msgspec import UNSET, Meta, UnsetType

from schema.wire._base import SAFE, Datetime, Did, Method, Octets, Uri, Wire, fits, holds


class AddMembersKeyPackageHashEntry(Wire, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which key package a Welcome consumed."""

    did: Did
    hash: str


class AddMembersInput(Wire, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Input of `blue.catbird.mls.addMembers`."""

    convo_id: str
    idempotency_key: str | UnsetType = UNSET
    did_list: Annotated[tuple[Did, ...], Meta(min_length=1, max_length=50)]
    commit: str | UnsetType = UNSET
    welcome_message: str | UnsetType = UNSET
    key_package_hashes: tuple[AddMembersKeyPackageHashEntry, ...] | UnsetType = UNSET


class AddMembersOutput(Wire, frozen=True, kw_only=True):
    """Output of `blue.catbird.mls.addMembers`."""

    success: bool
    new_epoch: Annotated[int, Meta(ge=0, le=SAFE)]


class CreateConvoMetadataInput(Wire, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What to write on the conversation's cover."""

    name: Annotated[str, Meta(max_length=128)] | UnsetType = UNSET
    description: Annotated[str, Meta(max_length=512)] | UnsetType = UNSET

    def __post_init__(self) -> None:
        fits(self.name, 128, "name")
        fits(self.description, 512, "description")


class CreateConvoKeyPackageHashEntry(Wire, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Which key package a Welcome consumed."""

    did: Did
    hash: str


class CreateConvoInput(Wire, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Input of `blue.catbird.mls.createConvo`."""

    group_id: Annotated[str, Meta(max_length=128)]
    idempotency_key: str | UnsetType = UNSET
    cipher_suite: str
    initial_members: Annotated[tuple[Did, ...], Meta(max_length=100)] | UnsetType = UNSET
    welcome_message: str | UnsetType = UNSET
    key_package_hashes: tuple[CreateConvoKeyPackageHashEntry, ...] | UnsetType = UNSET
    metadata: CreateConvoMetadataInput | UnsetType = UNSET

    def __post_init__(self) -> None:
        fits(self.group_id, 128, "groupId")


class MemberView(Wire, frozen=True, kw_only=True):
    """One device of one member."""

    did: Did
    user_did: Did
    device_id: str | UnsetType = UNSET
    device_name: Annotated[str, Meta(max_length=128)] | UnsetType = UNSET
    joined_at: Datetime
    is_admin: bool
    promoted_at: Datetime | UnsetType = UNSET
    promoted_by: Did | UnsetType = UNSET
    leaf_index: Annotated[int, Meta(ge=0, le=SAFE)] | UnsetType = UNSET
    credential: Octets | UnsetType = UNSET

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
    group_id: Annotated[str, Meta(max_length=128)]
    creator: Did
    members: tuple[MemberView, ...]
    epoch: Annotated[int, Meta(ge=0, le=SAFE)]
    cipher_suite: str
    created_at: Datetime
    last_message_at: Datetime | UnsetType = UNSET
    metadata: ConvoMetadata | UnsetType = UNSET
    unread_count: Annotated[int, Meta(ge=0, le=SAFE)] | UnsetType = UNSET

    def __post_init__(self) -> None:
        fits(self.group_id, 128, "groupId")


class MessageView(Wire, frozen=True, kw_only=True):
    """A sealed message as the server keeps it: no sender, a coarse time."""

    id: str
    convo_id: str
    ciphertext: Octets
    epoch: Annotated[int, Meta(ge=0, le=SAFE)]
    seq: Annotated[int, Meta(ge=0, le=SAFE)]
    created_at: Datetime

    def __post_init__(self) -> None:
        holds(self.ciphertext, 0, 10485760, "ciphertext")


class KeyPackageRef(Wire, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A key package of one account."""

    did: Did
    key_package: str
    cipher_suite: str


class DeleteDeviceInput(Wire, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Input of `blue.catbird.mls.deleteDevice`."""

    device_id: str


class DeleteDeviceOutput(Wire, frozen=True, kw_only=True):
    """Output of `blue.catbird.mls.deleteDevice`."""

    deleted: bool
    key_packages_deleted: Annotated[int, Meta(ge=-SAFE, le=SAFE)]


class GetConvosParams(Wire, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Parameters of `blue.catbird.mls.getConvos`."""

    limit: Annotated[int, Meta(ge=1, le=100)] = 50
    cursor: str | UnsetType = UNSET


class GetConvosOutput(Wire, frozen=True, kw_only=True):
    """Output of `blue.catbird.mls.getConvos`."""

    conversations: tuple[ConvoView, ...]
    cursor: str | UnsetType = UNSET


class GetEpochParams(Wire, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Parameters of `blue.catbird.mls.getEpoch`."""

    convo_id: str


class GetEpochOutput(Wire, frozen=True, kw_only=True):
    """Output of `blue.catbird.mls.getEpoch`."""

    convo_id: str
    current_epoch: Annotated[int, Meta(ge=0, le=SAFE)]


class GetMessagesParams(Wire, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Parameters of `blue.catbird.mls.getMessages`."""

    convo_id: str
    limit: Annotated[int, Meta(ge=1, le=100)] = 50
    since_message: str | UnsetType = UNSET
    since_seq: Annotated[int, Meta(ge=0, le=SAFE)] | UnsetType = UNSET
    device_id: Annotated[str, Meta(max_length=64)] | UnsetType = UNSET

    def __post_init__(self) -> None:
        fits(self.device_id, 64, "deviceId")


class GetMessagesOutput(Wire, frozen=True, kw_only=True):
    """Output of `blue.catbird.mls.getMessages`."""

    messages: tuple[MessageView, ...]
    cursor: str | UnsetType = UNSET
    last_seq: Annotated[int, Meta(ge=0, le=SAFE)] | UnsetType = UNSET


class GetSubscriptionTicketInput(Wire, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Input of `blue.catbird.mls.getSubscriptionTicket`."""

    convo_id: str | UnsetType = UNSET
    device_id: Annotated[str, Meta(max_length=64)] | UnsetType = UNSET

    def __post_init__(self) -> None:
        fits(self.device_id, 64, "deviceId")


class GetSubscriptionTicketOutput(Wire, frozen=True, kw_only=True):
    """Output of `blue.catbird.mls.getSubscriptionTicket`."""

    ticket: str
    endpoint: Uri
    expires_at: Datetime


class LeaveConvoInput(Wire, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Input of `blue.catbird.mls.leaveConvo`."""

    convo_id: str
    target_did: Did | UnsetType = UNSET
    commit: str | UnsetType = UNSET
    idempotency_key: Annotated[str, Meta(max_length=64)] | UnsetType = UNSET

    def __post_init__(self) -> None:
        fits(self.idempotency_key, 64, "idempotencyKey")


class LeaveConvoOutput(Wire, frozen=True, kw_only=True):
    """Output of `blue.catbird.mls.leaveConvo`."""

    success: bool
    new_epoch: Annotated[int, Meta(ge=0, le=SAFE)]


class ListDevicesDeviceInfo(Wire, frozen=True, kw_only=True):
    """A device."""

    device_id: str
    device_name: str
    device_u_u_i_d: str | UnsetType = UNSET
    credential_did: str
    last_seen_at: Datetime
    registered_at: Datetime
    key_package_count: Annotated[int, Meta(ge=0, le=SAFE)]


class ListDevicesOutput(Wire, frozen=True, kw_only=True):
    """Output of `blue.catbird.mls.listDevices`."""

    devices: tuple[ListDevicesDeviceInfo, ...]


class RegisterDeviceWelcomeMessageRef(Wire, frozen=True, kw_only=True):
    """A Welcome that waits."""

    convo_id: str
    welcome: str


class RegisterDeviceKeyProof(Wire, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A signature by a device's new key: whoever brings the key holds it. Good for five minutes and for
    one effect; a repeat of the same request carries the same proof.
    """

    issued_at: Annotated[int, Meta(ge=0, le=SAFE)]
    nonce: Octets
    signature: Octets

    def __post_init__(self) -> None:
        holds(self.nonce, 16, 16, "nonce")
        holds(self.signature, 64, 64, "signature")


class RegisterDeviceInput(Wire, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Input of `blue.catbird.mls.registerDevice`."""

    device_name: Annotated[str, Meta(max_length=128)]
    signature_public_key: Octets
    key_packages: Annotated[tuple[KeyPackageRef, ...], Meta(min_length=1, max_length=200)]
    proof: RegisterDeviceKeyProof | UnsetType = UNSET

    def __post_init__(self) -> None:
        fits(self.device_name, 128, "deviceName")
        holds(self.signature_public_key, 32, 32, "signaturePublicKey")


class RegisterDeviceOutput(Wire, frozen=True, kw_only=True):
    """Output of `blue.catbird.mls.registerDevice`."""

    device_id: str
    mls_did: Did
    auto_joined_convos: tuple[str, ...]
    welcome_messages: tuple[RegisterDeviceWelcomeMessageRef, ...] | UnsetType = UNSET


class RemoveMemberInput(Wire, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Input of `blue.catbird.mls.removeMember`."""

    convo_id: str
    target_did: Did
    idempotency_key: Annotated[str, Meta(max_length=26)]
    reason: Annotated[str, Meta(max_length=500)] | UnsetType = UNSET

    def __post_init__(self) -> None:
        fits(self.idempotency_key, 26, "idempotencyKey")
        fits(self.reason, 500, "reason")


class RemoveMemberOutput(Wire, frozen=True, kw_only=True):
    """Output of `blue.catbird.mls.removeMember`."""

    ok: bool
    epoch_hint: Annotated[int, Meta(ge=0, le=SAFE)]


class SendMessageInput(Wire, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Input of `blue.catbird.mls.sendMessage`."""

    convo_id: str
    msg_id: Annotated[str, Meta(max_length=26)]
    idempotency_key: Annotated[str, Meta(max_length=36)] | UnsetType = UNSET
    ciphertext: Octets
    epoch: Annotated[int, Meta(ge=0, le=SAFE)]
    declared_size: Annotated[int, Meta(ge=0, le=10485760)]
    padded_size: Annotated[int, Meta(ge=512, le=10485760)]
    device_id: Annotated[str, Meta(max_length=64)] | UnsetType = UNSET

    def __post_init__(self) -> None:
        fits(self.msg_id, 26, "msgId")
        fits(self.idempotency_key, 36, "idempotencyKey")
        holds(self.ciphertext, 0, 10485760, "ciphertext")
        fits(self.device_id, 64, "deviceId")


class SendMessageOutput(Wire, frozen=True, kw_only=True):
    """Output of `blue.catbird.mls.sendMessage`."""

    message_id: str
    received_at: Datetime
    seq: Annotated[int, Meta(ge=0, le=SAFE)] | UnsetType = UNSET
    epoch: Annotated[int, Meta(ge=0, le=SAFE)] | UnsetType = UNSET


class StreamConvoEventsMessageEvent(
    Wire, frozen=True, kw_only=True, tag_field="$type", tag="blue.catbird.mls.streamConvoEvents#messageEvent"
):
    """A message was taken."""

    cursor: str
    message: MessageView


class StreamConvoEventsReactionEvent(
    Wire, frozen=True, kw_only=True, tag_field="$type", tag="blue.catbird.mls.streamConvoEvents#reactionEvent"
):
    """A reaction came or went."""

    cursor: str
    convo_id: str
    message_id: str
    did: Did
    reaction: str
    action: str


class StreamConvoEventsTypingEvent(
    Wire, frozen=True, kw_only=True, tag_field="$type", tag="blue.catbird.mls.streamConvoEvents#typingEvent"
):
    """Somebody types, or stopped."""

    cursor: str
    convo_id: str
    did: Did
    is_typing: bool


class StreamConvoEventsInfoEvent(
    Wire, frozen=True, kw_only=True, tag_field="$type", tag="blue.catbird.mls.streamConvoEvents#infoEvent"
):
    """The stream speaks about itself."""

    cursor: str
    info: str


class StreamConvoEventsMembershipChangeEvent(
    Wire,
    frozen=True,
    kw_only=True,
    tag_field="$type",
    tag="blue.catbird.mls.streamConvoEvents#membershipChangeEvent",
):
    """Accounts came or went. Rookery addition to the seed contract."""

    cursor: str
    convo_id: str
    did: Did
    action: str
    actor: Did | UnsetType = UNSET
    reason: Annotated[str, Meta(max_length=500)] | UnsetType = UNSET
    epoch: Annotated[int, Meta(ge=0, le=SAFE)]
    seq: Annotated[int, Meta(ge=0, le=SAFE)] | UnsetType = UNSET
    dids: tuple[Did, ...] | UnsetType = UNSET

    def __post_init__(self) -> None:
        fits(self.reason, 500, "reason")


class StreamConvoEventsConvoEvent(
    Wire, frozen=True, kw_only=True, tag_field="$type", tag="blue.catbird.mls.streamConvoEvents#convoEvent"
):
    """The conversation itself changed. Rookery addition to the seed contract."""

    cursor: str
    convo_id: str
    seq: Annotated[int, Meta(ge=0, le=SAFE)]
    action: str


class StreamConvoEventsEventWrapper(Wire, frozen=True, kw_only=True):
    """One event."""

    event: (
        StreamConvoEventsMessageEvent
        | StreamConvoEventsReactionEvent
        | StreamConvoEventsTypingEvent
        | StreamConvoEventsInfoEvent
        | StreamConvoEventsMembershipChangeEvent
        | StreamConvoEventsConvoEvent
    )


class StreamConvoEventsParams(Wire, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Parameters of `blue.catbird.mls.streamConvoEvents`."""

    cursor: str | UnsetType = UNSET
    convo_id: str | UnsetType = UNSET
    device_id: Annotated[str, Meta(max_length=64)] | UnsetType = UNSET
    ticket: Annotated[str, Meta(max_length=2048)] | UnsetType = UNSET

    def __post_init__(self) -> None:
        fits(self.device_id, 64, "deviceId")
        fits(self.ticket, 2048, "ticket")


class SubscribeConvoEventsMessageEvent(
    Wire,
    frozen=True,
    kw_only=True,
    tag_field="$type",
    tag="blue.catbird.mls.subscribeConvoEvents#messageEvent",
):
    """A message was taken."""

    cursor: str
    message: MessageView


class SubscribeConvoEventsReactionEvent(
    Wire,
    frozen=True,
    kw_only=True,
    tag_field="$type",
    tag="blue.catbird.mls.subscribeConvoEvents#reactionEvent",
):
    """A reaction came or went."""

    cursor: str
    convo_id: str
    message_id: str
    did: Did
    reaction: str
    action: str


class SubscribeConvoEventsTypingEvent(
    Wire,
    frozen=True,
    kw_only=True,
    tag_field="$type",
    tag="blue.catbird.mls.subscribeConvoEvents#typingEvent",
):
    """Somebody types, or stopped."""

    cursor: str
    convo_id: str
    did: Did
    is_typing: bool


class SubscribeConvoEventsInfoEvent(
    Wire, frozen=True, kw_only=True, tag_field="$type", tag="blue.catbird.mls.subscribeConvoEvents#infoEvent"
):
    """The stream speaks about itself."""

    cursor: str
    info: str


class SubscribeConvoEventsNewDeviceEvent(
    Wire,
    frozen=True,
    kw_only=True,
    tag_field="$type",
    tag="blue.catbird.mls.subscribeConvoEvents#newDeviceEvent",
):
    """A member has a new device that waits to be added."""

    cursor: str
    convo_id: str
    user_did: Did
    device_id: str
    device_name: str | UnsetType = UNSET
    device_credential_did: str
    pending_addition_id: str


class SubscribeConvoEventsGroupInfoRefreshRequestedEvent(
    Wire,
    frozen=True,
    kw_only=True,
    tag_field="$type",
    tag="blue.catbird.mls.subscribeConvoEvents#groupInfoRefreshRequestedEvent",
):
    """A fresh GroupInfo is asked for."""

    cursor: str
    convo_id: str
    requested_by: Did
    requested_at: Datetime


class SubscribeConvoEventsReadditionRequestedEvent(
    Wire,
    frozen=True,
    kw_only=True,
    tag_field="$type",
    tag="blue.catbird.mls.subscribeConvoEvents#readditionRequestedEvent",
):
    """A member that lost its state asks to be added again."""

    cursor: str
    convo_id: str
    user_did: Did
    requested_at: Datetime


class SubscribeConvoEventsMembershipChangeEvent(
    Wire,
    frozen=True,
    kw_only=True,
    tag_field="$type",
    tag="blue.catbird.mls.subscribeConvoEvents#membershipChangeEvent",
):
    """Accounts came or went."""

    cursor: str
    convo_id: str
    did: Did
    action: str
    actor: Did | UnsetType = UNSET
    reason: Annotated[str, Meta(max_length=500)] | UnsetType = UNSET
    epoch: Annotated[int, Meta(ge=0, le=SAFE)]
    seq: Annotated[int, Meta(ge=0, le=SAFE)] | UnsetType = UNSET
    dids: tuple[Did, ...] | UnsetType = UNSET

    def __post_init__(self) -> None:
        fits(self.reason, 500, "reason")


class SubscribeConvoEventsReadEvent(
    Wire, frozen=True, kw_only=True, tag_field="$type", tag="blue.catbird.mls.subscribeConvoEvents#readEvent"
):
    """A member has read."""

    cursor: str
    convo_id: str
    did: Did
    message_id: str | UnsetType = UNSET
    read_at: Datetime


class SubscribeConvoEventsConvoEvent(
    Wire, frozen=True, kw_only=True, tag_field="$type", tag="blue.catbird.mls.subscribeConvoEvents#convoEvent"
):
    """The conversation itself changed. Rookery addition to the seed contract."""

    cursor: str
    convo_id: str
    seq: Annotated[int, Meta(ge=0, le=SAFE)]
    action: str


class SubscribeConvoEventsEventWrapper(Wire, frozen=True, kw_only=True):
    """One event."""

    event: (
        SubscribeConvoEventsMessageEvent
        | SubscribeConvoEventsReactionEvent
        | SubscribeConvoEventsTypingEvent
        | SubscribeConvoEventsInfoEvent
        | SubscribeConvoEventsNewDeviceEvent
        | SubscribeConvoEventsGroupInfoRefreshRequestedEvent
        | SubscribeConvoEventsReadditionRequestedEvent
        | SubscribeConvoEventsMembershipChangeEvent
        | SubscribeConvoEventsReadEvent
        | SubscribeConvoEventsConvoEvent
    )


class SubscribeConvoEventsInfo(
    Wire, frozen=True, kw_only=True, tag_field="$type", tag="blue.catbird.mls.subscribeConvoEvents#info"
):
    """The stream speaks about itself in the way of atproto event streams; its one name today is
    OutdatedCursor. Rookery addition to the seed contract.
    """

    name: str
    message: str | UnsetType = UNSET


class SubscribeConvoEventsParams(Wire, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Parameters of `blue.catbird.mls.subscribeConvoEvents`."""

    cursor: str | UnsetType = UNSET
    convo_id: str | UnsetType = UNSET
    device_id: Annotated[str, Meta(max_length=64)] | UnsetType = UNSET
    ticket: Annotated[str, Meta(max_length=2048)] | UnsetType = UNSET

    def __post_init__(self) -> None:
        fits(self.device_id, 64, "deviceId")
        fits(self.ticket, 2048, "ticket")


class UpdateCursorInput(Wire, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Input of `blue.catbird.mls.updateCursor`."""

    convo_id: str
    cursor: str
    device_id: Annotated[str, Meta(max_length=64)] | UnsetType = UNSET

    def __post_init__(self) -> None:
        fits(self.device_id, 64, "deviceId")


class UpdateCursorOutput(Wire, frozen=True, kw_only=True):
    """Output of `blue.catbird.mls.updateCursor`."""

    success: bool
    seq: Annotated[int, Meta(ge=0, le=SAFE)]


CreateConvoOutput: TypeAlias = ConvoView
StreamConvoEventsOutput: TypeAlias = StreamConvoEventsEventWrapper

METHODS: Final = MappingProxyType(
    {
        "blue.catbird.mls.addMembers": Method(
            nsid="blue.catbird.mls.addMembers",
            kind="procedure",
            input=AddMembersInput,
            output=AddMembersOutput,
        ),
        "blue.catbird.mls.createConvo": Method(
            nsid="blue.catbird.mls.createConvo",
            kind="procedure",
            input=CreateConvoInput,
            output=ConvoView,
        ),
        "blue.catbird.mls.deleteDevice": Method(
            nsid="blue.catbird.mls.deleteDevice",
            kind="procedure",
            input=DeleteDeviceInput,
            output=DeleteDeviceOutput,
        ),
        "blue.catbird.mls.getConvos": Method(
            nsid="blue.catbird.mls.getConvos",
            kind="query",
            params=GetConvosParams,
            output=GetConvosOutput,
        ),
        "blue.catbird.mls.getEpoch": Method(
            nsid="blue.catbird.mls.getEpoch",
            kind="query",
            params=GetEpochParams,
            output=GetEpochOutput,
        ),
        "blue.catbird.mls.getMessages": Method(
            nsid="blue.catbird.mls.getMessages",
            kind="query",
            params=GetMessagesParams,
            output=GetMessagesOutput,
        ),
        "blue.catbird.mls.getSubscriptionTicket": Method(
            nsid="blue.catbird.mls.getSubscriptionTicket",
            kind="procedure",
            input=GetSubscriptionTicketInput,
            output=GetSubscriptionTicketOutput,
        ),
        "blue.catbird.mls.leaveConvo": Method(
            nsid="blue.catbird.mls.leaveConvo",
            kind="procedure",
            input=LeaveConvoInput,
            output=LeaveConvoOutput,
        ),
        "blue.catbird.mls.listDevices": Method(
            nsid="blue.catbird.mls.listDevices",
            kind="query",
            output=ListDevicesOutput,
        ),
        "blue.catbird.mls.registerDevice": Method(
            nsid="blue.catbird.mls.registerDevice",
            kind="procedure",
            input=RegisterDeviceInput,
            output=RegisterDeviceOutput,
        ),
        "blue.catbird.mls.removeMember": Method(
            nsid="blue.catbird.mls.removeMember",
            kind="procedure",
            input=RemoveMemberInput,
            output=RemoveMemberOutput,
        ),
        "blue.catbird.mls.sendMessage": Method(
            nsid="blue.catbird.mls.sendMessage",
            kind="procedure",
            input=SendMessageInput,
            output=SendMessageOutput,
        ),
        "blue.catbird.mls.streamConvoEvents": Method(
            nsid="blue.catbird.mls.streamConvoEvents",
            kind="query",
            params=StreamConvoEventsParams,
            output=StreamConvoEventsEventWrapper,
            streams=True,
        ),
        "blue.catbird.mls.subscribeConvoEvents": Method(
            nsid="blue.catbird.mls.subscribeConvoEvents",
            kind="subscription",
            params=SubscribeConvoEventsParams,
            messages={
                "#messageEvent": SubscribeConvoEventsMessageEvent,
                "#reactionEvent": SubscribeConvoEventsReactionEvent,
                "#typingEvent": SubscribeConvoEventsTypingEvent,
                "#infoEvent": SubscribeConvoEventsInfoEvent,
                "#newDeviceEvent": SubscribeConvoEventsNewDeviceEvent,
                "#groupInfoRefreshRequestedEvent": SubscribeConvoEventsGroupInfoRefreshRequestedEvent,
                "#readditionRequestedEvent": SubscribeConvoEventsReadditionRequestedEvent,
                "#membershipChangeEvent": SubscribeConvoEventsMembershipChangeEvent,
                "#readEvent": SubscribeConvoEventsReadEvent,
                "#convoEvent": SubscribeConvoEventsConvoEvent,
                "#info": SubscribeConvoEventsInfo,
            },
        ),
        "blue.catbird.mls.updateCursor": Method(
            nsid="blue.catbird.mls.updateCursor",
            kind="procedure",
            input=UpdateCursorInput,
            output=UpdateCursorOutput,
        ),
    }
)
