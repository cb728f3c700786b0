"""What makes a leaf node valid by itself (RFC 9420 section 7.3), wherever it stands.

What depends on its neighbours (unique keys, capabilities that cover a group) is in `_tree_rules`; what
depends on the way it came (lifetime, identity) is with the key package or the commit that brought it.
"""

import enum

from crypto.mls._extensions import Extensions
from crypto.mls._leaf_node import PROTOCOL_VERSION, Capabilities, LeafNode, Lifetime
from crypto.mls._signing import is_hpke_key, is_signature_key, verify_with_label
from crypto.mls._suites import CipherSuite

LAST_DEFAULT_EXTENSION = 0x0005
"""Types up to here are everybody's and need not be listed in capabilities (section 7.2)."""

LAST_DEFAULT_PROPOSAL = 0x0007


class LeafFault(enum.Enum):
    """In which way a leaf node is of bad form."""

    KEY = "key"
    CAPABILITIES = "capabilities"


def leaf_form_fault(leaf: LeafNode, suite: CipherSuite) -> LeafFault | None:
    """What is wrong with the keys and capabilities of this leaf, without a look at its signature."""
    if not is_hpke_key(suite, leaf.encryption_key) or not is_signature_key(suite, leaf.signature_key):
        return LeafFault.KEY
    capabilities = leaf.capabilities
    if (
        PROTOCOL_VERSION not in capabilities.versions
        or suite.number not in capabilities.cipher_suites
        or leaf.credential.kind not in capabilities.credentials
        or not extensions_listed(leaf.extensions, capabilities)
    ):
        return LeafFault.CAPABILITIES
    return None


def is_leaf_signed(leaf: LeafNode, suite: CipherSuite, group_id: bytes = b"", leaf_index: int = 0) -> bool:
    """Whether the leaf is signed by its own key, for this place unless it is from a key package."""
    content = leaf.to_be_signed(group_id, leaf_index)
    return verify_with_label(suite, leaf.signature_key, b"LeafNodeTBS", content, leaf.signature)


def extensions_listed(extensions: Extensions, capabilities: Capabilities) -> bool:
    """Whether the client says that it supports all of these."""
    return all(
        extension.kind <= LAST_DEFAULT_EXTENSION or extension.kind in capabilities.extensions
        for extension in extensions
    )


def is_current(lifetime: Lifetime, now: int, *, max_lifetime: int, clock_skew: int) -> bool:
    """Whether the lifetime has begun, is not over and is no longer than allowed; all in seconds.

    A beginning up to `clock_skew` ahead of our clock is forgiven; an end is not.
    """
    return (
        lifetime.not_before <= now + clock_skew
        and now < lifetime.not_after
        and lifetime.not_after - lifetime.not_before <= max_lifetime
    )
