"""The restart policy against a reference written from OTP's documentation, and its small functions."""

import itertools
import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors import AutoShutdown, Backoff, ExitKind, Intensity, Restart, Seat, Shutdown, Strategy
from actors._policy import admit, attempt_after, decide, group, restarts, shed_count
from tests.actors import otp

REASONS = {
    ExitKind.RETURNED: "normal",
    ExitKind.SHUTDOWN: "shutdown",
    ExitKind.CRASHED: "abnormal",
    ExitKind.START_FAILED: "abnormal",
}


@pytest.mark.parametrize("strategy", Strategy)
@pytest.mark.parametrize("kind", REASONS)
def test_every_tree_of_up_to_four_children_does_what_otp_says(strategy: Strategy, kind: ExitKind) -> None:
    """3 strategies x 3 restart kinds per child x who fails x who else is alive, exhaustively."""
    for size in range(1, 5):
        for kinds in itertools.product(Restart, repeat=size):
            for alive in itertools.product([True, False], repeat=size):
                for failed in range(size):
                    seats = [Seat(f"c{i}", kinds[i], alive=alive[i] and i != failed) for i in range(size)]
                    plan = decide(strategy, AutoShutdown.NEVER, seats, f"c{failed}", kind)
                    stop, start, listed = otp.on_exit(
                        strategy.value,
                        [(seat.id, seat.restart.value) for seat in seats],
                        {seat.id for seat in seats if seat.alive},
                        f"c{failed}",
                        REASONS[kind],
                    )

                    assert list(plan.stop) == stop
                    assert list(plan.start) == start
                    assert [s.id for s in seats if s.id not in plan.forget] == listed
                    assert plan.restart == bool(start)
                    assert not plan.shutdown


@pytest.mark.parametrize("kind", [ExitKind.STOPPED, ExitKind.KILLED])
@pytest.mark.parametrize("restart", Restart)
def test_a_child_that_was_asked_to_stop_is_never_restarted(kind: ExitKind, restart: Restart) -> None:
    assert not restarts(restart, kind)


def test_a_significant_child_ends_its_supervisor_only_when_it_ends_for_good_by_itself() -> None:
    """OTP `auto_shutdown`: any / all significant; never because the supervisor stopped the child."""

    def ends(mode: AutoShutdown, kind: ExitKind, restart: Restart, *, other_alive: bool) -> bool:
        seats = [
            Seat("a", restart, significant=True, alive=False),
            Seat("b", Restart.TRANSIENT, significant=True, alive=other_alive),
            Seat("c"),
        ]
        return decide(Strategy.ONE_FOR_ONE, mode, seats, "a", kind).shutdown

    transient, temporary = Restart.TRANSIENT, Restart.TEMPORARY
    assert ends(AutoShutdown.ANY_SIGNIFICANT, ExitKind.RETURNED, transient, other_alive=True)
    assert ends(AutoShutdown.ANY_SIGNIFICANT, ExitKind.CRASHED, temporary, other_alive=True)
    assert not ends(AutoShutdown.ANY_SIGNIFICANT, ExitKind.CRASHED, transient, other_alive=True)
    assert not ends(AutoShutdown.ANY_SIGNIFICANT, ExitKind.STOPPED, transient, other_alive=True)
    assert not ends(AutoShutdown.ALL_SIGNIFICANT, ExitKind.RETURNED, transient, other_alive=True)
    assert ends(AutoShutdown.ALL_SIGNIFICANT, ExitKind.RETURNED, transient, other_alive=False)
    assert not ends(AutoShutdown.NEVER, ExitKind.RETURNED, transient, other_alive=False)


def test_an_insignificant_child_never_ends_its_supervisor() -> None:
    plan = decide(
        Strategy.ONE_FOR_ONE,
        AutoShutdown.ANY_SIGNIFICANT,
        [Seat("a", Restart.TEMPORARY, alive=False)],
        "a",
        ExitKind.RETURNED,
    )

    assert not plan.shutdown
    assert plan.forget == ("a",)


def test_the_group_of_one_for_one_is_the_failed_child() -> None:
    seats = [Seat("a"), Seat("b"), Seat("c")]

    assert [s.id for s in group(Strategy.ONE_FOR_ONE, seats, "b")] == ["b"]
    assert [s.id for s in group(Strategy.REST_FOR_ONE, seats, "b")] == ["b", "c"]
    assert [s.id for s in group(Strategy.ONE_FOR_ALL, seats, "b")] == ["a", "b", "c"]


@given(
    st.lists(st.floats(0, 50), max_size=40).map(sorted),
    st.integers(0, 6),
    st.floats(0.5, 20),
)
def test_the_window_admits_exactly_what_a_count_over_all_history_would(
    times: list[float], limit: int, period: float
) -> None:
    """The kept history may forget only what can never matter again."""
    intensity = Intensity(limit, period)
    kept: tuple[float, ...] = ()
    for place, now in enumerate(times):
        kept, within = admit(kept, now, intensity)

        counted = sum(now - period <= then for then in times[: place + 1])
        assert within == (counted <= limit)


def test_both_ends_of_the_window_count() -> None:
    history, within = admit((0.0,), 30.0, Intensity(1, 30.0))
    assert not within
    assert history == (0.0, 30.0)

    history, within = admit((0.0,), 30.000001, Intensity(1, 30.0))
    assert within
    assert history == (30.000001,)


@given(
    st.builds(
        Backoff,
        initial=st.floats(0, 10),
        factor=st.floats(1, 10),
        maximum=st.floats(0, 100),
        jitter=st.floats(0, 1),
    ),
    st.integers(0, 5_000),
    st.floats(0, 1, exclude_max=True),
)
def test_a_back_off_never_exceeds_its_maximum_and_jitter_only_shortens(
    backoff: Backoff, attempt: int, sample: float
) -> None:
    delay = backoff.delay(attempt, sample)
    full = backoff.delay(attempt, 0.0)

    assert 0 <= delay <= full <= backoff.maximum
    assert delay >= full * (1 - backoff.jitter) - 1e-9
    assert backoff.delay(attempt + 1, 0.0) >= full * (1 - 1e-12)


def test_a_back_off_doubles_and_starts_over_after_a_calm_time() -> None:
    backoff = Backoff(0.2, 2, 30, jitter=0.5, reset_after=60)

    assert [backoff.delay(n, 0.0) for n in range(4)] == pytest.approx([0.2, 0.4, 0.8, 1.6])
    assert backoff.delay(0, 0.5) == pytest.approx(0.15)
    assert attempt_after(3, 59.9, backoff) == 3
    assert attempt_after(3, 60.0, backoff) == 0
    assert Backoff(initial=0).delay(10, 0.3) == 0
    assert Backoff(0.1, 2, 30).delay(100_000, 0.0) == 30  # does not overflow


@given(st.integers(0, 10_000), st.floats(0, 2), st.floats(0, 1), st.floats(0, 1))
def test_shedding_lets_go_of_enough_and_never_below_the_high_mark(
    active: int, pressure: float, one: float, two: float
) -> None:
    low, high = sorted((one, two))
    count = shed_count(active, pressure, high, low)

    assert 0 <= count <= active
    if pressure < high:
        assert count == 0
    elif pressure > 0 and active:
        assert pressure * (active - count) / active <= max(low, 0) + 1e-6 or pressure <= low


def test_settings_that_mean_nothing_are_refused() -> None:
    for bad in (
        lambda: Intensity(-1, 30),
        lambda: Intensity(1, 0),
        lambda: Intensity(1.5, 1),  # type: ignore[arg-type]  # what is tested
        lambda: Intensity(1, math.nan),
        lambda: Intensity.parse("5"),
        lambda: Backoff(initial=-1),
        lambda: Backoff(factor=0.5),
        lambda: Backoff(jitter=1.5),
        lambda: Shutdown(-1),
    ):
        with pytest.raises(ValueError):
            bad()


def test_an_intensity_reads_what_it_prints() -> None:
    assert Intensity.parse("5/30") == Intensity(5, 30.0)
    assert Intensity.parse(str(Intensity(3, 0.5))) == Intensity(3, 0.5)


def test_the_time_to_stop_is_the_polite_time_and_the_grace() -> None:
    assert Shutdown(5).cancel_grace == 5
    assert Shutdown(5, 2).total == 7
