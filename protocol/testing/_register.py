"""Called by Hypothesis through its entry point, so that `from_type` knows the types of `protocol`.

    @given(st.from_type(Entry))                  # an entry whose hash is that of its body
    @given(st.from_type(Conversation))           # a state that was lived
    @given(st.from_type(Command))                # any command at all

Wire types are not: drawing them reads every lexicon, and `strategies.wire(kind)` is as short.
"""

import msgspec
from hypothesis import strategies as st

import protocol
from protocol import (
    AccountDid,
    Cid,
    Conversation,
    ConversationId,
    Cursor,
    DeviceId,
    Entry,
    Group,
    MsgId,
    Nsid,
)

from ._stories import conversations
from ._values import (
    account_dids,
    cids,
    conversation_ids,
    cursors,
    device_ids,
    entries,
    msg_ids,
    nsids,
    structs,
)


def _struct(kind: type[msgspec.Struct]) -> st.SearchStrategy[msgspec.Struct]:
    return structs(kind)


def register() -> None:
    """Register every value type that `protocol` exports."""
    for kind in vars(protocol).values():
        if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
            st.register_type_strategy(kind, _struct)
    st.register_type_strategy(Entry, entries())
    st.register_type_strategy(Cursor, cursors())
    st.register_type_strategy(Cid, cids())
    st.register_type_strategy(Conversation, conversations().map(lambda world: world.now_at))
    st.register_type_strategy(Group, conversations().map(lambda world: world.now_at.group))
    for identifier, strategy in (
        (AccountDid, account_dids),
        (DeviceId, device_ids),
        (ConversationId, conversation_ids),
        (MsgId, msg_ids),
        (Nsid, nsids),
    ):
        st.register_type_strategy(identifier, strategy())
