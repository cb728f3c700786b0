"""One Welcome for many becomes one for each: checked against the Adds, and cut.

The list of a Welcome is not signed (RFC 9420 section 12.4.3.1), so each device gets a copy with its own
entry alone: it is smaller, and does not show who else came in at the same time.
"""

from __future__ import annotations

from collections.abc import Sequence

from crypto.mls import cut_welcome, encode_message
from protocol import LeafAdd, WelcomeFor
from router.edge.errors import Refusal
from router.edge.mls.bytes import read_the_welcome, verifying
from router.edge.services import Edge

_MISMATCH = Refusal("WelcomeMismatch", "The Welcome is not for exactly those whom the commit adds.")


async def welcomes_for(
    edge: Edge, adds: Sequence[LeafAdd], data: bytes | None, suite: int
) -> tuple[WelcomeFor, ...]:
    """`cut_for`, in a thread where there is much to cut."""
    size = 0 if data is None else len(data) * max(1, len(adds))
    return await verifying(edge, size, lambda: cut_for(adds, data, suite))


def cut_for(adds: Sequence[LeafAdd], data: bytes | None, suite: int) -> tuple[WelcomeFor, ...]:
    """The Welcome of each device that is added. Pure.

    Refuses with `InvalidWelcome` what cannot be read, and with `WelcomeMismatch` one that is for others, for
    somebody besides, twice for somebody, of another suite, or missing.
    """
    if data is None:
        if adds:
            raise _MISMATCH
        return ()
    welcome = read_the_welcome(data)
    refs = welcome.key_package_refs
    wanted = {each.key_package for each in adds}
    if len(set(refs)) != len(refs) or set(refs) != wanted or len(wanted) != len(adds):
        raise _MISMATCH
    if welcome.cipher_suite != suite:
        raise _MISMATCH
    return tuple(
        WelcomeFor(
            each.member.account,
            each.member.device,
            each.key_package,
            encode_message(cut_welcome(welcome, each.key_package)),
        )
        for each in adds
        if each.key_package is not None
    )
