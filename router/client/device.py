"""A device's own identity: its signing key and the id it got from the server, kept in one secret file."""

import base64
import time
from collections.abc import Callable
from pathlib import Path

import attrs
import msgspec
from nacl.signing import SigningKey

from crypto import Entropy, system_entropy
from protocol import DeviceId
from router.client.client import RookeryClient
from router.client.errors import StateError
from router.client.home import home_service
from router.identity.errors import IdentityFileError
from router.identity.files import read_secret, write_secret
from router.identity.key_proof import Claim, KeyProof, prove_key

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
        cls,
        client: RookeryClient,
        name: str,
        *,
        service: str | None = None,
        wall: Callable[[], float] = time.time,
        entropy: Entropy = system_entropy,
    ) -> "Device":
        """Make a key and register it, with the proof that it is ours.

        `service` is the server's DID, needed for an account that does not live there.
        """
        seed = entropy(_SEED_BYTES)
        public, proof = _proven(seed, client, service, None, wall, entropy)
        return cls(await client.chat.register_device(name, public, proof), name, seed)

    async def rotate(
        self,
        client: RookeryClient,
        *,
        service: str | None = None,
        wall: Callable[[], float] = time.time,
        entropy: Entropy = system_entropy,
    ) -> "Device":
        """The same device under a new key. `client` speaks as this device or as its account.

        On `OutcomeUnknown` either key may be the one that counts; the account can rotate again.
        """
        seed = entropy(_SEED_BYTES)
        public, proof = _proven(seed, client, service, self.id, wall, entropy)
        await client.chat.rotate_device_key(self.id, public, proof)
        return attrs.evolve(self, seed=seed)

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


def _proven(
    seed: bytes,
    client: RookeryClient,
    service: str | None,
    device: DeviceId | None,
    wall: Callable[[], float],
    entropy: Entropy,
) -> tuple[bytes, KeyProof]:
    """The public key of a seed, and the proof for the server that the client's account is known to."""
    key = SigningKey(seed)
    named = (service or home_service(client.did)).partition("#")[0]
    claim = Claim(named, client.did, bytes(key.verify_key), device)
    return claim.key, prove_key(key, claim, wall(), entropy=entropy)
