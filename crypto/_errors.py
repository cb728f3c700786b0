"""What can be wrong with bytes that somebody else made: one base, one class for each kind of material.

Every error of this package is a `ValueError` about the material that was handed in. None is worth a
retry, none says more than the kind of fault, and none carries the material itself.
"""


class CryptoError(ValueError):
    """The base: these bytes (or this text) are not what they were said to be."""


class InvalidKeyError(CryptoError):
    """Not a key of a supported curve in its one accepted form."""


class PaddingError(CryptoError):
    """Not a padding envelope in its one accepted form, or a message that fits no size class."""


class SealError(CryptoError):
    """A sealed value that was not made with this key for this context."""


class FramingError(CryptoError):
    """Not one well-formed MLSMessage (RFC 9420 section 6) from its first byte to its last."""
