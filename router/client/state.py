"""A device's durable memory: where it stands in the log and which sends are not answered yet.

One small JSON file, mode 0600, replaced as a whole (write beside it, fsync, rename, fsync of the
folder), so that a crash leaves the old one or the new one. It is rewritten for every save and
therefore meant for a person's device, not for a gateway with thousands of unanswered sends.

What a crash of the *device* can do: events taken since the last save come again, since the cursor
that was saved lies before them. An application that must not see them twice saves after each one.
"""

import base64
import contextlib
import os
import stat
import tempfile
from pathlib import Path

import attrs
import msgspec

from protocol import ConversationId, DeviceId, MsgId
from router.client.errors import StateError
from router.client.outbox import Outgoing

_VERSION = 1


@attrs.frozen
class DeviceState:
    """Everything a device must remember between runs."""

    device: DeviceId
    cursor: str | None = None
    marks: dict[ConversationId, int] = attrs.field(factory=dict)
    pending: tuple[Outgoing, ...] = ()


class _PendingForm(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    convo_id: str
    msg_id: str
    ciphertext: str
    epoch: int


class _Form(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    version: int
    device_id: str
    cursor: str | None
    seen: dict[str, int]
    pending: list[_PendingForm]


def encode_state(state: DeviceState) -> bytes:
    """The file's content for `state`."""
    form = _Form(
        version=_VERSION,
        device_id=state.device,
        cursor=state.cursor,
        seen=dict[str, int](**state.marks),
        pending=[
            _PendingForm(each.convo, each.msg_id, base64.b64encode(each.ciphertext).decode(), each.epoch)
            for each in state.pending
        ],
    )
    return msgspec.json.encode(form) + b"\n"


def decode_state(data: bytes) -> DeviceState:
    """The state in a file's content; raises `StateError` when it is damaged or from a newer client."""
    try:
        form = msgspec.json.decode(data, type=_Form)
        if form.version != _VERSION:
            raise StateError(f"a device state of version {form.version}; this client reads {_VERSION}")
        return DeviceState(
            device=DeviceId(form.device_id),
            cursor=form.cursor,
            marks={ConversationId(convo): seq for convo, seq in form.seen.items()},
            pending=tuple(
                Outgoing(
                    ConversationId(each.convo_id),
                    MsgId(each.msg_id),
                    base64.b64decode(each.ciphertext, validate=True),
                    each.epoch,
                )
                for each in form.pending
            ),
        )
    except (msgspec.MsgspecError, ValueError) as error:
        raise StateError(f"not a device state: {error}") from error


def _replace_private(path: Path, data: bytes) -> None:
    """Write a file that only its owner can read, durably and as a whole, over the one before."""
    descriptor, name = tempfile.mkstemp(prefix=f".{path.name}.", dir=path.parent)  # mkstemp makes it 0600
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(name, path)  # noqa: PTH105 - both names are plain strings and paths here
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(name)  # noqa: PTH108 - `name` is a plain string
        raise
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _read_private(path: Path) -> bytes:
    """The bytes of a secret file; raises `StateError` when others than its owner can read it."""
    try:
        with path.open("rb") as file:
            mode = stat.S_IMODE(os.fstat(file.fileno()).st_mode)
            if mode & 0o077:
                raise StateError(
                    f"{path} is open to others (mode {mode:04o}); mend it with: chmod 600 {path}"
                )
            return file.read()
    except OSError as error:
        raise StateError(f"cannot read {path}: {error.strerror}") from error


class StateFile:
    """A device state on disk, owned by one process at a time."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def load(self) -> DeviceState | None:
        """The saved state, or None when there is no file yet."""
        return decode_state(_read_private(self.path)) if self.path.exists() else None

    def save(self, state: DeviceState) -> None:
        """Replace the file; on return the new state survives a power cut."""
        _replace_private(self.path, encode_state(state))
