"""Secret files: written once, whole, mode 0600; read only if nobody else can.

A file that others can read is refused, not repaired: its secret may be out already, and only its owner
can judge that.
"""

import os
import stat
import tempfile
from pathlib import Path

from router.identity.errors import IdentityFileError

_MAX_BYTES = 16 * 1024


def write_secret(path: Path, data: bytes) -> None:
    """Creates the file with this content, durably; `FileExistsError` if there is one, which stays as it is.

    The content appears whole or not at all: it is written beside and linked into place, so of two
    processes that create the file at once one wins and the other is told.
    """
    descriptor, temporary = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # mode 0600
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.link(temporary, path)  # unlike a rename, this does not replace
    finally:
        Path(temporary).unlink()
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def read_secret(path: Path) -> bytes:
    """The content of a regular file of at most 16 KiB that only its owner can read.

    Raises `FileNotFoundError` when there is none, `IdentityFileError` with the remedy otherwise.
    """
    # O_NONBLOCK: opening a FIFO that somebody put in the place of the file must not wait for ever
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK)
    try:
        # the opened file is judged, not the path: the path may change in between
        status = os.fstat(descriptor)
        if not stat.S_ISREG(status.st_mode):
            raise IdentityFileError(f"{path} is not a regular file")
        if status.st_mode & 0o077:
            raise IdentityFileError(
                f"{path} can be read by others; if it was not copied, run: chmod 600 {path}"
            )
        data = os.read(descriptor, _MAX_BYTES + 1)
    finally:
        os.close(descriptor)
    if len(data) > _MAX_BYTES:
        raise IdentityFileError(f"{path} is too long to be a key file")
    return data
