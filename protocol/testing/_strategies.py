"""Every strategy of the kit under one name: `from protocol.testing import strategies as ps`.

| of | strategies |
|---|---|
| ids | `account_dids device_ids conversation_ids msg_ids nsids cursors cursor_bytes cids` |
| values | `entries facts structs(kind) member_devices dagcbor_values` |
| what is asked | `starts commands steps(state, n) stories` |
| what was lived | `conversations(kind)` |
| what travels | `wire(kind) inputs outputs parameters messages` by NSID |
| frames | `client_frames server_frames junk_frames at_frames` |
"""

from ._steps import steps
from ._stories import commands, conversations, member_devices, starts, stories
from ._values import (
    account_dids,
    cids,
    conversation_ids,
    cursor_bytes,
    cursors,
    dagcbor_values,
    device_ids,
    entries,
    facts,
    msg_ids,
    nsids,
    structs,
)
from ._wire import (
    at_frames,
    client_frames,
    inputs,
    junk_frames,
    messages,
    outputs,
    parameters,
    server_frames,
    wire,
    wire_definitions,
)

__all__ = [
    "account_dids",
    "at_frames",
    "cids",
    "client_frames",
    "commands",
    "conversation_ids",
    "conversations",
    "cursor_bytes",
    "cursors",
    "dagcbor_values",
    "device_ids",
    "entries",
    "facts",
    "inputs",
    "junk_frames",
    "member_devices",
    "messages",
    "msg_ids",
    "nsids",
    "outputs",
    "parameters",
    "server_frames",
    "starts",
    "steps",
    "stories",
    "structs",
    "wire",
    "wire_definitions",
]
