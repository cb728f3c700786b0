"""What the edge may ask of conversations, wherever they live.

Posting is ordered and never waits; waiting is elsewhere. A session posts its sends one after another and
takes the replies as they are answered, in that order, so that they are committed in the order they came in.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

import attrs

from actors import AskFailed, MailboxClosed, MailboxFull, Quarantined, RegistryFull, Reply, Request
from protocol import Answer, Command, ConversationId, Rejected, payload_bytes

_RETRY_AFTER_SECONDS = 1.0
_COMMAND_OVERHEAD_BYTES = 512


class Busy(Exception):
    """Ours, for now: nothing was done; try the same again after `retry_after` seconds."""

    def __init__(self, retry_after: float) -> None:
        super().__init__("too much is waiting for this conversation")
        self.retry_after = retry_after


class OutcomeLost(Exception):
    """Ours: the actor crashed with the command in hand. Done or not done: ask again, bytes unchanged."""


class OwnerChanged(Exception):
    """Another node writes this conversation now; nothing was done here."""


@attrs.frozen
class Ask(Request[Answer | Rejected]):
    """A command on its way to its conversation's actor."""

    command: Command


def weigh(ask: Ask) -> int:
    """Bytes a waiting command holds, for the bound of the mailbox."""
    return _COMMAND_OVERHEAD_BYTES + payload_bytes(ask.command)


class Addresses(Protocol):
    """The part of `actors.Registry` that is needed here."""

    def post_nowait(self, key: ConversationId, message: Ask) -> Reply[Answer | Rejected]: ...
    async def post(self, key: ConversationId, message: Ask) -> Reply[Answer | Rejected]: ...


@attrs.frozen
class Conversations:
    """Commands go in here; see the module's header."""

    addresses: Addresses

    def post(self, command: Command) -> Reply[Answer | Rejected]:
        """Put the command into its conversation's mailbox, in order, without a checkpoint.

        Raises `Busy` when there is no room or the conversation is quarantined. Await the reply with
        `answer_of`.
        """
        with _busy():
            return self.addresses.post_nowait(command.conversation, Ask(command))

    async def post_in_turn(self, command: Command) -> Reply[Answer | Rejected]:
        """Like `post`, but waits for room: who sends faster than the log takes is slowed down, not refused.

        Cancelled, the command is not in. Raises `Busy` for a quarantined conversation or one too large.
        """
        with _busy():
            return await self.addresses.post(command.conversation, Ask(command))

    async def ask(self, command: Command) -> Answer | Rejected:
        """Post and wait. Bound it with a cancel scope; a cancelled ask has an unknown outcome.

        Raises what `post` and `answer_of` raise.
        """
        return await answer_of(self.post(command))


@contextmanager
def _busy() -> Iterator[None]:
    try:
        yield
    except Quarantined as quiet:
        raise Busy(quiet.retry_after) from None
    except (MailboxFull, MailboxClosed, RegistryFull):
        raise Busy(_RETRY_AFTER_SECONDS) from None


async def answer_of(reply: Reply[Answer | Rejected]) -> Answer | Rejected:
    """Wait for the reply to a posted command.

    Raises `Busy` when the conversation was quarantined before it took the command, `OutcomeLost` when the
    actor crashed with it, and the store's `Overloaded` and `StoreUnavailable` (`OutcomeUnknown` among
    them), each with `retry_after`.
    """
    try:
        return await reply.wait()
    except (Quarantined, MailboxClosed, AskFailed) as error:
        raise _for_the_edge(error) from error


def answer_nowait(reply: Reply[Answer | Rejected]) -> Answer | Rejected:
    """The reply of a posted command that is `done`. Raises what `answer_of` raises."""
    try:
        return reply.result_nowait()
    except (Quarantined, MailboxClosed, AskFailed) as error:
        raise _for_the_edge(error) from error


def _for_the_edge(error: Quarantined | MailboxClosed | AskFailed) -> Busy | OutcomeLost:
    match error:
        case Quarantined():
            return Busy(error.retry_after)
        case MailboxClosed():
            return Busy(_RETRY_AFTER_SECONDS)
        case AskFailed():  # pragma: no branch - the union is closed, mypy checks it
            return OutcomeLost()
