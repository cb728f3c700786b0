"""How large a run is."""

import attrs


@attrs.frozen
class Scale:
    """Counts and seconds of one run."""

    conversations: int = 50
    listeners: int = 9
    """Members of each conversation beside its sender."""
    senders: int = 32
    room: int = 200
    """Devices of the large conversation, its senders among them."""
    room_senders: int = 4
    idle: int = 1_000
    parked: int = 1_000
    seconds: float = 5.0
    flood_rounds: int = 20
    repeats: int = 2
    """Floors and message cases are measured so often, by turns; the cheapest of each counts."""
    rows: int = 8_000
    """Of the raw commits."""
    tokens: int = 300
    """Verifications in a batch."""
    batches: int = 15
    """Of verifications; the cheapest counts."""
    settle: float = 1.0
    """Seconds before memory is looked at."""

    @property
    def people(self) -> int:
        """Accounts with a device each."""
        return max(self.senders + self.conversations * self.listeners, self.room, self.idle)


FULL = Scale()
QUICK = Scale(idle=300, parked=300, seconds=1.5, flood_rounds=8, repeats=1, rows=3_000, batches=5)
SMOKE = Scale(
    conversations=2,
    listeners=2,
    senders=2,
    room=5,
    room_senders=1,
    idle=4,
    parked=6,
    seconds=0.15,
    flood_rounds=2,
    repeats=1,
    rows=40,
    tokens=3,
    batches=2,
    settle=0.05,
)
