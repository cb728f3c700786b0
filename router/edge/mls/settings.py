"""What an account has set for a conversation it is in. Nobody else is told."""

from __future__ import annotations

from protocol import ConversationKind
from router.edge.members import readable
from router.edge.services import Call, Edge
from router.store.preferences import ConvoSettings
from schema.wire import rookery_mls


async def get_convo_settings(edge: Edge, call: Call) -> rookery_mls.GetConvoSettingsOutput:
    """The caller's settings."""
    params = call.value(rookery_mls.GetConvoSettingsParams)
    state = await readable(edge, call.account, params.convo_id, ConversationKind.MLS)
    settings = await edge.store.convo_settings(call.account, state.id)
    return rookery_mls.GetConvoSettingsOutput(convo_id=state.id, muted=settings.muted)


async def update_convo_settings(edge: Edge, call: Call) -> rookery_mls.UpdateConvoSettingsOutput:
    """Set them, for all devices of the account."""
    body = call.value(rookery_mls.UpdateConvoSettingsInput)
    state = await readable(edge, call.account, body.convo_id, ConversationKind.MLS)
    await edge.store.set_convo_settings(call.account, state.id, ConvoSettings(muted=body.muted))
    return rookery_mls.UpdateConvoSettingsOutput(convo_id=state.id, muted=body.muted)
