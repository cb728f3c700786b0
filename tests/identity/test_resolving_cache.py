"""What is remembered of DIDs: the laws of the cache under any history, by a model that forgets nothing."""

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from protocol import AccountDid
from router.identity.did_cache import CacheTimes, DidCache, TokenBucket
from router.identity.document import DidDocument
from router.identity.lookup import Absent, Broken, Found, Outcome, Unreachable

ALICE, BOB = AccountDid("did:plc:" + "a" * 24), AccountDid("did:plc:" + "b" * 24)
TIMES = CacheTimes(fresh=10, stale=100, negative=6, retry=2, brake=20, settle=1)
SILENT = Unreachable("timeout", shared=True)
BUSY = Unreachable("busy", shared=True, asked=False)
FORCED_PER_MINUTE = 3


def found(number: int = 0, size: int = 100) -> Found:
    return Found(DidDocument(ALICE, also_known_as=(str(number),)), size)


def cache() -> DidCache:
    return DidCache(times=TIMES, forced_per_minute=FORCED_PER_MINUTE)


def test_a_document_is_given_while_it_is_fresh() -> None:
    held = cache()
    assert held.look(ALICE, 0) is None
    document = held.note(ALICE, found(), 0)
    assert held.look(ALICE, 9.9) == document
    assert held.look(ALICE, 10) is None
    assert held.look(BOB, 0) is None


def test_silence_keeps_a_document_and_nothing_else_does() -> None:
    for ending in (Absent(), Broken("redirect")):
        held = cache()
        document = held.note(ALICE, found(), 0)
        assert held.note(ALICE, SILENT, 50) == document
        assert held.look(ALICE, 51) == document
        assert held.look(ALICE, 52) is None  # `retry` is over: ask again
        assert held.note(ALICE, ending, 52) == ending
        assert held.look(ALICE, 57.9) == ending
        assert held.note(ALICE, SILENT, 58) == SILENT  # the older document is gone for good


def test_a_document_does_not_outlive_its_stale_time_in_silence() -> None:
    held = cache()
    held.note(ALICE, found(), 0)
    assert isinstance(held.note(ALICE, SILENT, 99.5), Found)
    assert held.look(ALICE, 100) == SILENT  # asked lately, and what is held is too old
    assert held.note(ALICE, SILENT, 102) == SILENT


def test_a_forced_look_that_meets_silence_leaves_a_fresh_document_as_it_was() -> None:
    held = cache()
    document = held.note(ALICE, found(), 0)
    assert held.may_force(ALICE, 5)
    assert held.note(ALICE, SILENT, 5) == document
    assert held.look(ALICE, 9.9) == document
    assert held.look(ALICE, 10) is None


def test_a_forced_look_is_granted_once_in_the_brake() -> None:
    held = cache()
    assert not held.may_force(ALICE, 0)  # nothing is held: an ordinary look is due
    held.note(ALICE, found(), 0)
    assert not held.may_force(ALICE, 0.9)  # just fetched
    assert held.may_force(ALICE, 1)
    assert [held.may_force(ALICE, 1 + second) for second in (0, 1, 19, 20)] == [False, False, False, True]
    assert held.statistics()["braked"] == 3


def test_a_forced_look_that_troubled_nobody_does_not_count() -> None:
    held = cache()
    held.note(ALICE, found(), 0)
    assert held.may_force(ALICE, 5)
    assert isinstance(held.note(ALICE, BUSY, 5), Found)
    assert held.may_force(ALICE, 7)


def test_forced_looks_have_a_budget_over_all_dids() -> None:
    """Somebody with a list of accounts forges one token for each."""
    held = cache()
    dids = [AccountDid(f"did:web:a{number}.example.com") for number in range(20)]
    for did in dids:
        held.note(did, found(), 0)
    assert sum(held.may_force(did, 5) for did in dids) == FORCED_PER_MINUTE
    assert sum(held.may_force(did, 25) for did in dids) == 1  # a third of a minute brings one back


def test_having_been_too_busy_to_ask_drives_nothing_out() -> None:
    held = DidCache(max_items=1)
    document = held.note(ALICE, found(), 0)
    assert held.note(BOB, BUSY, 0) == BUSY
    assert held.look(ALICE, 0) == document


def test_memory_is_bounded_in_items_and_in_bytes() -> None:
    held = DidCache(times=TIMES, max_items=3, max_bytes=10_000)
    dids = [AccountDid(f"did:web:a{number}.example.com") for number in range(4)]
    for did in dids[:3]:
        held.note(did, found(), 0)
    held.look(dids[0], 0)
    held.note(dids[3], found(), 0)  # drives out the least recently used, the second
    assert [held.look(did, 0) is not None for did in dids] == [True, False, True, True]
    held.note(dids[1], found(size=8_000), 0)
    statistics = held.statistics()
    assert statistics["items"] <= 3
    assert statistics["bytes"] <= 10_000
    assert isinstance(held.note(dids[2], found(size=64_000), 0), Found)  # given, but not kept
    assert held.look(dids[2], 0) is None


def test_a_bucket_gives_its_rate_and_no_more() -> None:
    bucket = TokenBucket(60)
    assert sum(bucket.take(0) for _ in range(100)) == 60
    assert sum(bucket.take(now / 10) for now in range(100)) == 9
    assert not bucket.take(5)  # a clock that steps back gives nothing
    assert TokenBucket(1).take(1e9)


class CacheMachine(RuleBasedStateMachine):
    """Any history of looks at a few DIDs; the model keeps all that was ever noted."""

    def __init__(self) -> None:
        super().__init__()
        self.cache = DidCache(times=TIMES, forced_per_minute=FORCED_PER_MINUTE, max_items=3, max_bytes=4_000)
        self.now = 0.0
        self.noted: dict[AccountDid, list[tuple[float, Outcome]]] = {}
        self.forced: list[tuple[float, AccountDid]] = []
        self.serial = 0

    dids = st.sampled_from([AccountDid(f"did:web:a{number}.example.com") for number in range(5)])

    @rule(seconds=st.sampled_from([0.5, 1.0, 2.0, 5.0, 9.0, 40.0, 90.0]))
    def time_passes(self, seconds: float) -> None:
        self.now += seconds

    @rule(did=dids, size=st.sampled_from([50, 900, 5_000]))
    def a_document_is_found(self, did: AccountDid, size: int) -> None:
        self.serial += 1
        self.note(did, found(self.serial, size))

    @rule(did=dids, outcome=st.sampled_from([Absent(), Broken("redirect"), SILENT, BUSY]))
    def nothing_is_found(self, did: AccountDid, outcome: Outcome) -> None:
        self.note(did, outcome)

    def note(self, did: AccountDid, outcome: Outcome) -> None:
        self.noted.setdefault(did, []).append((self.now, outcome))
        self.judge(did, self.cache.note(did, outcome, self.now))

    @rule(did=dids)
    def somebody_looks(self, did: AccountDid) -> None:
        answer = self.cache.look(did, self.now)
        if answer is not None:
            self.judge(did, answer)

    @rule(did=dids)
    def a_signature_fails(self, did: AccountDid) -> None:
        if self.cache.may_force(did, self.now):
            self.forced.append((self.now, did))

    def judge(self, did: AccountDid, answer: Outcome) -> None:
        """An answer is one that was noted, and no older than the last word allows."""
        at, last = self.noted[did][-1]
        if not isinstance(answer, Found):
            assert answer == last
            return
        spoken = [
            (when, outcome) for when, outcome in self.noted[did] if not isinstance(outcome, Unreachable)
        ]
        when, newest = spoken[-1]
        assert answer == newest
        assert self.now < when + (TIMES.stale if isinstance(last, Unreachable) else TIMES.fresh) or (
            at == self.now and last is answer
        )

    @invariant()
    def memory_is_bounded(self) -> None:
        statistics = self.cache.statistics()
        assert statistics["items"] <= 3
        assert 0 <= statistics["bytes"] <= 4_000

    @invariant()
    def the_budget_holds(self) -> None:
        """In no window more than the bucket holds and what flows into it meanwhile."""
        times = [at for at, _ in self.forced]
        for first, start in enumerate(times):
            for last in range(first, len(times)):
                allowed = FORCED_PER_MINUTE * (1 + (times[last] - start) / 60)
                assert last - first + 1 <= allowed + 1e-6


TestCacheMachine = CacheMachine.TestCase
