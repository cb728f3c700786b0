"""Accounts that live elsewhere, with the keys that rule them."""

import base64
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

import attrs

from crypto import Curve, PrivateKey, format_did_key, generate_private_key
from protocol import AccountDid
from router.blocks.pds import PDS_ENTRY, PDS_TYPE
from router.identity.document import ATPROTO_KEY, DidDocument, ServiceEntry, VerificationMethod
from router.identity.keys import AccountKey
from router.identity.plc_log import genesis_did, operation_cid, signed_bytes, verify_log

_SOME_PDS = "https://pds.example.com"


@attrs.define
class PlcAccount:
    """A did:plc: its log as the directory keeps it, its signing key, its rotation keys (the first rules)."""

    did: AccountDid
    handle: str
    key: AccountKey
    rotation: list[PrivateKey]
    log: list[dict[str, Any]]
    pds: str = _SOME_PDS

    @classmethod
    def create(
        cls,
        handle: str,
        *,
        now: float,
        curve: Curve = Curve.K256,
        rotation_keys: int = 2,
        pds: str = _SOME_PDS,
    ) -> "PlcAccount":
        """A new account, made at `now` (Unix seconds), whose records are at the origin `pds`."""
        signing = generate_private_key(curve)
        rotation = [generate_private_key(Curve.K256) for _ in range(rotation_keys)]
        first = _signed(_content(handle, signing, rotation, pds), None, rotation[0])
        did = AccountDid(genesis_did(first))
        account = cls(did, handle, AccountKey(did, signing), rotation, [], pds)
        account._append(first, now)
        return account

    @property
    def head(self) -> str:
        """The CID of the newest operation that stands."""
        return str(next(entry["cid"] for entry in reversed(self.log) if not entry["nullified"]))

    @property
    def tombstoned(self) -> bool:
        """Whether the newest operation that stands is a tombstone."""
        standing = next(entry for entry in reversed(self.log) if not entry["nullified"])
        return bool(standing["operation"]["type"] == "plc_tombstone")

    def rotate(self, *, now: float, curve: Curve = Curve.K256, by: int = 0) -> AccountKey:
        """A new signing key, entered with rotation key number `by`; returns the old one."""
        old, signing = self.key, generate_private_key(curve)
        content = _content(self.handle, signing, self.rotation, self.pds)
        self._append(_signed(content, self.head, self.rotation[by]), now)
        self.key = AccountKey(self.did, signing)
        return old

    def tombstone(self, *, now: float, by: int = 0) -> None:
        """The account ends."""
        self._append(_signed({"type": "plc_tombstone"}, self.head, self.rotation[by]), now)

    def recover(self, prev: str, *, now: float, by: int = 0) -> None:
        """A new signing key after `prev`, taking back what came after: valid within 72 h, by a higher key."""
        signing = generate_private_key(Curve.K256)
        seen = False
        for entry in self.log:
            entry["nullified"] = entry["nullified"] or seen
            seen = seen or entry["cid"] == prev
        content = _content(self.handle, signing, self.rotation, self.pds)
        self._append(_signed(content, prev, self.rotation[by]), now)
        self.key = AccountKey(self.did, signing)

    def document(self) -> DidDocument:
        """The document as the directory gives it."""
        return verify_log(self.did, self.log).document()

    def _append(self, operation: Mapping[str, Any], now: float) -> None:
        made = datetime.fromtimestamp(now, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        self.log.append(
            {
                "did": self.did,
                "operation": dict(operation),
                "cid": operation_cid(operation),
                "nullified": False,
                "createdAt": made,
            }
        )


@attrs.define
class WebAccount:
    """A did:web: its key and the document that its host serves."""

    did: AccountDid
    key: AccountKey
    pds: str | None = None
    """The origin of the host of its records, if it has any."""

    @property
    def web_name(self) -> str:
        """`alice.example.com`, `localhost%3A3000`."""
        return self.did.removeprefix("did:web:")

    def rotate(self, *, curve: Curve = Curve.K256) -> AccountKey:
        """A new signing key; returns the old one."""
        old, self.key = self.key, AccountKey.generate(self.did, curve)
        return old

    def document(self) -> DidDocument:
        """The document as its host serves it."""
        method = VerificationMethod(self.did + ATPROTO_KEY, "Multikey", self.did, self.key.verification_key)
        services = (ServiceEntry(PDS_ENTRY, PDS_TYPE, self.pds),) if self.pds else ()
        return DidDocument(self.did, (method,), services, also_known_as=(f"at://{self.web_name}",))


def web_account(web_name: str, *, curve: Curve = Curve.K256, pds: str | None = None) -> WebAccount:
    """A new did:web of this name (a port written `%3A`), whose records are at the origin `pds`."""
    did = AccountDid(f"did:web:{web_name}")
    return WebAccount(did, AccountKey.generate(did, curve), pds)


def _content(handle: str, signing: PrivateKey, rotation: list[PrivateKey], pds: str) -> dict[str, Any]:
    return {
        "type": "plc_operation",
        "rotationKeys": [format_did_key(key.public) for key in rotation],
        "verificationMethods": {"atproto": format_did_key(signing.public)},
        "alsoKnownAs": [f"at://{handle}"],
        "services": {"atproto_pds": {"type": PDS_TYPE, "endpoint": pds}},
    }


def _signed(content: Mapping[str, Any], prev: str | None, by: PrivateKey) -> dict[str, Any]:
    unsigned = {**content, "prev": prev}
    signature = base64.urlsafe_b64encode(by.sign(signed_bytes(unsigned))).decode().rstrip("=")
    return {**unsigned, "sig": signature}
