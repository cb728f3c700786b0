"""The place of the control socket in the file system: who owns it, and how it is opened and left.

A lock file beside it says whether a server lives: the lock ends with its process, whatever way that ended,
so a socket without a locked file is a leftover and is replaced. (Asking the socket itself would race with a
second server that starts at the same moment.) The lock file stays; removing it would race in the same way.
"""

import fcntl
import os
import socket
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import trio

NAME = "control.sock"
LOCK_NAME = "control.lock"
_LONGEST_ADDRESS = 107  # sun_path without its final zero, on Linux


class ControlSocketInUse(Exception):
    """Another server runs on this data folder."""

    def __init__(self, folder: Path) -> None:
        super().__init__(
            f"Another server is running on {folder}. Stop it first, or give this one its own data folder."
        )
        self.folder = folder


class NotASocket(Exception):
    """Something else lies where the control socket belongs; it is left alone."""

    def __init__(self, path: Path) -> None:
        super().__init__(f"{path} is in the way: it is not a socket. Move it elsewhere.")
        self.path = path


@contextmanager
def listening_socket(folder: Path, *, backlog: int) -> Iterator[trio.SocketListener]:
    """A listener on `folder/control.sock`, mode 0600, for as long as the block runs.

    Raises `ControlSocketInUse`, `NotASocket`, or OSError when the folder cannot be used. The socket file is
    removed at the end, also after an error; a killed process leaves it, and the next one replaces it.
    """
    path = folder / NAME
    with _lock(folder):
        _remove_leftover(path)
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        try:
            with _address(path) as address, _only_the_owner():
                sock.bind(address)
            try:
                sock.listen(backlog)
                yield trio.SocketListener(trio.socket.from_stdlib_socket(sock))
            finally:
                path.unlink(missing_ok=True)
        finally:
            sock.close()


async def connect(path: Path) -> trio.SocketStream:
    """A stream to the socket; raises OSError as `connect` does."""
    sock = trio.socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        with _address(path) as address:
            await sock.connect(address)
    except BaseException:
        sock.close()
        raise
    return trio.SocketStream(sock)


@contextmanager
def _lock(folder: Path) -> Iterator[None]:
    lock = os.open(folder / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise ControlSocketInUse(folder) from error
        yield
    finally:
        os.close(lock)


def _remove_leftover(path: Path) -> None:
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise NotASocket(path)
    path.unlink()


@contextmanager
def _only_the_owner() -> Iterator[None]:
    # A socket's mode is decided as it is bound; setting it afterwards would leave a moment for others. The
    # mask is the process's, so nothing awaits here; a thread's new file would at most be stricter.
    before = os.umask(0o177)
    try:
        yield
    finally:
        os.umask(before)


@contextmanager
def _address(path: Path) -> Iterator[str]:
    """The path, or a short name for it where a socket's address is too small for a deep folder."""
    if len(os.fsencode(path)) <= _LONGEST_ADDRESS:
        yield str(path)
        return
    folder = os.open(path.parent, os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{folder}/{path.name}"
    finally:
        os.close(folder)
