"""The public test kit of `protocol`: for suites of clients, stores and other implementations of the rules.

- `strategies` (needs Hypothesis): ids, entries, facts, commands, conversations that were lived, cursors, wire
  types, frames. `st.from_type` knows the types of `protocol` without an import of this kit.
- `ConversationMachine`, `SessionMachine` (need Hypothesis): any implementation of `decide`, or of the
  server's half of `rookery.v1`, against a plain model. `GroupModel` is that model.
- `World`, `play`, `replay`: a conversation that lives in memory, with another `decide` if you have one.
- `create`, `send`, `handshake`, `commit`, …: commands that are right in all that is not said.
- `Rows`: what a store with rows must make of a log.
- `read_history`, `check_heard`, `check_acknowledged`, `check_agreement`: a log and its listeners, judged from
  outside.

See `README.md` beside this file. A store's contract is `router.testing.store`, a running server's
`router.testing.conformance`, a directory and a PDS are in `router.testing`.
"""

from typing import TYPE_CHECKING

from ._authoring import (
    commit,
    commit_entry,
    create,
    external,
    group_id_of,
    group_info,
    handshake,
    leaf,
    member_device,
    propose,
    send,
    welcomes,
)
from ._cast import (
    ACCOUNTS,
    ALICE,
    BOB,
    CAROL,
    CONVO,
    DAVE,
    EVE,
    GROUP_ID,
    MALLORY,
    NOW,
    ciphertext,
    device,
    devices,
    owner,
)
from ._history import (
    Acknowledged,
    BrokenHistory,
    Heard,
    History,
    Place,
    Stay,
    check_acknowledged,
    check_agreement,
    check_heard,
    read_history,
)
from ._model import GroupModel
from ._rows import Rows
from ._world import COMMIT, LIMITS, Decide, World, accepted, began, group, play, refusal, replay

if TYPE_CHECKING:
    from . import _strategies as strategies
    from ._conversation_machine import ConversationMachine, Subject
    from ._session_machine import SESSION_LIMITS, SessionMachine, SessionSubject, as_cbor, as_json

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
    "SESSION_LIMITS",
    "Acknowledged",
    "BrokenHistory",
    "ConversationMachine",
    "Decide",
    "GroupModel",
    "Heard",
    "History",
    "Place",
    "Rows",
    "SessionMachine",
    "SessionSubject",
    "Stay",
    "Subject",
    "World",
    "accepted",
    "as_cbor",
    "as_json",
    "began",
    "check_acknowledged",
    "check_agreement",
    "check_heard",
    "ciphertext",
    "commit",
    "commit_entry",
    "create",
    "device",
    "devices",
    "external",
    "group",
    "group_id_of",
    "group_info",
    "handshake",
    "leaf",
    "member_device",
    "owner",
    "play",
    "propose",
    "read_history",
    "refusal",
    "replay",
    "send",
    "strategies",
    "welcomes",
]

_WITH_HYPOTHESIS = {
    "ConversationMachine": "_conversation_machine",
    "Subject": "_conversation_machine",
    "SESSION_LIMITS": "_session_machine",
    "SessionMachine": "_session_machine",
    "SessionSubject": "_session_machine",
    "as_cbor": "_session_machine",
    "as_json": "_session_machine",
}


def __getattr__(name: str) -> object:
    """What needs Hypothesis is imported on demand."""
    from importlib import import_module

    if name == "strategies":
        return import_module("protocol.testing._strategies")
    if name in _WITH_HYPOTHESIS:
        return getattr(import_module(f"protocol.testing.{_WITH_HYPOTHESIS[name]}"), name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
