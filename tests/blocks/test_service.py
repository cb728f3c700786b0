"""`Blocks`: one look for each account, remembered, in both directions, whatever the world and callers do."""

import pytest
import trio
import trio.testing

from protocol import AccountDid
from router.blocks.cache import BlockCache
from router.blocks.pds import Reading, Unread
from router.blocks.relation import Block, Relation
from router.blocks.service import Blocks, Confirmed, Denied, Unconfirmed
from router.config import Blocks as BlockSettings
from router.config import Settings
from router.identity.document import DidDocument
from router.identity.errors import UnknownDidError
from router.observe.sources import block_looks
from router.testing import Garbage, Hang, Status
from router.wiring.blocks import make_blocks
from tests.blocks.kit import HOME, NOW, World, open_world
from tests.identity.kit import SERVICE

ALICE, BOB = AccountDid("did:web:alice.example.net"), AccountDid("did:web:bob.example.net")


async def related(world: World, *accounts: AccountDid) -> Relation:
    return (await world.among(*accounts)).relation


# -- against a real PDS -----------------------------------------------------------------------------------


@pytest.mark.parametrize("blocker", ["alice", "bob"])
async def test_a_block_is_found_whoever_made_it(blocker: str) -> None:
    """Both directions: each account's own records say whom it blocks, and nobody else's do."""
    async with open_world() as world:
        alice, bob, carol = world.people("alice", "bob", "carol")
        one, other = (alice, bob) if blocker == "alice" else (bob, alice)
        uri = world.pds.block(one, other)
        findings = await world.among(alice, bob, carol)
        assert [(each.blocker, each.blocked, each.uri) for each in findings.blocks] == [(one, other, uri)]
        assert findings.looked == NOW
        assert await related(world, alice, carol) is Relation.CLEAR


async def test_a_pds_that_is_down_makes_unknown_and_not_clear() -> None:
    """Failure 27: an error that is swallowed lets everybody in."""
    async with open_world() as world:
        alice, bob, carol = world.people("alice", "bob", "carol")
        world.pds.faults[alice] = Status(503)
        findings = await world.among(alice, bob, carol)
        assert (findings.relation, findings.unknown) == (Relation.UNKNOWN, (alice,))
        assert await related(world, bob, carol) is Relation.CLEAR


async def test_accounts_of_this_router_have_no_repository_and_nobody_is_asked() -> None:
    async with open_world() as world:
        assert await related(world, HOME, AccountDid("did:web:eve.chat.example.com")) is Relation.CLEAR
        assert world.outside.internet.looked_up == []
        alice = world.person("alice")
        world.pds.block(alice, HOME)
        assert await related(world, HOME, alice) is Relation.BLOCKED


async def test_records_are_read_once_and_again_when_they_are_old() -> None:
    async with open_world() as world:
        alice, bob = world.people("alice", "bob")
        for _ in range(3):
            assert await related(world, alice, bob) is Relation.CLEAR
        world.pds.block(bob, alice)
        world.later(59)
        assert await related(world, alice, bob) is Relation.CLEAR
        assert sorted(world.pds.asked) == [alice, bob]
        world.later(1)
        assert await related(world, alice, bob) is Relation.BLOCKED


async def test_a_host_that_failed_is_asked_again_after_a_while_only() -> None:
    async with open_world() as world:
        alice, bob = world.people("alice", "bob")
        world.pds.faults[alice] = Garbage(b"")
        for _ in range(3):
            assert await related(world, alice, bob) is Relation.UNKNOWN
        assert world.pds.asked.count(alice) == 1
        world.pds.faults.clear()
        world.later(30)
        assert await related(world, alice, bob) is Relation.CLEAR


async def test_a_block_stays_while_its_host_is_silent() -> None:
    async with open_world() as world:
        alice, bob = world.people("alice", "bob")
        world.pds.block(alice, bob)
        assert await related(world, alice, bob) is Relation.BLOCKED
        world.pds.faults[alice] = Status(503)
        world.later(60)
        assert await related(world, alice, bob) is Relation.BLOCKED
        assert world.results["status"] == 1


# -- a change that somebody tells of ----------------------------------------------------------------------


async def confirm(
    world: World,
    blocker: AccountDid,
    blocked: AccountDid,
    uri: str | None = None,
    *,
    exists: bool = True,
    own: bool = True,
) -> object:
    return await world.blocks.confirm(blocker, blocked, exists=exists, uri=uri, own=own)


@pytest.mark.parametrize("named", [True, False])
async def test_a_new_block_is_confirmed_and_holds_from_then_on(named: bool) -> None:
    """By its record, or by all of them where the claim names none; what was remembered is out of date."""
    async with open_world() as world:
        alice, bob = world.people("alice", "bob")
        assert await related(world, alice, bob) is Relation.CLEAR
        uri = world.pds.block(alice, bob)
        assert await confirm(world, alice, bob, uri if named else None) == Confirmed()
        assert await related(world, alice, bob) is Relation.BLOCKED


@pytest.mark.parametrize("named", [True, False])
async def test_a_block_that_was_taken_back_is_confirmed_gone(named: bool) -> None:
    async with open_world() as world:
        alice, bob = world.people("alice", "bob")
        uri = world.pds.block(alice, bob)
        assert await related(world, alice, bob) is Relation.BLOCKED
        world.pds.delete(uri)
        assert await confirm(world, alice, bob, uri if named else None, exists=False) == Confirmed()
        assert await related(world, alice, bob) is Relation.CLEAR


async def test_a_second_record_keeps_the_block_standing() -> None:
    """Clients that raced each other left two; the one that is named is gone, the block is not."""
    async with open_world() as world:
        alice, bob = world.people("alice", "bob")
        uri = world.pds.block(alice, bob)
        world.pds.block(alice, bob)
        world.pds.delete(uri)
        assert await confirm(world, alice, bob, uri, exists=False) == Denied()


async def test_claims_that_the_records_do_not_bear_out_are_denied() -> None:
    """Failure 27: the seed server trusted whoever told it, so anybody could have anybody put out."""
    async with open_world() as world:
        alice, bob, carol = world.people("alice", "bob", "carol")
        of_carol = world.pds.block(alice, carol)
        of_other = world.pds.block(carol, bob)
        absent = of_carol[:-1] + ("a" if of_carol[-1] != "a" else "b")
        for uri in (of_carol, of_other, absent, "at://alice.example.net/app.bsky.graph.block/3k", None):
            assert await confirm(world, alice, bob, uri) == Denied(), uri
            world.later(5)
        world.pds.block(alice, bob)
        assert await confirm(world, alice, bob, exists=False) == Denied()


async def test_a_record_of_another_type_is_no_block() -> None:
    async with open_world() as world:
        alice, bob = world.people("alice", "bob")
        uri = world.pds.block(alice, bob)
        world.pds.repos[alice][uri.split("/", 3)[3]]["$type"] = "app.bsky.graph.follow"
        assert await confirm(world, alice, bob, uri) == Denied()


@pytest.mark.parametrize("exists", [True, False])
@pytest.mark.parametrize("named", [True, False])
async def test_what_cannot_be_looked_at_is_neither_confirmed_nor_denied(exists: bool, named: bool) -> None:
    """Also where the block is known from before: whether it still stands, only the records can say."""
    async with open_world() as world:
        alice, bob = world.people("alice", "bob")
        uri = world.pds.block(alice, bob)
        assert await related(world, alice, bob) is Relation.BLOCKED
        world.pds.faults[alice] = Status(503)
        outcome = await confirm(world, alice, bob, uri if named else None, exists=exists)
        assert outcome == Unconfirmed(30.0)
        assert await related(world, alice, bob) is Relation.BLOCKED


async def test_claims_trouble_a_host_once_in_a_while() -> None:
    """Whoever repeats itself waits; who is blocked cannot keep the blocker from being heard."""
    async with open_world() as world:
        alice, bob = world.people("alice", "bob")
        uri = world.pds.block(alice, bob)
        assert await confirm(world, alice, bob, uri, own=False) == Confirmed()
        assert await confirm(world, alice, bob, uri, own=False) == Unconfirmed(5.0, braked=True)
        assert await confirm(world, alice, bob, uri, own=True) == Confirmed()
        assert len(world.pds.asked) == 2


async def test_an_account_of_this_router_blocks_nobody() -> None:
    async with open_world() as world:
        assert await confirm(world, HOME, ALICE) == Denied()
        assert await confirm(world, HOME, ALICE, exists=False) == Confirmed()
        assert world.outside.internet.looked_up == []


# -- looks under way --------------------------------------------------------------------------------------


class Gate:
    """A source that answers when it is told to."""

    def __init__(self) -> None:
        self.asked: list[AccountDid] = []
        self.open = trio.Event()
        self.reading = Reading((), complete=True, result="read")
        self.fault: Exception | None = None

    async def blocks_of(self, account: AccountDid, /, *, seconds: float) -> Reading:
        self.asked.append(account)
        reading = self.reading
        await self.open.wait()
        if self.fault is not None:
            raise self.fault
        return reading

    async def record(self, account: AccountDid, rkey: str, /, *, seconds: float) -> Block | None:
        self.asked.append(account)
        await self.open.wait()
        return None

    def statistics(self) -> dict[str, int]:
        return {"items": 0, "capacity": 1}


def served(gate: Gate, nursery: trio.Nursery, *, max_looks: int = 8) -> Blocks:
    return Blocks(SERVICE, gate, BlockCache(), now=lambda: NOW, clock=lambda: 0.0, max_looks=max_looks)


BLOCK = Reading(
    (Block(ALICE, BOB, "", f"at://{ALICE}/app.bsky.graph.block/3k"),), complete=True, result="read"
)


async def test_many_who_ask_at_once_make_one_look() -> None:
    gate = Gate()
    async with trio.open_nursery() as nursery:
        blocks = served(gate, nursery)
        await nursery.start(blocks.run)
        got: list[Relation] = []

        async def ask() -> None:
            got.append((await blocks.between((ALICE,), (BOB,))).relation)

        for _ in range(20):
            nursery.start_soon(ask)
        await trio.testing.wait_all_tasks_blocked()
        assert sorted(gate.asked) == [ALICE, BOB]
        assert blocks.statistics()["looks"] == 2
        gate.open.set()
        await trio.testing.wait_all_tasks_blocked()
        assert got == [Relation.CLEAR] * 20
        assert blocks.statistics()["looks"] == 0
        nursery.cancel_scope.cancel()


async def test_a_caller_that_goes_away_costs_the_others_nothing() -> None:
    """A look belongs to the service: a client that hangs up cannot break it off and begin it again."""
    gate = Gate()
    async with trio.open_nursery() as nursery:
        blocks = served(gate, nursery)
        await nursery.start(blocks.run)
        with trio.move_on_after(0):
            await blocks.between((ALICE,), (BOB,))
        with trio.move_on_after(0):
            await blocks.confirm(
                ALICE, BOB, exists=True, uri=f"at://{ALICE}/app.bsky.graph.block/3k", own=True
            )
        await trio.testing.wait_all_tasks_blocked()
        assert sorted(gate.asked) == [ALICE, ALICE, BOB]
        gate.open.set()
        assert (await blocks.between((), (BOB, HOME))).relation is Relation.CLEAR
        assert gate.asked.count(BOB) == 1
        nursery.cancel_scope.cancel()


async def test_a_look_that_was_under_way_before_a_change_is_not_remembered() -> None:
    """It may have read the records before the block was in them."""
    gate = Gate()
    async with trio.open_nursery() as nursery:
        blocks = served(gate, nursery)
        await nursery.start(blocks.run)
        old: list[Relation] = []

        async def ask() -> None:
            old.append((await blocks.between((ALICE,), (HOME,))).relation)

        nursery.start_soon(ask)
        await trio.testing.wait_all_tasks_blocked()
        gate.reading = BLOCK
        confirmed: list[object] = []

        async def change() -> None:
            confirmed.append(await blocks.confirm(ALICE, BOB, exists=True, uri=None, own=True))

        nursery.start_soon(change)
        await trio.testing.wait_all_tasks_blocked()
        assert gate.asked == [ALICE, ALICE]
        gate.open.set()
        await trio.testing.wait_all_tasks_blocked()
        assert (old, confirmed) == ([Relation.CLEAR], [Confirmed()])
        assert (await blocks.between((ALICE,), (AccountDid("did:web:x.chat.example.com"),))).looked == NOW
        gate.reading = Reading((), complete=True, result="read")
        assert blocks.statistics()["items"] == 1
        assert (await blocks.between((), (ALICE, BOB))).relation is Relation.BLOCKED
        nursery.cancel_scope.cancel()


async def test_more_looks_than_there_is_room_for_are_unknown_and_not_remembered() -> None:
    gate = Gate()
    async with trio.open_nursery() as nursery:
        blocks = served(gate, nursery, max_looks=1)
        await nursery.start(blocks.run)
        gate.open.set()
        findings = await blocks.between((ALICE,), (BOB,))
        assert findings.unknown == (BOB,)
        assert (await blocks.between((ALICE,), (BOB,))).relation is Relation.CLEAR
        assert blocks.results()["list", "busy"] == 1
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize("started", [False, True])
async def test_without_the_service_running_everything_is_unknown(started: bool) -> None:
    """Before it has started and after it was stopped, looks under way included: never clear by accident."""
    gate = Gate()
    async with trio.open_nursery() as nursery:
        blocks = served(gate, nursery)
        asked = trio.Event()

        async def ask() -> None:
            assert (await blocks.between((ALICE,), (BOB,))).relation is Relation.UNKNOWN
            confirmed = await blocks.confirm(ALICE, BOB, exists=True, uri=None, own=True)
            assert confirmed == Unconfirmed(30.0)
            asked.set()

        if started:
            stop = trio.CancelScope()

            async def run(task_status: trio.TaskStatus[None]) -> None:
                with stop:
                    await blocks.run(task_status=task_status)

            await nursery.start(run)
            nursery.start_soon(ask)
            await trio.testing.wait_all_tasks_blocked()
            stop.cancel()
        else:
            nursery.start_soon(ask)
        await asked.wait()
        assert blocks.statistics()["looks"] == 0


async def test_a_fault_of_ours_is_reported_and_ends_nothing() -> None:
    gate = Gate()
    gate.fault = RuntimeError("ours")
    gate.open.set()
    reported: list[BaseException | None] = []
    async with trio.open_nursery() as nursery:
        blocks = Blocks(
            SERVICE, gate, BlockCache(), now=lambda: NOW, clock=lambda: 0.0,
            report=lambda _what, error: reported.append(error),
        )  # fmt: skip
        await nursery.start(blocks.run)
        assert (await blocks.between((), (ALICE, BOB))).relation is Relation.UNKNOWN
        assert reported == [gate.fault] * 2
        gate.fault = Unread("timeout")
        assert (
            await blocks.between((), (ALICE, AccountDid("did:web:c.example.net")))
        ).relation is Relation.UNKNOWN
        assert len(reported) == 2
        nursery.cancel_scope.cancel()


async def test_the_words_for_how_looks_end_are_few() -> None:
    """They label a metric: nothing of an account or host may be in them."""
    async with open_world(request_seconds=0.1) as world:
        alice, bob = world.people("alice", "bob")
        world.pds.faults[bob] = Hang()
        await world.among(alice, bob)
        await confirm(world, alice, bob, f"at://{alice}/app.bsky.graph.block/3k")
        assert dict(world.blocks.results()) == {
            ("list", "read"): 1, ("list", "timeout"): 1, ("record", "read"): 1
        }  # fmt: skip


async def test_what_was_looked_up_is_a_metric() -> None:
    async with open_world() as world:
        alice, bob = world.people("alice", "bob")
        uri = world.pds.block(alice, bob)
        await world.among(alice, bob)
        for _ in range(2):
            await confirm(world, alice, bob, uri)
        samples = {
            (sample.metric.name, sample.labels): sample.value for sample in block_looks(world.blocks)()
        }
        assert samples == {
            ("rookery_block_looks_total", ("list", "read")): 2,
            ("rookery_block_looks_total", ("record", "read")): 1,
            ("rookery_block_braked_total", ()): 1,
        }
        held = world.blocks.statistics()
        assert held["items"] == 2
        assert all(held[name] <= held[f"max_{name}"] for name in ("items", "bytes", "looks", "hosts"))


def test_the_settings_reach_the_parts() -> None:
    """A bound that is written down and not handed on bounds nothing."""
    chosen = BlockSettings(accounts=7, cache_bytes=70_000, unknown=11)
    parts = make_blocks(
        Settings(blocks=chosen), SERVICE, NoResolver(), now=lambda: NOW, report=lambda _what, _error: None
    )
    assert parts.retry_after == 11
    assert parts.statistics()["max_items"] == 7
    assert parts.statistics()["max_bytes"] == 70_000


class NoResolver:
    """Nobody is looked up."""

    async def resolve(self, did: AccountDid, /, *, refresh: bool = False) -> DidDocument:
        raise UnknownDidError
