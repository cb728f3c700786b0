"""Hypothesis strategies for the values of this package, registered with `from_type` by an entry point."""

from collections.abc import Awaitable, Callable

import trio
from hypothesis import strategies as st

from actors import (
    AutoShutdown,
    Backoff,
    ChildSpec,
    Intensity,
    RegistryOptions,
    Restart,
    Seat,
    Shutdown,
    Strategy,
    Supervisor,
)

from ._faults import Fault, FaultKind, FaultPlan

Start = Callable[..., Awaitable[None]]


def intensities(max_restarts: int = 10) -> st.SearchStrategy[Intensity]:
    """0 to `max_restarts` restarts in a period from a tenth of a second to a minute."""
    return st.builds(
        Intensity, st.integers(0, max_restarts), st.sampled_from([0.1, 1.0, 5.0, 10.0, 30.0, 60.0])
    )


def backoffs() -> st.SearchStrategy[Backoff]:
    """Short and long delays, with and without jitter."""
    return st.builds(
        Backoff,
        initial=st.sampled_from([0.0, 0.1, 1.0]),
        factor=st.sampled_from([1.0, 2.0, 3.0]),
        maximum=st.sampled_from([1.0, 10.0, 30.0]),
        jitter=st.sampled_from([0.0, 0.2, 1.0]),
        reset_after=st.sampled_from([1.0, 60.0]),
    )


def shutdowns() -> st.SearchStrategy[Shutdown]:
    """Limits from at once to five seconds."""
    return st.builds(Shutdown, st.sampled_from([0.0, 0.5, 5.0]), st.sampled_from([0.1, 1.0, 5.0]))


async def steady(*, task_status: trio.TaskStatus[None]) -> None:
    """A child that is ready and stays."""
    task_status.started()
    await trio.sleep_forever()


@st.composite
def child_specs(
    draw: st.DrawFn, start: Start = steady, ids: st.SearchStrategy[str] | None = None
) -> ChildSpec:
    """A child of any kind: `ChildSpec(id='c3', restart=Restart.TRANSIENT, …)`."""
    names = st.integers(0, 9).map("c{}".format) if ids is None else ids
    restart = draw(st.sampled_from(Restart))
    return ChildSpec(
        draw(names),
        start,
        restart=restart,
        shutdown=draw(shutdowns()),
        significant=restart is not Restart.PERMANENT and draw(st.booleans()),
        backoff=draw(st.none() | backoffs()),
    )


def seats(max_size: int = 5) -> st.SearchStrategy[list[Seat]]:
    """Children as the pure policy sees them, with ids of their own, in start order."""
    one = st.builds(
        Seat, st.just(""), st.sampled_from(Restart), significant=st.booleans(), alive=st.booleans()
    )
    return st.lists(one, min_size=1, max_size=max_size).map(
        lambda drawn: [Seat(f"c{i}", s.restart, s.significant, s.alive) for i, s in enumerate(drawn)]
    )


@st.composite
def trees(
    draw: st.DrawFn,
    start: Callable[[str], Start] = lambda _: steady,
    max_children: int = 3,
    max_depth: int = 2,
    name: str = "root",
) -> Supervisor:
    """A supervisor with nested ones below it. `start(id)` gives each leaf its start function."""
    children: list[ChildSpec] = []
    for place in range(draw(st.integers(1, max_children))):
        if max_depth > 1 and draw(st.booleans()):
            inner = draw(trees(start, max_children, max_depth - 1, f"{name}-{place}"))
            children.append(ChildSpec(inner.name, inner.run))
        else:
            id_ = f"{name}-{place}"
            children.append(draw(child_specs(start(id_), st.just(id_))))
    return Supervisor(
        name,
        children,
        strategy=draw(st.sampled_from(Strategy)),
        intensity=draw(intensities()),
        auto_shutdown=AutoShutdown.NEVER,
        rng=lambda: 0.5,
    )


def faults() -> st.SearchStrategy[Fault]:
    """One fault, simplest first: a crash."""
    return st.builds(
        Fault,
        st.sampled_from([FaultKind.CRASH, FaultKind.SLOW, FaultKind.HANG, FaultKind.STUBBORN]),
        st.sampled_from([0.5, 5.0, 20.0]),
    )


def fault_plans(max_step: int = 20) -> st.SearchStrategy[FaultPlan]:
    """Faults at some of the first `max_step` messages."""
    return st.dictionaries(st.integers(1, max_step), faults(), max_size=5).map(FaultPlan)


def registry_options() -> st.SearchStrategy[RegistryOptions]:
    """Small mailboxes, small caps, short times, so that limits are met."""
    return st.builds(
        RegistryOptions,
        idle_timeout=st.sampled_from([0.0, 1.0, 20.0]),
        capacity=st.integers(1, 4),
        cap=st.integers(1, 5),
        quarantine=intensities(3),
        quarantine_time=st.sampled_from([0.0, 5.0, 60.0]),
        storm=st.just(Intensity(100, 10.0)),
        backoff=st.none() | backoffs(),
        eager=st.booleans(),
        passivate_timeout=st.sampled_from([1.0, 30.0]),
    )


def register() -> None:
    """Called by Hypothesis (entry point `hypothesis`), so that `st.from_type` knows these types."""
    st.register_type_strategy(Intensity, intensities())
    st.register_type_strategy(Backoff, backoffs())
    st.register_type_strategy(Shutdown, shutdowns())
    st.register_type_strategy(ChildSpec, child_specs())
    st.register_type_strategy(RegistryOptions, registry_options())
    st.register_type_strategy(FaultPlan, fault_plans())
    st.register_type_strategy(Supervisor, trees())
