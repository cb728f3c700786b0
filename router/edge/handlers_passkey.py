"""Passkeys: an app gets its person a page of ours, since only a page of ours can make one."""

from __future__ import annotations

from protocol import bucket_text
from router.edge.errors import Refusal
from router.edge.services import Call, Edge
from schema.wire import rookery


async def link(edge: Edge, call: Call) -> rookery.CreatePasskeyLinkOutput:
    """A page where the account's passkeys are looked after, good for one opening."""
    if edge.login.passkeys is None:
        raise Refusal("MethodNotImplemented", "Passkeys are not offered on this server.")
    url, expires = await edge.login.passkeys.link(call.caller, still=call.still)
    return rookery.CreatePasskeyLinkOutput(url=url, expires_at=bucket_text(expires))
