"""The sending half of a session: pipelined, in order, repeated until answered, decided without a socket.

    added ──▶ waiting ──▶ in flight ──▶ answered
                 ▲            │ connection lost, or a temporary refusal
                 └────────────┘ (again, with the same msgId and the same bytes)

A send keeps its place: after a reconnect the unanswered ones go out again in the order in which they
were added. The server knows a repeat by its msgId, so repeating is safe and not repeating is not.
"""

from collections.abc import Iterator

import attrs

from protocol import ConversationId, MsgId
from router.client.errors import BadAnswer


@attrs.frozen
class Outgoing:
    """One message as it goes on the wire; `ciphertext` must already have a padded size."""

    convo: ConversationId
    msg_id: MsgId
    ciphertext: bytes
    epoch: int = 0


@attrs.define
class _Slot:
    message: Outgoing
    attempts: int = 0
    in_flight: bool = False


class Outbox:
    """Keeps what is not answered yet, in order. Not shared between tasks."""

    def __init__(self, *, max_unanswered: int = 256) -> None:
        """`max_unanswered` bounds what is kept; the server's own limit may be lower (`limit`)."""
        if max_unanswered < 1:
            raise ValueError("at least one send must fit")
        self._max_unanswered = max_unanswered
        self._limit = max_unanswered
        self._slots: dict[int, _Slot] = {}  # by frame id; ids only grow, so the order is the order added
        self._in_flight = 0
        self._next_id = 1
        self._held_until = 0.0

    def __len__(self) -> int:
        return len(self._slots)

    @property
    def full(self) -> bool:
        """True when nothing more may be added before an answer arrives."""
        return len(self._slots) >= self._max_unanswered

    def pending(self) -> Iterator[Outgoing]:
        """What is not answered yet, oldest first."""
        return (slot.message for slot in self._slots.values())

    def add(self, message: Outgoing) -> int:
        """Queue a message and return the id of its frames.

        Raises `ValueError` when full, or when the same msgId is under way with other bytes: the
        server would answer one of the two with `IdempotencyConflict`.
        """
        if self.full:
            raise ValueError("the outbox is full; await an answer first")
        for slot in self._slots.values():
            same = slot.message.convo == message.convo and slot.message.msg_id == message.msg_id
            if same and slot.message != message:
                raise ValueError(f"msgId {message.msg_id} is already under way with other content")
        frame_id, self._next_id = self._next_id, self._next_id + 1
        self._slots[frame_id] = _Slot(message)
        return frame_id

    def connected(self, *, limit: int | None = None) -> None:
        """A new connection is open: everything unanswered waits again; `limit` is the server's."""
        self._limit = min(self._max_unanswered, limit or self._max_unanswered)
        self._in_flight = 0
        self._held_until = 0.0
        for slot in self._slots.values():
            slot.in_flight = False

    def next_frames(self, now: float) -> list[tuple[int, Outgoing]]:
        """What may go on the wire at `now` (seconds of any monotonic clock), oldest first."""
        if now < self._held_until:
            return []
        frames: list[tuple[int, Outgoing]] = []
        for frame_id, slot in self._slots.items():
            if self._in_flight >= self._limit:
                break
            if not slot.in_flight:
                slot.in_flight = True
                slot.attempts += 1
                self._in_flight += 1
                frames.append((frame_id, slot.message))
        return frames

    def held_until(self, now: float) -> float | None:
        """When `next_frames` will have something again after a temporary refusal, or None."""
        return self._held_until if now < self._held_until and self._in_flight < len(self._slots) else None

    def answered(self, frame_id: int) -> Outgoing:
        """The server's final answer for this id arrived: forget the message and return it."""
        slot = self._slots.get(frame_id)
        if slot is None or not slot.in_flight:
            raise BadAnswer(f"the server answered send {frame_id}, which is not under way")
        del self._slots[frame_id]
        self._in_flight -= 1
        return slot.message

    def attempts(self, frame_id: int) -> int:
        """How often this message went on the wire; 0 when it is unknown."""
        slot = self._slots.get(frame_id)
        return slot.attempts if slot is not None else 0

    def put_back(self, frame_id: int, *, not_before: float) -> None:
        """The server refused for now: send this one again, and nothing else before `not_before`."""
        slot = self._slots.get(frame_id)
        if slot is None or not slot.in_flight:
            raise BadAnswer(f"the server answered send {frame_id}, which is not under way")
        slot.in_flight = False
        self._in_flight -= 1
        self._held_until = max(self._held_until, not_before)
