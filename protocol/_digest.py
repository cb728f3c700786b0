"""Names and digests of handshake messages: pure hashing. The law of the chain, for clients in any language:

    digest(0) = SHA-256( "rookery-group-v1" ‖ generation, 8 bytes big-endian ‖ groupId of the views, UTF-8 )
    digest(n) = SHA-256( digest(n-1) ‖ bytes of commit n as they were delivered )

Commit 1 is the first that this server ordered; a commit with which a group came here is not in the chain.
Two members that have seen the same commits in the same order have the same digest; a server that shows two
histories of one group to two members cannot make theirs equal again. The chain begins anew with each
generation of a conversation's group. Vectors: `tests/protocol/test_digest.py`.
"""

import hashlib
from typing import Final

from protocol._ids import MsgId
from protocol._log import body_hash

_GROUP: Final = b"rookery-group-v1"


def first_digest(group_id: str, generation: int) -> bytes:
    """The digest of a group without commits (32 bytes)."""
    return hashlib.sha256(_GROUP + generation.to_bytes(8, "big") + _text(group_id)).digest()


def next_digest(previous: bytes, commit: bytes) -> bytes:
    """The digest after one more commit (its bytes as they were sent, padding included)."""
    return hashlib.sha256(previous + commit).digest()


def commit_id(body: bytes) -> MsgId:
    """The name under which the log knows these bytes as a commit.

    No client can choose it, since `parse_msg_id` refuses its exclamation mark; so the unique index of the
    log finds a byte-identical resend.
    """
    return MsgId("commit!" + body_hash(body).hex())


def proposal_id(body: bytes) -> MsgId:
    """The name under which the log knows these bytes as a proposal."""
    return MsgId("proposal!" + body_hash(body).hex())


def _text(group_id: str) -> bytes:
    return group_id.encode("utf-8", "surrogatepass")
