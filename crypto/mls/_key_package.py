"""KeyPackage (RFC 9420 section 10): what a client leaves with the server so that others can add it."""

from dataclasses import dataclass, field

from crypto._errors import FramingError, FramingFault
from crypto.mls._extensions import Extensions, marks_last_resort, read_extensions
from crypto.mls._leaf_node import PROTOCOL_VERSION, LeafNode, LeafSource, read_leaf_node
from crypto.mls._reader import Reader
from crypto.mls._suites import CipherSuite, ref_hash
from crypto.mls._writer import items, opaque, uint16


@dataclass(frozen=True, slots=True)
class KeyPackage:
    """One key package of MLS 1.0; `cipher_suite` is a number, since a client may offer any."""

    cipher_suite: int
    init_key: bytes
    leaf_node: LeafNode
    extensions: Extensions
    signature: bytes = field(repr=False)

    def to_be_signed(self) -> bytes:
        """`KeyPackageTBS`."""
        return b"".join(
            [
                b"\x00\x01",
                uint16(self.cipher_suite),
                opaque(self.init_key),
                self.leaf_node.encode(),
                items(self.extensions),
            ]
        )

    def encode(self) -> bytes:
        """The bytes of the key package, without the head of an MLSMessage."""
        return self.to_be_signed() + opaque(self.signature)

    @property
    def last_resort(self) -> bool:
        """Whether it may be handed out more than once, when nothing else is left.

        `FramingError` where its application data dictionary is of bad form; after
        `validate_key_package` it is not.
        """
        return marks_last_resort(self.extensions)


def key_package_ref(key_package: KeyPackage, suite: CipherSuite) -> bytes:
    """`KeyPackageRef` (section 5.2): the name under which a Welcome answers this key package."""
    return ref_hash(suite, b"MLS 1.0 KeyPackage Reference", key_package.encode())


def read_key_package_body(reader: Reader) -> KeyPackage:
    """A KeyPackage inside another structure, or behind the head of an MLSMessage."""
    if reader.uint(2) != PROTOCOL_VERSION:
        raise FramingError(FramingFault.VERSION)
    suite = reader.uint(2)
    init_key = reader.opaque()
    leaf_node = read_leaf_node(reader, LeafSource.KEY_PACKAGE)
    return KeyPackage(suite, init_key, leaf_node, read_extensions(reader), reader.opaque())
