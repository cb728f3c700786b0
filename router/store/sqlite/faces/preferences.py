"""The store's face for settings of accounts for their conversations."""

from protocol import AccountDid, ConversationId
from router.store.preferences import ConvoSettings
from router.store.sqlite import preferences
from router.store.sqlite.mls_requests import SetConvoSettings
from router.store.sqlite.parts import SqliteParts
from router.store.sqlite.requests import Done


class PreferenceFace(SqliteParts):
    """See `Preferences`."""

    async def convo_settings(self, account: AccountDid, conversation: ConversationId) -> ConvoSettings:
        return await self._short(lambda reader: preferences.read_convo(reader.execute, account, conversation))

    async def set_convo_settings(
        self, account: AccountDid, conversation: ConversationId, settings: ConvoSettings
    ) -> None:
        await self._write(SetConvoSettings(account, conversation, settings), Done)
