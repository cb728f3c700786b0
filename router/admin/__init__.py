"""For operators: the control socket (server and client) and the content of the admin listener.

command_table([Command("tree", NoArguments, handler), ...])      # wiring/listeners.py
await serve_control(folder, table, on_crash=...)                 # a child of the tree
await ControlClient(folder).ask("tree", answer=Tree)             # the CLI
"""

from router.admin.client import (
    ControlBroken,
    ControlClient,
    ControlDenied,
    ControlError,
    ControlRefused,
    ServerNotRunning,
)
from router.admin.commands import (
    AnyCommand,
    Command,
    CommandFailed,
    Emit,
    NoArguments,
    StreamCommand,
    command_table,
)
from router.admin.content import authorised, folded, metrics_page, tree_page
from router.admin.endpoint import ControlSocketInUse, NotASocket
from router.admin.server import ControlLimits, serve_control

__all__ = [
    "AnyCommand",
    "Command",
    "CommandFailed",
    "ControlBroken",
    "ControlClient",
    "ControlDenied",
    "ControlError",
    "ControlLimits",
    "ControlRefused",
    "ControlSocketInUse",
    "Emit",
    "NoArguments",
    "NotASocket",
    "ServerNotRunning",
    "StreamCommand",
    "authorised",
    "command_table",
    "folded",
    "metrics_page",
    "serve_control",
    "tree_page",
]
