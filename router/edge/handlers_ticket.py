"""Tickets: a caller who has proven itself gets a pass to one stream."""

from __future__ import annotations

from urllib.parse import urlsplit

from msgspec import UNSET, UnsetType

from protocol import ConversationKind, Nsid, bucket_text
from router.config import public_origin
from router.edge.errors import Refusal
from router.edge.members import acting_device, readable
from router.edge.services import Call, Edge
from schema.wire import METHODS, given, mls, rookery

_MLS_STREAM = Nsid("blue.catbird.mls.subscribeConvoEvents")
_SESSION = "chat.rookery.session"


async def get_mls(edge: Edge, call: Call) -> mls.GetSubscriptionTicketOutput:
    """A ticket for the event stream of the seed contract."""
    body = call.value(mls.GetSubscriptionTicketInput)
    ticket, endpoint, expires = await _make(edge, call, _MLS_STREAM, body.device_id, body.convo_id)
    return mls.GetSubscriptionTicketOutput(ticket=ticket, endpoint=endpoint, expires_at=expires)


async def get_rookery(edge: Edge, call: Call) -> rookery.GetTicketOutput:
    """A ticket for any stream."""
    body = call.value(rookery.GetTicketInput)
    method = METHODS.get(body.purpose)
    if method is None or not (method.kind == "subscription" or method.streams):
        raise Refusal("InvalidRequest", "A ticket opens a stream, and the purpose is none.")
    if body.purpose == _SESSION and body.convo_id is not UNSET:
        raise Refusal("InvalidRequest", "A session is for all conversations of its device.")
    ticket, endpoint, expires = await _make(edge, call, Nsid(body.purpose), body.device_id, body.convo_id)
    return rookery.GetTicketOutput(ticket=ticket, endpoint=endpoint, expires_at=expires)


async def _make(
    edge: Edge, call: Call, purpose: Nsid, named: str | UnsetType, convo: str | UnsetType
) -> tuple[str, str, str]:
    """The ticket, what it opens and until when. Whoever could not open the stream gets none."""
    scope = call.caller.methods
    if scope is not None and purpose not in scope:
        raise Refusal("Forbidden", f"This key may not open {purpose}.")
    device = await acting_device(edge.store, call.caller, named)
    convo_id = given(convo)
    if convo_id is not None:
        mls_stream = purpose.startswith("blue.catbird.")
        kind = ConversationKind.MLS if mls_stream else ConversationKind.OPAQUE
        state = await readable(edge, call.account, convo_id, kind)
        if device not in state.members:
            raise Refusal("NotMember", "This device is not in the conversation.")
    text, expires = edge.tickets.make(call.caller, device=device, purpose=purpose, convo=convo_id)
    return text, _endpoint(edge, purpose), bucket_text(expires)


def _endpoint(edge: Edge, purpose: Nsid) -> str:
    origin = urlsplit(str(public_origin(edge.settings)))
    scheme = origin.scheme
    if not METHODS[purpose].streams:
        scheme = "wss" if scheme == "https" else "ws"
    return f"{scheme}://{origin.netloc}/xrpc/{purpose}"
