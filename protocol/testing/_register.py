"""Called by Hypothesis through its entry point, so that `from_type` knows the types of `protocol`.

    @given(st.from_type(Entry))                  # an entry whose hash is that of its body
    @given(st.from_type(Conversation))           # a state that was lived
    @given(st.from_type(Command))                # any command at all

Wire types are not: drawing them reads every lexicon, and `strategies.wire(kind)` is as short.

Hypothesis calls `register` while it is imported itself, perhaps by a module of this kit. So nothing of the
kit is imported here before something is drawn.
"""

from collections.abc import Callable
from typing import Any

import msgspec
from hypothesis import strategies as st

import protocol
from protocol import AccountDid, Conversation, ConversationId, DeviceId, Group, MsgId, Nsid


def register() -> None:
    """Register every value type that `protocol` exports."""
    for kind in vars(protocol).values():
        if isinstance(kind, type) and issubclass(kind, msgspec.Struct):
            st.register_type_strategy(kind, _value)
    for identifier in (AccountDid, DeviceId, ConversationId, MsgId, Nsid):
        st.register_type_strategy(identifier, _value)
    st.register_type_strategy(Conversation, _lived(lambda state: state))
    st.register_type_strategy(Group, _lived(lambda state: state.group))


def _value(kind: Any) -> st.SearchStrategy[Any]:
    from ._values import of_annotation

    return of_annotation(kind)


def _lived(part: Callable[[Conversation], object]) -> Callable[[Any], st.SearchStrategy[Any]]:
    def strategy(_kind: Any) -> st.SearchStrategy[Any]:
        from ._stories import conversations

        return conversations().map(lambda world: part(world.now_at))

    return strategy
