"""A connection to a host by name, to the very address that was judged.

The name is looked up once; each address is judged; a socket is opened to an accepted address, written as
an address. Nothing looks the name up again: between a check and a use there is no second answer that a
hostile name server could make another (DNS rebinding).

Looking up is a call of the C library in a thread that cannot be stopped. A stranger's name server may
hold it for half a minute, so these threads have a limit of their own: whoever fills it slows other
strangers' look-ups, not the rest of the process, which shares Trio's own threads.
"""

import socket
from collections.abc import Awaitable, Callable, Sequence
from functools import partial
from typing import Final

import trio

from router.identity.address_guard import AddressClass, classify

MOST_ADDRESSES: Final = 4
"""How many addresses of a name are tried."""

ADDRESS_SECONDS: Final = 1.0
"""How long one address is tried: a dead IPv6 route must not use up the time of the IPv4 one."""

LookUp = Callable[[str, int], Awaitable[Sequence[str]]]
"""The addresses of a host name, best first; `OSError` if it has none."""

Connect = Callable[[str, int], Awaitable[trio.abc.Stream]]
"""A connection to an address (never a name) and port; `OSError` if there is none."""

Accept = Callable[[str, AddressClass], bool]
"""Whether this host may lead to an address of this class."""


class DialError(Exception):
    """No connection. The world's fault, or of whoever owns the name."""


class NoAddressError(DialError):
    """The name has no address, or none could be asked for."""


class ForbiddenAddressError(DialError):
    """The name has addresses, and a stranger's name may lead to none of them."""


class NotConnectedError(DialError):
    """No accepted address took the connection."""


def anywhere(_host: str, _kind: AddressClass) -> bool:
    """For hosts that the operator named: they may well be inside the house."""
    return True


def only_public(loopback_hosts: frozenset[str] = frozenset()) -> Accept:
    """For hosts that strangers named: public addresses, and loopback for hosts named by a developer."""
    return lambda host, kind: (
        kind is AddressClass.PUBLIC or (kind is AddressClass.LOOPBACK and host in loopback_hosts)
    )


class SystemNames:
    """The system's own name service, at most `threads` look-ups at once, given-up ones included."""

    def __init__(self, threads: int = 16) -> None:
        self._limiter = trio.CapacityLimiter(threads)

    async def __call__(self, host: str, port: int) -> Sequence[str]:
        """The addresses of a host; a cancelled look-up lets its thread run out by itself."""
        look = partial(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
        found = await trio.to_thread.run_sync(look, abandon_on_cancel=True, limiter=self._limiter)
        return tuple(dict.fromkeys(str(sockaddr[0]) for *_, sockaddr in found))


async def connect(address: str, port: int) -> trio.SocketStream:
    """A TCP connection to an address. Text that is no address is refused rather than looked up."""
    kind = socket.AF_INET6 if ":" in address else socket.AF_INET
    socket.inet_pton(kind, address)  # OSError for anything that would have to be looked up
    raw = trio.socket.socket(kind, socket.SOCK_STREAM)
    try:
        await raw.connect((address, port))
    except BaseException:
        raw.close()
        raise
    return trio.SocketStream(raw)


class Dialer:
    """Opens connections to hosts by name under one rule."""

    def __init__(self, accept: Accept, *, look_up: LookUp | None = None, connect: Connect = connect) -> None:
        self._accept = accept
        self._look_up = SystemNames() if look_up is None else look_up
        self._connect = connect

    async def open(self, host: str, port: int) -> trio.abc.Stream:
        """A connection to an address of this host that the rule accepts, or a `DialError`.

        The whole is bounded by the caller's deadline alone; each address has `ADDRESS_SECONDS`.
        """
        try:
            found = await self._look_up(host, port)
        except (OSError, UnicodeError):  # UnicodeError: a label the C library cannot write
            raise NoAddressError("the name has no address") from None
        accepted = [address for address in found if self._accept(host, classify(address))]
        if not found:
            raise NoAddressError("the name has no address")
        if not accepted:
            raise ForbiddenAddressError("the name leads to no address that it may")
        for address in accepted[:MOST_ADDRESSES]:
            with trio.move_on_after(ADDRESS_SECONDS):
                try:
                    return await self._connect(address, port)
                except OSError:
                    continue
        raise NotConnectedError("no address of the name took the connection")
