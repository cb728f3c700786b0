"""Documents over real sockets: to the checked address, with the host's own certificate, and no further."""

import ssl

import attrs
import pytest
import trio
import trio.testing

from protocol import AccountDid
from router.config import Identity
from router.config.origin import Origin
from router.identity.dialer import (
    Dialer,
    ForbiddenAddressError,
    NotConnectedError,
    SystemNames,
    anywhere,
    connect,
    only_public,
)
from router.identity.errors import (
    AbsentDidError,
    BadDocumentError,
    DirectoryAwayError,
    ResolutionError,
    UnsupportedDidError,
)
from router.identity.fetch import MAX_DOCUMENT_BYTES, Fetcher, FetchFailed, Why
from router.testing import (
    Fault,
    Garbage,
    Hang,
    HangUp,
    Internet,
    Oversize,
    PlcAccount,
    Redirect,
    SlowBody,
    Status,
    open_did_directory,
    web_account,
)
from tests.identity.outside import PLC_ADDRESS, PLC_HOST, WEB_ADDRESS, Outside, open_outside

NOW = 1_780_000_000
SETTINGS = Identity(plc_url=f"https://{PLC_HOST}")
TLS = ssl.create_default_context()
QUICK = attrs.evolve(SETTINGS, lookup_timeout=0.3)


def plc() -> PlcAccount:
    return PlcAccount.create("alice.example.com", now=NOW)


async def failure(world: Outside, did: AccountDid) -> type[ResolutionError]:
    with pytest.raises(ResolutionError) as caught:
        await world.resolver.resolve(did)
    return caught.type


@pytest.mark.parametrize("verify", [False, True])
async def test_a_plc_document_comes_from_the_directory(verify: bool) -> None:
    async with open_outside(attrs.evolve(SETTINGS, plc_verify_log=verify)) as world:
        alice = plc()
        alice.rotate(now=NOW + 60)
        world.directory.put(alice)
        document = await world.resolver.resolve(alice.did)
        assert document.id == alice.did
        assert document.also_known_as == ("at://alice.example.com",)
        assert document.verification_methods[0].multibase == alice.key.verification_key
        assert await world.resolver.resolve(alice.did) is document  # held
        assert world.directory.asked == [alice.did]
        assert world.internet.connected == [(PLC_ADDRESS, 443)]


async def test_a_web_document_comes_from_its_host() -> None:
    async with open_outside() as world:
        bob = web_account("bob.example.net")
        world.put_web(bob)
        document = await world.resolver.resolve(bob.did)
        assert document == bob.document()
        assert world.internet.connected == [(WEB_ADDRESS, 443)]


async def test_an_unknown_did_and_a_tombstone_are_absent() -> None:
    async with open_outside() as world:
        gone = plc()
        gone.tombstone(now=NOW + 60)
        world.directory.put(gone)
        assert await failure(world, gone.did) is AbsentDidError
        assert await failure(world, plc().did) is AbsentDidError


async def test_a_directory_that_makes_up_a_key_is_caught_by_the_log() -> None:
    """The directory's own document would be believed; its log cannot be made to say the same."""
    async with open_outside(attrs.evolve(SETTINGS, plc_verify_log=True)) as world:
        alice, mallory = plc(), plc()
        alice.log[0]["operation"]["verificationMethods"] = mallory.log[0]["operation"]["verificationMethods"]
        world.directory.put(alice)
        assert await failure(world, alice.did) is BadDocumentError


async def test_a_method_that_nobody_looks_up_is_unsupported() -> None:
    async with open_outside() as world:
        assert await failure(world, AccountDid("did:key:zQ3sh")) is UnsupportedDidError
    async with open_outside(attrs.evolve(SETTINGS, outside_accounts=False)) as world:
        assert await failure(world, plc().did) is UnsupportedDidError


@pytest.mark.parametrize(
    ("fault", "error"),
    [
        (Redirect("https://10.0.0.1/"), BadDocumentError),
        (Redirect("http://127.0.0.1/"), BadDocumentError),
        (Oversize(MAX_DOCUMENT_BYTES + 1), BadDocumentError),
        (Oversize(MAX_DOCUMENT_BYTES + 1, declared=False), BadDocumentError),
        (Garbage(b"{}"), BadDocumentError),
        (Garbage(b'{"id": "did:plc:ewvi7nxzyoun6zhxrhs64oiz"}'), BadDocumentError),
        (Garbage(b"["), BadDocumentError),
        (Garbage(b"[" * 60_000), BadDocumentError),
        (Garbage(b"\xff\xfe"), BadDocumentError),
        (Garbage(b"{}", (("content-encoding", "gzip"),)), BadDocumentError),
        (Garbage(b"{}", (("x", "y" * 60_000),)), DirectoryAwayError),
        (Status(500), DirectoryAwayError),
        (Status(403), DirectoryAwayError),
        (Status(429), DirectoryAwayError),
        (HangUp(), DirectoryAwayError),
    ],
)
async def test_what_the_directory_does_instead_of_answering(
    fault: Fault, error: type[ResolutionError]
) -> None:
    async with open_outside() as world:
        alice, bob = plc(), web_account("bob.example.net")
        world.directory.put(alice)
        world.put_web(bob)
        world.directory.faults["*"] = world.hosts.faults["*"] = fault
        assert await failure(world, alice.did) is error
        # a host of one account is nobody else's: its silence is that account's, not the world's
        assert await failure(world, bob.did) is (ResolutionError if error is DirectoryAwayError else error)


@pytest.mark.parametrize("fault", [Hang(), SlowBody(0.05)])
async def test_a_look_takes_its_time_and_no_longer(fault: Fault) -> None:
    """Slow-loris: a byte now and then keeps no look alive."""
    async with open_outside(QUICK) as world:
        alice = plc()
        world.directory.put(alice)
        world.directory.faults["*"] = fault
        with trio.fail_after(10):
            assert await failure(world, alice.did) is DirectoryAwayError
        assert world.resolver.answers() == {("plc", "timeout"): 1}


async def test_a_document_of_just_the_largest_size_is_read() -> None:
    async with open_outside() as world:
        bob = web_account("bob.example.net")
        world.put_web(bob)
        world.hosts.faults["*"] = Oversize(MAX_DOCUMENT_BYTES)
        assert await world.resolver.resolve(bob.did) == bob.document()


async def test_the_certificate_must_be_the_hosts() -> None:
    async with open_outside(None, "carol.example.net") as world:
        bob, carol = web_account("bob.example.net"), web_account("carol.example.net")
        world.put_web(bob, carol)
        assert await failure(world, bob.did) is ResolutionError
        assert world.hosts.asked == []  # not a byte of the request was sent
        assert await world.resolver.resolve(carol.did) == carol.document()
        assert world.resolver.answers() == {("web", "tls"): 1, ("web", "found"): 1}


class TestWhereNamesLead:
    async def test_rebinding_the_second_answer_is_never_asked_for(self) -> None:
        """The name server says a public address to the check and would say loopback to whoever asks again."""
        async with open_outside() as world:
            bob = web_account("bob.example.net")
            world.put_web(bob)
            world.internet.names["bob.example.net"] = [[WEB_ADDRESS], ["127.0.0.1"]]
            assert await world.resolver.resolve(bob.did) == bob.document()
            assert world.internet.looked_up == ["bob.example.net"]
            assert world.internet.connected == [(WEB_ADDRESS, 443)]

    @pytest.mark.parametrize(
        "address", ["127.0.0.1", "::1", "10.0.0.1", "169.254.169.254", "::ffff:127.0.0.1", "64:ff9b::7f00:1"]
    )
    async def test_a_private_address_is_not_connected_to(self, address: str) -> None:
        async with open_outside() as world:
            bob = web_account("bob.example.net")
            world.put_web(bob)
            world.internet.names["bob.example.net"] = [[address]]
            assert await failure(world, bob.did) is BadDocumentError
            assert world.internet.connected == []

    async def test_of_several_addresses_only_the_public_ones_are_tried(self) -> None:
        async with open_outside() as world:
            bob = web_account("bob.example.net")
            world.put_web(bob)
            world.internet.names["bob.example.net"] = [["10.0.0.1", "2606:4700::9", "::1", WEB_ADDRESS]]
            assert await world.resolver.resolve(bob.did) == bob.document()
            assert world.internet.connected == [("2606:4700::9", 443), (WEB_ADDRESS, 443)]

    async def test_a_redirect_to_a_private_address_is_not_followed(self) -> None:
        async with open_outside() as world, open_did_directory() as inside:
            bob = web_account("bob.example.net")
            world.put_web(bob)
            world.hosts.faults[bob.did] = Redirect(f"{inside.url}/.well-known/did.json")
            assert await failure(world, bob.did) is BadDocumentError
            assert inside.asked == []

    async def test_a_developer_may_name_a_host_that_is_here(self) -> None:
        """Loopback for that name alone, over http with the port that a did:web of localhost may have."""
        async with open_did_directory() as here:
            settings = Identity(loopback_hosts="localhost")
            bob = web_account(f"localhost%3A{here.port}")
            here.put(bob)
            async with open_outside(settings) as world:
                world.internet.names["localhost"] = [["127.0.0.1"]]
                world.internet.names["other.example.net"] = [["127.0.0.1"]]
                world.internet.routes["127.0.0.1", here.port] = here.port
                assert await world.resolver.resolve(bob.did) == bob.document()
                assert await failure(world, AccountDid("did:web:other.example.net")) is BadDocumentError
            async with open_outside() as world:
                assert await failure(world, bob.did) is BadDocumentError
                assert world.internet.looked_up == []

    async def test_the_directory_is_the_operators_choice_and_may_be_inside(self) -> None:
        async with open_did_directory() as inside:
            alice = plc()
            inside.put(alice)
            async with open_outside(Identity(plc_url=inside.url)) as world:
                world.internet.names["127.0.0.1"] = [["127.0.0.1"]]
                world.internet.routes["127.0.0.1", inside.port] = inside.port
                assert (await world.resolver.resolve(alice.did)).id == alice.did


class TestDialer:
    async def test_the_real_one_reaches_a_listener_by_name(self) -> None:
        """The system's names and sockets, without a fake between."""
        async with open_did_directory() as here:
            dialer = Dialer(only_public(frozenset({"localhost"})))
            stream = await dialer.open("localhost", here.port)
            assert isinstance(stream, trio.SocketStream)
            assert stream.socket.getpeername() == ("127.0.0.1", here.port)
            await stream.aclose()
            with pytest.raises(ForbiddenAddressError):
                await Dialer(only_public()).open("localhost", here.port)

    @pytest.mark.parametrize("address", ["localhost", "127.1", "2130706433", ""])
    async def test_only_an_address_can_be_connected_to(self, address: str) -> None:
        with pytest.raises(OSError):
            await connect(address, 1)

    async def test_a_dead_address_does_not_use_up_the_time_of_the_next(
        self, autojump_clock: trio.testing.MockClock
    ) -> None:
        tried: list[str] = []

        async def look_up(_host: str, _port: int) -> list[str]:
            await trio.lowlevel.checkpoint()
            return ["1.1.1.1", "2.2.2.2", "3.3.3.3", "4.4.4.4", "5.5.5.5"]

        async def dead(address: str, _port: int) -> trio.abc.Stream:
            tried.append(address)
            await trio.sleep_forever()
            raise AssertionError

        started = trio.current_time()
        with pytest.raises(NotConnectedError):
            await Dialer(only_public(), look_up=look_up, connect=dead).open("a.example.com", 443)
        assert tried == ["1.1.1.1", "2.2.2.2", "3.3.3.3", "4.4.4.4"]
        assert trio.current_time() - started == 4.0

    async def test_a_name_nobody_has_is_no_address(self) -> None:
        internet = Internet(TLS)
        fetcher = Fetcher(Dialer(anywhere, look_up=internet.look_up, connect=internet.connect), TLS)
        with pytest.raises(FetchFailed) as caught:
            await fetcher.get(Origin("https", "nobody.example.com", None), "/")
        assert caught.value.why is Why.NO_ADDRESS
        internet.names["nobody.example.com"] = [["1.1.1.1"]]
        with pytest.raises(FetchFailed) as caught:
            await fetcher.get(Origin("https", "nobody.example.com", None), "/")
        assert caught.value.why is Why.NOT_CONNECTED

    async def test_the_systems_names_are_asked_in_threads_of_their_own(self) -> None:
        names = SystemNames(1)
        assert "127.0.0.1" in await names("localhost", 80)
        assert trio.to_thread.current_default_thread_limiter().borrowed_tokens == 0


async def test_a_cancelled_fetch_leaves_no_connection_open() -> None:
    """At each of its waits: before the name, the connection, the handshake and the answer."""
    async with open_outside() as world:
        bob = web_account("bob.example.net")
        world.put_web(bob)
        world.hosts.faults["*"] = Hang()
        with trio.move_on_after(0.2):
            await world.resolver.resolve(bob.did)
    # leaving the block ends the resolver in the middle of its look; an open socket would be a ResourceWarning
