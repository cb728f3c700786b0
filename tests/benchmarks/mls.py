"""What reading and checking MLS bytes costs, beside the bare verifications of the signatures inside.

In this process on one thread, without a server. The floor of a check is the sum of `cryptography`'s own
verifications, of as many signatures as it has, over messages of their length with the keys parsed; where we
stay below it, libsodium's Ed25519 is the reason. Reading has no signature and no floor.
"""

from collections.abc import Callable
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ed25519

from crypto import PaddingProfile, pad
from crypto.mls import (
    STANDARD_SUITES,
    Add,
    PublicGroup,
    admit_key_package,
    check_group_info,
    encode_message,
    open_group,
    read_key_package,
    read_message,
    read_padded_message,
    reopen_group,
    verify_commit,
)
from crypto.mls.testing import Client
from tests.benchmarks.scale import Scale
from tests.benchmarks.table import Figures, Row
from tests.benchmarks.verification import bare

READ_AIM: Final = 15.0
"""Issue 5: microseconds to parse a PrivateMessage."""

ADMIT_AIM: Final = 600.0
"""Issue 5: microseconds to parse and validate a key package."""

NOW: Final = 1_800_000_000
_SIGNED: Final = b"\x5a" * 300
"""About as many bytes as a leaf or a key package signs."""


async def measure_mls(scale: Scale) -> list[Row]:
    """Messages and key packages of one device, and a commit in a group of a hundred."""
    suite = STANDARD_SUITES[1]
    alice, bob = Client(suite, b"did:web:alice.example"), Client(suite, b"did:web:bob.example")
    group = _group_of(alice, 100)
    sealed = alice.application(group, 850)
    envelope = pad(PaddingProfile.CATBIRD, encode_message(sealed))
    package = encode_message(bob.key_package(NOW))
    made = alice.commit(group, [Add(bob.key_package())], with_path=True)
    message, commit, info = encode_message(sealed), encode_message(made.message), made.group_info
    one = bare(_bare_signature(), scale)

    def row(name: str, act: Callable[[], object], signatures: int, aim: float | None = None) -> Row:
        figures: Figures = {"signatures": signatures or None}
        return Row("mls", name, bare(act, scale), signatures * one or None, figures, at_most=aim)

    # a path has one signature of the leaf, an added key package two, the commit one
    return [
        row("read a PrivateMessage", lambda: read_message(message), 0, READ_AIM),
        row("read it in its envelope of 1 KiB", lambda: read_padded_message(envelope), 0, READ_AIM),
        row("read a key package", lambda: read_key_package(package), 0),
        row("read and validate a key package", lambda: admit_key_package(package, NOW), 2, ADMIT_AIM),
        row("read a commit in a group of 100", lambda: read_message(commit), 0),
        row("verify that commit", lambda: verify_commit(group, made.message), 4),
        row("hold its GroupInfo against it", lambda: check_group_info(made.group, info), 1),
        row("open the group from its GroupInfo", lambda: open_group(info), 102),
        row("reopen it from the store", lambda: reopen_group(info), 0),
    ]


def _group_of(first: Client, size: int) -> PublicGroup:
    """A group with keys in a part of its parents, as after some time."""
    others = [Client(first.suite, f"did:web:member{n}.example".encode()) for n in range(size - 1)]
    group = first.create_group(b"a group").group
    group = first.commit(group, [Add(other.key_package()) for other in others], with_path=True).group
    for other in others[::10]:
        group = other.commit(group).group
    return group


def _bare_signature() -> Callable[[], object]:
    key = ed25519.Ed25519PrivateKey.from_private_bytes(bytes(32))
    signature, public = key.sign(_SIGNED), key.public_key()
    return lambda: public.verify(signature, _SIGNED)
