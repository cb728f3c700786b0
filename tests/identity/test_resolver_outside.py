"""The resolver that goes out: one look for each DID, whoever comes and goes; braked; bounded."""

from collections import Counter
from functools import partial

import pytest
import trio
from trio.testing import MockClock as Clock
from trio.testing import wait_all_tasks_blocked

from protocol import AccountDid
from router.identity.did_cache import CacheTimes, DidCache
from router.identity.document import DidDocument
from router.identity.errors import (
    AbsentDidError,
    BadDocumentError,
    DirectoryAwayError,
    ResolutionError,
    UnknownDidError,
)
from router.identity.lookup import Absent, Broken, Found, Outcome, Unreachable
from router.identity.outside import OutsideResolver
from router.identity.plc import PAUSE, TRIES, PlcDirectory
from router.identity.resolver import HomeFirst, LocalResolver
from tests.identity.kit import SERVICE, DictAccounts

ALICE, BOB = AccountDid("did:plc:" + "a" * 24), AccountDid("did:plc:" + "b" * 24)
CAROL = AccountDid("did:web:carol.example.net")


class Slow:
    """A source that answers after a second of the fake clock."""

    def __init__(self, *, shared: bool = True, seconds: float = 1.0) -> None:
        self.shared = shared
        self.seconds = seconds
        self.asked: list[AccountDid] = []
        self.under_way: Counter[AccountDid] = Counter()
        self.most_at_once = 0
        self.outcomes: dict[AccountDid, Outcome] = {}
        self.error: Exception | None = None

    async def find(self, did: AccountDid, /) -> Outcome:
        self.asked.append(did)
        self.under_way[did] += 1
        self.most_at_once = max(self.most_at_once, self.under_way.total())
        assert self.under_way[did] == 1, "two looks at one DID at once"
        try:
            await trio.sleep(self.seconds)
        finally:
            self.under_way[did] -= 1
        if self.error is not None:
            raise self.error
        serial = str(len(self.asked))
        return self.outcomes.get(did, Found(DidDocument(did, also_known_as=(serial,)), 10))


class Rig:
    """A resolver over slow sources, in a nursery of its own."""

    def __init__(self, nursery: trio.Nursery, **options: float) -> None:
        self.plc, self.web = Slow(), Slow(shared=False)
        self.cache = DidCache(times=CacheTimes(), forced_per_minute=options.pop("forced_per_minute", 300))
        self.reports: list[str] = []
        self.resolver = OutsideResolver(
            {"plc": self.plc, "web": self.web},
            self.cache,
            report=lambda what, _error: self.reports.append(what),
            max_at_once=int(options.pop("max_at_once", 32)),
            max_looks=int(options.pop("max_looks", 512)),
        )
        self.nursery = nursery


@pytest.fixture
async def rig(nursery: trio.Nursery, autojump_clock: Clock) -> Rig:
    made = Rig(nursery)
    await nursery.start(made.resolver.run)
    return made


async def test_all_who_ask_at_once_get_the_answer_of_one_look(rig: Rig, autojump_clock: Clock) -> None:
    answers: list[DidDocument] = []

    async def ask() -> None:
        answers.append(await rig.resolver.resolve(ALICE))

    async with trio.open_nursery() as nursery:
        for _ in range(50):
            nursery.start_soon(ask)
    assert rig.plc.asked == [ALICE]
    assert len(answers) == 50
    assert all(answer is answers[0] for answer in answers)


@pytest.mark.parametrize("leaving", [0, 25, 49])
async def test_who_goes_away_costs_the_others_nothing(rig: Rig, autojump_clock: Clock, leaving: int) -> None:
    """Whoever was first, or any other, or all but one: the look goes on, and its answer is remembered."""
    answered = 0

    async def ask(number: int) -> None:
        nonlocal answered
        with trio.move_on_after(0.5 if number != leaving else 10):
            await rig.resolver.resolve(ALICE)
            answered += 1

    async with trio.open_nursery() as nursery:
        for number in range(50):
            nursery.start_soon(ask, number)
            await trio.lowlevel.checkpoint()
    assert answered == 1
    assert rig.plc.asked == [ALICE]


async def test_a_look_that_everybody_left_is_remembered_all_the_same(rig: Rig, autojump_clock: Clock) -> None:
    with trio.move_on_after(0.5):
        await rig.resolver.resolve(ALICE)
    await trio.sleep(1)
    await rig.resolver.resolve(ALICE)
    assert rig.plc.asked == [ALICE]


async def test_a_forced_look_cannot_be_begun_and_broken_off_to_use_up_the_brake(
    rig: Rig, autojump_clock: Clock
) -> None:
    await rig.resolver.resolve(ALICE)
    await trio.sleep(5)
    with trio.move_on_after(0.1):  # a forger, who hangs up at once
        await rig.resolver.resolve(ALICE, refresh=True)
    document = await rig.resolver.resolve(ALICE, refresh=True)  # the owner of the rotated key
    assert document.also_known_as == ("2",)


async def test_a_storm_of_failed_signatures_is_braked(rig: Rig, autojump_clock: Clock) -> None:
    """A forger sends a thousand tokens for one account in a minute; its directory sees one more look."""
    await rig.resolver.resolve(ALICE)
    await trio.sleep(5)
    async with trio.open_nursery() as nursery:
        for _ in range(1_000):
            nursery.start_soon(partial(rig.resolver.resolve, ALICE, refresh=True))
    for _ in range(50):
        await trio.sleep(1)
        await rig.resolver.resolve(ALICE, refresh=True)
    assert len(rig.plc.asked) == 2
    await trio.sleep(20)
    await rig.resolver.resolve(ALICE, refresh=True)
    assert len(rig.plc.asked) == 3


async def test_a_storm_over_many_accounts_is_braked_too(nursery: trio.Nursery, autojump_clock: Clock) -> None:
    rig = Rig(nursery, forced_per_minute=10, max_at_once=100)
    await nursery.start(rig.resolver.run)
    dids = [AccountDid(f"did:web:a{number}.example.net") for number in range(100)]
    for refresh in (False, True):
        async with trio.open_nursery() as storm:
            for did in dids:
                storm.start_soon(partial(rig.resolver.resolve, did, refresh=refresh))
        await trio.sleep(5)
    assert len(rig.web.asked) == 100 + 10


async def test_methods_do_not_wait_for_one_another(nursery: trio.Nursery, autojump_clock: Clock) -> None:
    """Hosts that strangers chose are slow on purpose; the directory is asked as ever."""
    rig = Rig(nursery, max_at_once=2)
    rig.web.seconds = 100
    await nursery.start(rig.resolver.run)
    outcomes: Counter[str] = Counter()

    async def ask(did: AccountDid) -> None:
        try:
            await rig.resolver.resolve(did)
            outcomes["found"] += 1
        except ResolutionError as error:
            outcomes[type(error).__name__] += 1

    async with trio.open_nursery() as storm:
        for number in range(10):
            storm.start_soon(ask, AccountDid(f"did:web:a{number}.example.net"))
        await wait_all_tasks_blocked()
        await ask(ALICE)
    # two were looked at and did not answer; for eight there was no turn, which is our fault and passes
    assert outcomes == {"found": 1, "ResolutionError": 2, "DirectoryAwayError": 8}
    assert rig.web.most_at_once == 2


async def test_looks_are_bounded_in_number(nursery: trio.Nursery, autojump_clock: Clock) -> None:
    rig = Rig(nursery, max_looks=3)
    await nursery.start(rig.resolver.run)
    refused = 0

    async def ask(did: AccountDid) -> None:
        nonlocal refused
        try:
            await rig.resolver.resolve(did)
        except DirectoryAwayError as error:
            refused += error.retry_after > 0

    async with trio.open_nursery() as storm:
        for number in range(5):
            storm.start_soon(ask, AccountDid(f"did:web:a{number}.example.net"))
    assert refused == 2
    assert rig.resolver.statistics()["looks"] == 0


async def test_each_way_to_fail_has_its_name(rig: Rig, autojump_clock: Clock) -> None:
    for outcome, error in (
        (Absent(), AbsentDidError),
        (Broken("redirect"), BadDocumentError),
        (Unreachable("timeout", shared=True), DirectoryAwayError),
        (Unreachable("timeout", shared=False), ResolutionError),
    ):
        did = AccountDid(f"did:plc:{type(outcome).__name__.lower()}{error.__name__.lower()}")
        rig.plc.outcomes[did] = outcome
        for _ in range(2):  # looked up, and remembered
            with pytest.raises(error) as caught:
                await rig.resolver.resolve(did)
            assert caught.type is error
        assert rig.plc.asked.count(did) == 1


async def test_a_fault_of_ours_in_reading_ends_one_look_and_not_the_resolver(
    rig: Rig, autojump_clock: Clock
) -> None:
    rig.plc.error = ZeroDivisionError()
    with pytest.raises(BadDocumentError):
        await rig.resolver.resolve(ALICE)
    assert rig.reports == ["did look-up"]
    rig.plc.error = None
    assert (await rig.resolver.resolve(BOB)).id == BOB


async def test_without_its_task_it_says_to_come_again(autojump_clock: Clock) -> None:
    """Before it runs, after it ran, and to those who wait when it stops."""
    async with trio.open_nursery() as outer:
        rig = Rig(outer)
        with pytest.raises(DirectoryAwayError):
            await rig.resolver.resolve(ALICE)
        told = trio.Event()

        async def wait() -> None:
            with pytest.raises(DirectoryAwayError):
                await rig.resolver.resolve(ALICE)
            told.set()

        async with trio.open_nursery() as inner:
            await inner.start(rig.resolver.run)
            outer.start_soon(wait)
            await wait_all_tasks_blocked()
            inner.cancel_scope.cancel()
        await told.wait()
        with pytest.raises(DirectoryAwayError):
            await rig.resolver.resolve(ALICE)
        assert rig.plc.asked == [ALICE]


async def test_a_document_outlives_a_silent_directory_for_a_day(rig: Rig, autojump_clock: Clock) -> None:
    first = await rig.resolver.resolve(ALICE)
    rig.plc.outcomes[ALICE] = Unreachable("timeout", shared=True)
    for _ in range(23):
        await trio.sleep(3600)
        assert await rig.resolver.resolve(ALICE) == first
    asked = len(rig.plc.asked)
    await rig.resolver.resolve(ALICE)
    assert len(rig.plc.asked) == asked  # not at once again: that would be a time-out for each call
    await trio.sleep(3600)
    with pytest.raises(DirectoryAwayError):
        await rig.resolver.resolve(ALICE)


class TestPausedDirectory:
    """A directory that is silent three times running is left alone for a while."""

    async def test_nobody_waits_for_a_dead_directory_again_and_again(self, autojump_clock: Clock) -> None:
        directory = _Silenced()
        for _ in range(TRIES):
            with trio.move_on_after(3):
                await directory.find(ALICE)
        assert directory.asked == TRIES
        assert await directory.find(BOB) == Unreachable("paused", shared=True, asked=False)
        assert directory.asked == TRIES
        await trio.sleep(PAUSE)
        directory.silent = False
        assert await directory.find(BOB) == Absent()
        assert await directory.find(BOB) == Absent()


class _Silenced(PlcDirectory):
    """A directory whose network is the fake clock."""

    def __init__(self) -> None:
        self.asked = 0
        self.silent = True
        super().__init__(None, None)  # type: ignore[arg-type]  # nothing is fetched

    async def _ask(self, did: AccountDid) -> Outcome:
        self.asked += 1
        if self.silent:
            await trio.sleep_forever()
        return Absent()


async def test_accounts_of_this_router_are_never_looked_for_outside(rig: Rig, autojump_clock: Clock) -> None:
    accounts = DictAccounts()
    dave = accounts.create("dave").did
    resolver = HomeFirst(SERVICE, LocalResolver(SERVICE, accounts), rig.resolver)
    assert (await resolver.resolve(dave)).id == dave
    with pytest.raises(ResolutionError):
        await resolver.resolve(SERVICE.account_did("nobody"))
    with pytest.raises(UnknownDidError):
        await resolver.resolve(AccountDid(SERVICE.did))
    assert rig.web.asked == rig.plc.asked == []
    assert (await resolver.resolve(CAROL)).id == CAROL
    assert rig.web.asked == [CAROL]
