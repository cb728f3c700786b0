"""The lock-out: how long who waits, for whom it never locks, and that its memory is bounded."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from router.identity.authenticator import Authenticator, Look
from router.identity.errors import AuthError, LockedOutError, TokenFault
from router.identity.lockout import Lockout, LockoutPolicy
from tests.identity.kit import SEND, World

POLICY = LockoutPolicy(free=3, first=2.0, longest=60.0, memory=300.0, capacity=4)


def wait_of(lockout: Lockout, name: str, place: str, now: float) -> float:
    """Seconds until this name may try again at this place."""
    try:
        lockout.check(name, place, now)
    except LockedOutError as locked:
        return locked.retry_after
    return 0.0


def test_an_example_of_waits_that_double_up_to_the_longest_and_are_forgiven() -> None:
    lockout, now, waits = Lockout(POLICY), 0.0, []
    for _ in range(10):
        lockout.wrong("ann", "here", now)
        waits.append(wait_of(lockout, "ann", "here", now))
        now += waits[-1]
        assert wait_of(lockout, "ann", "here", now) == 0.0, "after the wait there is one try"
    assert waits == [0, 0, 2, 4, 8, 16, 32, 60, 60, 60]
    lockout.right("ann", "here")
    assert lockout.empty
    lockout.wrong("ann", "here", now)
    assert wait_of(lockout, "ann", "here", now) == 0.0


def test_tokens_that_were_under_way_when_the_lock_fell_do_not_lengthen_it() -> None:
    """A busy client whose account has a new key sends fifty before it hears of the first: that is one
    mistake, and fifty doublings would keep it out for a quarter of an hour."""
    lockout = Lockout(POLICY)
    for _ in range(50):
        lockout.wrong("ann", "here", 100.0)
    assert wait_of(lockout, "ann", "here", 100.0) == POLICY.first
    for _ in range(50):
        lockout.wrong("ann", "here", 100.0 + POLICY.first)
    assert wait_of(lockout, "ann", "here", 100.0 + POLICY.first) == 2 * POLICY.first


def test_a_stranger_elsewhere_locks_nobody_out() -> None:
    lockout = Lockout(POLICY)
    for second in range(100):
        lockout.wrong("ann", "stranger", float(second))
    assert wait_of(lockout, "ann", "stranger", 100.0) > 0
    assert wait_of(lockout, "ann", "home", 100.0) == wait_of(lockout, "ben", "stranger", 100.0) == 0


def test_after_a_quiet_time_everything_is_forgotten() -> None:
    lockout = Lockout(POLICY)
    for _ in range(9):
        lockout.wrong("ann", "here", 0.0)
    lockout.wrong("ben", "here", 300.0)
    assert lockout.statistics()["items"] == 1
    lockout.wrong("ann", "here", 300.0)
    assert wait_of(lockout, "ann", "here", 300.0) == 0.0


@given(st.lists(st.text(max_size=8), max_size=200))
def test_its_memory_is_bounded_and_whoever_was_wrong_last_is_not_given_up(names: list[str]) -> None:
    lockout = Lockout(POLICY)
    for name in names:
        for _ in range(POLICY.free):
            lockout.wrong(name, "here", 0.0)
        assert lockout.statistics()["items"] <= POLICY.capacity
        assert wait_of(lockout, name, "here", 0.0) >= POLICY.first


class LockoutMachine(RuleBasedStateMachine):
    """Against a list of wrong times per name: never locked without cause, never longer than it may be."""

    @initialize()
    def begin(self) -> None:
        self.now = 1000.0
        self.policy = LockoutPolicy(free=3, first=2.0, longest=60.0, memory=300.0, capacity=100)
        self.lockout = Lockout(self.policy)
        self.wrongs: dict[tuple[str, str], list[float]] = {}

    def _recent(self, key: tuple[str, str]) -> list[float]:
        """The wrong tokens that count: each within `memory` of the next, the last within it of now."""
        kept: list[float] = []
        for time in self.wrongs.get(key, []):
            if kept and time - kept[-1] >= self.policy.memory:
                kept = []
            kept.append(time)
        return kept

    @rule(name=st.sampled_from("ab"), place=st.sampled_from("xy"))
    def wrong(self, name: str, place: str) -> None:
        if wait_of(self.lockout, name, place, self.now) == 0:
            self.lockout.wrong(name, place, self.now)
            self.wrongs.setdefault((name, place), []).append(self.now)

    @rule(name=st.sampled_from("ab"), place=st.sampled_from("xy"))
    def right(self, name: str, place: str) -> None:
        if wait_of(self.lockout, name, place, self.now) == 0:
            self.lockout.right(name, place)
            self.wrongs.pop((name, place), None)

    @rule(seconds=st.sampled_from([0.5, 2.0, 30.0, 299.0, 301.0]))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @invariant()
    def every_wait_is_what_the_wrong_tokens_earn(self) -> None:
        for name in "ab":
            for place in "xy":
                times = self._recent((name, place))
                earned = 0.0
                if len(times) >= self.policy.free:
                    length = min(
                        self.policy.longest, self.policy.first * 2 ** (len(times) - self.policy.free)
                    )
                    earned = max(0.0, times[-1] + length - self.now)
                assert wait_of(self.lockout, name, place, self.now) == pytest.approx(earned)


TestLockoutMachine = LockoutMachine.TestCase


async def test_wrong_tokens_lock_their_name_at_their_place_and_a_good_one_elsewhere_is_let_in() -> None:
    world = World()
    key = world.accounts.create("ann")
    ben = world.accounts.create("ben")
    forged = world.mint(key)[:-4] + "AAAA"
    authenticator = Authenticator(
        {Look.SERVICE: world.service_tokens},
        clock=lambda: world.now,
        replay=world.replay,
        remember=lambda *_: None,
        revocations=world.revocations,
        lockout=Lockout(POLICY),
    )

    async def call(token: str, place: str) -> None:
        await authenticator.authenticate(f"Bearer {token}", lxm=SEND, single_use=True, place=place)

    for _ in range(POLICY.free):
        with pytest.raises(AuthError) as caught:
            await call(forged, "attacker")
        assert caught.value.fault is TokenFault.BAD_SIGNATURE
    reads = world.accounts.reads
    with pytest.raises(LockedOutError) as locked:
        await call(world.mint(key), "attacker")
    assert locked.value.retry_after == POLICY.first
    assert world.accounts.reads == reads, "who waits costs no look-up and no signature"
    await call(world.mint(key), "home")
    await call(world.mint(ben), "attacker")
    world.now += POLICY.first
    await call(world.mint(key), "attacker")
    assert authenticator.statistics()["items"] == 0


@pytest.mark.parametrize("lifetime", [60, 4000])
async def test_an_honest_mistake_does_not_count(lifetime: int) -> None:
    world = World()
    key = world.accounts.create("ann")
    token = world.mint(key, lifetime=lifetime)
    world.now += 100
    for _ in range(20):
        with pytest.raises(AuthError):
            await world.authenticator.authenticate(f"Bearer {token}", lxm=SEND, single_use=True)
    assert world.authenticator.statistics()["items"] == 0
