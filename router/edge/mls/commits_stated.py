"""What a client says a commit does, and the key packages it names.

Of an encrypted commit nobody else can say it; of one in clear it must agree with what the commit does.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import attrs

from protocol import (
    AccountDid,
    DeviceId,
    InvalidId,
    LeafAdd,
    MemberDevice,
    parse_account_did,
    parse_device_id,
)
from router.edge.errors import Refusal
from router.edge.services import Edge

_NOT_FOUND = "A key package is used up, expired, or not one that you claimed."


@attrs.frozen
class StatedAdd:
    """A device that is said to be added, by its key package."""

    account: AccountDid
    ref: bytes
    device: DeviceId | None = None
    leaf: int | None = None


@attrs.frozen
class Stated:
    """What the client says; None where it says nothing about it."""

    adds: tuple[StatedAdd, ...] | None = None
    removes: tuple[DeviceId, ...] | None = None
    assumed: tuple[DeviceId, ...] = ()
    """What an encrypted commit removes where nothing is said and no tree shows it: what it is sent for."""


SAYS_NOTHING: Final = Stated()


def stated_add(did: str, text: str, device: str | None = None, leaf: int | None = None) -> StatedAdd:
    """An entry of a request. A hash that is no KeyPackageRef in hexadecimal names no key package."""
    try:
        ref = bytes.fromhex(text)
    except ValueError:
        ref = b""
    if not ref or ref.hex() != text.lower():
        raise Refusal("KeyPackageNotFound", "A key package is named by its KeyPackageRef in hexadecimal.")
    return StatedAdd(parse_account_did(did), ref, None if device is None else a_device(device), leaf)


def a_device(text: str) -> DeviceId:
    """A device named in a statement; what is no device id names none."""
    try:
        return parse_device_id(text)
    except InvalidId:
        raise Refusal("InvalidRequest", "A device named is no device of this server.") from None


async def claimed(edge: Edge, refs: Sequence[bytes]) -> list[LeafAdd]:
    """The devices that these key packages are of, in order; `KeyPackageNotFound` unless all are known.

    That they are claimed by the caller and unspent is judged where they are used up, in the transaction.
    """
    found = []
    for ref in refs:
        record = await edge.store.key_package(ref)
        if record is None or record.device is None or record.account is None:
            raise Refusal("KeyPackageNotFound", _NOT_FOUND)
        device = await edge.store.device(record.device)
        name = "" if device is None else device.name
        found.append(LeafAdd(MemberDevice(record.account, record.device, name), ref))
    return found


async def stated_leaves(edge: Edge, stated: Iterable[StatedAdd]) -> list[LeafAdd]:
    """The devices that are said to be added; `KeyPackageNotFound` where one is not the account's it names."""
    entries = list(stated)
    leaves = await claimed(edge, [each.ref for each in entries])
    for said, leaf in zip(entries, leaves, strict=True):
        if not agrees(said, leaf):
            raise Refusal("KeyPackageNotFound", _NOT_FOUND)
    return [
        LeafAdd(leaf.member, leaf.key_package, said.leaf) for said, leaf in zip(entries, leaves, strict=True)
    ]


def agrees(said: StatedAdd, leaf: LeafAdd) -> bool:
    """Whether an entry names this leaf."""
    member = leaf.member
    return (
        said.ref == leaf.key_package
        and said.account == member.account
        and said.device in (None, member.device)
        and (said.leaf is None or leaf.leaf is None or said.leaf == leaf.leaf)
    )


def check_statement(stated: Stated, adds: Sequence[LeafAdd], removes: Sequence[DeviceId]) -> None:
    """Refuse with `InvalidCommit` a commit that does something else than the client says."""
    if stated.adds is not None:
        by_ref = {leaf.key_package: leaf for leaf in adds}
        told = len(stated.adds) == len(adds)
        for said in stated.adds:
            leaf = by_ref.pop(said.ref, None)
            told = told and leaf is not None and agrees(said, leaf)
        if not told:
            raise _OTHERWISE
    if stated.removes is not None and sorted(stated.removes) != sorted(removes):
        raise _OTHERWISE


_OTHERWISE = Refusal("InvalidCommit", "The commit does not do what was said beside it.")
