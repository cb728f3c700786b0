"""External commits: how an account that may be in comes in by itself (RFC 9420 section 12.4.3.2).

Every one of them begins an epoch and throws away what others had in flight, so they are rationed: one in
`Limits.external_cooldown` seconds for a conversation, one in `device_external_cooldown` for a device. Ten
devices that lost their state at once make one epoch in each such time, not ten.
"""

from protocol._answers import Rejected
from protocol._handshake import Handshake
from protocol._ids import AccountDid, DeviceId
from protocol._standing import NOT_THIS_DEVICE, Turn
from protocol._state import Conversation

_NOT_ALLOWED = Rejected("Unauthorized", "The conversation does not take external commits.")
_PRIVATE = Rejected("InvalidCommit", "An external commit is a PublicMessage.")
_EPOCH_ZERO = Rejected("InvalidCommit", "A group at epoch 0 has nobody but who made it.")
_ONE_LEAF = Rejected("InvalidCommit", "An external commit adds the joining device, and nobody else.")
_OLD_LEAF = Rejected("InvalidCommit", "An external commit removes the old leaf of its own device, if any.")


def external_refusal(
    state: Conversation, account: AccountDid, device: DeviceId | None, handshake: Handshake, turn: Turn
) -> Rejected | None:
    """Why the account's device may not come in by this commit now; None where it may."""
    if not state.group.policy.external_commits:
        return _NOT_ALLOWED
    joining = device or handshake.committer_device
    if joining is None or handshake.committer_device not in (None, joining):
        return NOT_THIS_DEVICE
    wait = external_wait(state, joining, turn)
    if wait > 0:
        return Rejected("GroupFrozen", "Somebody came in just now; try again later.", retry_after=wait)
    if handshake.private:
        return _PRIVATE
    if state.epoch == 0:
        return _EPOCH_ZERO
    added = [(each.member.account, each.member.device) for each in handshake.adds]
    if added != [(account, joining)] or handshake.welcomes:
        return _ONE_LEAF
    has_leaf = joining in state.members or joining in state.group.stale_leaves
    return None if handshake.removes == ((joining,) if has_leaf else ()) else _OLD_LEAF


def external_wait(state: Conversation, device: DeviceId, turn: Turn) -> float:
    """Seconds until an external commit of this device may be taken; 0 where it may now."""
    group, limits = state.group, turn.limits
    free = 0
    if group.last_external is not None:
        free = group.last_external + limits.external_cooldown
    last = group.external_by_device.get(device)
    if last is not None:
        free = max(free, last + limits.device_external_cooldown)
    return float(max(0, free - turn.received))
