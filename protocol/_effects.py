"""What an accepted command does beside the log, committed in the same transaction or not at all.

The store carries them out in order. A condition of one that does not hold refuses the whole append by the
error's name and writes nothing; the batch is then decided again with that command refused.
"""

import msgspec

from protocol._ids import AccountDid, DeviceId


class ConsumeKeyPackage(msgspec.Struct, frozen=True, tag="consume-key-package", gc=False):
    """The package is used up; a tombstone stays until its end. One of last resort stays usable.

    `KeyPackageNotFound` unless it exists, is the device's, has not expired, and is claimed by `by` (or is of
    last resort).
    """

    ref: bytes
    """KeyPackageRef, raw."""
    device: DeviceId
    by: AccountDid
    now: int
    """Bucket, Unix seconds."""


class PutWelcome(msgspec.Struct, frozen=True, tag="put-welcome", gc=False):
    """A Welcome waits for the device; pending ones of this conversation and device are superseded."""

    device: DeviceId
    account: AccountDid
    key_package: bytes | None
    body: bytes
    epoch: int
    generation: int
    now: int
    """Bucket, Unix seconds."""


class PutGroupInfo(msgspec.Struct, frozen=True, tag="put-group-info", gc=False):
    """The GroupInfo of the current epoch, in place of the one before."""

    generation: int
    epoch: int
    body: bytes
    hash: bytes


class DropGroupInfo(msgspec.Struct, frozen=True, tag="drop-group-info", gc=False):
    """The stored GroupInfo is of an older epoch: nobody may join by it any more."""


Effect = ConsumeKeyPackage | PutWelcome | PutGroupInfo | DropGroupInfo
