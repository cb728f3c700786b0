"""The shape of everything public inside MLS messages: walkers that check form and keep nothing.

A delivery service must know where a message ends, and a PublicMessage, a Welcome, a GroupInfo and a
KeyPackage end where their last inner structure ends. So each structure of RFC 9420 that occurs in
them has a walker: it reads forward over one instance, or raises `FramingError`. What a structure
*means* (signatures, tree hashes, lifetimes, the ratchet tree in its extension) is not looked at here.

Unknown extension types are skipped by their length (GREASE, section 13.5, is normal). Unknown
credential and proposal types have no length, cannot be passed over, and are malformed for a server.
"""

from collections.abc import Callable

from crypto._errors import FramingError
from crypto.mls._reader import Reader

PROTOCOL_VERSION = 1

_LEAF_FROM_KEY_PACKAGE, _LEAF_FROM_UPDATE, _LEAF_FROM_COMMIT = 1, 2, 3


def walk_items(reader: Reader, walk: Callable[[Reader], object]) -> None:
    """A vector of structures, each passed over by `walk`."""
    items = reader.vector()
    while not items.exhausted:
        walk(items)


def walk_extensions(reader: Reader) -> None:
    """`Extension extensions<V>` (section 13.4): at most one of each type."""
    seen: set[int] = set()
    items = reader.vector()
    while not items.exhausted:
        kind = items.uint(2)
        if kind in seen:
            raise FramingError("two extensions of one type")
        seen.add(kind)
        items.skip()


def walk_key_package(reader: Reader) -> int:
    """A KeyPackage (section 10); returns its cipher suite."""
    _version(reader)
    suite = reader.uint(2)
    reader.skip()  # init_key
    _leaf_node(reader, _LEAF_FROM_KEY_PACKAGE)
    walk_extensions(reader)
    reader.skip()  # signature
    return suite


def walk_group_context(reader: Reader) -> tuple[int, bytes, int]:
    """A GroupContext (section 8.1); returns its cipher suite, group id and epoch."""
    _version(reader)
    suite = reader.uint(2)
    group_id = reader.opaque()
    epoch = reader.uint(8)
    reader.skip()  # tree_hash
    reader.skip()  # confirmed_transcript_hash
    walk_extensions(reader)
    return suite, group_id, epoch


def walk_hpke_ciphertext(reader: Reader) -> None:
    """An HPKECiphertext (section 7.6)."""
    reader.skip()  # kem_output
    reader.skip()  # ciphertext


def walk_commit(reader: Reader) -> None:
    """A Commit (section 12.4)."""
    walk_items(reader, _proposal_or_ref)
    if _optional(reader):
        _leaf_node(reader, _LEAF_FROM_COMMIT)
        walk_items(reader, _update_path_node)


def walk_proposal(reader: Reader) -> None:
    """A Proposal (section 12.1)."""
    kind = reader.uint(2)
    walk = _PROPOSALS.get(kind)
    if walk is None:
        raise FramingError("a proposal of unknown type")
    walk(reader)


def _version(reader: Reader) -> None:
    if reader.uint(2) != PROTOCOL_VERSION:
        raise FramingError("not MLS 1.0")


def _optional(reader: Reader) -> bool:
    presence = reader.uint(1)
    if presence > 1:
        raise FramingError("an optional octet is 0 or 1")
    return presence == 1


def _proposal_or_ref(reader: Reader) -> None:
    match reader.uint(1):
        case 1:
            walk_proposal(reader)
        case 2:
            reader.skip()
        case _:
            raise FramingError("neither a proposal nor a reference")


def _update_path_node(reader: Reader) -> None:
    reader.skip()  # encryption_key
    walk_items(reader, walk_hpke_ciphertext)


def _leaf_node(reader: Reader, expected_source: int) -> None:
    """A LeafNode (section 7.2); its source must be that of the place where it stands (section 7.3)."""
    reader.skip()  # encryption_key
    reader.skip()  # signature_key
    _credential(reader)
    for _ in range(5):  # capabilities: versions, cipher suites, extensions, proposals, credentials
        if reader.skip() % 2:
            raise FramingError("a list of two-byte values has an odd length")
    source = reader.uint(1)
    if source != expected_source:
        raise FramingError("a leaf node from another place")
    if source == _LEAF_FROM_KEY_PACKAGE:
        reader.take(16)  # not_before, not_after
    elif source == _LEAF_FROM_COMMIT:
        reader.skip()  # parent_hash
    walk_extensions(reader)
    reader.skip()  # signature


def _credential(reader: Reader) -> None:
    """A Credential (section 5.3): basic or X.509."""
    match reader.uint(2):
        case 1:
            reader.skip()  # identity
        case 2:
            walk_items(reader, Reader.skip)  # certificates
        case _:
            raise FramingError("a credential of unknown type")


def _update(reader: Reader) -> None:
    _leaf_node(reader, _LEAF_FROM_UPDATE)


def _remove(reader: Reader) -> None:
    reader.take(4)  # the leaf index


def _pre_shared_key(reader: Reader) -> None:
    """A PreSharedKeyID (section 8.4)."""
    match reader.uint(1):
        case 1:
            reader.skip()  # psk_id
        case 2:
            if reader.uint(1) not in (1, 2, 3):
                raise FramingError("a resumption key of unknown usage")
            reader.skip()  # psk_group_id
            reader.take(8)  # psk_epoch
        case _:
            raise FramingError("a pre-shared key of unknown type")
    reader.skip()  # psk_nonce


def _reinit(reader: Reader) -> None:
    reader.skip()  # group_id
    reader.take(4)  # version, cipher suite: of the group to come, which may be newer than this one
    walk_extensions(reader)


_PROPOSALS: dict[int, Callable[[Reader], object]] = {
    1: walk_key_package,  # add
    2: _update,
    3: _remove,
    4: _pre_shared_key,
    5: _reinit,
    6: Reader.skip,  # external_init: kem_output
    7: walk_extensions,  # group_context_extensions
}
