"""What may be asked about devices: facts for their account's own log, a Welcome made anew."""

import msgspec

from protocol._commands import IdempotencyKey
from protocol._facts_devices import AccountFact
from protocol._handshake import WelcomeFor
from protocol._ids import AccountDid, ConversationId, DeviceId
from protocol._log import MemberDevice


class TellAccount(msgspec.Struct, frozen=True, tag="tell-account"):
    """Tell the devices of an account something that concerns it alone. Asked by the router, of itself."""

    conversation: ConversationId
    account: AccountDid
    members: tuple[MemberDevice, ...]
    """The devices the account has now, at least one: who is told."""
    fact: AccountFact
    idempotency: IdempotencyKey | None = None


class ReissueWelcome(msgspec.Struct, frozen=True, tag="reissue-welcome"):
    """Bring another Welcome for a device that could not use the one it got. No commit goes with it: it is
    for the leaf that the device has already."""

    conversation: ConversationId
    account: AccountDid
    device: DeviceId | None
    """The caller's device that made it."""
    seq: int
    """The entry that asks for it."""
    welcome: WelcomeFor
    epoch: int
    """The epoch that the Welcome before began with."""
    idempotency: IdempotencyKey | None = None
