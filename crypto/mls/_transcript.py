"""Transcript hashes (RFC 9420 section 8.2), and a chain over commits as they were delivered.

The confirmed and the interim hash bind an epoch to all commits before it, and a server can compute them:
nothing in them is secret. They exist only for commits in clear.

The commit chain is ours: `d[n] = SHA-256(label, d[n-1], SHA-256(commit bytes))`, from a first value that
binds the group. It covers the bytes of a commit however it was protected, so two clients that compare
their digests learn whether the server showed them the same commits in the same order.
"""

import hashlib

from crypto.mls._framing import PublicMessage, WireFormat
from crypto.mls._suites import CipherSuite
from crypto.mls._writer import opaque, uint16

COMMIT_DIGEST_BYTES = 32
_FIRST = b"rookery mls commit chain 1: group"
_NEXT = b"rookery mls commit chain 1: commit"


def first_commit_digest(group_id: bytes) -> bytes:
    """The digest of a group without a commit."""
    return hashlib.sha256(opaque(_FIRST) + opaque(group_id)).digest()


def commit_digest(previous: bytes, commit: bytes) -> bytes:
    """The digest after the commit with these bytes, as they were delivered.

    `previous` is 32 bytes from this function or `first_commit_digest`; another length is the caller's
    mistake (`ValueError`).
    """
    if len(previous) != COMMIT_DIGEST_BYTES:
        raise ValueError("not a commit digest")
    return hashlib.sha256(opaque(_NEXT) + previous + hashlib.sha256(commit).digest()).digest()


def confirmed_transcript_hash(suite: CipherSuite, interim_before: bytes, commit: PublicMessage) -> bytes:
    """The hash of a new epoch's context: all before, and this commit without its confirmation tag."""
    confirmed_input = uint16(WireFormat.PUBLIC_MESSAGE) + commit.framed.encode() + opaque(commit.signature)
    return suite.hash(interim_before + confirmed_input)


def interim_transcript_hash(suite: CipherSuite, confirmed: bytes, confirmation_tag: bytes) -> bytes:
    """The hash on which the next commit builds."""
    return suite.hash(confirmed + opaque(confirmation_tag))
