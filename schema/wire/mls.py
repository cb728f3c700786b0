"""Wire types of `blue.catbird.mls.*`, made by `python -m schema.generate`: edit the lexicons."""

from types import MappingProxyType
from typing import Annotated, Final, Literal, TypeAlias

from msgspec import UNSET, Meta, UnsetType

from schema.wire._base import SAFE, AtUri, Cid, Datetime, Did, Method, Octets, Uri, Wire, fits, holds


class AcceptChatRequestDeliveredMessage(Wire, frozen=True, kw_only=True):
    """A ciphertext that was held."""

    id: str
    ciphertext: Octets
    padded_size: Annotated[int, Meta(ge=-SAFE, le=SAFE)]
    sequence: Annotated[int, Meta(ge=-SAFE, le=SAFE)]
    eph_pub_key: Octets | UnsetType = UNSET


class AcceptChatRequestInput(Wire, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Input of `blue.catbird.mls.acceptChatRequest`."""

    request_id: str
    welcome_data: Octets | UnsetType = UNSET

    def __post_init__(self) -> None:
        holds(self.welcome_data, 0, 1048576, "welcomeData")


class AcceptChatRequestOutput(Wire, frozen=True, kw_only=True):
    """Output of `blue.catbird.mls.acceptChatRequest`."""

    convo_id: str
    held_messages: tuple[AcceptChatRequestDeliveredMessage, ...]
    accepted_at: Datetime


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
    device_id: Annotated[str, Meta(max_length=64)] | UnsetType = UNSET
    group_info: str | UnsetType = UNSET

    def __post_init__(self) -> None:
        fits(self.device_id, 64, "deviceId")


class AddMembersOutput(Wire, frozen=True, kw_only=True):
    """Output of `blue.catbird.mls.addMembers`."""

    success: bool
    new_epoch: Annotated[int, Meta(ge=0, le=SAFE)]


class BlockChatSenderInput(Wire, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Input of `blue.catbird.mls.blockChatSender`."""

    sender_did: str
    request_id: str | UnsetType = UNSET
    reason: Literal["spam", "harassment", "inappropriate", "other"] | UnsetType = UNSET


class BlockChatSenderOutput(Wire, frozen=True, kw_only=True):
    """Output of `blue.catbird.mls.blockChatSender`."""

    success: bool
    blocked_count: Annotated[int, Meta(ge=-SAFE, le=SAFE)]


class CheckBlocksBlockRelationship(Wire, frozen=True, kw_only=True):
    """One account blocks another."""

    blocker_did: Did
    blocked_did: Did
    created_at: Datetime
    block_uri: AtUri | UnsetType = UNSET


class CheckBlocksParams(Wire, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Parameters of `blue.catbird.mls.checkBlocks`."""

    dids: Annotated[tuple[Did, ...], Meta(min_length=2, max_length=100)]


class CheckBlocksOutput(Wire, frozen=True, kw_only=True):
    """Output of `blue.catbird.mls.checkBlocks`."""

    blocks: tuple[CheckBlocksBlockRelationship, ...]
    checked_at: Datetime
    unknown: tuple[Did, ...] | UnsetType = UNSET


class ClaimPendingDeviceAdditionInput(Wire, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Input of `blue.catbird.mls.claimPendingDeviceAddition`."""

    pending_addition_id: str
    device_id: Annotated[str, Meta(max_length=64)] | UnsetType = UNSET

    def __post_init__(self) -> None:
        fits(self.device_id, 64, "deviceId")


class KeyPackageRef(Wire, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A key package of one account."""

    did: Did
    key_package: str
    cipher_suite: str
    device_id: Annotated[str, Meta(max_length=64)] | UnsetType = UNSET
    key_package_hash: Annotated[str, Meta(max_length=128)] | UnsetType = UNSET
    last_resort: bool | UnsetType = UNSET
    remaining: Annotated[int, Meta(ge=0, le=SAFE)] | UnsetType = UNSET

    def __post_init__(self) -> None:
        fits(self.device_id, 64, "deviceId")
        fits(self.key_package_hash, 128, "keyPackageHash")


class ClaimPendingDeviceAdditionOutput(Wire, frozen=True, kw_only=True):
    """Output of `blue.catbird.mls.claimPendingDeviceAddition`."""

    claimed: bool
    convo_id: str | UnsetType = UNSET
    device_credential_did: str | UnsetType = UNSET
    key_package: KeyPackageRef | UnsetType = UNSET
    claimed_by: Did | UnsetType = UNSET


class CompletePendingDeviceAdditionInput(Wire, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Input of `blue.catbird.mls.completePendingDeviceAddition`."""

    pending_addition_id: str
    new_epoch: Annotated[int, Meta(ge=0, le=SAFE)]
    device_id: Annotated[str, Meta(max_length=64)] | UnsetType = UNSET

    def __post_init__(self) -> None:
        fits(self.device_id, 64, "deviceId")


class CompletePendingDeviceAdditionOutput(Wire, frozen=True, kw_only=True):
    """Output of `blue.catbird.mls.completePendingDeviceAddition`."""

    success: bool
    error: str | UnsetType = UNSET


class ConfirmWelcomeInput(Wire, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Input of `blue.catbird.mls.confirmWelcome`."""

    convo_id: str
    success: bool
    error_details: Annotated[str, Meta(max_length=1024)] | UnsetType = UNSET
    device_id: Annotated[str, Meta(max_length=64)] | UnsetType = UNSET
    key_package_hash: Annotated[str, Meta(max_length=128)] | UnsetType = UNSET

    def __post_init__(self) -> None:
        fits(self.error_details, 1024, "errorDetails")
        fits(self.device_id, 64, "deviceId")
        fits(self.key_package_hash, 128, "keyPackageHash")


class ConfirmWelcomeOutput(Wire, frozen=True, kw_only=True):
    """Output of `blue.catbird.mls.confirmWelcome`."""

    confirmed: bool


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
    device_id: Annotated[str, Meta(max_length=64)] | UnsetType = UNSET
    group_info: str | UnsetType = UNSET
    current_epoch: Annotated[int, Meta(ge=0, le=SAFE)] | UnsetType = UNSET

    def __post_init__(self) -> None:
        fits(self.group_id, 128, "groupId")
        fits(self.device_id, 64, "deviceId")


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
    is_moderator: bool | UnsetType = UNSET

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
    generation: Annotated[int, Meta(ge=0, le=SAFE)] | UnsetType = UNSET

    def __post_init__(self) -> None:
        fits(self.group_id, 128, "groupId")


class CreateInviteInviteView(Wire, frozen=True, kw_only=True):
    """An invite."""

    invite_id: str
    convo_id: str
    created_by: Did
    created_at: Datetime
    psk_hash: str
    target_did: Did | UnsetType = UNSET
    expires_at: Datetime | UnsetType = UNSET
    max_uses: Annotated[int, Meta(ge=1, le=SAFE)] | UnsetType = UNSET
    use_count: Annotated[int, Meta(ge=0, le=SAFE)]
    is_revoked: bool
    revoked_at: Datetime | UnsetType = UNSET
    revoked_by: Did | UnsetType = UNSET


class CreateInviteInput(Wire, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Input of `blue.catbird.mls.createInvite`."""

    convo_id: str
    psk_hash: str
    target_did: Did | UnsetType = UNSET
    expires_at: Datetime | UnsetType = UNSET
    max_uses: Annotated[int, Meta(ge=1, le=SAFE)] | UnsetType = UNSET
    idempotency_key: Annotated[str, Meta(max_length=64)] | UnsetType = UNSET

    def __post_init__(self) -> None:
        fits(self.idempotency_key, 64, "idempotencyKey")


class CreateInviteOutput(Wire, frozen=True, kw_only=True):
    """Output of `blue.catbird.mls.createInvite`."""

    invite_id: str
    invite: CreateInviteInviteView


class DeclineChatRequestInput(Wire, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Input of `blue.catbird.mls.declineChatRequest`."""

    request_id: str
    report_reason: Literal["spam", "harassment", "inappropriate", "other"] | UnsetType = UNSET
    report_details: Annotated[str, Meta(max_length=500)] | UnsetType = UNSET

    def __post_init__(self) -> None:
        fits(self.report_details, 500, "reportDetails")


class DeclineChatRequestOutput(Wire, frozen=True, kw_only=True):
    """Output of `blue.catbird.mls.declineChatRequest`."""

    success: bool


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


class DeleteDeviceInput(Wire, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Input of `blue.catbird.mls.deleteDevice`."""

    device_id: str


class DeleteDeviceOutput(Wire, frozen=True, kw_only=True):
    """Output of `blue.catbird.mls.deleteDevice`."""

    deleted: bool
    key_packages_deleted: Annotated[int, Meta(ge=-SAFE, le=SAFE)]


class DemoteAdminInput(Wire, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Input of `blue.catbird.mls.demoteAdmin`."""

    convo_id: str
    target_did: Did


class DemoteAdminOutput(Wire, frozen=True, kw_only=True):
    """Output of `blue.catbird.mls.demoteAdmin`."""

    ok: bool


class DemoteModeratorInput(Wire, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Input of `blue.catbird.mls.demoteModerator`."""

    convo_id: str
    target_did: Did


class DemoteModeratorOutput(Wire, frozen=True, kw_only=True):
    """Output of `blue.catbird.mls.demoteModerator`."""

    ok: bool


class GetAdminStatsReportCategoryCounts(Wire, frozen=True, kw_only=True):
    """Reports by category."""

    harassment: Annotated[int, Meta(ge=0, le=SAFE)] | UnsetType = UNSET
    spam: Annotated[int, Meta(ge=0, le=SAFE)] | UnsetType = UNSET
    hate_speech: Annotated[int, Meta(ge=0, le=SAFE)] | UnsetType = UNSET
    violence: Annotated[int, Meta(ge=0, le=SAFE)] | UnsetType = UNSET
    sexual_content: Annotated[int, Meta(ge=0, le=SAFE)] | UnsetType = UNSET
    impersonation: Annotated[int, Meta(ge=0, le=SAFE)] | UnsetType = UNSET
    privacy_violation: Annotated[int, Meta(ge=0, le=SAFE)] | UnsetType = UNSET
    other_category: Annotated[int, Meta(ge=0, le=SAFE)] | UnsetType = UNSET


class GetAdminStatsModerationStats(Wire, frozen=True, kw_only=True):
    """Counts of moderation."""

    total_reports: Annotated[int, Meta(ge=0, le=SAFE)]
    pending_reports: Annotated[int, Meta(ge=0, le=SAFE)]
    resolved_reports: Annotated[int, Meta(ge=0, le=SAFE)]
    total_removals: Annotated[int, Meta(ge=0, le=SAFE)]
    block_conflicts_resolved: Annotated[int, Meta(ge=0, le=SAFE)]
    reports_by_category: GetAdminStatsReportCategoryCounts | UnsetType = UNSET
    average_resolution_time_hours: Annotated[int, Meta(ge=0, le=SAFE)] | UnsetType = UNSET


class GetAdminStatsParams(Wire, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Parameters of `blue.catbird.mls.getAdminStats`."""

    convo_id: str | UnsetType = UNSET
    since: Datetime | UnsetType = UNSET


class GetAdminStatsOutput(Wire, frozen=True, kw_only=True):
    """Output of `blue.catbird.mls.getAdminStats`."""

    stats: GetAdminStatsModerationStats
    generated_at: Datetime
    convo_id: str | UnsetType = UNSET


class GetBlockStatusParams(Wire, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Parameters of `blue.catbird.mls.getBlockStatus`."""

    convo_id: str


class GetBlockStatusOutput(Wire, frozen=True, kw_only=True):
    """Output of `blue.catbird.mls.getBlockStatus`."""

    convo_id: str
    has_conflicts: bool
    blocks: tuple[CheckBlocksBlockRelationship, ...]
    checked_at: Datetime
    member_count: Annotated[int, Meta(ge=0, le=SAFE)] | UnsetType = UNSET
    unknown: tuple[Did, ...] | UnsetType = UNSET


class GetChatRequestSettingsOutput(Wire, frozen=True, kw_only=True):
    """Output of `blue.catbird.mls.getChatRequestSettings`."""

    allow_followers_bypass: bool
    allow_following_bypass: bool
    auto_expire_days: Annotated[int, Meta(ge=1, le=30)]


class GetCommitsCommitMessage(Wire, frozen=True, kw_only=True):
    """A commit as it came."""

    epoch: Annotated[int, Meta(ge=0, le=SAFE)]
    sender: Did
    commit_data: Octets
    created_at: Datetime
    digest: Octets | UnsetType = UNSET
    external: bool | UnsetType = UNSET
    seq: Annotated[int, Meta(ge=0, le=SAFE)] | UnsetType = UNSET

    def __post_init__(self) -> None:
        holds(self.commit_data, 0, 10485760, "commitData")


class GetCommitsParams(Wire, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Parameters of `blue.catbird.mls.getCommits`."""

    convo_id: str
    from_epoch: Annotated[int, Meta(ge=0, le=SAFE)]
    to_epoch: Annotated[int, Meta(ge=0, le=SAFE)] | UnsetType = UNSET
    device_id: Annotated[str, Meta(max_length=64)] | UnsetType = UNSET
    limit: Annotated[int, Meta(ge=1, le=100)] = 50

    def __post_init__(self) -> None:
        fits(self.device_id, 64, "deviceId")


class GetCommitsOutput(Wire, frozen=True, kw_only=True):
    """Output of `blue.catbird.mls.getCommits`."""

    convo_id: str
    commits: tuple[GetCommitsCommitMessage, ...]
    next_epoch: Annotated[int, Meta(ge=0, le=SAFE)] | UnsetType = UNSET


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
    group_id: Annotated[str, Meta(max_length=128)] | UnsetType = UNSET
    generation: Annotated[int, Meta(ge=0, le=SAFE)] | UnsetType = UNSET
    digest: Octets | UnsetType = UNSET

    def __post_init__(self) -> None:
        fits(self.group_id, 128, "groupId")


class GetExpectedConversationsExpectedConversation(Wire, frozen=True, kw_only=True):
    """A conversation of the caller."""

    convo_id: str
    name: str
    member_count: Annotated[int, Meta(ge=-SAFE, le=SAFE)]
    should_be_in_group: bool
    last_activity: Datetime | UnsetType = UNSET
    needs_rejoin: bool | UnsetType = UNSET
    device_in_group: bool | UnsetType = UNSET


class GetExpectedConversationsParams(Wire, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Parameters of `blue.catbird.mls.getExpectedConversations`."""

    device_id: str | UnsetType = UNSET


class GetExpectedConversationsOutput(Wire, frozen=True, kw_only=True):
    """Output of `blue.catbird.mls.getExpectedConversations`."""

    conversations: tuple[GetExpectedConversationsExpectedConversation, ...]


class GetGroupInfoParams(Wire, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Parameters of `blue.catbird.mls.getGroupInfo`."""

    convo_id: str


class GetGroupInfoOutput(Wire, frozen=True, kw_only=True):
    """Output of `blue.catbird.mls.getGroupInfo`."""

    group_info: str
    epoch: Annotated[int, Meta(ge=-SAFE, le=SAFE)]
    expires_at: Datetime | UnsetType = UNSET
    group_id: Annotated[str, Meta(max_length=128)] | UnsetType = UNSET
    generation: Annotated[int, Meta(ge=0, le=SAFE)] | UnsetType = UNSET
    digest: Octets | UnsetType = UNSET

    def __post_init__(self) -> None:
        fits(self.group_id, 128, "groupId")


class GetKeyPackageHistoryKeyPackageHistoryEntry(Wire, frozen=True, kw_only=True):
    """The life of one key package."""

    package_id: str
    created_at: Datetime
    consumed_at: Datetime | UnsetType = UNSET
    consumed_for_convo: str | UnsetType = UNSET
    consumed_for_convo_name: str | UnsetType = UNSET
    consumed_by_device: str | UnsetType = UNSET
    device_id: str | UnsetType = UNSET
    cipher_suite: str


class GetKeyPackageHistoryParams(Wire, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Parameters of `blue.catbird.mls.getKeyPackageHistory`."""

    limit: Annotated[int, Meta(ge=1, le=100)] = 20
    cursor: str | UnsetType = UNSET
    device_id: Annotated[str, Meta(max_length=64)] | UnsetType = UNSET

    def __post_init__(self) -> None:
        fits(self.device_id, 64, "deviceId")


class GetKeyPackageHistoryOutput(Wire, frozen=True, kw_only=True):
    """Output of `blue.catbird.mls.getKeyPackageHistory`."""

    history: tuple[GetKeyPackageHistoryKeyPackageHistoryEntry, ...]
    cursor: str | UnsetType = UNSET


class GetKeyPackageStatsCipherSuiteStats(Wire, frozen=True, kw_only=True):
    """The count of one cipher suite."""

    cipher_suite: str
    available: Annotated[int, Meta(ge=0, le=SAFE)]
    consumed: Annotated[int, Meta(ge=0, le=SAFE)] | UnsetType = UNSET


class GetKeyPackageStatsParams(Wire, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Parameters of `blue.catbird.mls.getKeyPackageStats`."""

    did: Did | UnsetType = UNSET
    cipher_suite: str | UnsetType = UNSET
    device_id: Annotated[str, Meta(max_length=64)] | UnsetType = UNSET

    def __post_init__(self) -> None:
        fits(self.device_id, 64, "deviceId")


class GetKeyPackageStatsOutput(Wire, frozen=True, kw_only=True):
    """Output of `blue.catbird.mls.getKeyPackageStats`."""

    available: Annotated[int, Meta(ge=0, le=SAFE)]
    threshold: Annotated[int, Meta(ge=1, le=SAFE)]
    needs_replenish: bool
    oldest_expires_in: str | UnsetType = UNSET
    by_cipher_suite: tuple[GetKeyPackageStatsCipherSuiteStats, ...] | UnsetType = UNSET
    total: Annotated[int, Meta(ge=0, le=SAFE)] | UnsetType = UNSET
    consumed: Annotated[int, Meta(ge=0, le=SAFE)] | UnsetType = UNSET
    consumed_last24h: Annotated[int, Meta(ge=0, le=SAFE)] | UnsetType = UNSET
    consumed_last7d: Annotated[int, Meta(ge=0, le=SAFE)] | UnsetType = UNSET
    average_daily_consumption: Annotated[int, Meta(ge=0, le=SAFE)] | UnsetType = UNSET
    predicted_depletion_days: Annotated[int, Meta(ge=0, le=SAFE)] | UnsetType = UNSET


class GetKeyPackageStatusConsumedPackageView(Wire, frozen=True, kw_only=True):
    """A key package that was used."""

    key_package_hash: str
    used_in_group: str | UnsetType = UNSET
    consumed_at: Datetime
    cipher_suite: str | UnsetType = UNSET


class GetKeyPackageStatusParams(Wire, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Parameters of `blue.catbird.mls.getKeyPackageStatus`."""

    limit: Annotated[int, Meta(ge=1, le=100)] = 20
    cursor: str | UnsetType = UNSET
    device_id: Annotated[str, Meta(max_length=64)] | UnsetType = UNSET

    def __post_init__(self) -> None:
        fits(self.device_id, 64, "deviceId")


class GetKeyPackageStatusOutput(Wire, frozen=True, kw_only=True):
    """Output of `blue.catbird.mls.getKeyPackageStatus`."""

    total_uploaded: Annotated[int, Meta(ge=0, le=SAFE)]
    available: Annotated[int, Meta(ge=0, le=SAFE)]
    consumed: Annotated[int, Meta(ge=0, le=SAFE)]
    reserved: Annotated[int, Meta(ge=0, le=SAFE)] | UnsetType = UNSET
    consumed_packages: tuple[GetKeyPackageStatusConsumedPackageView, ...] | UnsetType = UNSET
    cursor: str | UnsetType = UNSET


class GetKeyPackagesParams(Wire, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Parameters of `blue.catbird.mls.getKeyPackages`."""

    dids: Annotated[tuple[Did, ...], Meta(min_length=1, max_length=100)]
    cipher_suite: str | UnsetType = UNSET


class GetKeyPackagesOutput(Wire, frozen=True, kw_only=True):
    """Output of `blue.catbird.mls.getKeyPackages`."""

    key_packages: tuple[KeyPackageRef, ...]
    missing: tuple[Did, ...] | UnsetType = UNSET


class GetMessagesParams(Wire, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Parameters of `blue.catbird.mls.getMessages`."""

    convo_id: str
    limit: Annotated[int, Meta(ge=1, le=100)] = 50
    since_message: str | UnsetType = UNSET
    since_seq: Annotated[int, Meta(ge=0, le=SAFE)] | UnsetType = UNSET
    device_id: Annotated[str, Meta(max_length=64)] | UnsetType = UNSET
    type: Literal["app", "commit", "all"] = "all"

    def __post_init__(self) -> None:
        fits(self.device_id, 64, "deviceId")


class GetMessagesOutput(Wire, frozen=True, kw_only=True):
    """Output of `blue.catbird.mls.getMessages`."""

    messages: tuple[MessageView, ...]
    cursor: str | UnsetType = UNSET
    last_seq: Annotated[int, Meta(ge=0, le=SAFE)] | UnsetType = UNSET


class GetOptInStatusOptInStatus(Wire, frozen=True, kw_only=True):
    """Whether one account can be reached."""

    did: Did
    opted_in: bool
    opted_in_at: Datetime | UnsetType = UNSET


class GetOptInStatusParams(Wire, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Parameters of `blue.catbird.mls.getOptInStatus`."""

    dids: Annotated[tuple[Did, ...], Meta(max_length=100)]


class GetOptInStatusOutput(Wire, frozen=True, kw_only=True):
    """Output of `blue.catbird.mls.getOptInStatus`."""

    statuses: tuple[GetOptInStatusOptInStatus, ...]


class GetPendingDeviceAdditionsPendingDeviceAddition(Wire, frozen=True, kw_only=True):
    """A device that waits to be added."""

    id: str
    convo_id: str
    user_did: Did
    device_id: str
    device_name: str | UnsetType = UNSET
    device_credential_did: str
    status: str
    claimed_by: Did | UnsetType = UNSET
    created_at: Datetime


class GetPendingDeviceAdditionsParams(Wire, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Parameters of `blue.catbird.mls.getPendingDeviceAdditions`."""

    convo_ids: tuple[str, ...] | UnsetType = UNSET
    limit: Annotated[int, Meta(ge=1, le=100)] = 50


class GetPendingDeviceAdditionsOutput(Wire, frozen=True, kw_only=True):
    """Output of `blue.catbird.mls.getPendingDeviceAdditions`."""

    pending_additions: tuple[GetPendingDeviceAdditionsPendingDeviceAddition, ...]


class GetPolicyParams(Wire, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Parameters of `blue.catbird.mls.getPolicy`."""

    convo_id: str


class UpdatePolicyPolicyView(Wire, frozen=True, kw_only=True):
    """What members may do."""

    convo_id: str
    allow_invites: bool
    admin_only_invites: bool
    allow_member_add: bool
    allow_member_remove: bool
    require_admin_approval: bool
    max_members: Annotated[int, Meta(ge=2, le=1000)]
    updated_at: Datetime
    updated_by: Did | UnsetType = UNSET


class GetPolicyOutput(Wire, frozen=True, kw_only=True):
    """Output of `blue.catbird.mls.getPolicy`."""

    policy: UpdatePolicyPolicyView


class GetReportsReportView(Wire, frozen=True, kw_only=True):
    """A report; its content is sealed for the admins."""

    id: str
    reporter_did: Did
    reported_did: Did
    encrypted_content: Octets
    created_at: Datetime
    status: str
    resolved_by: Did | UnsetType = UNSET
    resolved_at: Datetime | UnsetType = UNSET
    category: str | UnsetType = UNSET
    message_ids: tuple[str, ...] | UnsetType = UNSET
    resolution: str | UnsetType = UNSET
    notes: Annotated[str, Meta(max_length=1000)] | UnsetType = UNSET

    def __post_init__(self) -> None:
        fits(self.notes, 1000, "notes")


class GetReportsParams(Wire, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Parameters of `blue.catbird.mls.getReports`."""

    convo_id: str
    status: str | UnsetType = UNSET
    limit: Annotated[int, Meta(ge=1, le=100)] = 50
    cursor: str | UnsetType = UNSET


class GetReportsOutput(Wire, frozen=True, kw_only=True):
    """Output of `blue.catbird.mls.getReports`."""

    reports: tuple[GetReportsReportView, ...]
    cursor: str | UnsetType = UNSET


class GetRequestCountOutput(Wire, frozen=True, kw_only=True):
    """Output of `blue.catbird.mls.getRequestCount`."""

    pending_count: Annotated[int, Meta(ge=0, le=SAFE)]
    last_request_at: Datetime | UnsetType = UNSET


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


class GetWelcomeParams(Wire, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Parameters of `blue.catbird.mls.getWelcome`."""

    convo_id: str
    device_id: Annotated[str, Meta(max_length=64)] | UnsetType = UNSET

    def __post_init__(self) -> None:
        fits(self.device_id, 64, "deviceId")


class GetWelcomeOutput(Wire, frozen=True, kw_only=True):
    """Output of `blue.catbird.mls.getWelcome`."""

    convo_id: str
    welcome: str
    group_id: Annotated[str, Meta(max_length=128)] | UnsetType = UNSET
    epoch: Annotated[int, Meta(ge=0, le=SAFE)] | UnsetType = UNSET
    generation: Annotated[int, Meta(ge=0, le=SAFE)] | UnsetType = UNSET
    key_package_hash: str | UnsetType = UNSET
    welcome_id: str | UnsetType = UNSET

    def __post_init__(self) -> None:
        fits(self.group_id, 128, "groupId")


class GroupInfoRefreshInput(Wire, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Input of `blue.catbird.mls.groupInfoRefresh`."""

    convo_id: str


class GroupInfoRefreshOutput(Wire, frozen=True, kw_only=True):
    """Output of `blue.catbird.mls.groupInfoRefresh`."""

    requested: bool
    active_members: Annotated[int, Meta(ge=-SAFE, le=SAFE)] | UnsetType = UNSET


class HandleBlockChangeAffectedConvo(Wire, frozen=True, kw_only=True):
    """A conversation that both accounts are in."""

    convo_id: str
    action: str
    admin_notified: bool
    notification_sent_at: Datetime | UnsetType = UNSET


class HandleBlockChangeInput(Wire, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Input of `blue.catbird.mls.handleBlockChange`."""

    blocker_did: Did
    blocked_did: Did
    action: str
    block_uri: AtUri | UnsetType = UNSET


class HandleBlockChangeOutput(Wire, frozen=True, kw_only=True):
    """Output of `blue.catbird.mls.handleBlockChange`."""

    affected_convos: tuple[HandleBlockChangeAffectedConvo, ...]


class InvalidateWelcomeInput(Wire, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Input of `blue.catbird.mls.invalidateWelcome`."""

    convo_id: str
    reason: str
    device_id: Annotated[str, Meta(max_length=64)] | UnsetType = UNSET
    key_package_hash: Annotated[str, Meta(max_length=128)] | UnsetType = UNSET

    def __post_init__(self) -> None:
        fits(self.device_id, 64, "deviceId")
        fits(self.key_package_hash, 128, "keyPackageHash")


class InvalidateWelcomeOutput(Wire, frozen=True, kw_only=True):
    """Output of `blue.catbird.mls.invalidateWelcome`."""

    invalidated: bool
    welcome_id: str | UnsetType = UNSET


class LeaveConvoInput(Wire, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Input of `blue.catbird.mls.leaveConvo`."""

    convo_id: str
    target_did: Did | UnsetType = UNSET
    commit: str | UnsetType = UNSET
    idempotency_key: Annotated[str, Meta(max_length=64)] | UnsetType = UNSET
    device_id: Annotated[str, Meta(max_length=64)] | UnsetType = UNSET
    group_info: str | UnsetType = UNSET

    def __post_init__(self) -> None:
        fits(self.idempotency_key, 64, "idempotencyKey")
        fits(self.device_id, 64, "deviceId")


class LeaveConvoOutput(Wire, frozen=True, kw_only=True):
    """Output of `blue.catbird.mls.leaveConvo`."""

    success: bool
    new_epoch: Annotated[int, Meta(ge=0, le=SAFE)]


class ListChatRequestsChatRequest(Wire, frozen=True, kw_only=True):
    """A request."""

    id: str
    sender_did: str
    status: Literal["pending", "accepted", "declined", "blocked", "expired"]
    created_at: Datetime
    expires_at: Datetime
    preview_text: str | UnsetType = UNSET
    message_count: Annotated[int, Meta(ge=-SAFE, le=SAFE)] | UnsetType = UNSET
    is_group_invite: bool | UnsetType = UNSET
    group_id: str | UnsetType = UNSET


class ListChatRequestsParams(Wire, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Parameters of `blue.catbird.mls.listChatRequests`."""

    cursor: str | UnsetType = UNSET
    limit: Annotated[int, Meta(ge=1, le=100)] = 50
    status: Literal["pending", "accepted", "declined", "blocked", "expired"] | UnsetType = UNSET


class ListChatRequestsOutput(Wire, frozen=True, kw_only=True):
    """Output of `blue.catbird.mls.listChatRequests`."""

    requests: tuple[ListChatRequestsChatRequest, ...]
    cursor: str | UnsetType = UNSET


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


class ListInvitesParams(Wire, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Parameters of `blue.catbird.mls.listInvites`."""

    convo_id: str
    include_revoked: bool = False


class ListInvitesOutput(Wire, frozen=True, kw_only=True):
    """Output of `blue.catbird.mls.listInvites`."""

    invites: tuple[CreateInviteInviteView, ...]


class RecordEmbed(
    Wire, frozen=True, kw_only=True, tag_field="$type", tag="blue.catbird.mls.message.defs#recordEmbed"
):
    """A record of an AT Protocol repository, quoted."""

    uri: AtUri
    cid: Cid | UnsetType = UNSET
    author_did: Did
    preview_text: Annotated[str, Meta(max_length=300)] | UnsetType = UNSET
    created_at: Datetime | UnsetType = UNSET

    def __post_init__(self) -> None:
        fits(self.preview_text, 300, "previewText")


class LinkEmbed(
    Wire, frozen=True, kw_only=True, tag_field="$type", tag="blue.catbird.mls.message.defs#linkEmbed"
):
    """A link and what its page says of itself."""

    url: Uri
    title: Annotated[str, Meta(max_length=300)] | UnsetType = UNSET
    description: Annotated[str, Meta(max_length=1000)] | UnsetType = UNSET
    thumbnail_u_r_l: Uri | UnsetType = UNSET
    domain: Annotated[str, Meta(max_length=100)] | UnsetType = UNSET

    def __post_init__(self) -> None:
        fits(self.title, 300, "title")
        fits(self.description, 1000, "description")
        fits(self.domain, 100, "domain")


class GifEmbed(
    Wire, frozen=True, kw_only=True, tag_field="$type", tag="blue.catbird.mls.message.defs#gifEmbed"
):
    """A moving picture."""

    tenor_u_r_l: Uri
    mp4_u_r_l: Uri
    title: Annotated[str, Meta(max_length=300)] | UnsetType = UNSET
    thumbnail_u_r_l: Uri | UnsetType = UNSET
    width: Annotated[int, Meta(ge=1, le=SAFE)] | UnsetType = UNSET
    height: Annotated[int, Meta(ge=1, le=SAFE)] | UnsetType = UNSET

    def __post_init__(self) -> None:
        fits(self.title, 300, "title")


class AdminRoster(Wire, frozen=True, kw_only=True):
    """Who the admins are, as the members tell each other: a client holds it against what the server says."""

    version: Annotated[int, Meta(ge=1, le=SAFE)]
    admins: tuple[Did, ...]
    hash: str | UnsetType = UNSET


class AdminAction(Wire, frozen=True, kw_only=True):
    """An admin act, told to the members by the admin itself."""

    action: str
    target_did: Did
    timestamp: Datetime
    reason: Annotated[str, Meta(max_length=500)] | UnsetType = UNSET

    def __post_init__(self) -> None:
        fits(self.reason, 500, "reason")


class ReactionPayload(Wire, frozen=True, kw_only=True):
    """A reaction to a message. Rookery addition to the seed contract."""

    message_id: str
    emoji: Annotated[str, Meta(max_length=16)]
    action: str

    def __post_init__(self) -> None:
        fits(self.emoji, 16, "emoji")


class ReadReceiptPayload(Wire, frozen=True, kw_only=True):
    """The sender has read up to a message. Rookery addition to the seed contract."""

    message_id: str


class TypingPayload(Wire, frozen=True, kw_only=True):
    """The sender types, or stopped. Rookery addition to the seed contract."""

    is_typing: bool
    ts: Annotated[int, Meta(ge=-SAFE, le=SAFE)] | UnsetType = UNSET


class PayloadView(Wire, frozen=True, kw_only=True):
    """The plaintext inside an MLS application message. The server never sees one."""

    version: Literal[1]
    message_type: str | UnsetType = UNSET
    text: Annotated[str, Meta(max_length=10000)] | UnsetType = UNSET
    embed: RecordEmbed | LinkEmbed | GifEmbed | UnsetType = UNSET
    admin_roster: AdminRoster | UnsetType = UNSET
    admin_action: AdminAction | UnsetType = UNSET
    reaction: ReactionPayload | UnsetType = UNSET
    read_receipt: ReadReceiptPayload | UnsetType = UNSET
    typing: TypingPayload | UnsetType = UNSET

    def __post_init__(self) -> None:
        fits(self.text, 10000, "text")


class OptInInput(Wire, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Input of `blue.catbird.mls.optIn`."""

    device_id: str | UnsetType = UNSET


class OptInOutput(Wire, frozen=True, kw_only=True):
    """Output of `blue.catbird.mls.optIn`."""

    opted_in: bool
    opted_in_at: Datetime


class OptOutInput(Wire, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Input of `blue.catbird.mls.optOut`."""

    device_id: Annotated[str, Meta(max_length=64)] | UnsetType = UNSET

    def __post_init__(self) -> None:
        fits(self.device_id, 64, "deviceId")


class OptOutOutput(Wire, frozen=True, kw_only=True):
    """Output of `blue.catbird.mls.optOut`."""

    success: bool


class ProcessExternalCommitInput(Wire, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Input of `blue.catbird.mls.processExternalCommit`."""

    convo_id: str
    external_commit: str
    idempotency_key: str | UnsetType = UNSET
    group_info: str | UnsetType = UNSET
    device_id: Annotated[str, Meta(max_length=64)] | UnsetType = UNSET

    def __post_init__(self) -> None:
        fits(self.device_id, 64, "deviceId")


class ProcessExternalCommitOutput(Wire, frozen=True, kw_only=True):
    """Output of `blue.catbird.mls.processExternalCommit`."""

    epoch: Annotated[int, Meta(ge=-SAFE, le=SAFE)]
    rejoined_at: Datetime


class PromoteAdminInput(Wire, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Input of `blue.catbird.mls.promoteAdmin`."""

    convo_id: str
    target_did: Did


class PromoteAdminOutput(Wire, frozen=True, kw_only=True):
    """Output of `blue.catbird.mls.promoteAdmin`."""

    ok: bool
    promoted_at: Datetime


class PromoteModeratorInput(Wire, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Input of `blue.catbird.mls.promoteModerator`."""

    convo_id: str
    target_did: Did


class PromoteModeratorOutput(Wire, frozen=True, kw_only=True):
    """Output of `blue.catbird.mls.promoteModerator`."""

    ok: bool
    promoted_at: Datetime


class PublishKeyPackageInput(Wire, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Input of `blue.catbird.mls.publishKeyPackage`."""

    key_package: Annotated[str, Meta(max_length=65536)]
    idempotency_key: str | UnsetType = UNSET
    cipher_suite: str
    expires: Datetime | UnsetType = UNSET
    device_id: Annotated[str, Meta(max_length=64)] | UnsetType = UNSET

    def __post_init__(self) -> None:
        fits(self.key_package, 65536, "keyPackage")
        fits(self.device_id, 64, "deviceId")


class PublishKeyPackageOutput(Wire, frozen=True, kw_only=True):
    """Output of `blue.catbird.mls.publishKeyPackage`."""

    key_package_hash: str | UnsetType = UNSET
    available: Annotated[int, Meta(ge=0, le=SAFE)] | UnsetType = UNSET


class PublishKeyPackagesKeyPackageItem(Wire, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """One key package of a batch."""

    key_package: Annotated[str, Meta(max_length=65536)]
    cipher_suite: str
    expires: Datetime
    idempotency_key: str | UnsetType = UNSET

    def __post_init__(self) -> None:
        fits(self.key_package, 65536, "keyPackage")


class PublishKeyPackagesBatchError(Wire, frozen=True, kw_only=True):
    """Why one item of a batch was refused."""

    index: Annotated[int, Meta(ge=0, le=SAFE)]
    error: str


class PublishKeyPackagesInput(Wire, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Input of `blue.catbird.mls.publishKeyPackages`."""

    key_packages: tuple[PublishKeyPackagesKeyPackageItem, ...]
    device_id: Annotated[str, Meta(max_length=64)] | UnsetType = UNSET

    def __post_init__(self) -> None:
        fits(self.device_id, 64, "deviceId")


class PublishKeyPackagesOutput(Wire, frozen=True, kw_only=True):
    """Output of `blue.catbird.mls.publishKeyPackages`."""

    succeeded: Annotated[int, Meta(ge=0, le=SAFE)]
    failed: Annotated[int, Meta(ge=0, le=SAFE)]
    errors: tuple[PublishKeyPackagesBatchError, ...] | UnsetType = UNSET
    hashes: tuple[str, ...] | UnsetType = UNSET
    available: Annotated[int, Meta(ge=0, le=SAFE)] | UnsetType = UNSET


class ReadditionInput(Wire, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Input of `blue.catbird.mls.readdition`."""

    convo_id: str
    device_id: Annotated[str, Meta(max_length=64)] | UnsetType = UNSET

    def __post_init__(self) -> None:
        fits(self.device_id, 64, "deviceId")


class ReadditionOutput(Wire, frozen=True, kw_only=True):
    """Output of `blue.catbird.mls.readdition`."""

    requested: bool
    active_members: Annotated[int, Meta(ge=-SAFE, le=SAFE)] | UnsetType = UNSET


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
    mls_did: str
    auto_joined_convos: tuple[str, ...]
    welcome_messages: tuple[RegisterDeviceWelcomeMessageRef, ...] | UnsetType = UNSET
    pending_convos: tuple[str, ...] | UnsetType = UNSET


class RejoinInput(Wire, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Input of `blue.catbird.mls.rejoin`."""

    convo_id: str
    key_package: str
    reason: str | UnsetType = UNSET
    device_id: Annotated[str, Meta(max_length=64)] | UnsetType = UNSET

    def __post_init__(self) -> None:
        fits(self.device_id, 64, "deviceId")


class RejoinOutput(Wire, frozen=True, kw_only=True):
    """Output of `blue.catbird.mls.rejoin`."""

    request_id: str
    pending: bool
    approved_at: Datetime | UnsetType = UNSET


class RemoveMemberInput(Wire, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Input of `blue.catbird.mls.removeMember`."""

    convo_id: str
    target_did: Did
    idempotency_key: Annotated[str, Meta(max_length=26)]
    reason: Annotated[str, Meta(max_length=500)] | UnsetType = UNSET
    commit: str | UnsetType = UNSET
    device_id: Annotated[str, Meta(max_length=64)] | UnsetType = UNSET
    group_info: str | UnsetType = UNSET

    def __post_init__(self) -> None:
        fits(self.idempotency_key, 26, "idempotencyKey")
        fits(self.reason, 500, "reason")
        fits(self.device_id, 64, "deviceId")


class RemoveMemberOutput(Wire, frozen=True, kw_only=True):
    """Output of `blue.catbird.mls.removeMember`."""

    ok: bool
    epoch_hint: Annotated[int, Meta(ge=0, le=SAFE)]
    new_epoch: Annotated[int, Meta(ge=0, le=SAFE)] | UnsetType = UNSET


class ReportMemberInput(Wire, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Input of `blue.catbird.mls.reportMember`."""

    convo_id: str
    reported_did: Did
    category: str
    encrypted_content: Octets
    message_ids: Annotated[tuple[str, ...], Meta(max_length=20)] | UnsetType = UNSET
    idempotency_key: Annotated[str, Meta(max_length=64)] | UnsetType = UNSET

    def __post_init__(self) -> None:
        holds(self.encrypted_content, 0, 51200, "encryptedContent")
        fits(self.idempotency_key, 64, "idempotencyKey")


class ReportMemberOutput(Wire, frozen=True, kw_only=True):
    """Output of `blue.catbird.mls.reportMember`."""

    report_id: str
    submitted_at: Datetime


class RequestRejoinInput(Wire, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Input of `blue.catbird.mls.requestRejoin`."""

    convo_id: str
    key_package: str
    reason: Annotated[str, Meta(max_length=128)] | UnsetType = UNSET
    device_id: Annotated[str, Meta(max_length=64)] | UnsetType = UNSET

    def __post_init__(self) -> None:
        fits(self.reason, 128, "reason")
        fits(self.device_id, 64, "deviceId")


class RequestRejoinOutput(Wire, frozen=True, kw_only=True):
    """Output of `blue.catbird.mls.requestRejoin`."""

    request_id: str
    pending: bool
    approved_at: Datetime | UnsetType = UNSET


class ResolveReportInput(Wire, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Input of `blue.catbird.mls.resolveReport`."""

    report_id: str
    action: str
    notes: Annotated[str, Meta(max_length=1000)] | UnsetType = UNSET

    def __post_init__(self) -> None:
        fits(self.notes, 1000, "notes")


class ResolveReportOutput(Wire, frozen=True, kw_only=True):
    """Output of `blue.catbird.mls.resolveReport`."""

    ok: bool


class RevokeInviteInput(Wire, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Input of `blue.catbird.mls.revokeInvite`."""

    invite_id: str


class RevokeInviteOutput(Wire, frozen=True, kw_only=True):
    """Output of `blue.catbird.mls.revokeInvite`."""

    success: bool


class SendChatRequestHeldMessage(Wire, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A ciphertext to hold until the request is accepted."""

    ciphertext: Octets
    padded_size: Annotated[int, Meta(ge=512, le=10485760)]
    eph_pub_key: Octets | UnsetType = UNSET

    def __post_init__(self) -> None:
        holds(self.ciphertext, 0, 10485760, "ciphertext")
        holds(self.eph_pub_key, 0, 256, "ephPubKey")


class SendChatRequestInput(Wire, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Input of `blue.catbird.mls.sendChatRequest`."""

    recipient_did: str
    preview_text: Annotated[str, Meta(max_length=200)] | UnsetType = UNSET
    held_messages: tuple[SendChatRequestHeldMessage, ...] | UnsetType = UNSET
    is_group_invite: bool = False
    group_id: str | UnsetType = UNSET

    def __post_init__(self) -> None:
        fits(self.preview_text, 200, "previewText")


class SendChatRequestOutput(Wire, frozen=True, kw_only=True):
    """Output of `blue.catbird.mls.sendChatRequest`."""

    request_id: str
    status: Literal["pending", "bypassed"]
    created_at: Datetime
    expires_at: Datetime
    convo_id: str | UnsetType = UNSET


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
    device_ids: tuple[str, ...] | UnsetType = UNSET

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
    what: str | UnsetType = UNSET
    did: Did | UnsetType = UNSET
    role: str | UnsetType = UNSET
    actor: Did | UnsetType = UNSET


class StreamConvoEventsNewDeviceEvent(
    Wire,
    frozen=True,
    kw_only=True,
    tag_field="$type",
    tag="blue.catbird.mls.streamConvoEvents#newDeviceEvent",
):
    """A member has a new device that waits to be added. Rookery addition to the seed contract."""

    cursor: str
    convo_id: str
    user_did: Did
    device_id: str
    device_name: str | UnsetType = UNSET
    device_credential_did: str
    pending_addition_id: str
    seq: Annotated[int, Meta(ge=0, le=SAFE)] | UnsetType = UNSET


class StreamConvoEventsGroupInfoRefreshRequestedEvent(
    Wire,
    frozen=True,
    kw_only=True,
    tag_field="$type",
    tag="blue.catbird.mls.streamConvoEvents#groupInfoRefreshRequestedEvent",
):
    """A fresh GroupInfo is asked for. Rookery addition to the seed contract."""

    cursor: str
    convo_id: str
    requested_by: Did
    requested_at: Datetime
    seq: Annotated[int, Meta(ge=0, le=SAFE)] | UnsetType = UNSET


class StreamConvoEventsReadditionRequestedEvent(
    Wire,
    frozen=True,
    kw_only=True,
    tag_field="$type",
    tag="blue.catbird.mls.streamConvoEvents#readditionRequestedEvent",
):
    """A member that lost its state asks to be added again. Rookery addition to the seed contract."""

    cursor: str
    convo_id: str
    user_did: Did
    requested_at: Datetime
    device_id: str | UnsetType = UNSET
    leased_to: str | UnsetType = UNSET
    attempt: Annotated[int, Meta(ge=0, le=SAFE)] | UnsetType = UNSET
    seq: Annotated[int, Meta(ge=0, le=SAFE)] | UnsetType = UNSET


class StreamConvoEventsGroupResetEvent(
    Wire,
    frozen=True,
    kw_only=True,
    tag_field="$type",
    tag="blue.catbird.mls.streamConvoEvents#groupResetEvent",
):
    """The MLS group was replaced by a new one."""

    cursor: str
    convo_id: str
    new_group_id: Annotated[str, Meta(max_length=128)]
    reset_generation: Annotated[int, Meta(ge=0, le=SAFE)]
    reset_by: Did | UnsetType = UNSET
    cipher_suite: str | UnsetType = UNSET
    reason: Annotated[str, Meta(max_length=500)] | UnsetType = UNSET
    seq: Annotated[int, Meta(ge=0, le=SAFE)] | UnsetType = UNSET

    def __post_init__(self) -> None:
        fits(self.new_group_id, 128, "newGroupId")
        fits(self.reason, 500, "reason")


class StreamConvoEventsTreeChangedEvent(
    Wire,
    frozen=True,
    kw_only=True,
    tag_field="$type",
    tag="blue.catbird.mls.streamConvoEvents#treeChangedEvent",
):
    """The state of the group has moved, or its GroupInfo is fresh."""

    cursor: str
    convo_id: str
    epoch: Annotated[int, Meta(ge=0, le=SAFE)]
    confirmation_tag: Octets | UnsetType = UNSET
    digest: Octets | UnsetType = UNSET
    seq: Annotated[int, Meta(ge=0, le=SAFE)] | UnsetType = UNSET


class StreamConvoEventsWelcomeReissueRequestedEvent(
    Wire,
    frozen=True,
    kw_only=True,
    tag_field="$type",
    tag="blue.catbird.mls.streamConvoEvents#welcomeReissueRequestedEvent",
):
    """A device asks for a new Welcome."""

    cursor: str
    convo_id: str
    recipient_device_did: str
    requested_at: Datetime
    request_id: str
    seq: Annotated[int, Meta(ge=0, le=SAFE)] | UnsetType = UNSET


class StreamConvoEventsNoticeEvent(
    Wire, frozen=True, kw_only=True, tag_field="$type", tag="blue.catbird.mls.streamConvoEvents#noticeEvent"
):
    """Something the members should know that has no event of its own."""

    cursor: str
    convo_id: str
    name: str
    did: Did | UnsetType = UNSET
    device_id: str | UnsetType = UNSET
    actor: Did | UnsetType = UNSET
    text: Annotated[str, Meta(max_length=1000)] | UnsetType = UNSET
    expires_at: Datetime | UnsetType = UNSET
    seq: Annotated[int, Meta(ge=0, le=SAFE)] | UnsetType = UNSET

    def __post_init__(self) -> None:
        fits(self.text, 1000, "text")


class StreamConvoEventsEventWrapper(Wire, frozen=True, kw_only=True):
    """One event."""

    event: (
        StreamConvoEventsMessageEvent
        | StreamConvoEventsReactionEvent
        | StreamConvoEventsTypingEvent
        | StreamConvoEventsInfoEvent
        | StreamConvoEventsMembershipChangeEvent
        | StreamConvoEventsConvoEvent
        | StreamConvoEventsNewDeviceEvent
        | StreamConvoEventsGroupInfoRefreshRequestedEvent
        | StreamConvoEventsReadditionRequestedEvent
        | StreamConvoEventsGroupResetEvent
        | StreamConvoEventsTreeChangedEvent
        | StreamConvoEventsWelcomeReissueRequestedEvent
        | StreamConvoEventsNoticeEvent
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
    seq: Annotated[int, Meta(ge=0, le=SAFE)] | UnsetType = UNSET


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
    seq: Annotated[int, Meta(ge=0, le=SAFE)] | UnsetType = UNSET


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
    device_id: str | UnsetType = UNSET
    leased_to: str | UnsetType = UNSET
    attempt: Annotated[int, Meta(ge=0, le=SAFE)] | UnsetType = UNSET
    seq: Annotated[int, Meta(ge=0, le=SAFE)] | UnsetType = UNSET


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
    device_ids: tuple[str, ...] | UnsetType = UNSET

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
    what: str | UnsetType = UNSET
    did: Did | UnsetType = UNSET
    role: str | UnsetType = UNSET
    actor: Did | UnsetType = UNSET


class SubscribeConvoEventsGroupResetEvent(
    Wire,
    frozen=True,
    kw_only=True,
    tag_field="$type",
    tag="blue.catbird.mls.subscribeConvoEvents#groupResetEvent",
):
    """The MLS group was replaced by a new one."""

    cursor: str
    convo_id: str
    new_group_id: Annotated[str, Meta(max_length=128)]
    reset_generation: Annotated[int, Meta(ge=0, le=SAFE)]
    reset_by: Did | UnsetType = UNSET
    cipher_suite: str | UnsetType = UNSET
    reason: Annotated[str, Meta(max_length=500)] | UnsetType = UNSET
    seq: Annotated[int, Meta(ge=0, le=SAFE)] | UnsetType = UNSET

    def __post_init__(self) -> None:
        fits(self.new_group_id, 128, "newGroupId")
        fits(self.reason, 500, "reason")


class SubscribeConvoEventsTreeChangedEvent(
    Wire,
    frozen=True,
    kw_only=True,
    tag_field="$type",
    tag="blue.catbird.mls.subscribeConvoEvents#treeChangedEvent",
):
    """The state of the group has moved, or its GroupInfo is fresh."""

    cursor: str
    convo_id: str
    epoch: Annotated[int, Meta(ge=0, le=SAFE)]
    confirmation_tag: Octets | UnsetType = UNSET
    digest: Octets | UnsetType = UNSET
    seq: Annotated[int, Meta(ge=0, le=SAFE)] | UnsetType = UNSET


class SubscribeConvoEventsWelcomeReissueRequestedEvent(
    Wire,
    frozen=True,
    kw_only=True,
    tag_field="$type",
    tag="blue.catbird.mls.subscribeConvoEvents#welcomeReissueRequestedEvent",
):
    """A device asks for a new Welcome."""

    cursor: str
    convo_id: str
    recipient_device_did: str
    requested_at: Datetime
    request_id: str
    seq: Annotated[int, Meta(ge=0, le=SAFE)] | UnsetType = UNSET


class SubscribeConvoEventsNoticeEvent(
    Wire,
    frozen=True,
    kw_only=True,
    tag_field="$type",
    tag="blue.catbird.mls.subscribeConvoEvents#noticeEvent",
):
    """Something the members should know that has no event of its own."""

    cursor: str
    convo_id: str
    name: str
    did: Did | UnsetType = UNSET
    device_id: str | UnsetType = UNSET
    actor: Did | UnsetType = UNSET
    text: Annotated[str, Meta(max_length=1000)] | UnsetType = UNSET
    expires_at: Datetime | UnsetType = UNSET
    seq: Annotated[int, Meta(ge=0, le=SAFE)] | UnsetType = UNSET

    def __post_init__(self) -> None:
        fits(self.text, 1000, "text")


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
        | SubscribeConvoEventsGroupResetEvent
        | SubscribeConvoEventsTreeChangedEvent
        | SubscribeConvoEventsWelcomeReissueRequestedEvent
        | SubscribeConvoEventsNoticeEvent
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


class SyncKeyPackagesInput(Wire, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Input of `blue.catbird.mls.syncKeyPackages`."""

    local_hashes: Annotated[tuple[str, ...], Meta(max_length=200)]
    device_id: str


class SyncKeyPackagesOutput(Wire, frozen=True, kw_only=True):
    """Output of `blue.catbird.mls.syncKeyPackages`."""

    server_hashes: tuple[str, ...]
    orphaned_count: Annotated[int, Meta(ge=0, le=SAFE)]
    deleted_count: Annotated[int, Meta(ge=0, le=SAFE)]
    orphaned_hashes: tuple[str, ...] | UnsetType = UNSET
    remaining_available: Annotated[int, Meta(ge=0, le=SAFE)] | UnsetType = UNSET
    device_id: str


class UpdateChatRequestSettingsInput(Wire, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Input of `blue.catbird.mls.updateChatRequestSettings`."""

    allow_followers_bypass: bool | UnsetType = UNSET
    allow_following_bypass: bool | UnsetType = UNSET
    auto_expire_days: Annotated[int, Meta(ge=1, le=30)] | UnsetType = UNSET


class UpdateChatRequestSettingsOutput(Wire, frozen=True, kw_only=True):
    """Output of `blue.catbird.mls.updateChatRequestSettings`."""

    allow_followers_bypass: bool
    allow_following_bypass: bool
    auto_expire_days: Annotated[int, Meta(ge=-SAFE, le=SAFE)]


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


class UpdateGroupInfoInput(Wire, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Input of `blue.catbird.mls.updateGroupInfo`."""

    convo_id: str
    group_info: str
    epoch: Annotated[int, Meta(ge=-SAFE, le=SAFE)]
    device_id: Annotated[str, Meta(max_length=64)] | UnsetType = UNSET

    def __post_init__(self) -> None:
        fits(self.device_id, 64, "deviceId")


class UpdateGroupInfoOutput(Wire, frozen=True, kw_only=True):
    """Output of `blue.catbird.mls.updateGroupInfo`."""

    updated: bool


class UpdatePolicyInput(Wire, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Input of `blue.catbird.mls.updatePolicy`."""

    convo_id: str
    allow_invites: bool | UnsetType = UNSET
    admin_only_invites: bool | UnsetType = UNSET
    allow_member_add: bool | UnsetType = UNSET
    allow_member_remove: bool | UnsetType = UNSET
    require_admin_approval: bool | UnsetType = UNSET
    max_members: Annotated[int, Meta(ge=2, le=1000)] | UnsetType = UNSET


class UpdatePolicyOutput(Wire, frozen=True, kw_only=True):
    """Output of `blue.catbird.mls.updatePolicy`."""

    policy: UpdatePolicyPolicyView


class ValidateDeviceStateKeyPackageInventory(Wire, frozen=True, kw_only=True):
    """The stock of key packages."""

    available: Annotated[int, Meta(ge=-SAFE, le=SAFE)]
    target: Annotated[int, Meta(ge=-SAFE, le=SAFE)]
    needs_replenishment: bool
    per_device_count: Annotated[int, Meta(ge=-SAFE, le=SAFE)] | UnsetType = UNSET


class ValidateDeviceStateParams(Wire, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Parameters of `blue.catbird.mls.validateDeviceState`."""

    device_id: str | UnsetType = UNSET


class ValidateDeviceStateOutput(Wire, frozen=True, kw_only=True):
    """Output of `blue.catbird.mls.validateDeviceState`."""

    is_valid: bool
    issues: tuple[str, ...]
    recommendations: tuple[str, ...]
    expected_convos: Annotated[int, Meta(ge=-SAFE, le=SAFE)] | UnsetType = UNSET
    actual_convos: Annotated[int, Meta(ge=-SAFE, le=SAFE)] | UnsetType = UNSET
    key_package_inventory: ValidateDeviceStateKeyPackageInventory | UnsetType = UNSET
    pending_rejoin_requests: tuple[str, ...] | UnsetType = UNSET


class ValidateWelcomeInput(Wire, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Input of `blue.catbird.mls.validateWelcome`."""

    welcome_message: Octets
    device_id: Annotated[str, Meta(max_length=64)] | UnsetType = UNSET

    def __post_init__(self) -> None:
        holds(self.welcome_message, 0, 10485760, "welcomeMessage")
        fits(self.device_id, 64, "deviceId")


class ValidateWelcomeOutput(Wire, frozen=True, kw_only=True):
    """Output of `blue.catbird.mls.validateWelcome`."""

    valid: bool
    key_package_hash: str
    recipient_did: Did | UnsetType = UNSET
    group_id: str | UnsetType = UNSET
    reserved: bool | UnsetType = UNSET
    reserved_until: Datetime | UnsetType = UNSET


class WarnMemberInput(Wire, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Input of `blue.catbird.mls.warnMember`."""

    convo_id: str
    member_did: Did
    reason: Annotated[str, Meta(max_length=500)]
    expires_at: Datetime | UnsetType = UNSET
    idempotency_key: Annotated[str, Meta(max_length=64)] | UnsetType = UNSET

    def __post_init__(self) -> None:
        fits(self.reason, 500, "reason")
        fits(self.idempotency_key, 64, "idempotencyKey")


class WarnMemberOutput(Wire, frozen=True, kw_only=True):
    """Output of `blue.catbird.mls.warnMember`."""

    warning_id: str
    delivered_at: Datetime


CreateConvoOutput: TypeAlias = ConvoView
StreamConvoEventsOutput: TypeAlias = StreamConvoEventsEventWrapper

METHODS: Final = MappingProxyType(
    {
        "blue.catbird.mls.acceptChatRequest": Method(
            nsid="blue.catbird.mls.acceptChatRequest",
            kind="procedure",
            input=AcceptChatRequestInput,
            output=AcceptChatRequestOutput,
        ),
        "blue.catbird.mls.addMembers": Method(
            nsid="blue.catbird.mls.addMembers",
            kind="procedure",
            input=AddMembersInput,
            output=AddMembersOutput,
        ),
        "blue.catbird.mls.blockChatSender": Method(
            nsid="blue.catbird.mls.blockChatSender",
            kind="procedure",
            input=BlockChatSenderInput,
            output=BlockChatSenderOutput,
        ),
        "blue.catbird.mls.checkBlocks": Method(
            nsid="blue.catbird.mls.checkBlocks",
            kind="query",
            params=CheckBlocksParams,
            output=CheckBlocksOutput,
        ),
        "blue.catbird.mls.claimPendingDeviceAddition": Method(
            nsid="blue.catbird.mls.claimPendingDeviceAddition",
            kind="procedure",
            input=ClaimPendingDeviceAdditionInput,
            output=ClaimPendingDeviceAdditionOutput,
        ),
        "blue.catbird.mls.completePendingDeviceAddition": Method(
            nsid="blue.catbird.mls.completePendingDeviceAddition",
            kind="procedure",
            input=CompletePendingDeviceAdditionInput,
            output=CompletePendingDeviceAdditionOutput,
        ),
        "blue.catbird.mls.confirmWelcome": Method(
            nsid="blue.catbird.mls.confirmWelcome",
            kind="procedure",
            input=ConfirmWelcomeInput,
            output=ConfirmWelcomeOutput,
        ),
        "blue.catbird.mls.createConvo": Method(
            nsid="blue.catbird.mls.createConvo",
            kind="procedure",
            input=CreateConvoInput,
            output=ConvoView,
        ),
        "blue.catbird.mls.createInvite": Method(
            nsid="blue.catbird.mls.createInvite",
            kind="procedure",
            input=CreateInviteInput,
            output=CreateInviteOutput,
        ),
        "blue.catbird.mls.declineChatRequest": Method(
            nsid="blue.catbird.mls.declineChatRequest",
            kind="procedure",
            input=DeclineChatRequestInput,
            output=DeclineChatRequestOutput,
        ),
        "blue.catbird.mls.deleteDevice": Method(
            nsid="blue.catbird.mls.deleteDevice",
            kind="procedure",
            input=DeleteDeviceInput,
            output=DeleteDeviceOutput,
        ),
        "blue.catbird.mls.demoteAdmin": Method(
            nsid="blue.catbird.mls.demoteAdmin",
            kind="procedure",
            input=DemoteAdminInput,
            output=DemoteAdminOutput,
        ),
        "blue.catbird.mls.demoteModerator": Method(
            nsid="blue.catbird.mls.demoteModerator",
            kind="procedure",
            input=DemoteModeratorInput,
            output=DemoteModeratorOutput,
        ),
        "blue.catbird.mls.getAdminStats": Method(
            nsid="blue.catbird.mls.getAdminStats",
            kind="query",
            params=GetAdminStatsParams,
            output=GetAdminStatsOutput,
        ),
        "blue.catbird.mls.getBlockStatus": Method(
            nsid="blue.catbird.mls.getBlockStatus",
            kind="query",
            params=GetBlockStatusParams,
            output=GetBlockStatusOutput,
        ),
        "blue.catbird.mls.getChatRequestSettings": Method(
            nsid="blue.catbird.mls.getChatRequestSettings",
            kind="query",
            output=GetChatRequestSettingsOutput,
        ),
        "blue.catbird.mls.getCommits": Method(
            nsid="blue.catbird.mls.getCommits",
            kind="query",
            params=GetCommitsParams,
            output=GetCommitsOutput,
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
        "blue.catbird.mls.getExpectedConversations": Method(
            nsid="blue.catbird.mls.getExpectedConversations",
            kind="query",
            params=GetExpectedConversationsParams,
            output=GetExpectedConversationsOutput,
        ),
        "blue.catbird.mls.getGroupInfo": Method(
            nsid="blue.catbird.mls.getGroupInfo",
            kind="query",
            params=GetGroupInfoParams,
            output=GetGroupInfoOutput,
        ),
        "blue.catbird.mls.getKeyPackageHistory": Method(
            nsid="blue.catbird.mls.getKeyPackageHistory",
            kind="query",
            params=GetKeyPackageHistoryParams,
            output=GetKeyPackageHistoryOutput,
        ),
        "blue.catbird.mls.getKeyPackageStats": Method(
            nsid="blue.catbird.mls.getKeyPackageStats",
            kind="query",
            params=GetKeyPackageStatsParams,
            output=GetKeyPackageStatsOutput,
        ),
        "blue.catbird.mls.getKeyPackageStatus": Method(
            nsid="blue.catbird.mls.getKeyPackageStatus",
            kind="query",
            params=GetKeyPackageStatusParams,
            output=GetKeyPackageStatusOutput,
        ),
        "blue.catbird.mls.getKeyPackages": Method(
            nsid="blue.catbird.mls.getKeyPackages",
            kind="query",
            params=GetKeyPackagesParams,
            output=GetKeyPackagesOutput,
        ),
        "blue.catbird.mls.getMessages": Method(
            nsid="blue.catbird.mls.getMessages",
            kind="query",
            params=GetMessagesParams,
            output=GetMessagesOutput,
        ),
        "blue.catbird.mls.getOptInStatus": Method(
            nsid="blue.catbird.mls.getOptInStatus",
            kind="query",
            params=GetOptInStatusParams,
            output=GetOptInStatusOutput,
        ),
        "blue.catbird.mls.getPendingDeviceAdditions": Method(
            nsid="blue.catbird.mls.getPendingDeviceAdditions",
            kind="query",
            params=GetPendingDeviceAdditionsParams,
            output=GetPendingDeviceAdditionsOutput,
        ),
        "blue.catbird.mls.getPolicy": Method(
            nsid="blue.catbird.mls.getPolicy",
            kind="query",
            params=GetPolicyParams,
            output=GetPolicyOutput,
        ),
        "blue.catbird.mls.getReports": Method(
            nsid="blue.catbird.mls.getReports",
            kind="query",
            params=GetReportsParams,
            output=GetReportsOutput,
        ),
        "blue.catbird.mls.getRequestCount": Method(
            nsid="blue.catbird.mls.getRequestCount",
            kind="query",
            output=GetRequestCountOutput,
        ),
        "blue.catbird.mls.getSubscriptionTicket": Method(
            nsid="blue.catbird.mls.getSubscriptionTicket",
            kind="procedure",
            input=GetSubscriptionTicketInput,
            output=GetSubscriptionTicketOutput,
        ),
        "blue.catbird.mls.getWelcome": Method(
            nsid="blue.catbird.mls.getWelcome",
            kind="query",
            params=GetWelcomeParams,
            output=GetWelcomeOutput,
        ),
        "blue.catbird.mls.groupInfoRefresh": Method(
            nsid="blue.catbird.mls.groupInfoRefresh",
            kind="procedure",
            input=GroupInfoRefreshInput,
            output=GroupInfoRefreshOutput,
        ),
        "blue.catbird.mls.handleBlockChange": Method(
            nsid="blue.catbird.mls.handleBlockChange",
            kind="procedure",
            input=HandleBlockChangeInput,
            output=HandleBlockChangeOutput,
        ),
        "blue.catbird.mls.invalidateWelcome": Method(
            nsid="blue.catbird.mls.invalidateWelcome",
            kind="procedure",
            input=InvalidateWelcomeInput,
            output=InvalidateWelcomeOutput,
        ),
        "blue.catbird.mls.leaveConvo": Method(
            nsid="blue.catbird.mls.leaveConvo",
            kind="procedure",
            input=LeaveConvoInput,
            output=LeaveConvoOutput,
        ),
        "blue.catbird.mls.listChatRequests": Method(
            nsid="blue.catbird.mls.listChatRequests",
            kind="query",
            params=ListChatRequestsParams,
            output=ListChatRequestsOutput,
        ),
        "blue.catbird.mls.listDevices": Method(
            nsid="blue.catbird.mls.listDevices",
            kind="query",
            output=ListDevicesOutput,
        ),
        "blue.catbird.mls.listInvites": Method(
            nsid="blue.catbird.mls.listInvites",
            kind="query",
            params=ListInvitesParams,
            output=ListInvitesOutput,
        ),
        "blue.catbird.mls.optIn": Method(
            nsid="blue.catbird.mls.optIn",
            kind="procedure",
            input=OptInInput,
            output=OptInOutput,
        ),
        "blue.catbird.mls.optOut": Method(
            nsid="blue.catbird.mls.optOut",
            kind="procedure",
            input=OptOutInput,
            output=OptOutOutput,
        ),
        "blue.catbird.mls.processExternalCommit": Method(
            nsid="blue.catbird.mls.processExternalCommit",
            kind="procedure",
            input=ProcessExternalCommitInput,
            output=ProcessExternalCommitOutput,
        ),
        "blue.catbird.mls.promoteAdmin": Method(
            nsid="blue.catbird.mls.promoteAdmin",
            kind="procedure",
            input=PromoteAdminInput,
            output=PromoteAdminOutput,
        ),
        "blue.catbird.mls.promoteModerator": Method(
            nsid="blue.catbird.mls.promoteModerator",
            kind="procedure",
            input=PromoteModeratorInput,
            output=PromoteModeratorOutput,
        ),
        "blue.catbird.mls.publishKeyPackage": Method(
            nsid="blue.catbird.mls.publishKeyPackage",
            kind="procedure",
            input=PublishKeyPackageInput,
            output=PublishKeyPackageOutput,
        ),
        "blue.catbird.mls.publishKeyPackages": Method(
            nsid="blue.catbird.mls.publishKeyPackages",
            kind="procedure",
            input=PublishKeyPackagesInput,
            output=PublishKeyPackagesOutput,
        ),
        "blue.catbird.mls.readdition": Method(
            nsid="blue.catbird.mls.readdition",
            kind="procedure",
            input=ReadditionInput,
            output=ReadditionOutput,
        ),
        "blue.catbird.mls.registerDevice": Method(
            nsid="blue.catbird.mls.registerDevice",
            kind="procedure",
            input=RegisterDeviceInput,
            output=RegisterDeviceOutput,
        ),
        "blue.catbird.mls.rejoin": Method(
            nsid="blue.catbird.mls.rejoin",
            kind="procedure",
            input=RejoinInput,
            output=RejoinOutput,
        ),
        "blue.catbird.mls.removeMember": Method(
            nsid="blue.catbird.mls.removeMember",
            kind="procedure",
            input=RemoveMemberInput,
            output=RemoveMemberOutput,
        ),
        "blue.catbird.mls.reportMember": Method(
            nsid="blue.catbird.mls.reportMember",
            kind="procedure",
            input=ReportMemberInput,
            output=ReportMemberOutput,
        ),
        "blue.catbird.mls.requestRejoin": Method(
            nsid="blue.catbird.mls.requestRejoin",
            kind="procedure",
            input=RequestRejoinInput,
            output=RequestRejoinOutput,
        ),
        "blue.catbird.mls.resolveReport": Method(
            nsid="blue.catbird.mls.resolveReport",
            kind="procedure",
            input=ResolveReportInput,
            output=ResolveReportOutput,
        ),
        "blue.catbird.mls.revokeInvite": Method(
            nsid="blue.catbird.mls.revokeInvite",
            kind="procedure",
            input=RevokeInviteInput,
            output=RevokeInviteOutput,
        ),
        "blue.catbird.mls.sendChatRequest": Method(
            nsid="blue.catbird.mls.sendChatRequest",
            kind="procedure",
            input=SendChatRequestInput,
            output=SendChatRequestOutput,
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
                "#groupResetEvent": SubscribeConvoEventsGroupResetEvent,
                "#treeChangedEvent": SubscribeConvoEventsTreeChangedEvent,
                "#welcomeReissueRequestedEvent": SubscribeConvoEventsWelcomeReissueRequestedEvent,
                "#noticeEvent": SubscribeConvoEventsNoticeEvent,
                "#info": SubscribeConvoEventsInfo,
            },
        ),
        "blue.catbird.mls.syncKeyPackages": Method(
            nsid="blue.catbird.mls.syncKeyPackages",
            kind="procedure",
            input=SyncKeyPackagesInput,
            output=SyncKeyPackagesOutput,
        ),
        "blue.catbird.mls.updateChatRequestSettings": Method(
            nsid="blue.catbird.mls.updateChatRequestSettings",
            kind="procedure",
            input=UpdateChatRequestSettingsInput,
            output=UpdateChatRequestSettingsOutput,
        ),
        "blue.catbird.mls.updateCursor": Method(
            nsid="blue.catbird.mls.updateCursor",
            kind="procedure",
            input=UpdateCursorInput,
            output=UpdateCursorOutput,
        ),
        "blue.catbird.mls.updateGroupInfo": Method(
            nsid="blue.catbird.mls.updateGroupInfo",
            kind="procedure",
            input=UpdateGroupInfoInput,
            output=UpdateGroupInfoOutput,
        ),
        "blue.catbird.mls.updatePolicy": Method(
            nsid="blue.catbird.mls.updatePolicy",
            kind="procedure",
            input=UpdatePolicyInput,
            output=UpdatePolicyOutput,
        ),
        "blue.catbird.mls.validateDeviceState": Method(
            nsid="blue.catbird.mls.validateDeviceState",
            kind="query",
            params=ValidateDeviceStateParams,
            output=ValidateDeviceStateOutput,
        ),
        "blue.catbird.mls.validateWelcome": Method(
            nsid="blue.catbird.mls.validateWelcome",
            kind="procedure",
            input=ValidateWelcomeInput,
            output=ValidateWelcomeOutput,
        ),
        "blue.catbird.mls.warnMember": Method(
            nsid="blue.catbird.mls.warnMember",
            kind="procedure",
            input=WarnMemberInput,
            output=WarnMemberOutput,
        ),
    }
)
