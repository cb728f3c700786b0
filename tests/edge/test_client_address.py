"""Where a request comes from: no header that a client writes moves it into another's bucket."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.config import BadNetworksError, Server, Settings, parse_networks
from router.edge.client_address import (
    TrustedProxies,
    bucket_of,
    read_address,
)

CLIENT, PROXY, FRONT = "203.0.113.9", "10.0.0.2", "10.0.0.1"
CHAIN = TrustedProxies(parse_networks("10.0.0.0/8, 2001:db8:ffff::/48"))


def client(proxies: TrustedProxies, peer: str | None, *lines: str, header: str = "x-forwarded-for") -> str:
    headers = [(header.encode(), line.encode("latin-1")) for line in lines]
    return str(proxies.client(peer, headers))


def test_without_a_proxy_a_header_says_nothing() -> None:
    assert client(TrustedProxies(), CLIENT, "198.51.100.1") == CLIENT
    assert client(CHAIN, CLIENT, "198.51.100.1") == CLIENT, "nor does it from a peer that is no proxy"


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        ([CLIENT], CLIENT),
        ([f"{CLIENT}, {FRONT}"], CLIENT),
        ([CLIENT, FRONT], CLIENT),
        ([f"198.51.100.1, {CLIENT}, {FRONT}"], CLIENT),
        ([f"{FRONT}, {CLIENT}"], CLIENT),
        ([f"{FRONT}, {PROXY}"], FRONT),
        ([f" {CLIENT}:4711 "], CLIENT),
        (["[2001:db8::7]:4711"], "2001:db8::7"),
        (["2001:db8::7, 2001:db8:ffff::1"], "2001:db8::7"),
        ([f"::ffff:{CLIENT}"], CLIENT),
        (["unknown"], PROXY),
        ([f"{CLIENT}, garbage, {FRONT}"], FRONT),
        ([""], PROXY),
        ([], PROXY),
    ],
)
def test_the_walk_from_the_right_ends_at_the_first_that_is_no_proxy(lines: list[str], expected: str) -> None:
    assert client(CHAIN, PROXY, *lines) == expected


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        (f"for={CLIENT}", CLIENT),
        (f"For={CLIENT};proto=https;by={PROXY}", CLIENT),
        (f'for="{CLIENT}:80", for={FRONT}', CLIENT),
        ('for="[2001:db8:cafe::17]:4711"', "2001:db8:cafe::17"),
        (f'proto=http;for="{CLIENT}"', CLIENT),
        (f'for=198.51.100.1, for="{CLIENT}"', CLIENT),
        ("for=_hidden", PROXY),
        ("for=unknown", PROXY),
        (f'for="a,for={FRONT}", for={CLIENT}', CLIENT),
        (f'for={CLIENT}, for="broken', PROXY),
        (f'for={CLIENT};host="a,for={FRONT};x="', CLIENT),
        (f'host="a;for=198.51.100.1";for={CLIENT}', CLIENT),
        (f'for={CLIENT}, , for="{FRONT}:80";;', PROXY),
    ],
)
def test_forwarded_is_read_as_its_standard_has_it(line: str, expected: str) -> None:
    proxies = TrustedProxies(CHAIN.networks, b"forwarded")
    assert client(proxies, PROXY, line, header="forwarded") == expected
    assert client(proxies, PROXY, "198.51.100.1") == PROXY, "a header the proxies do not write is not read"
    assert client(CHAIN, PROXY, line, header="forwarded") == PROXY


def test_behind_a_proxy_that_alone_can_reach_the_server_its_last_word_counts() -> None:
    alone = TrustedProxies.of(Settings(server=Server(behind_proxy=True)))
    assert client(alone, "192.0.2.1", f"198.51.100.1, {CLIENT}") == CLIENT
    assert client(alone, None, f"198.51.100.1, {CLIENT}") == CLIENT, "over a Unix socket too"
    listed = TrustedProxies.of(Settings(server=Server(behind_proxy=True, trusted_proxies="10.0.0.0/8")))
    assert client(listed, "192.0.2.1", CLIENT) == "192.0.2.1"
    assert client(listed, PROXY, CLIENT) == CLIENT


ANYTHING = st.text(st.characters(codec="latin-1"), max_size=40)
QUOTES = st.lists(st.sampled_from([*'",;= \\x', "for=198.51.100.1"]), max_size=12).map("".join)


@given(st.lists(ANYTHING | QUOTES, max_size=6))
def test_whatever_a_client_writes_left_of_its_address_changes_nothing(invented: list[str]) -> None:
    """Nor does an opened quotation mark, though a proxy writes its own behind it."""
    for proxies, header, mine in (
        (CHAIN, "x-forwarded-for", CLIENT),
        (TrustedProxies(CHAIN.networks, b"forwarded"), "forwarded", f"for={CLIENT}"),
        (TrustedProxies(CHAIN.networks, b"forwarded"), "forwarded", f'proto="https";for="{CLIENT}:443"'),
    ):
        assert client(proxies, PROXY, *invented, mine, header=header) == CLIENT
        assert client(proxies, PROXY, ",".join([*invented, mine]), header=header) == CLIENT


def test_an_opened_quotation_mark_does_not_swallow_what_the_proxy_writes() -> None:
    """The client stayed in front of the address that it chose: with a new one each time no limit met it."""
    proxies = TrustedProxies(CHAIN.networks, b"forwarded")
    line = f'for=198.51.100.1;x=", for="[2001:db8::7]", for="{FRONT}:80"'
    assert client(proxies, PROXY, line, header="forwarded") == "2001:db8::7"


def test_a_header_is_read_in_one_pass_whatever_is_in_it() -> None:
    """The end of a quoted string was looked for from each mark: 16 KiB of them held the loop for two seconds.

    A reader that goes back would take minutes for these.
    """
    proxies = TrustedProxies(CHAIN.networks, b"forwarded")
    for many in ('"' + '\\"' * 200_000, 'a="' * 200_000, "a=b;" * 200_000, "," * 200_000, '"' * 200_001):
        assert client(proxies, PROXY, f"{many}, for={CLIENT}", header="forwarded") == CLIENT
        assert client(proxies, PROXY, f"for={CLIENT}, {many}", header="forwarded") in (PROXY, CLIENT)


@given(st.none() | st.text(max_size=40), st.lists(st.binary(max_size=60), max_size=4), st.booleans())
def test_it_is_total(peer: str | None, lines: list[bytes], forwarded: bool) -> None:
    header = b"forwarded" if forwarded else b"x-forwarded-for"
    proxies = TrustedProxies(CHAIN.networks, header, peers=True)
    assert len(bucket_of(proxies.client(peer, [(header, line) for line in lines]))) in (4, 7, 8)


def test_an_address_of_the_sixth_version_counts_as_its_network() -> None:
    def bucket(text: str) -> bytes:
        return bucket_of(read_address(text))

    assert bucket("2001:db8::1") == bucket("2001:db8::ffff:ffff:ffff:ffff")
    assert bucket("2001:db8::1") != bucket("2001:db8:0:1::1")
    assert bucket("192.0.2.1") != bucket("192.0.2.2")
    assert bucket("::ffff:192.0.2.1") == bucket("192.0.2.1")


def test_networks_are_read_and_what_is_none_is_named() -> None:
    assert parse_networks("") == ()
    assert parse_networks("10.0.0.0/8,2001:db8::/32 192.0.2.7") == (
        ipaddress.ip_network("10.0.0.0/8"),
        ipaddress.ip_network("2001:db8::/32"),
        ipaddress.ip_network("192.0.2.7/32"),
    )
    with pytest.raises(BadNetworksError, match=r"10\.0\.0\.1/8 is no network"):
        parse_networks("10.0.0.1/8")
