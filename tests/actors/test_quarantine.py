"""The ledger of crashes: two windows, and nothing remembered that can no longer matter."""

import math

from hypothesis import given
from hypothesis import strategies as st

from actors import Exit, ExitKind, Intensity, RegistryOptions
from actors._quarantine import CrashLedger

EXIT = Exit("keys/a", "a", 1, ExitKind.CRASHED, ValueError(), 0.0)


@given(
    st.lists(st.tuples(st.floats(0, 30), st.sampled_from("abc")), max_size=40),
    st.integers(0, 3),
    st.integers(0, 8),
)
def test_it_answers_as_a_full_history_would_whenever_it_forgets(
    steps: list[tuple[float, str]], per_key: int, over_all: int
) -> None:
    options = RegistryOptions(
        quarantine=Intensity(per_key, 20), quarantine_time=15, storm=Intensity(over_all, 10)
    )
    ledger: CrashLedger[str] = CrashLedger()
    now = 0.0
    history: list[tuple[float, str]] = []
    since: dict[str, float] = {}
    for wait, key in steps:
        now += wait
        for done in ledger.over(now):
            assert ledger.release(done)
        look = ledger.forget(now, 20)
        assert look > now
        if ledger.rests(key) is not None:
            continue
        history.append((now, key))
        rests, storm = ledger.crash(key, EXIT, now, options)

        count = sum(
            then >= now - 20 and k == key and i >= since.get(key, 0) for i, (then, k) in enumerate(history)
        )
        assert rests == (count > per_key)
        assert storm == (sum(then >= now - 10 for then, _ in history) > over_all)
        assert ledger.storm_size(now, 10) == sum(then >= now - 10 for then, _ in history)
        assert len(ledger.storm_exits) == ledger.storm_size(now, 10)
        if rests:
            since[key] = len(history)
            assert ledger.rests(key) == now + 15
    assert set(ledger.resting()) <= set("abc")
    assert len(ledger) == len(ledger.resting())


def test_a_calm_ledger_has_nothing_to_look_at() -> None:
    ledger: CrashLedger[str] = CrashLedger()
    assert ledger.forget(0.0, 60) == math.inf
    assert not ledger.release("a")

    options = RegistryOptions(quarantine=Intensity(0, 60), quarantine_time=5)
    assert ledger.crash("a", EXIT, 1.0, options) == (True, False)
    assert ledger.forget(1.0, 60) == 6.0
    assert ledger.crash("b", EXIT, 1.0, RegistryOptions()) == (False, False)
    assert ledger.forget(1.0, 2) == 3.0
    assert ledger.forget(5.0, 2) == 6.0  # the crash of b is forgotten, the rest of a is not over

    ledger.calm_down()
    assert ledger.storm_size(1.0, 10) == 0
    assert list(ledger.resting()) == ["a"]
