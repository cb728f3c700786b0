"""The data folder and who has it: one server at a time, enforced by a lock that dies with its holder.

The lock is `flock` on `server.lock`: the kernel lets go of it when the process ends, however it ends. It
is not inherited by the writer's process, so a server that was killed can be started again at once; what
that writer may still have in hand is fenced by the term (`Ledger`), not by this lock.
"""

import fcntl
import os
from pathlib import Path
from types import TracebackType
from typing import Self

from router.store.errors import StoreInUse

DATABASE = "rookery.sqlite3"
LOCK = "server.lock"


def database_path(folder: Path) -> Path:
    """Where the database of a data folder lies."""
    return folder / DATABASE


class FolderLock:
    """Holds a data folder, which is made (mode 0700) if it is not there; a context manager.

    Entering raises `StoreInUse` when another process has it, and OSError when the folder cannot be made.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._descriptor = -1

    def __enter__(self) -> Self:
        self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(self._folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(descriptor, 32, 0).decode("ascii", "replace").strip() or "unknown"
            os.close(descriptor)
            raise StoreInUse(
                f"The data folder {self._folder.absolute()} is in use by another Rookery server (process "
                f"{holder}). Stop that server first, or give this one a folder of its own (setting "
                "`store.path`)"
            ) from None
        except OSError:
            os.close(descriptor)
            raise
        _note_holder(descriptor)
        self._descriptor = descriptor
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        os.close(self._descriptor)
        self._descriptor = -1


def _note_holder(descriptor: int) -> None:
    """Write our process id for whoever is refused. A full disk must not keep a server from starting."""
    try:
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode("ascii"), 0)
    except OSError:
        pass
