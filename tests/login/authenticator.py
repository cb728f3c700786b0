"""A software authenticator and the browser in front of it: right by default, and as wrong as a test wants.

Written from the specification (WebAuthn level 3, 5.8.1 and 6.1) with a CBOR writer and keys of its own, so
that it shares nothing with what it is to be judged by but the document.
"""

import base64
import hashlib
import json
import os
from collections.abc import Mapping
from typing import Any, Final, Literal

import attrs
import cbor2
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, padding, rsa

from router.login.passkey.ceremony import AssertionAnswer, CreationAnswer

PRESENT: Final = 0x01
VERIFIED: Final = 0x04
ELIGIBLE: Final = 0x08
BACKED_UP: Final = 0x10
_ATTESTED: Final = 0x40

Algorithm = Literal["ES256", "EdDSA", "RS256"]
Key = ec.EllipticCurvePrivateKey | ed25519.Ed25519PrivateKey | rsa.RSAPrivateKey
Options = Mapping[str, Any]


def text(data: bytes) -> str:
    """Base64url without padding."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def octets(data: str) -> bytes:
    return base64.urlsafe_b64decode(data + "===")


def new_key(algorithm: Algorithm) -> Key:
    """A key pair."""
    match algorithm:
        case "ES256":
            return ec.generate_private_key(ec.SECP256R1())
        case "EdDSA":
            return ed25519.Ed25519PrivateKey.generate()
        case "RS256":
            return rsa.generate_private_key(65537, 2048)


def cose_key(key: Key) -> dict[int, Any]:
    """The public part as authenticators send it (RFC 9053)."""
    match key:
        case ec.EllipticCurvePrivateKey():
            point = key.public_key().public_numbers()
            size = (key.curve.key_size + 7) // 8
            return {1: 2, 3: -7, -1: 1, -2: point.x.to_bytes(size), -3: point.y.to_bytes(size)}
        case ed25519.Ed25519PrivateKey():
            return {1: 1, 3: -8, -1: 6, -2: key.public_key().public_bytes_raw()}
        case rsa.RSAPrivateKey():
            numbers = key.public_key().public_numbers()
            length = (numbers.n.bit_length() + 7) // 8
            return {1: 3, 3: -257, -1: numbers.n.to_bytes(length), -2: numbers.e.to_bytes(3)}


def sign(key: Key, data: bytes) -> bytes:
    """A signature of the key's algorithm."""
    match key:
        case ec.EllipticCurvePrivateKey():
            return key.sign(data, ec.ECDSA(hashes.SHA256()))
        case ed25519.Ed25519PrivateKey():
            return key.sign(data)
        case rsa.RSAPrivateKey():
            return key.sign(data, padding.PKCS1v15(), hashes.SHA256())


@attrs.define
class Authenticator:
    """One that holds one passkey: `create` makes it, `get` uses it.

    What it says otherwise than it should is set on it before: `client` changes members of the browser's
    client data, None leaves one out.
    """

    origin: str
    algorithm: Algorithm = "ES256"
    flags: int = PRESENT | VERIFIED
    counts: bool = True
    party: str | None = None
    """Another relying party id than the one it is asked for."""
    client: dict[str, Any] = attrs.field(factory=dict)
    fmt: str = "none"
    statement: dict[str, Any] = attrs.field(factory=dict)
    attests_itself: bool = False
    """With `fmt` packed: the statement is signed with the new key."""
    cose: dict[int, Any] | None = None
    """Another public key than its own."""
    credential: bytes = attrs.field(factory=lambda: os.urandom(20))
    handle: bytes = b""
    count: int = 0
    key: Key = attrs.field(init=False)

    def __attrs_post_init__(self) -> None:
        self.key = new_key(self.algorithm)

    def create(self, options: Options) -> CreationAnswer:
        """What comes of `navigator.credentials.create`."""
        self.handle = octets(options["user"]["id"])
        cose = cbor2.dumps(cose_key(self.key) if self.cose is None else self.cose)
        attested = bytes(16) + len(self.credential).to_bytes(2) + self.credential + cose
        data = self._data(options["rp"]["id"], _ATTESTED) + attested
        client_data = self._client_data("webauthn.create", options)
        statement = self.statement
        if self.attests_itself:
            signature = sign(self.key, data + hashlib.sha256(client_data).digest())
            statement = {"alg": cose_key(self.key)[3], "sig": signature}
        attestation = cbor2.dumps({"fmt": self.fmt, "attStmt": statement, "authData": data})
        return CreationAnswer(client_data, attestation)

    def get(self, options: Options) -> AssertionAnswer:
        """What comes of `navigator.credentials.get`."""
        client_data = self._client_data("webauthn.get", options)
        data = self._data(options["rpId"])
        signature = sign(self.key, data + hashlib.sha256(client_data).digest())
        return AssertionAnswer(self.credential, client_data, data, signature, self.handle)

    def _data(self, party: str, more: int = 0) -> bytes:
        self.count += self.counts
        digest = hashlib.sha256((self.party or party).encode()).digest()
        return digest + bytes([self.flags | more]) + self.count.to_bytes(4)

    def _client_data(self, kind: str, options: Options) -> bytes:
        said = {
            "type": kind,
            "challenge": options["challenge"],
            "origin": self.origin,
            "crossOrigin": False,
            "other_keys_can_be_added_here": "do not compare clientDataJSON against a template",
            **self.client,
        }
        return json.dumps({name: value for name, value in said.items() if value is not None}).encode()
