"""MLS bytes at the edge: base64 fields, whole messages, and what their faults are called in the contract.

The older contract carries MLS messages as base64 text, ours as lexicon `bytes`. Either way they come out
of here as values of `crypto.mls`, or a `Refusal` names what is wrong with them by a name that the method's
lexicon declares. A fault never says more than its kind: the bytes are their sender's own.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable
from typing import Final, TypeVar

import trio

from crypto.mls import (
    ExtensionType,
    FramingError,
    GroupFault,
    GroupInfo,
    HandshakeFault,
    InvalidGroupInfo,
    InvalidHandshake,
    KeyPackage,
    PrivateMessage,
    PublicMessage,
    Welcome,
    extension_data,
    read_group_info,
    read_key_package,
    read_padded_message,
    read_welcome,
)
from router.edge.errors import Refusal
from router.edge.services import Edge

T = TypeVar("T")

LARGE_BYTES: Final = 16 * 1024
"""From here on verifying takes a worker thread: below it costs less than the way there and back."""

_OTHER_STATE: Final = frozenset(
    {
        GroupFault.GROUP_ID,
        GroupFault.EPOCH,
        GroupFault.TRANSCRIPT,
        GroupFault.CONTEXT_EXTENSIONS,
        GroupFault.MEMBERSHIP,
        GroupFault.TREE_HASH,
        GroupFault.CONFIRMATION_TAG,
    }
)
"""What only shows against the state that the GroupInfo should describe."""

_HANDSHAKE_ERRORS: Final = {
    HandshakeFault.EPOCH: "EpochMismatch",
    HandshakeFault.UNKNOWN_PROPOSAL: "MissingProposal",
    HandshakeFault.MISSING_REFERENCE: "CommitMissingReferences",
}


def from_base64(field: str, error: str, text: str) -> bytes:
    """The bytes of a base64 field, padded or not; refuses with `error` what is no base64 or is empty."""
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), validate=True)
    except (binascii.Error, ValueError):
        data = b""
    if not data:
        raise Refusal(error, f"{field} is not base64 of an MLS message.")
    return data


def to_base64(data: bytes) -> str:
    """The text of a base64 field."""
    return base64.b64encode(data).decode("ascii")


def read_handshake(data: bytes, error: str) -> PublicMessage | PrivateMessage:
    """The message of a group in these bytes, in its padding envelope or exact; else refuses with `error`."""
    try:
        message = read_padded_message(data)
    except FramingError as fault:
        raise Refusal(error, f"These bytes are no MLS message: {fault}.") from None
    if isinstance(message, PublicMessage | PrivateMessage):
        return message
    raise Refusal(error, "This MLS message is not one of a group.")


def read_the_welcome(data: bytes) -> Welcome:
    """A Welcome; `InvalidWelcome` otherwise."""
    try:
        return read_welcome(data)
    except FramingError as fault:
        raise Refusal("InvalidWelcome", f"The Welcome cannot be read: {fault}.") from None


def read_the_group_info(data: bytes) -> GroupInfo:
    """A GroupInfo with the ratchet tree in it, which joiners need; `InvalidGroupInfo` otherwise."""
    try:
        group_info = read_group_info(data)
    except FramingError as fault:
        raise Refusal("InvalidGroupInfo", f"The GroupInfo cannot be read: {fault}.") from None
    if extension_data(group_info.extensions, ExtensionType.RATCHET_TREE) is None:
        raise Refusal("InvalidGroupInfo", "The GroupInfo does not carry the ratchet tree.")
    return group_info


def read_the_key_package(data: bytes) -> KeyPackage:
    """A key package; `InvalidKeyPackage` otherwise. Whether it is valid is not looked at here."""
    try:
        return read_key_package(data)
    except FramingError as fault:
        raise Refusal("InvalidKeyPackage", f"The key package cannot be read: {fault}.") from None


def group_info_refusal(error: InvalidGroupInfo, *, against: bool = False) -> Refusal:
    """What a GroupInfo is refused with; `against` a state that it should describe."""
    name = "GroupInfoMismatch" if against and error.fault in _OTHER_STATE else "InvalidGroupInfo"
    return Refusal(name, f"The GroupInfo does not verify: {error.fault.value}.")


def commit_refusal(error: InvalidHandshake, epoch: int) -> Refusal:
    """What a commit is refused with that does not verify; `epoch` is the current one."""
    name = _HANDSHAKE_ERRORS.get(error.fault, "InvalidCommit")
    if name == "EpochMismatch":
        return Refusal(name, f"The current epoch is {epoch}.")
    return Refusal(name, f"The commit does not verify: {error.fault.value}.")


def proposal_refusal(error: InvalidHandshake, epoch: int) -> Refusal:
    """What a proposal is refused with that does not verify; `epoch` is the current one."""
    if error.fault is HandshakeFault.EPOCH:
        return Refusal("EpochMismatch", f"The current epoch is {epoch}.")
    return Refusal("InvalidProposal", f"The proposal does not verify: {error.fault.value}.")


async def verifying(edge: Edge, size: int, work: Callable[[], T]) -> T:
    """The result of `work` on so many bytes: here where they are few, else in a worker thread.

    Raises what `work` raises. Cancelled, the thread's result is thrown away; `work` touches nothing else.
    Threads of one process share one interpreter, so more of them than processors would only share out its
    time more finely: who waits, waits for the limiter of `edge`.
    """
    if size < LARGE_BYTES:
        return work()
    return await trio.to_thread.run_sync(work, abandon_on_cancel=True, limiter=edge.verifiers)
