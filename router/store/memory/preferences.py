"""The memory store's settings of accounts for their conversations."""

import trio

from protocol import AccountDid, ConversationId
from router.store.memory.base import Base
from router.store.preferences import ConvoSettings


class MemoryPreferences(Base):
    """See `Preferences`."""

    def __init__(self, log_id: bytes | None = None) -> None:
        super().__init__(log_id)
        self._convo_settings: dict[tuple[AccountDid, ConversationId], ConvoSettings] = {}

    async def convo_settings(self, account: AccountDid, conversation: ConversationId) -> ConvoSettings:
        await trio.lowlevel.checkpoint()
        return self._convo_settings.get((account, conversation), ConvoSettings())

    async def set_convo_settings(
        self, account: AccountDid, conversation: ConversationId, settings: ConvoSettings
    ) -> None:
        await trio.lowlevel.checkpoint()
        self._log_of(conversation)
        self._convo_settings[account, conversation] = settings
