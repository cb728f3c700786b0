"""The rule for proposals: of the current epoch, each once, all of them to be committed."""

from msgspec.structs import replace

from protocol._answers import Accepted, Duplicate, Known, Outcome, Rejected, Sent
from protocol._digest import proposal_id
from protocol._facts import ProposalMade, encode_fact
from protocol._group_commands import Propose
from protocol._log import ConversationKind, Entry, EntryKind, body_hash
from protocol._padding import MAX_BODY_BYTES
from protocol._standing import (
    NO_GROUP,
    NOT_MEMBER,
    NOT_THIS_DEVICE,
    NOT_YET_MEMBER,
    Turn,
    has_device,
    names_group,
    wrong_epoch,
)
from protocol._state import Conversation

_NOT_ONE = Rejected("InvalidProposal", "The message is no proposal of this group.")
_FRAMING = Rejected("InvalidProposal", "The conversation does not take handshakes with this framing.")
_PENDING = Rejected("InvalidProposal", "A proposal with this reference is pending already.")
_TOO_LARGE = Rejected("MessageTooLarge", f"A proposal has at most {MAX_BODY_BYTES} bytes.")
_TOO_MANY = Rejected("RateLimitExceeded", "So many proposals are pending that a commit must come first.")


def propose(state: Conversation, command: Propose, turn: Turn) -> Outcome:
    """A member proposes."""
    if turn.known is not None:
        return _first_answer(command, turn.known)
    refusal = _refusal(state, command, turn)
    if refusal is not None:
        return refusal if turn.looked_up else replace(refusal, lookup=True)
    fact = ProposalMade(command.body, command.ref, command.account)
    entry = Entry(
        state.id,
        state.last_seq + 1,
        EntryKind.PROPOSAL,
        state.epoch,
        proposal_id(command.body),
        encode_fact(fact),
        body_hash(command.body),
        state.app_count,
        turn.received,
    )
    known = Known(entry.seq, entry.body_hash, entry.epoch, entry.received)
    return Accepted((entry,), _first_answer(command, known).answer)


def propose_of_one_who_went(_state: Conversation, command: Propose, turn: Turn) -> Outcome:
    """What the log has already is answered as the first time; nothing new is taken."""
    if turn.known is not None:
        return _first_answer(command, turn.known)
    return NOT_MEMBER if turn.looked_up else replace(NOT_MEMBER, lookup=True)


def propose_of_one_who_waits(_state: Conversation, command: Propose, turn: Turn) -> Outcome:
    """The same; it may have been in before a reset."""
    if turn.known is not None:
        return _first_answer(command, turn.known)
    return NOT_YET_MEMBER if turn.looked_up else replace(NOT_YET_MEMBER, lookup=True)


def _first_answer(command: Propose, known: Known) -> Duplicate:
    return Duplicate(Sent(proposal_id(command.body), known.seq, known.epoch, known.received))


def _refusal(state: Conversation, command: Propose, turn: Turn) -> Rejected | None:
    framing, group = command.framing, state.group
    if state.kind is not ConversationKind.MLS:
        return NO_GROUP
    if command.device is not None and not has_device(state, command.account, command.device):
        return NOT_THIS_DEVICE
    if len(command.body) > MAX_BODY_BYTES:
        return _TOO_LARGE
    if framing is None or framing.content_type != "proposal" or framing.private is not (command.ref is None):
        return _NOT_ONE
    if not names_group(state.group_id, framing.group_id):
        return _NOT_ONE
    if framing.epoch != state.epoch:
        return wrong_epoch(state)
    if group.policy.handshake != "any" and framing.private is not (group.policy.handshake == "private"):
        return _FRAMING
    if command.ref is not None and command.ref in group.proposals:
        return _PENDING
    return _TOO_MANY if len(group.proposals) >= turn.limits.max_proposals else None
