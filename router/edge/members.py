"""Who is who: devices that act, accounts turned into devices, and who may read a conversation."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from msgspec import UNSET, UnsetType

from protocol import (
    CONVO_NOT_FOUND,
    NOT_MEMBER,
    NOT_YET_MEMBER,
    AccountDid,
    Conversation,
    ConversationKind,
    DeviceId,
    InvalidId,
    MemberDevice,
    Standing,
    parse_account_did,
    parse_conversation_id,
    parse_device_id,
    standing,
)
from router.edge.errors import Refusal
from router.edge.services import Edge
from router.identity.principal import Principal
from router.store.interface import Store

NO_SUCH_DEVICE: Final = "The device named is not one of yours."


def named_device(caller: Principal, named: str | UnsetType | None) -> str | None:
    """The device named, or the one that the caller's credential belongs to, which may name no other."""
    text = None if named is UNSET else named
    if caller.device is None or text == caller.device:
        return text
    if text is not None:
        raise Refusal("DeviceNotFound", "A device acts for itself only.")
    return caller.device


async def acting_device(store: Store, caller: Principal, named: str | UnsetType | None) -> DeviceId:
    """The caller's device that acts: its credential's, the one named, or its only one. Raises `Refusal`."""
    text = named_device(caller, named)
    if text is not None:
        return await own_device(store, caller.account, text)
    devices = await store.devices_of(caller.account)
    if not devices:
        raise Refusal("DeviceNotFound", "Register a device first.")
    if len(devices) > 1:
        raise Refusal("InvalidRequest", "You have several devices: name one with deviceId.")
    return devices[0].id


async def own_device(store: Store, account: AccountDid, named: str) -> DeviceId:
    """The device of this id if it is the caller's; otherwise the same refusal whatever it is."""
    try:
        device = await store.device(parse_device_id(named))
    except InvalidId:
        device = None
    if device is None or device.account != account:
        raise Refusal("DeviceNotFound", NO_SUCH_DEVICE)
    return device.id


async def devices_of(store: Store, dids: Iterable[str], *, absent: str) -> tuple[MemberDevice, ...]:
    """All devices of these accounts; refuses with the error `absent` when one has none here."""
    found: list[MemberDevice] = []
    for account in dict.fromkeys(parse_account_did(did) for did in dids):
        devices = await store.devices_of(account)
        if not devices:
            raise Refusal(absent, f"{account} is not known here or has no device.")
        found += [MemberDevice(account, device.id, device.name) for device in devices]
    return tuple(found)


async def readable(edge: Edge, account: AccountDid, convo_id: str, kind: ConversationKind) -> Conversation:
    """The conversation as it stands, if the caller may read it now.

    A conversation that does not exist, one of others, and one of the other family are one refusal.
    """
    try:
        state = await edge.store.conversation(parse_conversation_id(convo_id))
    except InvalidId:
        state = None
    if state is not None and state.kind is not kind:
        state = None
    match standing(state, account):
        case Standing.MEMBER | Standing.MODERATOR | Standing.ADMIN if state is not None:
            return state
        case Standing.LEFT | Standing.REMOVED:
            raise Refusal.of(NOT_MEMBER)
        case Standing.PENDING:
            raise Refusal.of(NOT_YET_MEMBER)
        case _:
            raise Refusal.of(CONVO_NOT_FOUND)
