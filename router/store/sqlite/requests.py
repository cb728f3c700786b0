"""What crosses from the store to its ledger and back: tagged structs, MessagePack when it is a process."""

import msgspec

from protocol import PutGroupInfo, PutWelcome
from router.store.audit import AuditFact
from router.store.credentials import (
    AccountUnknown,
    ApiKey,
    ApiKeyConflict,
    ApiKeyMade,
    ApiKeyUnknown,
    DeviceChanged,
    DeviceRevoked,
    DeviceUnknown,
    Recovered,
    TooManyApiKeys,
)
from router.store.identities import (
    IdentityKept,
    IdentityUnknown,
    IdentityUnlinked,
    TooManyIdentities,
)
from router.store.key_packages import KeyPackage
from router.store.logins import Grant, GrantReused, GrantRotated, GrantUnknown, IdentityLinked
from router.store.passkeys import (
    LastWayIn,
    Passkey,
    PasskeyCloned,
    PasskeyKept,
    PasskeyRevoked,
    PasskeySuspended,
    PasskeyTaken,
    PasskeyUnknown,
    PasskeyUsed,
    TooManyPasskeys,
)
from router.store.sqlite.mls_requests import (
    FileReport,
    KeepEvidence,
    MlsOutcome,
    MlsRequest,
    PublishKeyPackages,
    PutChatRequest,
)
from router.store.values import (
    Account,
    AlreadyAnswered,
    AppendRequest,
    ConditionFailed,
    Device,
    DeviceRegistered,
    DuplicateMsgIds,
    DuplicatePublicKey,
    NameTaken,
    SeqConflict,
    StaleTerm,
    StoredResult,
    Swept,
    TooManyDevices,
)


class RememberToken(msgspec.Struct, frozen=True, tag="token", gc=False):
    """A used token; the expiry is in steps of a minute already."""

    token_hash: bytes
    expires: int


class CreateAccount(msgspec.Struct, frozen=True, tag="create-account", gc=False):
    """Make an account."""

    account: Account
    now: int


class RegisterDevice(msgspec.Struct, frozen=True, tag="register-device"):
    """Make a device known."""

    device: Device
    key_packages: tuple[KeyPackage, ...]
    now: int
    max_devices: int
    max_packages: int
    idempotency: tuple[StoredResult, ...]


class MoveReadMark(msgspec.Struct, frozen=True, tag="read-mark", gc=False):
    """Move a mark forward."""

    device: str
    conversation: str
    seq: int


class RecordActs(msgspec.Struct, frozen=True, tag="record"):
    """Append audit records."""

    facts: tuple[AuditFact, ...]
    now: int


class RenameDevice(msgspec.Struct, frozen=True, tag="rename-device", gc=False):
    """Change what a device is called."""

    account: str
    device: str
    name: str


class RotateDeviceKey(msgspec.Struct, frozen=True, tag="rotate-device-key"):
    """Give a device another signature key."""

    account: str
    device: str
    signature_key: bytes
    now: int
    idempotency: tuple[StoredResult, ...]


class RevokeDevice(msgspec.Struct, frozen=True, tag="revoke-device", gc=False):
    """Delete a device and what is its own."""

    account: str
    device: str
    now: int


class MarkSeen(msgspec.Struct, frozen=True, tag="mark-seen"):
    """Note the day on which devices were here."""

    devices: tuple[str, ...]
    day: int


class KeepApiKey(msgspec.Struct, frozen=True, tag="keep-api-key"):
    """Keep a new API key, or give one a new secret."""

    key: ApiKey
    replaces: str | None
    now: int
    max_keys: int


class RevokeApiKey(msgspec.Struct, frozen=True, tag="revoke-api-key", gc=False):
    """Delete an API key."""

    account: str
    key: str
    now: int


class Suspend(msgspec.Struct, frozen=True, tag="suspend", gc=False):
    """Let an account speak no more, or again."""

    account: str
    suspended: bool
    now: int


class RecoverAccount(msgspec.Struct, frozen=True, tag="recover-account", gc=False):
    """Give an account another key."""

    account: str
    verification_key: str
    keep_devices: bool
    now: int


class KeepPending(msgspec.Struct, frozen=True, tag="keep-pending", gc=False):
    """Keep what waits for its second half; the expiry is in steps of a minute already."""

    key: bytes
    sealed: bytes
    expires: int


class TakePending(msgspec.Struct, frozen=True, tag="take-pending", gc=False):
    """Give it out, once."""

    key: bytes
    now: int


class CreateAccountFor(msgspec.Struct, frozen=True, tag="create-account-for", gc=False):
    """Make an account for somebody who is known elsewhere."""

    identity: bytes
    account: Account
    label: bytes
    now: int


class LinkIdentity(msgspec.Struct, frozen=True, tag="link-identity", gc=False):
    """Let somebody who is known elsewhere log in to an account."""

    identity: bytes
    account: str
    label: bytes
    verification_key: str
    now: int


class UnlinkIdentity(msgspec.Struct, frozen=True, tag="unlink-identity", gc=False):
    """Let them log in to it no more."""

    account: str
    identity: bytes
    now: int


class BeginGrant(msgspec.Struct, frozen=True, tag="begin-grant", gc=False):
    """Keep a new login."""

    grant: Grant


class RotateGrant(msgspec.Struct, frozen=True, tag="rotate-grant", gc=False):
    """One refresh."""

    grant: str
    presented: bytes
    successor: bytes
    retry: bytes | None
    now: int


class EndGrants(msgspec.Struct, frozen=True, tag="end-grants", gc=False):
    """End one login, or all of an account."""

    grant: str | None
    account: str | None
    now: int


class CreateAccountWithPasskey(msgspec.Struct, frozen=True, tag="create-account-with-passkey", gc=False):
    """Make an account and its first passkey."""

    account: Account
    passkey: Passkey
    now: int


class KeepPasskey(msgspec.Struct, frozen=True, tag="keep-passkey", gc=False):
    """Give an account one more passkey."""

    passkey: Passkey
    verification_key: str
    now: int
    max_passkeys: int


class UsePasskey(msgspec.Struct, frozen=True, tag="use-passkey", gc=False):
    """Somebody has proven to have a passkey."""

    credential: bytes
    sign_count: int
    now: int


class RenamePasskey(msgspec.Struct, frozen=True, tag="rename-passkey", gc=False):
    """Change what a passkey is called."""

    account: str
    passkey: str
    name: str


class RevokePasskey(msgspec.Struct, frozen=True, tag="revoke-passkey", gc=False):
    """Delete a passkey."""

    account: str
    passkey: str
    even_if_last: bool
    now: int


class Sweep(msgspec.Struct, frozen=True, tag="sweep", gc=False):
    """Delete what has expired."""

    now: int
    limit: int


class Probe(msgspec.Struct, frozen=True, tag="probe", gc=False):
    """Find out whether the disk takes writes."""


Request = (
    AppendRequest
    | RememberToken
    | CreateAccount
    | RegisterDevice
    | MoveReadMark
    | RecordActs
    | RenameDevice
    | RotateDeviceKey
    | RevokeDevice
    | MarkSeen
    | KeepApiKey
    | RevokeApiKey
    | Suspend
    | RecoverAccount
    | Sweep
    | Probe
    | KeepPending
    | TakePending
    | CreateAccountFor
    | LinkIdentity
    | UnlinkIdentity
    | BeginGrant
    | RotateGrant
    | EndGrants
    | MlsRequest
    | CreateAccountWithPasskey
    | KeepPasskey
    | UsePasskey
    | RenamePasskey
    | RevokePasskey
)


class Placed(msgspec.Struct, frozen=True, tag="placed", gc=False):
    """An append was committed, its first entry at this position, the rest behind it. The asker has the
    entries: they do not travel back."""

    first: int


class AccountMade(msgspec.Struct, frozen=True, tag="account", gc=False):
    """The account as it stands now."""

    account: Account


class Marked(msgspec.Struct, frozen=True, tag="marked", gc=False):
    """Where the mark stands."""

    seq: int


class Changed(msgspec.Struct, frozen=True, tag="changed", gc=False):
    """Whether there was anything to change."""

    changed: bool


class Done(msgspec.Struct, frozen=True, tag="done", gc=False):
    """Committed; there is nothing more to say."""


class PendingTaken(msgspec.Struct, frozen=True, tag="pending-taken", gc=False):
    """What waited; None if nothing did."""

    sealed: bytes | None


class GrantsEnded(msgspec.Struct, frozen=True, tag="grants-ended"):
    """Ids and accounts of the logins that were alive until now."""

    grants: tuple[tuple[str, str], ...]


class Poisoned(msgspec.Struct, frozen=True, tag="poisoned", gc=False):
    """This request cannot be committed, alone either. Nothing of it was written."""

    detail: str


class Unavailable(msgspec.Struct, frozen=True, tag="unavailable", gc=False):
    """The disk failed. Nothing was written, unless `fatal`: then nobody knows."""

    detail: str
    fatal: bool = False


Outcome = (
    Placed
    | SeqConflict
    | DuplicateMsgIds
    | StaleTerm
    | AlreadyAnswered
    | AccountMade
    | NameTaken
    | DeviceRegistered
    | DuplicatePublicKey
    | TooManyDevices
    | Marked
    | Swept
    | Changed
    | DeviceChanged
    | DeviceUnknown
    | DeviceRevoked
    | ApiKeyMade
    | ApiKeyConflict
    | ApiKeyUnknown
    | TooManyApiKeys
    | Recovered
    | AccountUnknown
    | Done
    | Poisoned
    | Unavailable
    | PendingTaken
    | IdentityLinked
    | IdentityKept
    | TooManyIdentities
    | IdentityUnlinked
    | IdentityUnknown
    | GrantRotated
    | GrantReused
    | GrantUnknown
    | GrantsEnded
    | ConditionFailed
    | MlsOutcome
    | PasskeyKept
    | PasskeyTaken
    | TooManyPasskeys
    | PasskeyUsed
    | PasskeyCloned
    | PasskeySuspended
    | PasskeyUnknown
    | PasskeyRevoked
    | LastWayIn
)

_OVERHEAD = 256
"""Bytes counted for a request, an entry or an effect besides its body."""


def size_of(request: Request) -> int:
    """About how many bytes a request holds: what the queue is bounded by."""
    match request:
        case AppendRequest(entries=entries, effects=effects):
            size = _OVERHEAD
            for entry in entries:
                size += len(entry.body) + _OVERHEAD
            for effect in effects:
                size += (len(effect.body) if isinstance(effect, PutWelcome | PutGroupInfo) else 0) + _OVERHEAD
            return size
        case PublishKeyPackages(packages=packages) | RegisterDevice(key_packages=packages):
            return _OVERHEAD + sum(len(package.package) + _OVERHEAD for package in packages)
        case KeepEvidence(evidence=evidence):
            return _OVERHEAD + len(evidence.body)
        case FileReport(report=report):
            return _OVERHEAD + len(report.content)
        case PutChatRequest(held=held):
            return _OVERHEAD + sum(len(message.body) + _OVERHEAD for message in held)
        case _:
            return _OVERHEAD
