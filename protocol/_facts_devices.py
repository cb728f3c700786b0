"""Facts about devices' key packages and Welcomes. Those on key packages stand in the account's own log."""

import msgspec

from protocol._ids import AccountDid, DeviceId


class KeyPackagesLow(msgspec.Struct, frozen=True, tag="keyPackagesLow"):
    """A device of the account is running out of key packages of a suite: it should publish more."""

    account: AccountDid
    device: DeviceId
    suite: int
    """Number of the cipher suite."""
    remaining: int
    """How many could still be taken at that moment."""


class KeyPackagesRestocked(msgspec.Struct, frozen=True, tag="keyPackagesRestocked"):
    """It has published enough of them; the next time it runs out is told again."""

    account: AccountDid
    device: DeviceId
    suite: int


class WelcomeReissued(msgspec.Struct, frozen=True, tag="reissued"):
    """A member made another Welcome for a device that could not use its own: it waits there."""

    by: AccountDid
    account: AccountDid
    device: DeviceId


AccountFact = KeyPackagesLow | KeyPackagesRestocked
"""What the log of an account tells besides which devices it has."""
