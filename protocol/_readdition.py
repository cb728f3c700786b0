"""Who is to add a device again: one member device at a time, passed on when it does not.

A device that lost its state asks (`RequestReadd`); exactly one member device is told to add it, so that ten
helpers do not make ten commits of which nine lose. A request moves like this:

    asked ─▶ leased to a device ──the lease is over──▶ leased to the next ─▶ … ─▶ all were asked once
      │            │                                                                 │ a pause, then again
      │            └──a commit gives the device a leaf──▶ done ◀─────────────────────┘
      └─▶ nobody is online: leased to none ──somebody comes online──▶ leased to it

Who is asked first: a device that was asked to add another one already, so that ten which are lost at once
are added by one commit and not by ten; another device of the same account, since it has every reason; then
the others in an order that depends on the device that asks, so that the work is spread. Pure: who is online
and what time it is are arguments, and the request's memory is in the log (`Group.needs_rejoin`).

What can never happen: the device itself is asked; a device that needs to be added again itself is asked; the
same device is asked twice while another one was not asked yet.
"""

import hashlib
from collections.abc import Set as AbstractSet

import msgspec

from protocol._answers import Limits
from protocol._group import Rejoin
from protocol._ids import AccountDid, DeviceId
from protocol._state import Conversation

ROUND_PAUSE = 30
"""Seconds between the last device of a round and the first one of the next."""


class ReaddOffer(msgspec.Struct, frozen=True, gc=False):
    """Ask this device: `RequestReadd` with these two."""

    leased_to: DeviceId
    attempt: int


class ReaddWait(msgspec.Struct, frozen=True, gc=False):
    """Look again after so many seconds, or when somebody comes online."""

    seconds: float


class ReaddDone(msgspec.Struct, frozen=True, gc=False):
    """Nothing is to be done: the device does not wait to be added again."""


ReaddStep = ReaddOffer | ReaddWait | ReaddDone


def first_offer(
    state: Conversation, account: AccountDid, device: DeviceId, online: AbstractSet[DeviceId]
) -> DeviceId | None:
    """Whom a device's first request is leased to; None while nobody who could help is online."""
    helpers = _helpers(state, account, device, online)
    return helpers[0] if helpers else None


def next_offer(
    state: Conversation, device: DeviceId, online: AbstractSet[DeviceId], *, now: int, limits: Limits
) -> ReaddStep:
    """What to do about a device's request; `now` is a bucket in Unix seconds."""
    request = state.group.needs_rejoin.get(device)
    if request is None:
        return ReaddDone()
    helpers = _helpers(state, request.account, device, online)
    if request.leased_to is not None and request.leased_to in helpers:
        left = request.offered + limits.readdition_lease - now
        if left > 0:
            return ReaddWait(float(left))
    fresh = [helper for helper in helpers if helper not in request.tried]
    if fresh:
        return ReaddOffer(fresh[0], request.attempt + 1)
    pause = request.offered + ROUND_PAUSE - now
    if pause > 0 or not helpers:
        return ReaddWait(float(max(pause, limits.readdition_lease)))
    return ReaddOffer(_longest_ago(request, helpers), request.attempt + 1)


def _helpers(
    state: Conversation, account: AccountDid, device: DeviceId, online: AbstractSet[DeviceId]
) -> list[DeviceId]:
    """Member devices that are online and can read, in the order in which they are asked."""
    unable = {device, *state.group.needs_rejoin}
    able = [member for each, member in state.members.items() if each in online and each not in unable]
    busy = {request.leased_to for request in state.group.needs_rejoin.values()}
    able.sort(
        key=lambda member: (
            member.device not in busy,
            member.account != account,
            _rank(device, member.device),
        )
    )
    return [member.device for member in able]


def _rank(device: DeviceId, helper: DeviceId) -> bytes:
    return hashlib.blake2b(f"{device}\0{helper}".encode(), digest_size=8).digest()


def _longest_ago(request: Rejoin, helpers: list[DeviceId]) -> DeviceId:
    return min(helpers, key=request.tried.index)
