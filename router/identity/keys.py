"""The key of an account, and the file it is kept in.

The file is JSON of mode 0600:

    {"version": 1, "did": "did:web:alice.example.com",
     "privateKeyMultibase": "z...", "publicKeyMultibase": "zQ3sh..."}

The public key is redundant; a file in which the two disagree was damaged or mixed up and is refused.
"""

import json
from pathlib import Path

import attrs

from crypto import (
    Curve,
    Entropy,
    InvalidKeyError,
    PrivateKey,
    format_multikey,
    format_private_multikey,
    generate_private_key,
    parse_private_multikey,
    system_entropy,
)
from protocol import AccountDid, InvalidId, parse_account_did
from router.identity.errors import IdentityFileError
from router.identity.files import read_secret, write_secret
from router.identity.jws import SigningKey

_VERSION = 1


@attrs.frozen
class AccountKey:
    """An account's DID and the private key that signs for it."""

    did: AccountDid
    private: PrivateKey
    # made once: deriving it costs OpenSSL most of a millisecond, a signature a tenth of that
    signing: SigningKey = attrs.field(
        init=False,
        repr=False,
        eq=False,
        default=attrs.Factory(lambda self: SigningKey(self.private), takes_self=True),
    )

    @classmethod
    def generate(
        cls, did: AccountDid, curve: Curve = Curve.K256, entropy: Entropy = system_entropy
    ) -> "AccountKey":
        """A new key; secp256k1 (ES256K) unless told otherwise, as nearly all of AT Protocol has it."""
        return cls(did, generate_private_key(curve, entropy))

    @property
    def verification_key(self) -> str:
        """The public key as Multikey text: what the account's record and document hold."""
        return format_multikey(self.private.public)


def write_account_key(path: Path, key: AccountKey) -> None:
    """Keeps the key in a new file; `FileExistsError` rather than write over a key."""
    content = {
        "version": _VERSION,
        "did": key.did,
        "privateKeyMultibase": format_private_multikey(key.private),
        "publicKeyMultibase": key.verification_key,
    }
    write_secret(path, json.dumps(content, indent=2).encode() + b"\n")


def load_account_key(path: Path) -> AccountKey:
    """The key of a file; `IdentityFileError` (without a word of its content) if it is not a good one."""
    try:
        content = json.loads(read_secret(path))
        if content["version"] != _VERSION:
            raise IdentityFileError(f"{path} was written by another version of Rookery")
        key = AccountKey(
            parse_account_did(content["did"]), parse_private_multikey(content["privateKeyMultibase"])
        )
        agrees = key.verification_key == content["publicKeyMultibase"]
    except (ValueError, TypeError, KeyError, AttributeError, InvalidKeyError, InvalidId):
        raise IdentityFileError(f"{path} is not an account key file") from None
    if not agrees:
        raise IdentityFileError(f"{path} holds a public key that is not its private key's")
    return key
