"""Supervision for Trio: children that are restarted, mailboxes that survive it, actors with addresses.

Start with the README of this folder. Tests of supervised systems: `actors.testing`.
"""

from ._child import ChildSpec, ChildState, ChildStatistics
from ._context import ActorContext
from ._errors import (
    ActorError,
    ActorTimeout,
    AskFailed,
    ExitShutdown,
    InvalidKnob,
    LeftWithoutTaking,
    MailboxClosed,
    MailboxDrained,
    MailboxFull,
    MessageTooHeavy,
    NeverStarted,
    NotRunning,
    Quarantined,
    RegistryFull,
    RestartIntensityExceeded,
    StartFailed,
    StartTimeout,
    UnknownNode,
)
from ._events import (
    DeadLetter,
    Exit,
    Fate,
    SlowStep,
    StuckChild,
    Tuned,
)
from ._instrument import Instrument
from ._knobs import Knob
from ._life import stopping
from ._mailbox import Mailbox
from ._options import RegistryOptions, Shedding
from ._policy import (
    AutoShutdown,
    Backoff,
    ExitKind,
    Intensity,
    Plan,
    Restart,
    Seat,
    Shutdown,
    Strategy,
)
from ._registry import Registry
from ._registry_report import RegistryStatistics
from ._reply import Envelope, Reply, Request
from ._supervisor import Supervisor, SupervisorStatistics
from ._terms import MailboxStatistics
from ._tree import TreeNode, format_tree
from ._tuning import knobs, tunable, tune
from ._watchdog import StepWatchdog

__all__ = [
    "ActorContext",
    "ActorError",
    "ActorTimeout",
    "AskFailed",
    "AutoShutdown",
    "Backoff",
    "ChildSpec",
    "ChildState",
    "ChildStatistics",
    "DeadLetter",
    "Envelope",
    "Exit",
    "ExitKind",
    "ExitShutdown",
    "Fate",
    "Instrument",
    "Intensity",
    "InvalidKnob",
    "Knob",
    "LeftWithoutTaking",
    "Mailbox",
    "MailboxClosed",
    "MailboxDrained",
    "MailboxFull",
    "MailboxStatistics",
    "MessageTooHeavy",
    "NeverStarted",
    "NotRunning",
    "Plan",
    "Quarantined",
    "Registry",
    "RegistryFull",
    "RegistryOptions",
    "RegistryStatistics",
    "Reply",
    "Request",
    "Restart",
    "RestartIntensityExceeded",
    "Seat",
    "Shedding",
    "Shutdown",
    "SlowStep",
    "StartFailed",
    "StartTimeout",
    "StepWatchdog",
    "Strategy",
    "StuckChild",
    "Supervisor",
    "SupervisorStatistics",
    "TreeNode",
    "Tuned",
    "UnknownNode",
    "format_tree",
    "knobs",
    "stopping",
    "tunable",
    "tune",
]
