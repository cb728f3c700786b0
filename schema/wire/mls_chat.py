"""Wire types of `blue.catbird.mlsChat.*`, made by `python -m schema.generate`: edit the lexicons."""

from types import MappingProxyType
from typing import Annotated, Final, Literal

from msgspec import UNSET, Meta, UnsetType

from schema.wire._base import SAFE, Datetime, Method, Octets, Wire, fits


class InvalidateKeyPackageInput(Wire, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Input of `blue.catbird.mlsChat.invalidateKeyPackage`."""

    device_did: Annotated[str, Meta(max_length=2120)]
    key_package_hash: str
    reason: str

    def __post_init__(self) -> None:
        fits(self.device_did, 2120, "deviceDid")


class InvalidateKeyPackageOutput(Wire, frozen=True, kw_only=True):
    """Output of `blue.catbird.mlsChat.invalidateKeyPackage`."""

    marked: bool
    already_dead: bool


class ReconcileKeyPackagesInput(Wire, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Input of `blue.catbird.mlsChat.reconcileKeyPackages`."""

    device_id: str
    local_hashes: Annotated[tuple[str, ...], Meta(max_length=500)]
    schema_version: Literal[2]


class ReconcileKeyPackagesOutput(Wire, frozen=True, kw_only=True):
    """Output of `blue.catbird.mlsChat.reconcileKeyPackages`."""

    server_only: tuple[str, ...]
    local_only: tuple[str, ...]
    total: Annotated[int, Meta(ge=-SAFE, le=SAFE)]
    device_verified: bool


class ReissueWelcomeInput(Wire, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Input of `blue.catbird.mlsChat.reissueWelcome`."""

    convo_id: str
    recipient_device_did: str
    reason: str


class ReissueWelcomeOutput(Wire, frozen=True, kw_only=True):
    """Output of `blue.catbird.mlsChat.reissueWelcome`."""

    welcome_requested: bool
    request_id: str
    requested_at: Datetime
    inviter_device: str | UnsetType = UNSET


class ReissueWelcomeRespondInput(Wire, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Input of `blue.catbird.mlsChat.reissueWelcomeRespond`."""

    request_id: str
    welcome_blob: Octets
    key_package_hash: str | UnsetType = UNSET
    device_id: Annotated[str, Meta(max_length=64)] | UnsetType = UNSET

    def __post_init__(self) -> None:
        fits(self.device_id, 64, "deviceId")


class ReissueWelcomeRespondOutput(Wire, frozen=True, kw_only=True):
    """Output of `blue.catbird.mlsChat.reissueWelcomeRespond`."""

    stored: bool
    request_id: str
    welcome_blob_id: str
    responded_at: Datetime


class ResetGroupInput(Wire, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Input of `blue.catbird.mlsChat.resetGroup`."""

    convo_id: str
    new_group_id: str
    cipher_suite: str
    group_info: Octets | UnsetType = UNSET
    reason: str | UnsetType = UNSET
    device_id: Annotated[str, Meta(max_length=64)] | UnsetType = UNSET
    idempotency_key: Annotated[str, Meta(max_length=64)] | UnsetType = UNSET
    generation: Annotated[int, Meta(ge=0, le=SAFE)] | UnsetType = UNSET

    def __post_init__(self) -> None:
        fits(self.device_id, 64, "deviceId")
        fits(self.idempotency_key, 64, "idempotencyKey")


class ResetGroupOutput(Wire, frozen=True, kw_only=True):
    """Output of `blue.catbird.mlsChat.resetGroup`."""

    success: bool
    new_group_id: str
    reset_generation: Annotated[int, Meta(ge=0, le=SAFE)]
    new_epoch: Annotated[int, Meta(ge=0, le=SAFE)]


METHODS: Final = MappingProxyType(
    {
        "blue.catbird.mlsChat.invalidateKeyPackage": Method(
            nsid="blue.catbird.mlsChat.invalidateKeyPackage",
            kind="procedure",
            input=InvalidateKeyPackageInput,
            output=InvalidateKeyPackageOutput,
        ),
        "blue.catbird.mlsChat.reconcileKeyPackages": Method(
            nsid="blue.catbird.mlsChat.reconcileKeyPackages",
            kind="procedure",
            input=ReconcileKeyPackagesInput,
            output=ReconcileKeyPackagesOutput,
        ),
        "blue.catbird.mlsChat.reissueWelcome": Method(
            nsid="blue.catbird.mlsChat.reissueWelcome",
            kind="procedure",
            input=ReissueWelcomeInput,
            output=ReissueWelcomeOutput,
        ),
        "blue.catbird.mlsChat.reissueWelcomeRespond": Method(
            nsid="blue.catbird.mlsChat.reissueWelcomeRespond",
            kind="procedure",
            input=ReissueWelcomeRespondInput,
            output=ReissueWelcomeRespondOutput,
        ),
        "blue.catbird.mlsChat.resetGroup": Method(
            nsid="blue.catbird.mlsChat.resetGroup",
            kind="procedure",
            input=ResetGroupInput,
            output=ResetGroupOutput,
        ),
    }
)
