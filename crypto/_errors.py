"""What can be wrong with bytes that somebody else made: one base, one class for each kind of material.

Every error of this package is a `ValueError` about the material that was handed in. None is worth a
retry, none says more than the kind of fault, and none carries the material itself.
"""

import enum


class CryptoError(ValueError):
    """The base: these bytes (or this text) are not what they were said to be."""


class InvalidKeyError(CryptoError):
    """Not a key of a supported curve in its one accepted form."""


class PaddingError(CryptoError):
    """Not a padding envelope in its one accepted form, or a message that fits no size class."""


class SealError(CryptoError):
    """A sealed value that was not made with this key for this context."""


class FramingFault(enum.Enum):
    """In which way bytes are no MLS structure; the value says it in words."""

    TRUNCATED = "ends too early"
    TRAILING = "bytes after the end"
    LENGTH = "a length not in its one form"
    VERSION = "not MLS 1.0"
    WIRE_FORMAT = "an unknown wire format"
    VALUE = "a value outside its closed set"
    CREDENTIAL = "a credential of unknown type"
    PROPOSAL = "a proposal of unknown type"
    DUPLICATE = "two entries of one type in a list"
    LEAF_SOURCE = "a leaf node from another place"
    TREE_SHAPE = "a ratchet tree of no valid shape"
    TOO_LARGE = "a ratchet tree above the bound"
    SENDER = "this sender may not send this content in the open"
    AMBIGUOUS = "a message and an envelope at once"


class FramingError(CryptoError):
    """Not one well-formed MLS structure (RFC 9420) from its first byte to its last.

    `fault` says in which way, from a closed set; always the fault of whoever made the bytes.
    """

    def __init__(self, fault: FramingFault) -> None:
        super().__init__(fault.value)
        self.fault = fault
