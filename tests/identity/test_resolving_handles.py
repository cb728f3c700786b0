"""From a handle to its DID, by a real DNS server and real hosts; `rookery resolve`."""

import json
import ssl
import threading
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import attrs
import dns.asyncresolver
import dns.message
import dns.rcode
import dns.rrset
import pytest
import trio
from click.testing import CliRunner

from router.cli import cli
from router.cli.failures import CannotDo
from router.cli.resolve import look
from router.config import Identity
from router.identity.handles import DnsTxt
from router.testing import Garbage, Internet, PlcAccount, Redirect, Status, open_did_directory, web_account
from tests.identity.outside import PLC_HOST, WEB_ADDRESS, Outside, open_outside

NOW = 1_780_000_000
SETTINGS = Identity(plc_url=f"https://{PLC_HOST}", lookup_timeout=2)


@asynccontextmanager
async def name_server(records: dict[str, list[str]]) -> AsyncIterator[DnsTxt]:
    """A DNS server with these TXT records, and the asker that knows it alone."""
    socket = trio.socket.socket(type=trio.socket.SOCK_DGRAM)
    await socket.bind(("127.0.0.1", 0))

    async def serve() -> None:
        while True:
            data, peer = await socket.recvfrom(4096)
            query = dns.message.from_wire(data)
            name = query.question[0].name
            response = dns.message.make_response(query)
            texts = records.get(name.to_text(omit_final_dot=True))
            if texts is None:
                response.set_rcode(dns.rcode.NXDOMAIN)
            elif texts:
                quoted = ['" "'.join((text[:9], text[9:])) for text in texts]  # in two strings, as may be
                response.answer.append(
                    dns.rrset.from_text(name, 60, "IN", "TXT", *(f'"{t}"' for t in quoted))
                )
            await socket.sendto(response.to_wire(), peer)

    resolver = dns.asyncresolver.Resolver(configure=False)
    resolver.nameservers = ["127.0.0.1"]
    resolver.port = socket.getsockname()[1]
    with socket:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(serve)
            yield DnsTxt(resolver)
            nursery.cancel_scope.cancel()


@attrs.frozen
class People:
    world: Outside
    alice: PlcAccount
    records: dict[str, list[str]]
    txt: DnsTxt

    async def told(self, name: str) -> str:
        with pytest.raises(CannotDo) as caught:
            await look(name, SETTINGS, self.world.internet.network(), self.txt)
        return caught.value.message


@pytest.fixture
async def people() -> AsyncIterator[People]:
    records: dict[str, list[str]] = {}
    async with open_outside(SETTINGS) as world, name_server(records) as txt:
        alice = PlcAccount.create("alice.example.net", now=NOW)
        world.directory.put(alice)
        world.internet.names["alice.example.net"] = [[WEB_ADDRESS]]
        yield People(world, alice, records, txt)


async def test_a_txt_record_leads_to_the_account(people: People) -> None:
    people.records["_atproto.alice.example.net"] = ["v=spf1 -all", f"did={people.alice.did}"]
    looked = await look("@Alice.example.net", SETTINGS, people.world.internet.network(), people.txt)
    assert looked.did == people.alice.did
    assert looked.handle_holds
    assert looked.key == people.alice.key.verification_key
    assert looked.algorithm == "ES256K"
    assert looked.services == {"#atproto_pds": "https://pds.example.com"}
    assert people.world.hosts.asked == []


@pytest.mark.parametrize("records", [None, [], ["v=spf1 -all"]])
async def test_without_a_record_the_host_is_asked(people: People, records: list[str] | None) -> None:
    if records is not None:
        people.records["_atproto.alice.example.net"] = records
    people.world.hosts.handles["alice.example.net"] = f"{people.alice.did}\n"
    looked = await look("alice.example.net", SETTINGS, people.world.internet.network(), people.txt)
    assert (looked.did, looked.handle_holds) == (people.alice.did, True)


async def test_a_handle_that_the_account_does_not_claim_is_not_confirmed(people: People) -> None:
    people.records["_atproto.mallory.example.net"] = [f"did={people.alice.did}"]
    looked = await look("mallory.example.net", SETTINGS, people.world.internet.network(), people.txt)
    assert (looked.did, looked.handle_holds) == (people.alice.did, False)


async def test_by_its_did_an_account_shows_the_handle_it_claims(people: People) -> None:
    network = people.world.internet.network()
    looked = await look(people.alice.did, SETTINGS, network, people.txt)
    assert (looked.handle, looked.handle_holds) == (
        "alice.example.net",
        False,
    )  # the name knows nothing of it
    people.records["_atproto.alice.example.net"] = [f"did={people.alice.did}"]
    looked = await look(people.alice.did, SETTINGS, network, people.txt)
    assert (looked.handle, looked.handle_holds) == ("alice.example.net", True)


async def test_each_way_to_fail_is_told(people: People) -> None:
    world = people.world
    people.records["_atproto.two.example.net"] = [f"did={people.alice.did}", "did=did:web:example.net"]
    people.records["_atproto.odd.example.net"] = ["did=did:key:z6Mk"]
    world.internet.names["none.example.net"] = [[WEB_ADDRESS]]
    world.internet.names["elsewhere.example.net"] = [[WEB_ADDRESS]]
    world.internet.names["inside.example.net"] = [["10.0.0.1"]]
    world.hosts.faults["elsewhere.example.net"] = Redirect("https://example.net")
    for name, word in {
        "alice": "not a handle",
        "alice.local": "not a handle",
        "two.example.net": "more than one",
        "odd.example.net": "no account's DID",
        "none.example.net": "neither",
        "elsewhere.example.net": "redirect",
        "inside.example.net": "forbidden_address",
        "nowhere.example.net": "no_address",
        "did:plc:short": "not a DID",
        "did:web:localhost%3A3000": "not a DID",
        PlcAccount.create("gone.example.net", now=NOW).did: "There is no did:plc:",
        "did:web:nowhere.example.net": "does not answer",
        "did:web:inside.example.net": "not used",
    }.items():
        assert word in await people.told(name), name
    world.directory.faults["*"] = Status(503)
    assert PLC_HOST in await people.told(people.alice.did)


async def test_a_document_without_a_key_is_told(people: People) -> None:
    bob = web_account("bob.example.net")
    people.world.put_web(bob)
    document = bob.document().to_json() | {"verificationMethod": []}
    people.world.hosts.faults[bob.did] = Garbage(json.dumps(document).encode())
    assert "cannot sign in" in await people.told(bob.did)


@contextmanager
def directory_in_a_thread(alice: PlcAccount) -> Iterator[str]:
    """A directory beside a command that runs an event loop of its own; yields its URL."""
    ready = threading.Event()
    found: list[tuple[str, trio.lowlevel.TrioToken, trio.Event]] = []

    async def serve() -> None:
        async with open_did_directory() as directory:
            directory.put(alice)
            stop = trio.Event()
            found.append((directory.url, trio.lowlevel.current_trio_token(), stop))
            ready.set()
            await stop.wait()

    thread = threading.Thread(target=trio.run, args=(serve,))
    thread.start()
    ready.wait(10)
    url, token, stop = found[0]
    try:
        yield url
    finally:
        token.run_sync_soon(stop.set)
        thread.join(10)


@pytest.mark.parametrize("verify", ["false", "true"])
def test_the_command_shows_an_account(verify: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("router.cli.resolve.DnsTxt", _NoNames)
    alice = PlcAccount.create("alice\x1b[31m.example.net", now=NOW)
    with directory_in_a_thread(alice) as url:
        options = ["--set", f"identity.plc_url={url}", "--set", f"identity.plc_verify_log={verify}"]
        result = CliRunner().invoke(cli, ["resolve", alice.did, *options])
        assert result.exit_code == 0, result.output
        assert alice.did in result.stdout
        assert alice.key.verification_key in result.stdout
        assert "\x1b" not in result.stdout
        shown = json.loads(CliRunner().invoke(cli, ["resolve", alice.did, "--json", *options]).stdout)
        assert shown["did"] == alice.did
        assert shown["handleHolds"] is False
    result = CliRunner().invoke(cli, ["resolve", alice.did, *options])
    assert result.exit_code == 1
    assert url in result.stderr


class _NoNames:
    """No name servers: a test asks nobody on the real internet."""

    async def __call__(self, _name: str) -> list[str]:
        return []


async def test_a_name_server_that_is_silent_knows_nothing(autojump_clock: object) -> None:
    socket = trio.socket.socket(type=trio.socket.SOCK_DGRAM)
    with socket:
        await socket.bind(("127.0.0.1", 0))
        resolver = dns.asyncresolver.Resolver(configure=False)
        resolver.nameservers = ["127.0.0.1"]
        resolver.port = socket.getsockname()[1]
        resolver.timeout = 0.1
        assert await DnsTxt(resolver)("_atproto.alice.example.net") == ()


def test_the_test_internet_has_no_way_out() -> None:
    async def tries() -> None:
        with pytest.raises(OSError):
            await Internet(ssl.create_default_context()).connect("1.1.1.1", 443)

    trio.run(tries)
