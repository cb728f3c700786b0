"""Key packages and Welcomes against a model a child could check, under any sequence of acts (Hypothesis).

The model is a few words on each ref and on each device in each conversation. A claim may give any package
that the model calls free, so there the model learns from the answer; everything else it foretells.
"""

from contextlib import AbstractAsyncContextManager
from dataclasses import dataclass

import trio
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule

from protocol import ConsumeKeyPackage, PutWelcome
from router.store.interface import Store
from router.store.values import Appended, ConditionFailed, Retention
from router.store.welcomes import WelcomeEnded, WelcomeSettled, WelcomeUnknown, WelcomeVerdict
from router.testing.store.group_rooms import GroupRoom, package, publish, ref, register
from router.testing.store.rooms import NOW, account, device
from router.testing.store.store_model import Loop

TTL, LIFE, MOST = 100, 1000, 4
NAMES = tuple(f"p{number}" for number in range(10))
CLAIMERS = ("ben", "cat")

names = st.sampled_from(NAMES)
claimers = st.sampled_from(CLAIMERS)
numbers = st.integers(1, 2)


@dataclass
class Told:
    """What the model knows of one package."""

    number: int
    last_resort: bool
    not_after: int
    spent: bool = False
    claimed_by: str | None = None
    until: int = 0


class MlsMachine(RuleBasedStateMachine):
    """See the module. Ann has two devices, Ben and Cat claim and add; time is moved by hand."""

    def opened(self) -> AbstractAsyncContextManager[Store]:
        """The store under test."""
        raise NotImplementedError

    @initialize()
    def begin(self) -> None:
        self.loop = Loop(self.opened)
        self.store = self.loop.store
        self.now = NOW
        self.packages: dict[str, Told] = {}
        self.welcomes: dict[tuple[int, int], list[str]] = {}
        self.rooms = [GroupRoom(self.store, number) for number in range(2)]
        self.loop.call(self._found)

    async def _found(self) -> None:
        for number in (1, 2):
            await register(self.store, number)
        for room in self.rooms:
            await room.found("ben", 90)

    def teardown(self) -> None:
        if hasattr(self, "loop"):
            self.loop.stop()

    def _stock(self, number: int) -> list[str]:
        return [name for name, told in self.packages.items() if told.number == number and not told.spent]

    def _usable(self, number: int, *, last_resort: bool) -> list[str]:
        return [
            name
            for name in self._stock(number)
            if self.packages[name].last_resort is last_resort and self.packages[name].not_after > self.now
        ]

    # -- key packages ----------------------------------------------------------------------------------

    @rule(number=numbers, name=names, last_resort=st.booleans(), life=st.sampled_from([50, LIFE]))
    def publish(self, number: int, name: str, last_resort: bool, life: int) -> None:
        told = self.packages.get(name)
        if told is not None:
            expected = "duplicate" if told.number == number and not told.spent else "reused"
        elif len(self._usable(number, last_resort=False) + self._usable(number, last_resort=True)) >= MOST:
            expected = "too-many"
        else:
            expected = "ok"
            self.packages[name] = Told(number, last_resort, self.now + life)
        given = package(name, last_resort=last_resort, not_after=self.now + life)
        verdicts = self.loop.call(lambda: publish(self.store, number, "ann", given, most=MOST, now=self.now))
        assert verdicts == (expected,)

    @rule(claimer=claimers, many=st.integers(1, 4))
    def claim_at_the_same_time(self, claimer: str, many: int) -> None:
        got: list[tuple[int, str, bool]] = []

        async def one() -> None:
            claimed = await self.store.claim_key_packages(
                account(claimer), account("ann"), now=self.now, ttl=TTL
            )
            for each in claimed:
                number = 1 if each.device == device(1) else 2
                got.append((number, each.ref.rstrip(b".").decode(), each.last_resort))

        async def all_of_them() -> None:
            async with trio.open_nursery() as nursery:
                for _ in range(many):
                    nursery.start_soon(one)

        before = {
            number: [n for n in self._usable(number, last_resort=False) if not self.packages[n].claimed_by]
            for number in (1, 2)
        }
        self.loop.call(all_of_them)
        for number in (1, 2):
            mine = [(name, last) for which, name, last in got if which == number]
            once = [name for name, last in mine if not last]
            assert len(set(once)) == len(once) == min(many, len(before[number]))
            assert set(once) <= set(before[number])
            resorts = self._usable(number, last_resort=True)
            assert [name for name, last in mine if last] == resorts[-1:] * (many - len(once))
            for name in once:
                self.packages[name].claimed_by, self.packages[name].until = claimer, self.now + TTL

    @rule(claimer=claimers, name=names, number=numbers, put=st.booleans())
    def use_up(self, claimer: str, name: str, number: int, put: bool) -> None:
        """With a Welcome beside it, which is there if and only if the package was."""
        told = self.packages.get(name)
        allowed = (
            told is not None
            and told.number == number
            and not told.spent
            and told.not_after > self.now
            and (told.last_resort or (told.claimed_by == claimer and told.until > self.now))
        )
        effects = (
            PutWelcome(device(number), account("ann"), ref(name), b"w:" + name.encode(), 1, 0, self.now),
            ConsumeKeyPackage(ref(name), device(number), account(claimer), self.now),
        )[0 if put else 1 :]
        outcome = self.loop.call(lambda: self.rooms[0].put(*effects, now=self.now))
        if not allowed or told is None:
            assert outcome == ConditionFailed(len(effects) - 1, "KeyPackageNotFound")
            return
        assert outcome == Appended(())
        if put:
            self._put(number, 0)
        if not told.last_resort:
            told.spent, told.claimed_by = True, None

    @rule(name=names)
    def drop(self, name: str) -> None:
        told = self.packages.get(name)
        dropped = self.loop.call(
            lambda: self.store.drop_key_packages(account("ann"), [ref(name)], now=self.now)
        )
        assert bool(dropped) is (told is not None and not told.spent)
        if told is not None:
            told.spent, told.claimed_by = True, None

    # -- Welcomes --------------------------------------------------------------------------------------

    def _put(self, number: int, room: int) -> None:
        states = self.welcomes.setdefault((number, room), [])
        if states and states[-1] == "pending":
            states[-1] = "superseded"
        states.append("pending")

    @rule(number=numbers, room=st.integers(0, 1))
    def welcome(self, number: int, room: int) -> None:
        effect = PutWelcome(device(number), account("ann"), None, b"welcome", 1, 0, self.now)
        assert self.loop.call(lambda: self.rooms[room].put(effect, now=self.now)) == Appended(())
        self._put(number, room)

    @rule(number=numbers, room=st.integers(0, 1))
    def fetch(self, number: int, room: int) -> None:
        states = self.welcomes.get((number, room))
        found = self.loop.call(
            lambda: self.store.fetch_welcome(self.rooms[room].id, device(number), now=self.now)
        )
        assert (None if found is None else found.state) == (states[-1] if states else None)
        if found is not None:
            assert bool(found.body) is (found.state == "pending")

    @rule(
        number=numbers,
        room=st.integers(0, 1),
        verdict=st.sampled_from(["acknowledged", "rejected", "failed"]),
    )
    def settle(self, number: int, room: int, verdict: WelcomeVerdict) -> None:
        states = self.welcomes.get((number, room))
        outcome = self.loop.call(
            lambda: self.store.settle_welcome(
                self.rooms[room].id, device(number), verdict, reason="r", now=self.now
            )
        )
        if not states:
            assert outcome == WelcomeUnknown()
        elif states[-1] == "pending":
            assert isinstance(outcome, WelcomeSettled)
            states[-1] = "pending" if verdict == "failed" else verdict
        elif states[-1] == verdict or (states[-1], verdict) == ("rejected", "failed"):
            assert isinstance(outcome, WelcomeSettled)
            assert not outcome.changed
        else:
            assert isinstance(outcome, WelcomeEnded)

    # -- time ------------------------------------------------------------------------------------------

    @rule(seconds=st.sampled_from([10, 60, TTL, 500]))
    def time_goes_by_and_what_is_over_is_swept(self, seconds: int) -> None:
        """A Welcome lives too long here to expire by a step; its own contract does that."""
        self.now += seconds
        keep = Retention(welcome=10**6, ended=10**6)
        self.loop.call(lambda: self.store.expire(self.now, retention=keep))
        self.packages = {name: told for name, told in self.packages.items() if told.not_after > self.now}
        for told in self.packages.values():
            if told.claimed_by is not None and told.until <= self.now:
                told.claimed_by = None

    # -- what must hold --------------------------------------------------------------------------------

    @invariant()
    def the_store_knows_what_the_model_knows(self) -> None:
        if hasattr(self, "rooms"):
            self.loop.call(self._compare)

    async def _compare(self) -> None:
        for name in NAMES:
            told, record = self.packages.get(name), await self.store.key_package(ref(name))
            assert (record is None) is (told is None)
            if record is not None and told is not None:
                assert (record.state in ("consumed", "dropped")) is told.spent
                assert (record.state == "claimed") is (told.claimed_by is not None)
        for number in (1, 2):
            kept = [each.ref for each in await self.store.key_packages(device(number))]
            assert kept == [ref(name) for name in self._stock(number)]
            pending = {
                self.rooms[room].id
                for (which, room), states in self.welcomes.items()
                if which == number and states[-1] == "pending"
            }
            assert {
                each.conversation for each in await self.store.pending_welcomes(device(number))
            } == pending
