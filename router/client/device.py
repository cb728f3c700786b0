"""A device's own identity: its signing key and the id it got from the server, kept in one secret file."""

import base64
from pathlib import Path

import attrs
import msgspec
from nacl.signing import SigningKey

from crypto import Entropy, system_entropy
from protocol import DeviceId
from router.client.client import RookeryClient
from router.client.errors import StateError
from router.identity.errors import IdentityFileError
from router.identity.files import read_secret, write_secret

_VERSION = 1
_SEED_BYTES = 32


class _Form(msgspec.Struct, frozen=True, rename="camel", forbid_unknown_fields=True):
    version: int
    device_id: str
    name: str
    signing_seed: str


@attrs.frozen
class Device:
    """A registered device. Its Ed25519 key is what ratchets will build on; today it names the device."""

    id: DeviceId
    name: str
    seed: bytes = attrs.field(repr=False)

    @classmethod
    async def register(
        cls, client: RookeryClient, name: str, *, entropy: Entropy = system_entropy
    ) -> "Device":
        """Make a key and register it; the server's answer to a repeat is the same id."""
        seed = entropy(_SEED_BYTES)
        public = bytes(SigningKey(seed).verify_key)
        return cls(await client.chat.register_device(name, public), name, seed)

    def save(self, path: Path) -> None:
        """Keep the device in a new file of mode 0600; `FileExistsError` if there is one."""
        seed = base64.b64encode(self.seed).decode("ascii")
        form = _Form(_VERSION, self.id, self.name, seed)
        write_secret(path, msgspec.json.format(msgspec.json.encode(form)) + b"\n")

    @classmethod
    def load(cls, path: Path) -> "Device":
        """The device of a file; raises `FileNotFoundError`, or `StateError` with a way to mend it."""
        try:
            form = msgspec.json.decode(read_secret(path), type=_Form)
            if form.version != _VERSION:
                raise StateError(f"{path} was written by another version of Rookery")
            return cls(
                DeviceId(form.device_id), form.name, base64.b64decode(form.signing_seed, validate=True)
            )
        except IdentityFileError as error:
            raise StateError(str(error)) from error
        except (msgspec.MsgspecError, ValueError) as error:
            raise StateError(f"{path} is not a device file: {error}") from error
