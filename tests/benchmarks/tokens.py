"""The kinds of token whose verification is measured, each with the bare signature inside it.

A floor is the library's own call with the key parsed and the signature in the form the library wants; what we
add to it is everything else.
"""

import time
import uuid
from collections.abc import Callable
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Final

import attrs
import msgspec
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from nacl.signing import SigningKey

from crypto import HAS_COINCURVE, Curve, public_key
from protocol import AccountDid, DeviceId, Nsid
from router.identity.authenticator import Authenticator, Look, TokenKind
from router.identity.device_auth import DeviceTokens, mint_device_token
from router.identity.did_cache import DidCache
from router.identity.document import DidDocument, KeyCache
from router.identity.jws import VerificationKey
from router.identity.lookup import Outcome, read_document
from router.identity.outside import OutsideResolver
from router.identity.replay import ReplayGuard
from router.identity.resolver import HomeFirst, LocalResolver
from router.identity.revocations import Revocations
from router.identity.secrets import ServerSecrets
from router.identity.service import ServiceIdentity
from router.identity.service_auth import ServiceTokens, TokenPolicy
from router.identity.tokens import mint_token
from router.login.keyring import KeyRing
from router.login.tokens import AccessTokens, mint_access_token
from router.store.sqlite.store import SqliteOptions, SqliteStore, open_sqlite
from router.store.values import Device
from router.testing import PlcAccount

SERVICE: Final = ServiceIdentity("did:web:chat.example.com", "https://chat.example.com")
METHOD: Final = Nsid("chat.rookery.sendMessage")
SIGNED: Final = b"\x5a" * 400
"""About as many bytes as the header and claims of a token have."""

_LIFETIME = 3_600
_HASH = ServerSecrets(b"s" * 32).token_hash

Verify = Callable[[], object]
"""One bare verification of a good signature."""


@attrs.frozen
class Kind:
    """A kind of token: how one is minted, who judges it, and the signature inside."""

    name: str
    mint: Callable[[], str]
    authenticator: Authenticator
    bare: Verify


class OpenSslKeys(KeyCache):
    """The keys of a router that has no coincurve."""

    def __init__(self) -> None:
        super().__init__()
        self._plain: dict[bytes, VerificationKey] = {}

    def key_of(self, document: DidDocument) -> VerificationKey:
        """See `KeyCache`."""
        public = super().key_of(document).public
        key = self._plain.get(public.point)
        if key is None:
            plain = public_key(public.curve, public.point, native=False)
            key = self._plain[public.point] = VerificationKey(plain)
        return key


async def open_kinds(folder: Path, stack: AsyncExitStack) -> list[Kind]:
    """Every kind this machine has; what they stand on is gone with the stack."""
    now = time.time()
    store = await stack.enter_async_context(open_sqlite(folder / "data", SqliteOptions(writer="inline")))
    kinds = [
        _service("ES256K (OpenSSL)", Curve.K256, OpenSslKeys(), store, now, bare_openssl(ec.SECP256K1())),
        _service("ES256", Curve.P256, KeyCache(), store, now, bare_openssl(ec.SECP256R1())),
        await _device(store, now),
        _access(folder, now),
    ]
    if HAS_COINCURVE:
        kinds.insert(0, _service("ES256K (coincurve)", Curve.K256, KeyCache(), store, now, bare_coincurve()))
    return kinds


def _service(name: str, curve: Curve, keys: KeyCache, store: SqliteStore, now: float, bare: Verify) -> Kind:
    """An account of elsewhere whose document was looked up before."""
    account = PlcAccount.create("alice.example.com", now=now, curve=curve)
    cache = DidCache()
    body = msgspec.json.encode(account.document().to_json())
    cache.note(account.did, read_document(body, account.did), now)
    outside = OutsideResolver({"plc": _Nobody()}, cache, clock=lambda: now)
    tokens = ServiceTokens(
        policy=TokenPolicy(SERVICE),
        resolver=HomeFirst(SERVICE, LocalResolver(SERVICE, store), outside),
        clock=lambda: now,
        token_hash=_HASH,
        keys=keys,
    )

    def mint() -> str:
        return mint_token(account.key, account.did, SERVICE.audience, METHOD, now, _LIFETIME)

    return Kind(name, mint, _authenticator(Look.SERVICE, tokens, now), bare)


class _Nobody:
    """A source that must not be asked: every document is held."""

    shared = True

    async def find(self, did: AccountDid, /) -> Outcome:
        raise AssertionError("a document was looked up")


async def _device(store: SqliteStore, now: float) -> Kind:
    """A device of an account of this router; its row is read for each token."""
    signing = SigningKey.generate()
    account = AccountDid(f"did:web:alice.{SERVICE.web_name}")
    device = DeviceId(str(uuid.uuid4()))
    await store.create_account(account, "alice", "", now=int(now))
    row = Device(device, account, "phone", bytes(signing.verify_key), 0)
    await store.register_device(row, now=int(now), max_devices=1)
    tokens = DeviceTokens(policy=TokenPolicy(SERVICE), devices=store, clock=lambda: now, token_hash=_HASH)

    def mint() -> str:
        return mint_device_token(signing, account, device, SERVICE.audience, METHOD, now, _LIFETIME)

    return Kind("EdDSA, device", mint, _authenticator(Look.DEVICE, tokens, now), bare_eddsa())


def _access(folder: Path, now: float) -> Kind:
    """Somebody who has logged in. These tokens are not used up."""
    ring = KeyRing(folder, lambda: now)
    account = AccountDid(f"did:web:alice.{SERVICE.web_name}")
    tokens = AccessTokens(SERVICE, ring, clock=lambda: now, token_hash=_HASH)

    def mint() -> str:
        return mint_access_token(
            ring.signing, SERVICE, account, grant="g", methods=None, now=now, lifetime=600
        )

    return Kind("EdDSA, access token", mint, _authenticator(Look.ACCESS, tokens, now), bare_eddsa())


def _authenticator(look: Look, kind: TokenKind, now: float) -> Authenticator:
    return Authenticator(
        {Look.SERVICE: kind, look: kind},
        clock=lambda: now,
        replay=ReplayGuard(),
        remember=lambda _hash, _until: None,  # the store's part: its row is in the floor «raw commit»
        revocations=Revocations(lambda: now),
    )


# -- floors ------------------------------------------------------------------------------------------------


def bare_coincurve() -> Verify:
    """libsecp256k1 through coincurve."""
    import coincurve

    private = coincurve.PrivateKey()
    signature, public = private.sign(SIGNED), private.public_key
    return lambda: public.verify(signature, SIGNED)


def bare_openssl(curve: ec.EllipticCurve) -> Verify:
    """OpenSSL through cryptography."""
    algorithm = ec.ECDSA(hashes.SHA256())
    private = ec.generate_private_key(curve)
    signature, public = private.sign(SIGNED, algorithm), private.public_key()
    return lambda: public.verify(signature, SIGNED, algorithm)


def bare_eddsa() -> Verify:
    """libsodium through PyNaCl."""
    private = SigningKey.generate()
    signature, public = private.sign(SIGNED).signature, private.verify_key
    return lambda: public.verify(SIGNED, signature)
