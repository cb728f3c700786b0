"""A Welcome made anew, without a commit: for a device that is in and could not use the one it got.

Only who made the commit can do so, for the same key package and while it remembers; everybody else adds the
device again by a commit, which ends the request as well. The server cannot read a Welcome: what it knows is
the package it is for, and the edge has compared that with the Welcome before.
"""

from protocol._answers import Accepted, Changed, Outcome, Rejected
from protocol._device_commands import ReissueWelcome
from protocol._effects import PutWelcome
from protocol._facts_devices import WelcomeReissued
from protocol._log import EntryKind
from protocol._standing import NOT_THIS_DEVICE, Turn, fact_entry, has_device
from protocol._state import Conversation

REQUEST_NOT_FOUND = Rejected("RequestNotFound", "No device waits for a Welcome by this request.")


def reissue_welcome(state: Conversation, command: ReissueWelcome, turn: Turn) -> Outcome:
    """A member answers a device's request for another Welcome."""
    welcome = command.welcome
    if command.device is not None and not has_device(state, command.account, command.device):
        return NOT_THIS_DEVICE
    request = state.group.needs_rejoin.get(welcome.device)
    if request is None or request.seq != command.seq or request.cause != "welcome":
        return REQUEST_NOT_FOUND
    if request.account != welcome.account or not has_device(state, welcome.account, welcome.device):
        return REQUEST_NOT_FOUND
    fact = WelcomeReissued(command.account, welcome.account, welcome.device)
    entry = fact_entry(state, EntryKind.NOTICE, fact, turn)
    effect = PutWelcome(
        welcome.device,
        welcome.account,
        welcome.key_package,
        welcome.body,
        command.epoch,
        state.group.generation,
        turn.received,
    )
    return Accepted((entry,), Changed(entry.seq, state.epoch), (effect,))
