"""Which errors are the disk's, and which of them end the process: a table and two questions.

Everything that is not in the table is a bug of ours (a constraint, a type, a statement): the request is
poison and fails alone.
"""

import sqlite3

_OF_THE_WORLD = frozenset(
    {
        sqlite3.SQLITE_FULL,  # no space left
        sqlite3.SQLITE_IOERR,  # the disk, a quota (EDQUOT), a file-size limit
        sqlite3.SQLITE_READONLY,  # remounted, or the permissions have changed
        sqlite3.SQLITE_CANTOPEN,  # out of descriptors, folder gone
        sqlite3.SQLITE_BUSY,  # somebody holds the write lock: a foreign tool, a backup
        sqlite3.SQLITE_LOCKED,
        sqlite3.SQLITE_PERM,
        sqlite3.SQLITE_AUTH,
        sqlite3.SQLITE_NOMEM,
        sqlite3.SQLITE_PROTOCOL,  # the locks of the write-ahead log could not be had
        sqlite3.SQLITE_CORRUPT,  # for an operator: nothing here gets better by going on
        sqlite3.SQLITE_NOTADB,
    }
)

_FATAL = frozenset({sqlite3.SQLITE_IOERR_FSYNC, sqlite3.SQLITE_IOERR_DIR_FSYNC})
"""After a failed fsync the kernel may drop the dirty pages and answer the next fsync with success."""


def is_of_the_world(error: Exception) -> bool:
    """Whether the same request may succeed later: the disk failed, not the request."""
    if isinstance(error, MemoryError | OSError):
        return True
    return isinstance(error, sqlite3.Error) and (_code(error) & 0xFF) in _OF_THE_WORLD


def is_fatal(error: Exception) -> bool:
    """Whether nobody can know any more what is on the disk (see `DurabilityLost`)."""
    return isinstance(error, sqlite3.Error) and _code(error) in _FATAL


def describe(error: Exception) -> str:
    """For logs and operators: the error's name and text, without values."""
    name = getattr(error, "sqlite_errorname", None)
    return f"{name}: {error}" if name else f"{type(error).__name__}: {error}"


def _code(error: sqlite3.Error) -> int:
    """The extended result code; 0 where the error is the module's own and has none."""
    return getattr(error, "sqlite_errorcode", None) or 0
