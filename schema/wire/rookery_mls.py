"""Wire types of `chat.rookery.mls.*`, made by `python -m schema.generate`: edit the lexicons."""

from types import MappingProxyType
from typing import Annotated, Final

from msgspec import UNSET, Meta, UnsetType

from schema.wire._base import SAFE, Datetime, Did, Method, Octets, Wire, fits, holds


class GetConvoSettingsParams(Wire, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Parameters of `chat.rookery.mls.getConvoSettings`."""

    convo_id: str


class GetConvoSettingsOutput(Wire, frozen=True, kw_only=True):
    """Output of `chat.rookery.mls.getConvoSettings`."""

    convo_id: str
    muted: bool


class GetDigestParams(Wire, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Parameters of `chat.rookery.mls.getDigest`."""

    convo_id: str
    epoch: Annotated[int, Meta(ge=0, le=SAFE)] | UnsetType = UNSET


class GetDigestOutput(Wire, frozen=True, kw_only=True):
    """Output of `chat.rookery.mls.getDigest`."""

    convo_id: str
    group_id: Annotated[str, Meta(max_length=128)]
    generation: Annotated[int, Meta(ge=0, le=SAFE)]
    epoch: Annotated[int, Meta(ge=0, le=SAFE)]
    digest: Octets

    def __post_init__(self) -> None:
        fits(self.group_id, 128, "groupId")


class SendProposalInput(Wire, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Input of `chat.rookery.mls.sendProposal`."""

    convo_id: str
    proposal: Octets
    device_id: Annotated[str, Meta(max_length=64)] | UnsetType = UNSET

    def __post_init__(self) -> None:
        holds(self.proposal, 1, 1048576, "proposal")
        fits(self.device_id, 64, "deviceId")


class SendProposalOutput(Wire, frozen=True, kw_only=True):
    """Output of `chat.rookery.mls.sendProposal`."""

    message_id: str
    seq: Annotated[int, Meta(ge=0, le=SAFE)]
    epoch: Annotated[int, Meta(ge=0, le=SAFE)]
    ref: Octets | UnsetType = UNSET
    received_at: Datetime


class SubmitCommitLeafAdd(Wire, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A device that the commit adds."""

    did: Did
    key_package_hash: Annotated[str, Meta(min_length=1, max_length=128)]
    device_id: Annotated[str, Meta(max_length=64)] | UnsetType = UNSET
    leaf_index: Annotated[int, Meta(ge=0, le=4294967295)] | UnsetType = UNSET

    def __post_init__(self) -> None:
        fits(self.key_package_hash, 128, "keyPackageHash")
        fits(self.device_id, 64, "deviceId")


class SubmitCommitLeafRemove(Wire, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A device that the commit removes."""

    did: Did
    device_id: Annotated[str, Meta(min_length=1, max_length=64)]

    def __post_init__(self) -> None:
        fits(self.device_id, 64, "deviceId")


class SubmitCommitInput(Wire, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Input of `chat.rookery.mls.submitCommit`."""

    convo_id: str
    commit: Octets
    group_info: Octets | UnsetType = UNSET
    welcome: Octets | UnsetType = UNSET
    adds: Annotated[tuple[SubmitCommitLeafAdd, ...], Meta(max_length=100)] | UnsetType = UNSET
    removes: Annotated[tuple[SubmitCommitLeafRemove, ...], Meta(max_length=100)] | UnsetType = UNSET
    reason: Annotated[str, Meta(max_length=500)] | UnsetType = UNSET
    device_id: Annotated[str, Meta(max_length=64)] | UnsetType = UNSET

    def __post_init__(self) -> None:
        holds(self.commit, 1, 10485760, "commit")
        holds(self.group_info, 1, 10485760, "groupInfo")
        holds(self.welcome, 1, 10485760, "welcome")
        fits(self.reason, 500, "reason")
        fits(self.device_id, 64, "deviceId")


class SubmitCommitOutput(Wire, frozen=True, kw_only=True):
    """Output of `chat.rookery.mls.submitCommit`."""

    new_epoch: Annotated[int, Meta(ge=0, le=SAFE)]
    seq: Annotated[int, Meta(ge=0, le=SAFE)]
    message_id: str
    generation: Annotated[int, Meta(ge=0, le=SAFE)]
    digest: Octets
    received_at: Datetime


class UpdateConvoSettingsInput(Wire, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Input of `chat.rookery.mls.updateConvoSettings`."""

    convo_id: str
    muted: bool


class UpdateConvoSettingsOutput(Wire, frozen=True, kw_only=True):
    """Output of `chat.rookery.mls.updateConvoSettings`."""

    convo_id: str
    muted: bool


METHODS: Final = MappingProxyType(
    {
        "chat.rookery.mls.getConvoSettings": Method(
            nsid="chat.rookery.mls.getConvoSettings",
            kind="query",
            params=GetConvoSettingsParams,
            output=GetConvoSettingsOutput,
        ),
        "chat.rookery.mls.getDigest": Method(
            nsid="chat.rookery.mls.getDigest",
            kind="query",
            params=GetDigestParams,
            output=GetDigestOutput,
        ),
        "chat.rookery.mls.sendProposal": Method(
            nsid="chat.rookery.mls.sendProposal",
            kind="procedure",
            input=SendProposalInput,
            output=SendProposalOutput,
        ),
        "chat.rookery.mls.submitCommit": Method(
            nsid="chat.rookery.mls.submitCommit",
            kind="procedure",
            input=SubmitCommitInput,
            output=SubmitCommitOutput,
        ),
        "chat.rookery.mls.updateConvoSettings": Method(
            nsid="chat.rookery.mls.updateConvoSettings",
            kind="procedure",
            input=UpdateConvoSettingsInput,
            output=UpdateConvoSettingsOutput,
        ),
    }
)
