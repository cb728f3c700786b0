"""The part of the store for what an account has set for one of its conversations. Nobody else is told."""

import abc

import msgspec

from protocol import AccountDid, ConversationId


class ConvoSettings(msgspec.Struct, frozen=True, gc=False):
    """What an account wants of a conversation, on all its devices."""

    muted: bool = False
    """No notice of its messages."""


class Preferences(abc.ABC):
    """A part of `Store`, whose module says what holds for all methods."""

    @abc.abstractmethod
    async def convo_settings(self, account: AccountDid, conversation: ConversationId) -> ConvoSettings:
        """The account's settings; the defaults where it has none, or the conversation does not exist."""

    @abc.abstractmethod
    async def set_convo_settings(
        self, account: AccountDid, conversation: ConversationId, settings: ConvoSettings
    ) -> None:
        """Keep them. `PoisonRequest` for a conversation that does not exist: the caller has looked."""
