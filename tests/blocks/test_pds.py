"""Blocks at accounts' own PDSs: over TLS, through the address guard, against hosts that misbehave."""

import json

import attrs
import pytest

from protocol import AccountDid
from router.blocks.pds import PDS_ENTRY, PDS_TYPE, Reading, Unread, pds_of
from router.blocks.records import COLLECTION
from router.identity.document import DidDocument, ServiceEntry
from router.testing import Fault, Garbage, Hang, HangUp, Oversize, Redirect, SlowBody, Status, web_account
from tests.blocks.kit import PDS, PDS_HOST, World, open_world

ALICE = AccountDid("did:web:alice.example.net")


async def reading(world: World, account: AccountDid) -> Reading:
    return await world.source.blocks_of(account, seconds=120)


def subjects(found: Reading) -> set[str]:
    return {block.blocked for block in found.blocks}


# -- where an account keeps its records -------------------------------------------------------------------


def document(*entries: tuple[str, str, str]) -> DidDocument:
    return DidDocument(ALICE, services=tuple(ServiceEntry(*entry) for entry in entries))


def test_the_pds_is_the_entry_of_that_name() -> None:
    other = ("#bsky_notif", "BskyNotificationService", "https://elsewhere.example.net")
    for name in (PDS_ENTRY, ALICE + PDS_ENTRY):
        origin = pds_of(document(other, (name, PDS_TYPE, "https://pds.example.net:8443/")))
        assert str(origin) == "https://pds.example.net:8443"


def test_an_account_without_a_pds_has_no_records() -> None:
    assert pds_of(document()) is None
    assert pds_of(document(("did:web:mallory.example.net#atproto_pds", PDS_TYPE, PDS))) is None


@pytest.mark.parametrize(
    ("kind", "endpoint"),
    [
        ("AtprotoLabeler", PDS),
        (PDS_TYPE, "http://pds.example.net"),
        (PDS_TYPE, "https://127.0.0.1"),
        (PDS_TYPE, "https://[::1]"),
        (PDS_TYPE, "https://localhost"),
        (PDS_TYPE, "https://pds.internal"),
        (PDS_TYPE, "https://pds"),
        (PDS_TYPE, "https://pds.example.net/path"),
        (PDS_TYPE, "https://me@pds.example.net"),
        (PDS_TYPE, "https://pds.example.net?x=1"),
        (PDS_TYPE, "https://pds.example.net:0x1"),
        (PDS_TYPE, "ftp://pds.example.net"),
        (PDS_TYPE, "pds.example.net"),
        (PDS_TYPE, ""),
    ],
)
def test_an_endpoint_that_nobody_is_asked_at_leaves_the_blocks_unknown(kind: str, endpoint: str) -> None:
    """It is no «has no records»: there is something, and it cannot be read. And the first entry decides."""
    with pytest.raises(Unread) as caught:
        pds_of(document((PDS_ENTRY, kind, endpoint), (PDS_ENTRY, PDS_TYPE, PDS)))
    assert caught.value.reason == "bad_endpoint"


def test_a_developer_may_have_a_pds_on_this_machine() -> None:
    own = document((PDS_ENTRY, PDS_TYPE, "http://localhost:2583"))
    assert str(pds_of(own, frozenset({"localhost"}))) == "http://localhost:2583"
    with pytest.raises(Unread):
        pds_of(own, frozenset({"pds.test"}))


async def test_a_name_that_leads_inside_the_house_is_not_followed() -> None:
    """The DID document is a stranger's: it must not make us knock on our own network."""
    async with open_world() as world:
        alice = world.person("alice", pds="https://rebound.example.net")
        for address in ("127.0.0.1", "10.0.0.7", "169.254.169.254", "::1"):
            world.outside.internet.names["rebound.example.net"] = [[address]]
            assert (await reading(world, alice)).result == "forbidden_address"
        assert world.pds.asked == []
        assert not any(port == 443 and host == "127.0.0.1" for host, port in world.outside.internet.connected)


# -- a listing --------------------------------------------------------------------------------------------


async def test_all_pages_are_read() -> None:
    async with open_world() as world:
        alice = world.person("alice")
        blocked = {f"did:web:b{number}.example.net" for number in range(250)}
        for each in blocked:
            world.pds.block(alice, each)
        found = await reading(world, alice)
        assert subjects(found) == blocked
        assert (found.complete, found.result) == (True, "read")
        assert len(world.pds.asked) == 4  # the last one says that there is no more


async def test_an_account_that_blocks_nobody_is_read_too() -> None:
    async with open_world() as world:
        found = await reading(world, world.person("alice"))
        assert found == Reading((), complete=True, result="read")


async def test_records_of_other_kinds_are_not_asked_for() -> None:
    async with open_world() as world:
        alice = world.person("alice")
        world.pds.put(alice, "app.bsky.graph.follow", {"subject": "did:web:b.example.net"})
        assert (await reading(world, alice)).blocks == ()


@pytest.mark.parametrize("bound", [{"max_records": 200}, {"max_bytes": 65_536}])
async def test_beyond_the_bound_what_was_found_counts_and_the_rest_is_unknown(bound: dict[str, int]) -> None:
    """An account with a million blocks must not cost us a million records, nor pass for one without."""
    async with open_world(**bound) as world:  # type: ignore[arg-type]  # integers both
        alice = world.person("alice")
        for number in range(1_000):
            world.pds.block(alice, f"did:web:b{number}.example.net")
        found = await reading(world, alice)
        assert (found.complete, found.result) == (False, "too_many")
        assert len(found.blocks) in (200, 300)
        assert "did:web:b999.example.net" in subjects(found)
        assert found.lasts


async def test_a_listing_that_leads_in_a_circle_ends() -> None:
    async with open_world() as world:
        alice = world.person("alice")
        world.pds.block(alice, "did:web:bob.example.net")
        record = json.loads(
            world.pds.answer(f"/xrpc/com.atproto.repo.listRecords?repo={alice}&collection={COLLECTION}", "")[
                2
            ]
        )
        circle = Garbage(json.dumps({**record, "cursor": "again"}).encode())
        world.pds.faults |= {alice: circle, f"{alice}+": circle}
        found = await reading(world, alice)
        assert found.result == "bad_records"
        assert subjects(found) == {"did:web:bob.example.net"}


@pytest.mark.parametrize(
    ("fault", "result"),
    [
        (Status(500), "status"),
        (Status(429), "status"),
        (Status(404), "refused"),
        (Status(400), "refused"),
        (Status(401), "refused"),
        (Redirect("https://pds.example.net/elsewhere"), "redirect"),
        (Redirect("http://169.254.169.254/"), "redirect"),
        (Garbage(b"<html>"), "bad_records"),
        (Garbage(b"{}"), "bad_records"),
        (Garbage(b'{"records": []}', (("content-encoding", "gzip"),)), "coding"),
        (Oversize(300_000), "too_large"),
        (Oversize(300_000, declared=False), "too_large"),
        (HangUp(), "broken_off"),
    ],
)
async def test_a_host_that_misbehaves_leaves_the_blocks_unknown(fault: Fault, result: str) -> None:
    """Whatever it does: it is not taken for an account without blocks."""
    async with open_world() as world:
        alice, bob = world.people("alice", "bob")
        world.pds.block(alice, bob)
        world.pds.faults[alice] = fault
        found = await reading(world, alice)
        assert (found.complete, found.result) == (False, result)
        assert (await reading(world, bob)).complete


@pytest.mark.parametrize("fault", [Hang(), SlowBody(0.05)])
async def test_a_host_that_hangs_costs_the_time_of_one_request(fault: Fault) -> None:
    async with open_world(request_seconds=0.2) as world:
        alice = world.person("alice")
        world.pds.faults[alice] = fault
        assert (await reading(world, alice)).result == "timeout"


async def test_what_was_read_before_a_fault_counts() -> None:
    """A block that was found is one, though the second page never came."""
    async with open_world() as world:
        alice = world.person("alice")
        for number in range(150):
            world.pds.block(alice, f"did:web:b{number}.example.net")
        world.pds.faults[f"{alice}+"] = Status(500)
        found = await reading(world, alice)
        assert (found.complete, found.result, len(found.blocks)) == (False, "status", 100)


async def test_a_page_about_another_account_is_not_believed() -> None:
    async with open_world() as world:
        alice, bob = world.people("alice", "bob")
        world.pds.block(bob, alice)
        of_bob = world.pds.answer(
            f"/xrpc/com.atproto.repo.listRecords?repo={bob}&collection={COLLECTION}", ""
        )[2]
        world.pds.faults[alice] = Garbage(of_bob)
        assert await reading(world, alice) == Reading((), complete=False, result="bad_records")


async def test_an_account_that_its_pds_does_not_have_is_unknown() -> None:
    """Moved, deactivated or taken down: its records are somewhere, and are not shown."""
    async with open_world() as world:
        alice = world.person("alice")
        del world.pds.repos[alice]
        assert (await reading(world, alice)).result == "refused"


async def test_who_has_no_pds_or_no_document_is_told_apart_from_who_cannot_be_looked_up() -> None:
    async with open_world() as world:
        assert (await reading(world, world.person("none", pds=None))).result == "no_pds"
        gone = AccountDid("did:plc:aaaaaaaaaaaaaaaaaaaaaaaa")
        assert await reading(world, gone) == Reading((), complete=True, result="no_pds")
        nowhere = AccountDid("did:web:nowhere.example.net")
        assert (await reading(world, nowhere)).result == "unresolved"
        world.outside.directory.faults["*"] = Status(500)
        assert (await reading(world, AccountDid("did:plc:bbbbbbbbbbbbbbbbbbbbbbbb"))).result == "directory"
        assert (await reading(world, AccountDid("did:key:zQ3sh"))).result == "unsupported"
        assert (await reading(world, AccountDid("did:web:host.internal"))).result == "bad_document"


async def test_a_certificate_of_somebody_else_is_refused() -> None:
    async with open_world() as world:
        other = "https://other.example.net"
        world.outside.internet.names["other.example.net"] = world.outside.internet.names[PDS_HOST]
        assert (await reading(world, world.person("alice", pds=other))).result == "tls"


async def test_a_host_is_left_alone_once_it_has_been_silent() -> None:
    """Its hundred thousand accounts must not take our slots one after the other."""
    async with open_world(request_seconds=0.1) as world:
        people = world.people("a", "b", "c", "d", "e")
        world.pds.faults["*"] = Hang()
        found = [await reading(world, account) for account in people]
        assert [each.result for each in found] == ["timeout"] * 3 + ["paused"] * 2
        assert not found[-1].asked
        world.pds.faults.clear()
        world.later(10)
        assert (await reading(world, people[0])).complete


async def test_nobody_can_have_a_host_set_aside_by_naming_accounts_it_has_not() -> None:
    async with open_world() as world:
        for name in ("a", "b", "c", "d"):
            del world.pds.repos[world.person(name)]
            await reading(world, AccountDid(f"did:web:{name}.example.net"))
        assert (await reading(world, world.person("alice"))).complete


async def test_a_host_is_asked_so_often_in_a_minute() -> None:
    async with open_world(per_minute=2) as world:
        people = world.people("a", "b", "c")
        found = [await reading(world, account) for account in people]
        assert [each.result for each in found] == ["read", "read", "braked"]
        assert len(world.pds.asked) == 2


# -- one record -------------------------------------------------------------------------------------------


async def test_one_record_is_read_by_its_key() -> None:
    async with open_world() as world:
        alice, bob = world.people("alice", "bob")
        uri = world.pds.block(alice, bob)
        rkey = uri.rpartition("/")[2]
        block = await world.source.record(alice, rkey, seconds=60)
        assert block is not None
        assert (block.blocker, block.blocked, block.uri) == (alice, bob, uri)
        world.pds.delete(uri)
        assert await world.source.record(alice, rkey, seconds=60) is None
        assert await world.source.record(world.person("none", pds=None), rkey, seconds=60) is None


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        (Status(500), "status"),
        (Status(400), "refused"),
        (Garbage(b"{}"), "bad_records"),
        (Redirect("https://pds.example.net"), "redirect"),
        (Oversize(20_000), "too_large"),
    ],
)
async def test_a_record_that_cannot_be_read_is_neither_there_nor_absent(fault: Fault, reason: str) -> None:
    async with open_world() as world:
        alice = world.person("alice")
        world.pds.faults[alice] = fault
        with pytest.raises(Unread) as caught:
            await world.source.record(alice, "3k", seconds=60)
        assert caught.value.reason == reason


async def test_a_record_is_waited_for_so_long() -> None:
    async with open_world() as world:
        alice = world.person("alice")
        world.pds.faults[alice] = Hang()
        with pytest.raises(Unread, match="timeout"):
            await world.source.record(alice, "3k", seconds=0.1)


async def test_a_document_that_names_a_bad_endpoint_leaves_everything_unknown() -> None:
    async with open_world() as world:
        account = web_account("alice.example.net", pds="http://pds.example.net")
        world.put(account)
        assert (await reading(world, account.did)).result == "bad_endpoint"
        assert attrs.asdict(await reading(world, account.did))["complete"] is False
