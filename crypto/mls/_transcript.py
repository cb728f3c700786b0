"""Transcript hashes (RFC 9420 section 8.2).

The confirmed and the interim hash bind an epoch to all commits before it, and a server can compute them:
nothing in them is secret. They exist only for commits in clear; the chain that members compare to find a
server that forks is over the bytes as they were delivered, whatever their framing (`protocol.next_digest`).
"""

from crypto.mls._framing import PublicMessage, WireFormat
from crypto.mls._suites import CipherSuite
from crypto.mls._writer import opaque, uint16


def confirmed_transcript_hash(suite: CipherSuite, interim_before: bytes, commit: PublicMessage) -> bytes:
    """The hash of a new epoch's context: all before, and this commit without its confirmation tag."""
    confirmed_input = uint16(WireFormat.PUBLIC_MESSAGE) + commit.framed.encode() + opaque(commit.signature)
    return suite.hash(interim_before + confirmed_input)


def interim_transcript_hash(suite: CipherSuite, confirmed: bytes, confirmation_tag: bytes) -> bytes:
    """The hash on which the next commit builds."""
    return suite.hash(confirmed + opaque(confirmation_tag))
