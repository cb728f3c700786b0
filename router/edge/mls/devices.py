"""Devices of MLS: registered with the key packages they bring, shown, looked after.

A device that is registered is nobody's member yet. Its account's conversations are told of it, and one of
their members adds it by a commit (`additions.py`); until then it is in none, and nothing says otherwise.
"""

from __future__ import annotations

from typing import Final

import trio

from protocol import AccountDid, Conversation, ConversationId, ConversationKind, DeviceId
from router.conversation.service import Busy
from router.edge.errors import Refusal
from router.edge.handlers_device import check_key, day_text, edge_bucket, last_seen, own, register, revoke
from router.edge.members import acting_device
from router.edge.mls.account_log import restocked
from router.edge.mls.bytes import to_base64, verifying
from router.edge.mls.departures import announce, first_error
from router.edge.mls.packages import Offered, Owner, invalid, judge_all, policy_of
from router.edge.mls.stock import REUSED, TOO_MANY, verdict_refusal
from router.edge.possession import proven
from router.edge.services import Call, Edge
from router.store.key_packages import KeyPackage
from router.store.values import Device
from schema.wire import given, mls

_PAGE: Final = 100
_AT_ONCE: Final = 16


def mls_did(account: AccountDid, device: DeviceId) -> str:
    """A device's own name, unique to it. The credential in its leaves is the account alone."""
    return f"{account}#{device}"


# -- registered --------------------------------------------------------------------------------------------


async def register_device(edge: Edge, call: Call) -> mls.RegisterDeviceOutput:
    """Register a device with its key packages, all of them or nothing; the same key is the same device.

    That its holder brings the key shows from a key package it has signed, or from a proof beside them.
    """
    body = call.value(mls.RegisterDeviceInput)
    key = check_key(body.signature_public_key)
    now, proof = edge_bucket(edge), given(body.proof)
    used = None if proof is None else proven(edge, call, key, proof, now=now)
    known = next(
        (each for each in await edge.store.devices_of(call.account) if each.signature_key == key), None
    )
    packages = await _packages(edge, call, body, key, known, proven_beside=used is not None)
    outcome = await register(
        edge,
        call,
        body.device_name,
        key,
        packages,
        None,
        used,
        now,
        max_packages=edge.settings.mls.max_key_packages,
    )
    device = outcome.device
    for verdict in outcome.verdicts:  # only where a twin of this request came in between
        refusal = verdict_refusal(verdict)
        if refusal is not None:
            raise refusal
    await restocked(edge, device, now)
    joined, waiting = await announced(edge, device)
    return mls.RegisterDeviceOutput(
        device_id=device.id,
        mls_did=mls_did(call.account, device.id),
        auto_joined_convos=joined,
        welcome_messages=await _welcomes(edge, device.id),
        pending_convos=waiting,
    )


async def _packages(
    edge: Edge,
    call: Call,
    body: mls.RegisterDeviceInput,
    key: bytes,
    known: Device | None,
    *,
    proven_beside: bool,
) -> tuple[KeyPackage, ...]:
    """Those that are to be in the stock: every one is valid, and none was another device's."""
    if any(ref.did != call.account for ref in body.key_packages):
        raise invalid("a device brings key packages of its own account only")
    offers = tuple(Offered(ref.key_package, ref.cipher_suite) for ref in body.key_packages)
    bound = {} if known is None else await edge.store.scheme_keys(known.id)
    owner, policy = Owner(call.account, key, bound), policy_of(edge.settings.mls)
    now = int(edge.now())
    verdicts = await verifying(
        edge, sum(len(each.text) for each in offers), lambda: judge_all(offers, owner, policy, now)
    )
    packages: dict[bytes, KeyPackage] = {}
    for verdict in verdicts:
        if isinstance(verdict, Refusal):
            raise verdict
        packages[verdict.ref] = verdict
    if not proven_beside and all(package.scheme for package in packages.values()):
        raise invalid("none is signed with the device's key, and no proof of that key came with them")
    held = 0 if known is None else await edge.store.count_key_packages(known.id)
    for ref in tuple(packages):
        record = await edge.store.key_package(ref)
        if record is None:
            held += 1
        elif known is None or record.device != known.id:
            raise REUSED
        elif record.state not in ("available", "claimed"):
            del packages[ref]  # this request came before, and the package was used since
    if held > edge.settings.mls.max_key_packages:
        raise TOO_MANY
    return tuple(packages.values())


async def announced(edge: Edge, device: Device) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Tell every MLS conversation of the account that does not have the device yet.

    The conversations a commit has added it to, and those in which it waits. Where a conversation takes
    nothing just now, its members find the device when they ask for who waits.
    """
    states = await mls_conversations(edge, device.account)
    waiting: set[ConversationId] = set()
    limiter = trio.CapacityLimiter(_AT_ONCE)

    async def tell(state: Conversation) -> None:
        async with limiter:
            try:
                if await announce(edge, state, device):
                    waiting.add(state.id)
            except Busy:
                waiting.add(state.id)

    try:
        async with trio.open_nursery() as nursery:
            for state in states:
                if device.id not in state.members:
                    nursery.start_soon(tell, state)
    except ExceptionGroup as errors:
        raise first_error(errors) from errors
    return (
        tuple(state.id for state in states if device.id in state.members),
        tuple(state.id for state in states if state.id in waiting),
    )


async def mls_conversations(edge: Edge, account: AccountDid) -> list[Conversation]:
    """The account's MLS conversations, oldest first."""
    found: list[Conversation] = []
    row: int | None = None
    while True:
        page = await edge.store.conversations_of(account, after=row, limit=_PAGE)
        found += [state for state in page.conversations if state.kind is ConversationKind.MLS]
        row = page.next
        if row is None:
            return found


async def _welcomes(edge: Edge, device: DeviceId) -> tuple[mls.RegisterDeviceWelcomeMessageRef, ...]:
    """What waits for a device that registers again, as far as it fits into an answer."""
    found: list[mls.RegisterDeviceWelcomeMessageRef] = []
    room = edge.settings.limits.page_bytes
    for each in await edge.store.pending_welcomes(device):
        welcome = await edge.store.welcome(each.conversation, device)
        if welcome is None or welcome.state != "pending":
            continue
        room -= len(welcome.body)
        if room < 0 and found:
            break
        found.append(
            mls.RegisterDeviceWelcomeMessageRef(
                convo_id=welcome.conversation, welcome=to_base64(welcome.body)
            )
        )
    return tuple(found)


# -- shown and ended ---------------------------------------------------------------------------------------


async def list_devices(edge: Edge, call: Call) -> mls.ListDevicesOutput:
    """The caller's devices, with the number of their key packages."""
    return mls.ListDevicesOutput(
        devices=tuple(
            [
                mls.ListDevicesDeviceInfo(
                    device_id=device.id,
                    device_name=device.name,
                    device_u_u_i_d=device.id,
                    credential_did=mls_did(device.account, device.id),
                    last_seen_at=last_seen(device),
                    registered_at=day_text(device.registered_day),
                    key_package_count=await edge.store.count_key_packages(device.id),
                )
                for device in await edge.store.devices_of(call.account)
            ]
        )
    )


async def delete_device(edge: Edge, call: Call) -> mls.DeleteDeviceOutput:
    """End a device: in its groups, then here."""
    body = call.value(mls.DeleteDeviceInput)
    try:
        device = own(call, body.device_id)
    except Refusal as refusal:
        error = "Unauthorized" if refusal.error == "Forbidden" else refusal.error
        raise Refusal(error, refusal.message) from None
    revoked = await revoke(edge, call, device)
    return mls.DeleteDeviceOutput(deleted=True, key_packages_deleted=revoked.key_packages)


# -- looked after ------------------------------------------------------------------------------------------


async def validate_state(edge: Edge, call: Call) -> mls.ValidateDeviceStateOutput:
    """What is wrong with a device, as far as a server can know, and what to do about it."""
    params = call.value(mls.ValidateDeviceStateParams)
    device = await acting_device(edge.store, call.caller, params.device_id)
    now, chosen = edge_bucket(edge), edge.settings.mls
    states = await mls_conversations(edge, call.account)
    inside = [state for state in states if device in state.members]
    lost = [state for state in states if device in state.group.needs_rejoin]
    gone = {each.id for each in await edge.store.devices_of(call.account)}
    leftovers = [
        state for state in inside if any(each not in gone for each in state.devices_of(call.account))
    ]
    stock = await edge.store.key_package_stock(call.account, device=device, now=now)
    available = sum(suite.available for suite in stock)
    welcomes = await edge.store.pending_welcomes(device)
    found = {
        "missingFromConversations": (
            len(inside) < len(states),
            "Ask a member to add this device, or come in by an external commit.",
        ),
        "waitsToBeAddedAgain": (
            bool(lost),
            "A member is asked to add this device again.",
        ),
        "keyPackagesLow": (
            available < chosen.low_stock,
            f"Publish key packages until there are {chosen.stock_target}.",
        ),
        "noLastResort": (
            not any(suite.last_resorts for suite in stock),
            "Publish a key package of last resort.",
        ),
        "welcomesWait": (bool(welcomes), "Fetch the Welcomes that wait, and confirm or reject them."),
        "leavesOfEndedDevices": (
            bool(leftovers),
            "Remove the leaves of this account's ended devices by a commit.",
        ),
    }
    issues = [name for name, (wrong, _) in found.items() if wrong and name != "noLastResort"]
    return mls.ValidateDeviceStateOutput(
        is_valid=not issues,
        issues=tuple(issues),
        recommendations=tuple(advice for wrong, advice in found.values() if wrong),
        expected_convos=len(states),
        actual_convos=len(inside),
        key_package_inventory=mls.ValidateDeviceStateKeyPackageInventory(
            available=available,
            target=chosen.stock_target,
            needs_replenishment=available < chosen.low_stock,
            per_device_count=await edge.store.count_key_packages(device),
        ),
        pending_rejoin_requests=tuple(state.id for state in lost),
    )
