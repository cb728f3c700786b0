"""The replay memory: at most one yes for a token within its life, whatever the clock and restarts do."""

import tracemalloc

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from router.identity.errors import AuthOverloadedError
from router.identity.replay import RETENTION_SECONDS, ReplayGuard

CAPACITY = 6


def test_a_token_is_used_once_until_it_expires() -> None:
    guard = ReplayGuard()
    assert guard.use(b"token", until=160, now=100)
    assert not guard.use(b"token", until=160, now=159)
    assert not guard.use(b"token", until=400, now=120)  # the same (iss, jti) under another exp
    assert guard.use(b"another", until=160, now=159)


def test_a_clock_that_steps_back_does_not_bring_a_forgotten_token_back() -> None:
    guard = ReplayGuard()
    assert guard.use(b"token", until=160, now=100)
    assert guard.use(b"later", until=300, now=200)  # forgets the first
    assert guard.statistics()["items"] == 1
    assert not guard.use(b"token", until=160, now=100)


def test_when_full_nothing_is_given_up() -> None:
    guard = ReplayGuard(capacity=1)
    assert guard.use(b"token", until=160, now=100)
    with pytest.raises(AuthOverloadedError) as caught:
        guard.use(b"another", until=170, now=100)
    assert caught.value.retry_after == 60
    assert not guard.use(b"token", until=160, now=100)
    assert guard.use(b"another", until=170, now=160)


def test_a_guard_without_room_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="at least one"):
        ReplayGuard(capacity=0)


def test_an_entry_costs_less_than_200_bytes_and_goes_when_it_ends() -> None:
    guard = ReplayGuard()
    count = 20_000
    tracemalloc.start()
    try:
        before = tracemalloc.get_traced_memory()[0]
        for number in range(count):
            guard.use(number.to_bytes(16, "big"), until=100 + number % 60, now=0)
        full = tracemalloc.get_traced_memory()[0] - before
    finally:
        tracemalloc.stop()
    assert full < 200 * count
    assert guard.use(b"last", until=1000, now=200)
    assert guard.statistics() == {"items": 1, "capacity": 200_000}


class ReplayMachine(RuleBasedStateMachine):
    """Tokens are used again and again while the clock jumps and the process restarts."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 1000.0
        self.guard = ReplayGuard(CAPACITY)
        self.accepted: set[tuple[bytes, int]] = set()
        self.stored: dict[bytes, int] = {}
        self.latest = 0.0  # the latest time a guard was told
        self.furthest = self.now  # the latest time there was

    @rule(name=st.sampled_from([b"a", b"b", b"c", b"d", b"e", b"f", b"g", b"h"]), life=st.integers(1, 60))
    def use(self, name: bytes, life: int) -> None:
        until = int(self.now) + life
        self.latest = max(self.latest, self.now)
        remembered = {h for h, end in self.accepted if end > self.latest}
        try:
            verdict = self.guard.use(name, until=until, now=self.now)
        except AuthOverloadedError:
            assert self.guard.statistics()["items"] >= CAPACITY
            return
        if name in remembered:
            assert not verdict, "used twice within its life"
        elif until > self.latest and all(h != name for h, _ in self.accepted):
            assert verdict, "a fresh token was refused"
        if verdict:
            assert (name, until) not in self.accepted, "the same token, twice"
            self.accepted.add((name, until))
            self.stored[name] = until

    @rule(data=st.data())
    def use_again(self, data: st.DataObject) -> None:
        if not self.accepted:
            return
        name, until = data.draw(st.sampled_from(sorted(self.accepted)))
        self.latest = max(self.latest, self.now)
        if until > self.now:  # later the caller refuses it as expired
            try:
                assert not self.guard.use(name, until=until, now=self.now)
            except AuthOverloadedError:
                pass

    @rule(seconds=st.floats(0, 100) | st.floats(0, 5000))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @rule(seconds=st.floats(0, 100) | st.floats(0, 5000))
    def the_clock_steps_back(self, seconds: float) -> None:
        """Any number of times, though in all by less than the time for which the store keeps an entry."""
        self.furthest = max(self.furthest, self.now)
        self.now = max(self.now - seconds, self.furthest - RETENTION_SECONDS + 1)

    @rule()
    def restart(self) -> None:
        kept_after = self.now - RETENTION_SECONDS
        self.stored = {name: until for name, until in self.stored.items() if until > kept_after}
        self.guard = ReplayGuard(CAPACITY)
        self.guard.load(self.stored.items())

    @invariant()
    def bounded(self) -> None:
        assert self.guard.statistics()["items"] <= max(CAPACITY, len(self.stored))


TestReplayMachine = ReplayMachine.TestCase
