"""Asking for help: one member device is told to add a device again, and only one.

Whom is decided by `protocol/_readdition.py`. The first one is chosen here, so that the request and its lease
are one entry; who comes next is the business of `router/readdition.py`, which watches the log. A repeat of
the request moves it on as well, should its time be over.
"""

from __future__ import annotations

from typing import Literal

import attrs

from protocol import (
    AccountDid,
    Changed,
    Conversation,
    DeviceId,
    Limits,
    ReaddOffer,
    RequestReadd,
    first_offer,
    next_offer,
)
from router.edge.commands import ask
from router.edge.handlers_device import edge_bucket
from router.edge.services import Edge


@attrs.frozen
class Asked:
    """A request that stands."""

    id: str
    at: int
    """Bucket in which it was told last."""
    leased_to: DeviceId | None


def nobody_else(state: Conversation, device: DeviceId) -> bool:
    """Whether no other device is in that could ever help."""
    return all(each == device for each in state.members)


async def ask_for_help(
    edge: Edge,
    state: Conversation,
    account: AccountDid,
    device: DeviceId,
    *,
    cause: Literal["lost", "welcome"],
    reason: str | None = None,
) -> Asked:
    """Ask for the device to be added again; the request that stands, the first time and every time after."""
    online = set(edge.devices.connected_devices())
    request, now = state.group.needs_rejoin.get(device), edge_bucket(edge)
    attempt, leased_to = 1, None
    if request is None:
        leased_to = first_offer(state, account, device, online)
    else:
        limits = Limits(readdition_lease=edge.settings.mls.readdition_lease)
        step = next_offer(state, device, online, now=now, limits=limits)
        if isinstance(step, ReaddOffer):
            attempt, leased_to = step.attempt, step.leased_to
        else:
            return Asked(f"{state.id}:{request.seq}", request.offered, request.leased_to)
    command = RequestReadd(
        state.id,
        account,
        device,
        leased_to,
        attempt,
        cause if request is None else request.cause,
        reason,
    )
    changed = await ask(edge, command, Changed)
    return Asked(f"{state.id}:{changed.seq}", now, leased_to)
