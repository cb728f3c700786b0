"""Who adds a lost device again: requests of the log, passed on from one member device to the next.

The log has the truth: who asks, whom it was offered to, and when (`protocol/_readdition.py` decides). This
service only keeps the time. It hears of requests as they are committed, and of those of the recent past when
it starts; an older one is moved on when its device asks again. Each request is due at one moment:

    told, leased to a device ──its lease is over──▶ asked on, or nothing if the device has a leaf by now
    told, leased to nobody   ──somebody comes online──▶ leased to it

It holds nothing that matters: crashed, it starts over, and an attempt that was made twice is one in the log.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence

import attrs
import trio

from protocol import (
    ConversationId,
    DeviceId,
    Entry,
    EntryKind,
    Limits,
    ReaddDone,
    ReadditionRequested,
    ReaddOffer,
    ReaddWait,
    RequestReadd,
    WelcomeReissueRequested,
    decode_fact,
    next_offer,
)
from router.conversation.service import Busy, Conversations, OutcomeLost, OwnerChanged
from router.store.errors import StoreError
from router.store.interface import CommitListener, Store

MAX_REQUESTS = 10_000
"""Requests that are watched; one more is moved on when its device asks again."""
LOOK_BACK_ENTRIES = 2_000
"""How far the log is read back at start."""
ONLINE_POLL_SECONDS = 1.0
"""How often it is looked who is online, while a request waits for somebody."""
_PAGE_ENTRIES = 500
_PAGE_BYTES = 4 << 20
_AGAIN_SECONDS = 1.0
_ROUNDING = 1e-3  # a timer that fires at its deadline may be a hair before it in floating point

_Key = tuple[ConversationId, DeviceId]


@attrs.define
class _Watched:
    """One request. `told` is when the entry `seq` was heard of, on the clock of the event loop."""

    due: float
    seq: int
    told: float
    waits: int | None = None
    """For somebody to come online: those who were online at that look could not help."""


class Readditions:
    """Passes requests on. `now` gives Unix seconds; `online` the devices that are connected."""

    def __init__(
        self,
        store: Store,
        conversations: Conversations,
        *,
        subscribe: Callable[[CommitListener], Callable[[], None]],
        online: Callable[[], Collection[DeviceId]],
        now: Callable[[], float],
        limits: Limits,
        poll: float = ONLINE_POLL_SECONDS,
    ) -> None:
        self._store = store
        self._conversations = conversations
        self._subscribe = subscribe
        self._online = online
        self._now = now
        self._limits = limits
        self._poll = poll
        self._watched: dict[_Key, _Watched] = {}
        self._changed = trio.Event()
        self._there: frozenset[DeviceId] = frozenset()
        self._look = 0
        """Counts how often it was seen that others are online than before."""
        self.passed_on = 0
        """Requests that were offered to another device."""
        self.delayed = 0
        """How often the log took nothing, so that it was tried again."""
        self.overlooked = 0
        """Requests for which there was no room."""

    @property
    def watched(self) -> int:
        """Requests that stand, as far as is known here."""
        return len(self._watched)

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Watch until cancelled; ready once the recent past is read."""
        unsubscribe = self._subscribe(self._heard)
        try:
            await self._look_back()
            task_status.started()
            while True:
                await self._wait()
                await self._serve_due()
        finally:
            unsubscribe()

    # -- heard of --------------------------------------------------------------------------------------

    async def _look_back(self) -> None:
        try:
            head = await self._store.head()
            position = max(0, head - LOOK_BACK_ENTRIES)
            while position < head:
                page = await self._store.entries_after(
                    position, max_entries=_PAGE_ENTRIES, max_bytes=_PAGE_BYTES
                )
                if not page:
                    return
                self._heard(page)
                position = page[-1].position
        except StoreError:
            self.delayed += 1  # what is asked from now on is heard of all the same

    def _heard(self, entries: Sequence[Entry]) -> None:
        """Note the requests among these entries. Quick, and raises nothing: the writer is waiting."""
        for entry in entries:
            if entry.kind is not EntryKind.NOTICE:
                continue
            fact = decode_fact(entry.body)
            if not isinstance(fact, ReadditionRequested | WelcomeReissueRequested):
                continue
            key = (entry.conversation, fact.device)
            if key not in self._watched and len(self._watched) >= MAX_REQUESTS:
                self.overlooked += 1
                continue
            told = trio.current_time()
            due = told + self._limits.readdition_lease
            if fact.leased_to is None:
                due = told
            self._watched[key] = _Watched(due, entry.seq, told)
            self._changed.set()

    async def _wait(self) -> None:
        """Until something is due, something new was heard, or it is time to look who is online."""
        self._changed = trio.Event()
        deadline = min((each.due for each in self._watched.values()), default=float("inf"))
        with trio.move_on_at(deadline):
            await self._changed.wait()

    # -- passed on -------------------------------------------------------------------------------------

    async def _serve_due(self) -> None:
        at, online = trio.current_time(), frozenset(self._online())
        if online != self._there:
            self._there, self._look = online, self._look + 1
        for key in [key for key, each in self._watched.items() if each.due <= at]:
            each = self._watched.get(key)
            if each is None or each.due > at:
                continue  # something newer was heard meanwhile
            if each.waits == self._look:
                each.due = at + self._poll
                continue
            try:
                again = await self._serve(key, each, online)
            except (Busy, OutcomeLost, OwnerChanged, StoreError):
                self.delayed += 1
                again = _AGAIN_SECONDS
            if self._watched.get(key) is not each:
                continue
            if again is None:
                del self._watched[key]
            else:
                each.due = trio.current_time() + again

    async def _serve(self, key: _Key, each: _Watched, online: frozenset[DeviceId]) -> float | None:
        """Move a request on; seconds until it is looked at again, None when it is done with."""
        conversation, device = key
        state = await self._store.conversation(conversation)
        request = None if state is None else state.group.needs_rejoin.get(device)
        if state is None or request is None:
            return None
        now = int(self._now())
        if request.seq == each.seq:
            now = request.offered + int(trio.current_time() - each.told + _ROUNDING)
        match next_offer(state, device, online, now=now, limits=self._limits):
            case ReaddDone():
                return None
            case ReaddWait(seconds=seconds):
                if online.isdisjoint(state.members.keys() - {device}):
                    each.waits = self._look
                    return self._poll
                return seconds
            case ReaddOffer(leased_to=leased_to, attempt=attempt):
                command = RequestReadd(
                    conversation, request.account, device, leased_to, attempt, request.cause
                )
                await self._conversations.ask(command)
                self.passed_on += 1
                return float(self._limits.readdition_lease)
