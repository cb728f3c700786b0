"""DID documents: read strictly into frozen values, the signing key chosen, and written for our own.

Reading keeps the little that matters (`id`, `verificationMethod`, `service`, `alsoKnownAs`) and
ignores the rest. The key of an account is the first entry whose id is `#atproto` or `<did>#atproto`,
whose controller is the DID, of a supported type; a key of another name (a labeler's, say) never
signs for the account, whatever a token's `kid` asks for.

Source: W3C DID Core, atproto.com/specs/did.
"""

from collections import OrderedDict
from collections.abc import Mapping

import attrs

from crypto import InvalidKeyError
from router.identity.errors import BadDocumentError
from router.identity.jws import VerificationKey, parse_verification_key

ATPROTO_KEY = "#atproto"

_MAX_ENTRIES = 64
_CONTEXT = ("https://www.w3.org/ns/did/v1", "https://w3id.org/security/multikey/v1")


@attrs.frozen
class VerificationMethod:
    """One entry of `verificationMethod`, its key still text."""

    id: str
    type: str
    controller: str
    multibase: str


@attrs.frozen
class ServiceEntry:
    """One entry of `service` with a URL."""

    id: str
    type: str
    endpoint: str


@attrs.frozen
class DidDocument:
    """What a resolver answers: the DID, how it verifies, what it offers, how it is also known."""

    id: str
    verification_methods: tuple[VerificationMethod, ...] = ()
    services: tuple[ServiceEntry, ...] = ()
    also_known_as: tuple[str, ...] = ()

    def to_json(self) -> dict[str, object]:
        """The document as JSON values, as it is served."""
        return {
            "@context": list(_CONTEXT),
            "id": self.id,
            "alsoKnownAs": list(self.also_known_as),
            "verificationMethod": [
                {
                    "id": method.id,
                    "type": method.type,
                    "controller": method.controller,
                    "publicKeyMultibase": method.multibase,
                }
                for method in self.verification_methods
            ],
            "service": [
                {"id": entry.id, "type": entry.type, "serviceEndpoint": entry.endpoint}
                for entry in self.services
            ],
        }


def parse_did_document(value: object, did: str) -> DidDocument:
    """The document of `did` from parsed JSON; `BadDocumentError` if it is another's or out of shape.

    Entries of a form that is not understood are left out: documents carry much that is not ours.
    """
    if not isinstance(value, Mapping) or value.get("id") != did:
        raise BadDocumentError("not the document of this DID")
    return DidDocument(
        id=did,
        verification_methods=tuple(
            # one without its other parts is kept: if it is the account's, it decides, and is no key
            VerificationMethod(
                entry["id"], *(_text(entry, name) for name in ("type", "controller", "publicKeyMultibase"))
            )
            for entry in _entries(value, "verificationMethod")
            if _has_texts(entry, "id")
        ),
        services=tuple(
            ServiceEntry(entry["id"], entry["type"], entry["serviceEndpoint"])
            for entry in _entries(value, "service")
            if _has_texts(entry, "id", "type", "serviceEndpoint")
        ),
        also_known_as=tuple(name for name in _list(value, "alsoKnownAs") if isinstance(name, str)),
    )


def atproto_method(document: DidDocument) -> VerificationMethod:
    """The entry that signs for the account; `BadDocumentError` when there is none."""
    for method in document.verification_methods:
        if method.id in (ATPROTO_KEY, document.id + ATPROTO_KEY):
            if method.controller != document.id:
                break  # the first such entry decides, as for every other reader of the document
            return method
    raise BadDocumentError("no #atproto key of its own")


class KeyCache:
    """Parsed keys by their text, at most `capacity`, the least recently used given up first.

    Parsing a key costs as much as half an ES256 verification. The text is the identity of the key, so an
    entry never goes stale; a rotated key is another text.
    """

    def __init__(self, capacity: int = 4096) -> None:
        self._capacity = capacity
        self._keys: OrderedDict[tuple[str, str], VerificationKey] = OrderedDict()

    def key_of(self, document: DidDocument) -> VerificationKey:
        """The parsed `#atproto` key of a document; `BadDocumentError` when it has no usable one."""
        method = atproto_method(document)
        name = (method.type, method.multibase)
        key = self._keys.get(name)
        if key is not None:
            self._keys.move_to_end(name)
            return key
        try:
            key = parse_verification_key(method.type, method.multibase)
        except InvalidKeyError:
            raise BadDocumentError("its #atproto key is not usable") from None
        self._keys[name] = key
        if len(self._keys) > self._capacity:
            self._keys.popitem(last=False)
        return key

    def statistics(self) -> dict[str, int]:
        """`items` held now and `capacity`."""
        return {"items": len(self._keys), "capacity": self._capacity}


def _list(document: Mapping[str, object], name: str) -> list[object]:
    value = document.get(name, [])
    if not isinstance(value, list) or len(value) > _MAX_ENTRIES:
        raise BadDocumentError(f"{name} is not a short list")
    return value


def _entries(document: Mapping[str, object], name: str) -> list[dict[str, str]]:
    return [entry for entry in _list(document, name) if isinstance(entry, dict)]


def _text(entry: Mapping[str, object], name: str) -> str:
    value = entry.get(name)
    return value if isinstance(value, str) else ""


def _has_texts(entry: Mapping[str, object], *names: str) -> bool:
    return all(isinstance(entry.get(name), str) for name in names)
