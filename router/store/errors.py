"""What the store raises. The class says whose fault it is and whether trying again helps.

StoreError
├── Overloaded          ours, for now: the queue is full; nothing was done; wait `retry_after`
├── StoreUnavailable    the world's: disk full, read-only, i/o; nothing was written; wait `retry_after`
│   └── OutcomeUnknown  the writer died under the request: done or not done; ask again, bytes unchanged
├── PoisonRequest       ours: a request that can never be committed; retrying is useless
├── StoreInUse          the operator's: another server has the data folder
└── StoreTooNew         the operator's: the database was written by a newer Rookery

DurabilityLost          not a StoreError: ends the process
"""


class StoreError(Exception):
    """Base of what the store raises and a caller may handle."""


class Overloaded(StoreError):
    """The writer's queue is full (items or bytes); nothing was done. Try again after `retry_after` s."""

    def __init__(self, retry_after: float) -> None:
        super().__init__("the store has more to write than it may hold")
        self.retry_after = retry_after


class StoreUnavailable(StoreError):
    """A read or a write failed; nothing was written. The store recovers by itself; `retry_after` seconds."""

    def __init__(self, retry_after: float, detail: str) -> None:
        super().__init__(f"the store cannot be used just now: {detail}")
        self.retry_after = retry_after
        self.detail = detail


class OutcomeUnknown(StoreUnavailable):
    """The writer died while it had the request: committed or not. Reload before deciding again."""


class PoisonRequest(StoreError):
    """A bug of ours: this request cannot be committed, alone or with others, now or later."""


class StoreInUse(StoreError):
    """Another server holds the data folder; the message names it and says how to mend that."""


class StoreTooNew(StoreError):
    """The database needs a newer Rookery than this one; the message names both versions."""


class DurabilityLost(BaseException):
    """fsync failed: what was acknowledged may be gone from memory too, and asking again would lie.

    Not an `Exception`, so that no supervisor restarts over it: the process must end. The next start
    recovers from what really is on the disk.
    """
