"""Where a stranger's name may lead: every class of address at its borders, and an independent opinion."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.identity.address_guard import AddressClass, classify
from router.identity.dialer import anywhere, only_public

REFUSED = {
    "0.0.0.0/8": AddressClass.UNSPECIFIED,
    "10.0.0.0/8": AddressClass.PRIVATE,
    "100.64.0.0/10": AddressClass.SHARED,
    "127.0.0.0/8": AddressClass.LOOPBACK,
    "169.254.0.0/16": AddressClass.LINK_LOCAL,
    "172.16.0.0/12": AddressClass.PRIVATE,
    "192.0.0.0/24": AddressClass.RESERVED,
    "192.0.2.0/24": AddressClass.DOCUMENTATION,
    "192.88.99.0/24": AddressClass.TRANSLATED,
    "192.168.0.0/16": AddressClass.PRIVATE,
    "198.18.0.0/15": AddressClass.BENCHMARKING,
    "198.51.100.0/24": AddressClass.DOCUMENTATION,
    "203.0.113.0/24": AddressClass.DOCUMENTATION,
    "224.0.0.0/4": AddressClass.MULTICAST,
    "240.0.0.0/4": AddressClass.RESERVED,
    "::/128": AddressClass.UNSPECIFIED,
    "::1/128": AddressClass.LOOPBACK,
    "::2/127": AddressClass.RESERVED,
    "::7f00:1/128": AddressClass.RESERVED,  # IPv4-compatible 127.0.0.1
    "64:ff9b:1::/48": AddressClass.TRANSLATED,
    "100::/64": AddressClass.RESERVED,  # discard
    "2001::/32": AddressClass.TRANSLATED,
    "2001:2::/48": AddressClass.BENCHMARKING,
    "2001:10::/28": AddressClass.RESERVED,
    "2001:db8::/32": AddressClass.DOCUMENTATION,
    "2002::/16": AddressClass.TRANSLATED,
    "3fff::/20": AddressClass.DOCUMENTATION,
    "4000::/2": AddressClass.RESERVED,  # not opened for anybody
    "5f00::/16": AddressClass.RESERVED,
    "fc00::/7": AddressClass.PRIVATE,
    "fe80::/10": AddressClass.LINK_LOCAL,
    "fec0::/10": AddressClass.PRIVATE,
    "ff00::/8": AddressClass.MULTICAST,
}

PUBLIC = [
    "1.1.1.1", "9.255.255.255", "11.0.0.0", "100.63.255.255", "100.128.0.0", "126.255.255.255", "128.0.0.0",
    "169.253.255.255", "169.255.0.0", "172.15.255.255", "172.32.0.0", "192.0.1.0", "192.0.3.0",
    "192.167.255.255", "192.169.0.0", "198.17.255.255", "198.20.0.0", "198.51.99.255", "198.51.101.0",
    "203.0.112.255", "203.0.114.0", "223.255.255.255",
    "2000::", "2001:200::1", "2001:db7:ffff::1", "2001:db9::", "2003::", "2606:4700::1111", "3ffe::1",
    "::ffff:1.1.1.1", "64:ff9b::101:101",
]  # fmt: skip


@pytest.mark.parametrize(("network", "kind"), REFUSED.items())
def test_a_class_reaches_from_its_first_to_its_last_address(network: str, kind: AddressClass) -> None:
    block = ipaddress.ip_network(network)
    assert {classify(str(block[0])), classify(str(block[-1]))} == {kind}


@pytest.mark.parametrize("address", PUBLIC)
def test_what_is_public_is_accepted(address: str) -> None:
    assert classify(address) is AddressClass.PUBLIC
    assert only_public()("alice.example.com", classify(address))


@pytest.mark.parametrize(("network", "kind"), [item for item in REFUSED.items() if ":" not in item[0]])
@pytest.mark.parametrize("wrapping", ["::ffff:0:0", "64:ff9b::"])
def test_an_ipv4_address_in_ipv6_is_what_it_is_without(
    network: str, kind: AddressClass, wrapping: str
) -> None:
    inner = int(ipaddress.IPv4Network(network)[0])
    assert classify(str(ipaddress.IPv6Address(int(ipaddress.IPv6Address(wrapping)) + inner))) is kind


def test_a_zone_makes_every_address_link_local() -> None:
    assert classify("fe80::1%eth0") is AddressClass.LINK_LOCAL
    assert classify("2606:4700::1111%eth0") is AddressClass.LINK_LOCAL


@pytest.mark.parametrize(
    "text", ["", "localhost", "127.1", "0x7f000001", "2130706433", "1.2.3.4.5", "::1::", "%1"]
)
def test_what_is_no_address_is_not_judged(text: str) -> None:
    with pytest.raises(ValueError):
        classify(text)


def _near(networks: list[str]) -> st.SearchStrategy[int]:
    ends = [
        int(end)
        for network in networks
        for end in (ipaddress.ip_network(network)[0], ipaddress.ip_network(network)[-1])
    ]
    return st.builds(lambda end, off: max(0, end + off), st.sampled_from(ends), st.integers(-3, 3))


V4 = st.one_of(st.integers(0, 2**32 - 1), _near([network for network in REFUSED if ":" not in network])).map(
    lambda number: ipaddress.IPv4Address(min(number, 2**32 - 1))
)
V6 = st.one_of(
    st.integers(0, 2**128 - 1),
    st.integers(2**125, 2**126 - 1),  # 2000::/3
    _near([network for network in REFUSED if ":" in network]),
).map(lambda number: ipaddress.IPv6Address(min(number, 2**128 - 1)))


@given(address=st.one_of(V4, V6))
def test_nothing_is_public_that_python_thinks_is_not(
    address: ipaddress.IPv4Address | ipaddress.IPv6Address,
) -> None:
    """Python's own tables, read independently from the same registries: a second opinion on «public»."""
    if classify(str(address)) is AddressClass.PUBLIC:
        if isinstance(address, ipaddress.IPv6Address) and not address.is_global:
            inner = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
            assert address.ipv4_mapped == inner or address in ipaddress.IPv6Network("64:ff9b::/96")
            assert inner.is_global
        else:
            assert address.is_global
            assert not address.is_multicast


def test_loopback_is_accepted_for_named_hosts_and_nothing_else_is() -> None:
    accept = only_public(frozenset({"localhost"}))
    assert accept("localhost", AddressClass.LOOPBACK)
    assert not accept("other.example.com", AddressClass.LOOPBACK)
    assert not any(
        accept("localhost", kind)
        for kind in AddressClass
        if kind not in (AddressClass.LOOPBACK, AddressClass.PUBLIC)
    )
    assert [kind for kind in AddressClass if only_public()("localhost", kind)] == [AddressClass.PUBLIC]
    assert all(anywhere("plc.internal", kind) for kind in AddressClass)
