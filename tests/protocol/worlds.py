"""What the protocol's own tests draw: the public kit's cast, world and stories, and a few values more."""

from hypothesis import strategies as st

from protocol import ConversationKind
from protocol.testing import (
    ACCOUNTS,
    ALICE,
    BOB,
    CAROL,
    COMMIT,
    CONVO,
    DAVE,
    EVE,
    GROUP_ID,
    LIMITS,
    MALLORY,
    NOW,
    World,
    began,
    ciphertext,
    commit_entry,
    create,
    device,
    devices,
    play,
    refusal,
    send,
    strategies,
    welcomes,
)
from protocol.testing._stories import BODIES, EPOCHS, MSG_IDS

__all__ = [
    "ACCOUNTS",
    "ALICE",
    "BOB",
    "CAROL",
    "COMMIT",
    "CONVO",
    "DAVE",
    "EVE",
    "GROUP_ID",
    "LIMITS",
    "MALLORY",
    "NOW",
    "World",
    "accounts",
    "began",
    "bodies",
    "ciphertext",
    "commands",
    "commit_entry",
    "create",
    "device",
    "devices",
    "epochs",
    "kinds",
    "member_devices",
    "msg_ids",
    "play",
    "refusal",
    "send",
    "starts",
    "stories",
    "welcomes",
]

accounts = st.sampled_from(ACCOUNTS)
epochs = st.sampled_from(EPOCHS)
bodies = st.sampled_from(BODIES)
msg_ids = st.sampled_from(MSG_IDS)
kinds = st.sampled_from((ConversationKind.MLS, ConversationKind.OPAQUE))
member_devices = strategies.member_devices()
commands = strategies.commands()
starts = strategies.starts()
stories = strategies.stories()
