"""Rules for application messages. Order: standing → duplicate → device → size class → epoch → framing."""

from msgspec.structs import replace

from protocol._answers import Accepted, Duplicate, Known, Outcome, Rejected, Sent
from protocol._commands import Send
from protocol._evolve import epoch_accepted
from protocol._log import ConversationKind, Entry, EntryKind, body_hash
from protocol._padding import MAX_BODY_BYTES, is_size_class, profile_of
from protocol._standing import (
    NOT_MEMBER,
    NOT_THIS_DEVICE,
    NOT_YET_MEMBER,
    Turn,
    has_device,
    names_group,
    wrong_epoch,
)
from protocol._state import Conversation

_OTHER_BYTES = Rejected("IdempotencyConflict", "This msgId was used for other bytes.")
_TOO_LARGE = Rejected("MessageTooLarge", f"A ciphertext has at most {MAX_BODY_BYTES} bytes.")
_NO_SIZE_CLASS = Rejected("InvalidAsset", "The length of the ciphertext is none of the padding sizes.")
_NOT_MLS = Rejected(
    "InvalidAsset", "The ciphertext is not an application message of MLS in a PrivateMessage."
)
_OLD_GROUP = Rejected("GroupReset", "The message is not of the group that carries the conversation now.")
_WRONG_FRAMING = Rejected("InvalidAsset", "The message's framing names another group or another epoch.")


def send(state: Conversation, command: Send, turn: Turn) -> Outcome:
    """A member writes."""
    hashed = body_hash(command.body)
    if turn.known is not None:
        return _retried(command, turn.known, hashed)
    refusal = _refusal(state, command)
    if refusal is not None:
        return refusal if turn.looked_up else replace(refusal, lookup=True)
    seq = state.last_seq + 1
    entry = Entry(
        state.id,
        seq,
        EntryKind.MESSAGE,
        command.epoch,
        command.msg_id,
        command.body,
        hashed,
        state.app_count + 1,
        turn.received,
    )
    return Accepted((entry,), Sent(command.msg_id, seq, command.epoch, turn.received))


def send_of_one_who_went(_state: Conversation, command: Send, turn: Turn) -> Outcome:
    """What the log has already is answered as the first time; nothing new is taken."""
    if turn.known is not None:
        return _retried(command, turn.known, body_hash(command.body))
    return NOT_MEMBER if turn.looked_up else replace(NOT_MEMBER, lookup=True)


def send_of_one_who_waits(state: Conversation, command: Send, turn: Turn) -> Outcome:
    """Who waits may have been in before a reset: its retries are answered."""
    outcome = send_of_one_who_went(state, command, turn)
    return replace(NOT_YET_MEMBER, lookup=outcome.lookup) if isinstance(outcome, Rejected) else outcome


def _retried(command: Send, known: Known, hashed: bytes) -> Outcome:
    if known.body_hash != hashed:
        return _OTHER_BYTES
    return Duplicate(Sent(command.msg_id, known.seq, known.epoch, known.received))


def _refusal(state: Conversation, command: Send) -> Rejected | None:
    if command.device is not None and not has_device(state, command.account, command.device):
        return NOT_THIS_DEVICE
    if not is_size_class(len(command.body), profile_of(state.kind)):
        return _TOO_LARGE if len(command.body) > MAX_BODY_BYTES else _NO_SIZE_CLASS
    framing = command.framing
    if state.group.generation and framing is not None and not names_group(state.group_id, framing.group_id):
        return _OLD_GROUP
    if not epoch_accepted(state, command.epoch):
        return wrong_epoch(state)
    if state.kind is ConversationKind.OPAQUE:
        return None
    if framing is None or not framing.private or framing.content_type != "application":
        return _NOT_MLS
    if framing.epoch != command.epoch or not names_group(state.group_id, framing.group_id):
        return _WRONG_FRAMING
    return None
