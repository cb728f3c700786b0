"""The public kit's handshakes, and few words more for the protocol's own tests of MLS conversations."""

from protocol import Committed, Conversation, ConversationKind, Outcome
from protocol.testing import (
    ALICE,
    World,
    accepted,
    commit,
    device,
    external,
    group,
    group_info,
    handshake,
    leaf,
    member_device,
    owner,
    propose,
)

__all__ = [
    "ALICES",
    "MLS",
    "accepted",
    "commit",
    "committed",
    "external",
    "group",
    "group_info",
    "handshake",
    "leaf",
    "member_device",
    "now_at",
    "owner",
    "propose",
]

MLS = ConversationKind.MLS
ALICES = device(ALICE)


def now_at(world: World) -> Conversation:
    """The conversation, which has begun."""
    return world.now_at


def committed(outcome: Outcome) -> Committed:
    """The answer of an accepted commit."""
    answer = accepted(outcome).answer
    assert isinstance(answer, Committed)
    return answer
