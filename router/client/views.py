"""The answers as this client reads them, and the inputs as it writes them.

Reading is lenient where the server is strict: a field that a newer server adds is passed over, and a
field this client has no use for is not named here. A test holds every name against the lexicons.
"""

import msgspec

from router.client.events import LexBytes, MessageView
from router.identity.key_proof import KeyProof


class _Camel(msgspec.Struct, frozen=True, rename="camel"):
    pass


class _Input(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    pass


class MemberView(_Camel, frozen=True):
    """One device of one member."""

    did: str
    device_id: str | None = None
    device_name: str | None = None
    is_admin: bool = False


class ConvoMetadata(_Input, frozen=True):
    """What the creator wrote on the conversation's cover; the server reads it."""

    name: str | None = None
    description: str | None = None


class ConvoView(_Camel, frozen=True):
    """A conversation as one of its members sees it."""

    id: str
    creator: str
    members: list[MemberView]
    epoch: int
    created_at: str
    last_seq: int = 0
    last_message_at: str | None = None
    unread_count: int | None = None
    metadata: ConvoMetadata | None = None
    group_id: str | None = None
    cipher_suite: str | None = None


class ConvoPage(_Camel, frozen=True):
    """A page of conversations; a `cursor` means that there are more."""

    conversations: list[ConvoView]
    cursor: str | None = None


class MessagePage(_Camel, frozen=True):
    """A page of messages in the order of seq."""

    messages: list[MessageView]
    last_seq: int = 0
    has_more: bool = False
    cursor: str | None = None


class SentView(_Camel, frozen=True):
    """Where a message is in its conversation; the same for a repeat of the same bytes."""

    message_id: str
    received_at: str
    seq: int = 0
    epoch: int = 0


class ChangedView(_Camel, frozen=True):
    """A membership change happened."""

    new_epoch: int = 0
    epoch_hint: int = 0
    seq: int = 0


class DeviceView(_Camel, frozen=True):
    """The device's id on this server."""

    device_id: str


class EpochView(_Camel, frozen=True):
    """The current epoch of an MLS conversation."""

    convo_id: str
    current_epoch: int


class MarkView(_Camel, frozen=True):
    """The read mark after the call."""

    seq: int


class CreateOpaqueInput(_Input, frozen=True):
    """chat.rookery.createConvo"""

    idempotency_key: str
    initial_members: list[str]
    metadata: ConvoMetadata | None = None


class CreateMlsInput(_Input, frozen=True):
    """blue.catbird.mls.createConvo"""

    group_id: str
    cipher_suite: str
    idempotency_key: str
    initial_members: list[str]
    metadata: ConvoMetadata | None = None


class SendOpaqueInput(_Input, frozen=True):
    """chat.rookery.sendMessage"""

    convo_id: str
    msg_id: str
    ciphertext: LexBytes
    device_id: str | None = None


class _SendMlsRequired(msgspec.Struct, frozen=True, rename="camel"):
    convo_id: str
    msg_id: str
    ciphertext: LexBytes
    epoch: int
    declared_size: int
    padded_size: int


class SendMlsInput(_SendMlsRequired, frozen=True, rename="camel", omit_defaults=True):
    """blue.catbird.mls.sendMessage; `declared_size` says the padded size, since the true one would leak."""

    device_id: str | None = None


class AddInput(_Input, frozen=True):
    """addMembers of both families"""

    convo_id: str
    idempotency_key: str
    did_list: list[str]


class RemoveInput(_Input, frozen=True):
    """removeMember of both families"""

    convo_id: str
    target_did: str
    idempotency_key: str
    reason: str | None = None


class LeaveOpaqueInput(_Input, frozen=True):
    """chat.rookery.leaveConvo"""

    convo_id: str
    idempotency_key: str


class LeaveMlsInput(_Input, frozen=True):
    """blue.catbird.mls.leaveConvo"""

    convo_id: str
    target_did: str | None = None


class MarkOpaqueInput(_Input, frozen=True):
    """chat.rookery.updateCursor"""

    convo_id: str
    seq: int
    device_id: str | None = None


class MarkMlsInput(_Input, frozen=True):
    """blue.catbird.mls.updateCursor; the cursor is the one of a message event"""

    convo_id: str
    cursor: str
    device_id: str | None = None


class ProofInput(_Input, frozen=True):
    """That the sender holds a key (`router/identity/key_proof.py`)."""

    issued_at: int
    nonce: LexBytes
    signature: LexBytes

    @classmethod
    def of(cls, proof: KeyProof) -> "ProofInput":
        """The proof as it is sent."""
        return cls(proof.issued, LexBytes.of(proof.nonce), LexBytes.of(proof.signature))


class RegisterOpaqueInput(_Input, frozen=True):
    """chat.rookery.registerDevice"""

    device_name: str
    signature_public_key: LexBytes
    proof: ProofInput
    idempotency_key: str | None = None


class KeyPackageRef(_Input, frozen=True):
    """A key package to publish; base64, as the seed's contract has it."""

    did: str
    key_package: str
    cipher_suite: str


class RegisterMlsInput(_Input, frozen=True):
    """blue.catbird.mls.registerDevice"""

    device_name: str
    signature_public_key: LexBytes
    key_packages: list[KeyPackageRef]
    proof: ProofInput | None = None


class RotateKeyInput(_Input, frozen=True):
    """chat.rookery.rotateDeviceKey"""

    device_id: str
    signature_public_key: LexBytes
    proof: ProofInput
