"""What crosses from the store to its ledger and back: tagged structs, MessagePack when it is a process."""

import msgspec

from router.store.audit import AuditFact
from router.store.values import (
    Account,
    AlreadyAnswered,
    AppendRequest,
    Device,
    DeviceRegistered,
    DuplicateMsgIds,
    DuplicatePublicKey,
    KeyPackage,
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


class Sweep(msgspec.Struct, frozen=True, tag="sweep", gc=False):
    """Delete what has expired."""

    now: int
    limit: int


class Probe(msgspec.Struct, frozen=True, tag="probe", gc=False):
    """Find out whether the disk takes writes."""


Request = (
    AppendRequest | RememberToken | CreateAccount | RegisterDevice | MoveReadMark | RecordActs | Sweep | Probe
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


class Done(msgspec.Struct, frozen=True, tag="done", gc=False):
    """Committed; there is nothing more to say."""


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
    | Done
    | Poisoned
    | Unavailable
)
