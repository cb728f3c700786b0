"""The ledger's and the reader's page for settings of accounts for their conversations."""

from protocol import AccountDid, ConversationId
from router.store.preferences import ConvoSettings
from router.store.sqlite.database import SQL
from router.store.sqlite.execute import Execute, Record
from router.store.sqlite.mls_requests import SetConvoSettings
from router.store.sqlite.requests import Done, Poisoned


def set_convo(execute: Execute, _: Record, request: SetConvoSettings) -> Done | Poisoned:
    row = execute(SQL["conversation_key"], (request.conversation,)).fetchone()
    if row is None:
        return Poisoned("settings for a conversation that does not exist")
    execute(SQL["set_convo_settings"], (request.account, row[0], request.settings.muted))
    return Done()


def read_convo(execute: Execute, account: AccountDid, conversation: ConversationId) -> ConvoSettings:
    """See `Store.convo_settings`."""
    row = execute(SQL["convo_settings"], (account, conversation)).fetchone()
    return ConvoSettings() if row is None else ConvoSettings(muted=bool(row[0]))
