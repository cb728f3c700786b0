"""Who says what, and when the server is killed: decided before anything runs."""

import attrs

ACCOUNTS = ("alice", "bob", "carol")
DEVICES = ("phone", "laptop")

_SAYINGS = (
    "The tower is quiet this morning.",
    "Somebody left seeds on the north wall.",
    "Wind from the west, strong.",
    "Two jackdaws by the gate. Harmless.",
    "I will keep the watch until noon.",
    "Who has the shiny thing?",
    "Not me.",
    "Rain within the hour, I feel it in my feathers.",
    "The farmer is out with the plough!",
    "On our way.",
    "Leave some for the young ones.",
    "Everyone back before dusk.",
)


@attrs.frozen
class Line:
    """One message: `device` is an index into the cast, phones even and laptops odd."""

    number: int
    device: int
    text: str


@attrs.frozen
class Plan:
    """The lines before the kill, those that are under way when it comes, and those after."""

    before: tuple[Line, ...]
    burst: tuple[Line, ...]
    after: tuple[Line, ...]

    @property
    def lines(self) -> tuple[Line, ...]:
        """All of them in the order in which they are said."""
        return self.before + self.burst + self.after


def make_plan(messages: int) -> Plan:
    """`messages` lines (at least 12), round robin over the devices; the kill comes about halfway."""
    if messages < 12:
        raise ValueError("twelve messages are the least that shows something")
    cast = len(ACCOUNTS) * len(DEVICES)
    lines = tuple(
        Line(n + 1, n % cast, f"{n + 1:03d} {_SAYINGS[n % len(_SAYINGS)]}") for n in range(messages)
    )
    burst = max(cast, messages // 4)
    start = (messages - burst) // 2
    return Plan(lines[:start], lines[start : start + burst], lines[start + burst :])
