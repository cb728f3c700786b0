"""What an account's devices are told of the account alone: that one of them runs out of key packages.

Best effort beside the request that gives rise to it: where the log takes nothing just now, the request
stands, and the next claim tells (`protocol/_rules_account.py` tells each shortage once).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from protocol import (
    AccountDid,
    AccountFact,
    ConversationId,
    DeviceId,
    KeyPackagesLow,
    KeyPackagesRestocked,
    MemberDevice,
    TellAccount,
    conversation_id_from_bytes,
)
from router.conversation.service import Busy, OutcomeLost
from router.edge.services import Edge
from router.identity.secrets import ServerSecrets
from router.store.errors import StoreError
from router.store.key_packages import ClaimedPackage
from router.store.values import Device


def account_log(secrets: ServerSecrets, account: AccountDid) -> ConversationId:
    """The conversation in which an account's own facts stand: nobody else can name it."""
    return conversation_id_from_bytes(secrets.conversation_id(b"account\0" + account.encode()))


async def running_low(edge: Edge, account: AccountDid, taken: Iterable[ClaimedPackage]) -> None:
    """Tell the account of those of its devices that have few packages left of what was taken."""
    threshold = edge.settings.mls.low_stock
    short = [each for each in taken if each.remaining < threshold]
    if not short:
        return
    told = await _told(edge, account)
    for each in short:
        if each.suite not in told.get(each.device, ()):
            await _tell(edge, account, KeyPackagesLow(account, each.device, each.suite, each.remaining))


async def restocked(edge: Edge, device: Device, now: int) -> None:
    """A device has published: what it was called for is over where there is enough again."""
    told = (await _told(edge, device.account)).get(device.id, ())
    if not told:
        return
    for suite in await edge.store.key_package_stock(device.account, device=device.id, now=now):
        if suite.suite in told and suite.available >= edge.settings.mls.low_stock:
            await _tell(edge, device.account, KeyPackagesRestocked(device.account, device.id, suite.suite))


async def _told(edge: Edge, account: AccountDid) -> Mapping[DeviceId, tuple[int, ...]]:
    state = await edge.store.conversation(account_log(edge.secrets, account))
    return {} if state is None else state.group.low


async def _tell(edge: Edge, account: AccountDid, fact: AccountFact) -> None:
    devices = await edge.store.devices_of(account)
    members = tuple(MemberDevice(account, device.id, device.name) for device in devices)
    if not members:
        return
    try:
        await edge.conversations.ask(TellAccount(account_log(edge.secrets, account), account, members, fact))
    except (Busy, OutcomeLost, StoreError) as error:
        edge.report("account_log", error)
