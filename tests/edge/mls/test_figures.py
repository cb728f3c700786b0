"""What operators see of groups in the metrics: how commits end, what lies in the store. Sums, no names."""

from __future__ import annotations

import trio
from msgspec import structs

from crypto.mls import Add
from router.figures import COUNT_SECONDS, keep_figures
from router.observe import Metrics
from router.store.errors import StoreUnavailable
from router.store.memory.store import MemoryStore
from router.store.values import MlsFigures
from tests.edge.house import MLS, House, sealed
from tests.edge.mls.people import Phone, Room, claim, create, phone, publish
from tests.observe.helpers import samples


async def pair(house: House) -> tuple[Room, Phone, Phone]:
    alice, bob = await phone(house, "alice"), await phone(house, "bob")
    return await create(house, alice, bob), alice, bob


def commits(house: House) -> dict[str, float]:
    """Outcome to number."""
    head = 'rookery_mls_commits_total{outcome="'
    found = samples(house.metrics)
    return {name.removeprefix(head)[:-2]: value for name, value in found.items() if name.startswith(head)}


async def test_each_commit_is_counted_by_how_it_ends(house: House) -> None:
    room, alice, bob = await pair(house)
    carol = await phone(house, "carol")
    packages = await claim(house, alice, carol)
    late = room.upload(bob, bob.client.commit(room.group))
    first = room.upload(alice, alice.client.commit(room.group, [Add(package) for package in packages]))
    for body in (first, first):
        assert (await room.submit(alice, body)).status_code == 200
    await room.submit(bob, late)
    await room.submit(bob, late | {"commit": sealed(b"no MLS at all")})
    # what brings no commit is none, taken or refused
    for body in (
        {"convoId": room.convo, "targetDid": carol.did, "idempotencyKey": "k"},
        {"convoId": "a" * 26},
    ):
        await house.send("POST", f"{MLS}.leaveConvo", bob.account, json=body)
    assert commits(house) == {"taken": 1, "resent": 1, "EpochMismatch": 1, "InvalidCommit": 1}


async def counted(house: House) -> dict[str, float]:
    """One count of the store."""
    metrics = Metrics(version="9")
    async with trio.open_nursery() as nursery:
        await nursery.start(keep_figures, house.store, metrics, lambda: house.now)
        while not samples(metrics).get('rookery_mls_key_packages{state="available"}'):
            await trio.lowlevel.checkpoint()
        found = samples(metrics)
        nursery.cancel_scope.cancel()
    return {name: value for name, value in found.items() if name.startswith("rookery_mls") and value}


async def test_the_stock_and_what_waits_are_counted_over_everybody(house: House) -> None:
    room, alice, _ = await pair(house)
    await publish(house, alice, 2)
    carol = await phone(house, "carol", stock=4)
    await claim(house, alice, carol)
    broken = room.upload(alice, alice.client.commit(room.group))
    broken["groupInfo"] = sealed(b"no GroupInfo")
    await room.submit(alice, broken)
    made = int(house.now)
    house.now += 60
    assert await counted(house) == {
        'rookery_mls_key_packages{state="available"}': 3 + 2 + 2 + 3,
        'rookery_mls_key_packages{state="claimed"}': 1,
        "rookery_mls_welcomes_pending": 1,
        "rookery_mls_oldest_welcome_seconds": 60 + made % 2,  # the log knows the time in steps of 2 s
        "rookery_mls_evidence": 1,
    }


class Troubled(MemoryStore):
    """A store that cannot read at every second count."""

    counts = 0

    async def mls_figures(self, *, now: int) -> MlsFigures:
        self.counts += 1
        if self.counts % 2 == 0:
            raise StoreUnavailable(1, "the disk is gone")
        figures = await super().mls_figures(now=now)
        return structs.replace(figures, packages_available=self.counts)


async def test_a_store_that_cannot_read_leaves_the_last_figures(autojump_clock: object) -> None:
    """The chore lives on, and counts again when it can."""
    metrics, store, seen = Metrics(version="9"), Troubled(), []
    async with trio.open_nursery() as nursery:
        await nursery.start(keep_figures, store, metrics, lambda: 0)
        for _ in range(3):
            await trio.sleep(COUNT_SECONDS - 1)
            seen.append(samples(metrics)['rookery_mls_key_packages{state="available"}'])
            await trio.sleep(1)
        nursery.cancel_scope.cancel()
    assert seen == [1, 1, 3]
