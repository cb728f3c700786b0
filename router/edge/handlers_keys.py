"""API keys: made, shown without their secrets, ended."""

from __future__ import annotations

from protocol import InvalidId, parse_device_id
from router.edge.commands import idempotency
from router.edge.errors import Refusal
from router.edge.handlers_device import day_text, edge_bucket
from router.edge.services import Call, Edge
from router.identity.api_keys import grant_of
from router.store.credentials import (
    ApiKey,
    ApiKeyConflict,
    ApiKeyMade,
    ApiKeyUnknown,
    DeviceUnknown,
    TooManyApiKeys,
)
from schema.wire import given, rookery

_DAY = 86_400


async def create(edge: Edge, call: Call) -> rookery.CreateApiKeyOutput:
    """A new key, its secret in this answer and nowhere else.

    A retry cannot be given the first answer, of which nothing is kept. It gives the same key, named by the
    request's idempotency key, a new secret; whoever did not get the first one loses nothing by that.
    """
    body = call.value(rookery.CreateApiKeyInput)
    key = idempotency(edge, call, body.idempotency_key)
    if key is None:
        raise TypeError("the table asks for an idempotency key")
    try:
        device = parse_device_id(body.device_id)
    except InvalidId:
        raise _NO_DEVICE from None
    methods = tuple(sorted(set(body.methods)))
    _check_methods(edge, methods)
    made = await edge.api_keys.make(key.scope)
    call.still()
    now = edge_bucket(edge)
    replaces = given(body.replaces)
    outcome = await edge.store.keep_api_key(
        ApiKey(made.id, call.account, device, body.name, methods, made.hash, now // _DAY),
        replaces=replaces,
        now=now,
        max_keys=edge.settings.limits.max_api_keys,
    )
    match outcome:
        case ApiKeyMade():
            if replaces is not None:
                edge.revocations.revoke(grant=grant_of(replaces))
            return rookery.CreateApiKeyOutput(key_id=made.id, api_key=made.text)
        case ApiKeyConflict():
            raise Refusal("IdempotencyConflict", "This idempotency key was used for another API key.")
        case ApiKeyUnknown():
            raise Refusal("ApiKeyNotFound", "The key to be replaced is not one of yours.")
        case TooManyApiKeys():
            raise Refusal("TooManyApiKeys", f"An account has at most {outcome.limit} API keys here.")
        case DeviceUnknown():
            raise _NO_DEVICE


async def list_all(edge: Edge, call: Call) -> rookery.ListApiKeysOutput:
    """The caller's keys."""
    return rookery.ListApiKeysOutput(
        api_keys=tuple(
            rookery.ListApiKeysApiKeyView(
                key_id=key.id,
                device_id=key.device,
                name=key.name,
                methods=key.methods,
                created_at=day_text(key.created_day),
            )
            for key in await edge.store.api_keys_of(call.account)
        )
    )


async def revoke(edge: Edge, call: Call) -> rookery.RevokeApiKeyOutput:
    """End a key: in the store, then, without an await between, what is open with it."""
    body = call.value(rookery.RevokeApiKeyInput)
    revoked = await edge.store.revoke_api_key(call.account, body.key_id, now=edge_bucket(edge))
    if revoked:
        edge.revocations.revoke(grant=grant_of(body.key_id))
    return rookery.RevokeApiKeyOutput(revoked=revoked)


def _check_methods(edge: Edge, methods: tuple[str, ...]) -> None:
    """Refuse what a key could never call: a typing mistake, or the management of the account."""
    for method in methods:
        route = edge.routes.get(method)
        if route is None or not route.for_api_keys:
            raise Refusal("InvalidRequest", f"{method} is no method that an API key may call.")


_NO_DEVICE = Refusal("DeviceNotFound", "The device named is not one of yours.")
