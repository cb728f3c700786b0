"""The receiving half of a session: order, once, and bounded memory, decided without a socket.

The server sends each event for one credit and, now and then, a cursor that stands for everything
before it. The inbox holds at most `window` events. *Taking* an event is the one act that moves
anything forward: the conversation's mark, then, if a cursor followed it, the cursor.

    offered ──▶ buffered ──▶ taken ──▶ mark moves, cursor moves, credit is due
       └─▶ dropped: at or below the mark, or already buffered

A lost connection empties the buffer: what was not taken is not seen, so the server sends it again
from the cursor. That makes resume one rule and keeps credit equal to the window at every start.

What can never happen: an event taken twice, a conversation's events taken out of seq order, more
than `window` events in memory.
"""

import itertools
from collections import deque
from collections.abc import Mapping

import attrs

from protocol import ConversationId
from router.client.errors import BadAnswer
from router.client.events import Event


@attrs.frozen
class Resume:
    """What a new connection tells the server: where to begin, what to leave out, how much to send."""

    cursor: str | None
    seen: dict[ConversationId, int]
    credit: int


@attrs.define
class InboxStatistics:
    """Counts since the inbox was made."""

    taken: int = 0
    duplicates: int = 0
    resumes: int = 0


@attrs.define
class _Buffered:
    event: Event
    cursor: str | None = None  # a cursor frame that came right after this event


class Inbox:
    """Buffers, deduplicates and orders one device's events. Not shared between tasks."""

    def __init__(
        self,
        *,
        window: int = 256,
        cursor: str | None = None,
        marks: Mapping[ConversationId, int] | None = None,
        max_marks: int = 10_000,
    ) -> None:
        """`window` events are held at most; `cursor` and `marks` are what a former run had reached.

        `max_marks` bounds the memory of conversations: beyond it, marks that two cursors have passed
        are forgotten, since the server starts behind the cursor anyway.
        """
        if window < 1:
            raise ValueError("the window holds at least one event")
        self._window = window
        self._max_marks = max_marks
        self._buffer: deque[_Buffered] = deque()
        self._ahead: dict[ConversationId, int] = {}  # marks as they will be once the buffer is taken
        self._marks: dict[ConversationId, int] = dict(marks or {})
        self._recent: set[ConversationId] = set(self._marks)  # taken from since the cursor last moved
        self._earlier: set[ConversationId] = set()  # ... and since it moved before that
        self._outstanding = 0  # credit the server still holds
        self._due = 0  # credit that taking has freed and that was not given back yet
        self.cursor = cursor
        self.statistics = InboxStatistics()

    def __len__(self) -> int:
        return len(self._buffer)

    @property
    def marks(self) -> dict[ConversationId, int]:
        """A copy of the seq up to which each conversation was taken."""
        return dict(self._marks)

    def resume(self) -> Resume:
        """Forget the connection that was and say what the next one must be told."""
        self._buffer.clear()
        self._ahead.clear()
        self._due = 0
        self._outstanding = self._window
        self.statistics.resumes += 1
        recent = self._recent | self._earlier
        seen = itertools.islice(((c, seq) for c, seq in self._marks.items() if c in recent), self._max_marks)
        # What does not fit costs a repeat, which the marks catch.
        return Resume(self.cursor, dict(seen), self._window)

    def offer(self, event: Event) -> bool:
        """Take in one event from the wire; False when it was dropped as a repeat.

        Raises `BadAnswer` when the server sends more than it was allowed to.
        """
        if self._outstanding == 0:
            raise BadAnswer("the server sent an event without credit")
        self._outstanding -= 1
        if event.convo is not None:
            if event.seq <= self._ahead.get(event.convo, self._marks.get(event.convo, 0)):
                self.statistics.duplicates += 1
                self._due += 1
                return False
            self._ahead[event.convo] = event.seq
        self._buffer.append(_Buffered(event))
        return True

    def mark_cursor(self, cursor: str) -> None:
        """The server says: everything sent so far lies at or before `cursor`."""
        if self._buffer:
            self._buffer[-1].cursor = cursor
        else:
            self._move_cursor(cursor)

    def take(self) -> Event | None:
        """The next event for the application, or None when nothing waits."""
        if not self._buffer:
            return None
        buffered = self._buffer.popleft()
        event = buffered.event
        if event.convo is not None:
            self._marks[event.convo] = event.seq
            if self._ahead.get(event.convo) == event.seq:
                del self._ahead[event.convo]
            self._recent.add(event.convo)
        if buffered.cursor is not None:
            self._move_cursor(buffered.cursor)
        self._due += 1
        self.statistics.taken += 1
        return event

    def grant(self) -> int:
        """Credit to give the server now; 0 until half the window is free, so grants stay few."""
        if self._due * 2 < self._window:
            return 0
        granted, self._due = self._due, 0
        self._outstanding += granted
        return granted

    def _move_cursor(self, cursor: str) -> None:
        self.cursor = cursor
        self._earlier, self._recent = self._recent, set()
        if len(self._marks) > self._max_marks:
            self._marks = {convo: seq for convo, seq in self._marks.items() if convo in self._earlier}
