"""The account's own log: a conversation of kind ACCOUNT, whose members are the account's devices.

It exists from the first fact on. Nobody creates, names or writes to it: facts go in by `TellAccount`, which
the router asks, and every other command finds nothing there. Each fact first brings the members up to date,
so a device that came or went since is in or out before it is told.

    nothing told ──KeyPackagesLow──▶ told ──KeyPackagesRestocked──▶ nothing told       per device and suite

What can never happen: the same shortage is told twice without having been over in between, however many
packages are taken and however often the router starts again; a device of another account is in.
"""

from protocol._answers import Accepted, Changed, Outcome
from protocol._device_commands import TellAccount
from protocol._evolve import evolve
from protocol._facts import Created, Fact, MemberRemoved, MembersAdded
from protocol._facts_devices import KeyPackagesLow
from protocol._log import ConversationKind, Entry, EntryKind
from protocol._standing import CONVO_NOT_FOUND, TWO_OWNERS, Turn, fact_entry, first_entry
from protocol._state import Conversation


def tell_account(state: Conversation | None, command: TellAccount, turn: Turn) -> Outcome:
    """A fact of the account alone."""
    members, account, fact = command.members, command.account, command.fact
    if not members or any(member.account != account for member in members) or fact.account != account:
        return TWO_OWNERS
    if state is not None and (state.kind is not ConversationKind.ACCOUNT or state.creator != account):
        return CONVO_NOT_FOUND
    told = state is not None and fact.suite in state.group.low.get(fact.device, ())
    if told is isinstance(fact, KeyPackagesLow):
        seq = 0 if state is None else state.last_seq
        return Accepted((), Changed(seq, 0))
    entries: list[Entry] = []
    if state is None:
        begun = Created(account, ConversationKind.ACCOUNT, "", "", None, None, members)
        entries.append(first_entry(command.conversation, begun, turn))
        state = evolve(None, entries[0])

    def say(kind: EntryKind, told_now: Fact) -> None:
        nonlocal state
        assert state is not None  # noqa: S101 - set above
        entries.append(fact_entry(state, kind, told_now, turn))
        state = evolve(state, entries[-1])

    known = state.members
    came = tuple(member for member in members if member.device not in known)
    there = {member.device for member in members}
    went = tuple(device for device in known if device not in there)
    if came:
        say(EntryKind.MEMBERS_ADDED, MembersAdded(account, came))
    if went:
        say(EntryKind.MEMBER_REMOVED, MemberRemoved(account, None, "device", None, went))
    say(EntryKind.NOTICE, fact)
    return Accepted(tuple(entries), Changed(entries[-1].seq, 0))
