"""What the harness tells its load processes and what they tell back: one line of JSON each way.

harness → job            the load process connects, mints its tokens, opens its sessions
harness ← "ready"
harness → "go"           senders send; listeners and holders have been at work since "ready"
harness → "stop N"       listeners only: end when N timed messages have come (or none comes any more)
harness ← Outcome
"""

import msgspec


class Person(msgspec.Struct, frozen=True):
    """An account with one device, and the private key (Multikey text) that signs its tokens."""

    did: str
    key: str
    device: str


class Sender(msgspec.Struct, frozen=True):
    """A person and the conversations it sends to, in turn."""

    person: Person
    conversations: list[str]


class Server(msgspec.Struct, frozen=True):
    """Where the router listens and what its tokens name."""

    port: int
    audience: str


class SendOverSession(msgspec.Struct, frozen=True, tag=True):
    """Send for `seconds` over rookery.v1, `in_flight` at once each, `rate` a second in all (0: no limit)."""

    server: Server
    senders: list[Sender]
    in_flight: int
    seconds: float
    rate: float = 0


class SendOverHttp(msgspec.Struct, frozen=True, tag=True):
    """Send for `seconds` with one POST after another on one connection each."""

    server: Server
    senders: list[Sender]
    seconds: float


class Listen(msgspec.Struct, frozen=True, tag=True):
    """Hold a session of each person and take its events; the first `stalled` never read after the welcome."""

    server: Server
    people: list[Person]
    stalled: int = 0


class HoldStreams(msgspec.Struct, frozen=True, tag=True):
    """Hold an SSE stream of each person."""

    server: Server
    people: list[Person]


class EchoFloor(msgspec.Struct, frozen=True, tag=True):
    """The floor's sender: `clients` sockets whose server sends back what it gets."""

    port: int
    clients: int
    in_flight: int
    seconds: float
    size: int
    rate: float = 0


class PostFloor(msgspec.Struct, frozen=True, tag=True):
    """The floor's HTTP sender: `clients` connections whose server answers and does nothing."""

    port: int
    clients: int
    seconds: float
    size: int


class HoldFloor(msgspec.Struct, frozen=True, tag=True):
    """Sockets or streams on the bare server; they read what comes."""

    port: int
    count: int
    streams: bool = False


Job = SendOverSession | SendOverHttp | Listen | HoldStreams | EchoFloor | PostFloor | HoldFloor


class Outcome(msgspec.Struct):
    """What a load process saw. Times are seconds, latencies milliseconds."""

    done: int = 0
    """Sends that were acknowledged (senders), timed messages that came (listeners)."""
    own: int = 0
    """Events that came to the senders themselves."""
    seconds: float = 0.0
    """From the first send to the last answer."""
    p50: float | None = None
    p99: float | None = None
    slowest: float | None = None
    errors: dict[str, int] = msgspec.field(default_factory=dict)
    cpu: float = 0.0
    """Of the load process itself, from "go" on."""


def percentile(values: list[float], share: float) -> float | None:
    """The value below which `share` of them lie; None of none."""
    return sorted(values)[min(len(values) - 1, int(len(values) * share))] if values else None


def timed(outcome: Outcome, seconds: list[float]) -> Outcome:
    """The outcome with the percentiles of these latencies."""
    outcome.p50, outcome.p99, outcome.slowest = (
        None if value is None else round(value * 1e3, 3)
        for value in (percentile(seconds, 0.5), percentile(seconds, 0.99), max(seconds, default=None))
    )
    return outcome
