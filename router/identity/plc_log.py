"""The audit log of a did:plc, verified: the directory cannot make up a key, only withhold news.

A did:plc is the hash of its first operation. Each further operation names the one before it (`prev`) and
is signed by a rotation key of that one, so the whole log follows from the DID. What the directory adds is
order in time, and that matters in one place:

*Nullification.* An operation whose `prev` is not the newest one takes back everything after that `prev`.
It must be signed by a rotation key that stands before the one that signed the first operation taken back,
and within 72 h of it. The operations taken back are gone: nothing may follow them.

    genesis ── a ── b ── c          c' has prev = a: it nullifies b and c, if its key outranks b's
                 └─ c'              and c' was made at most 72 h after b

Pure. Source: the did:plc specification (web.plc.directory), v0.1 with legacy `create` operations, and the
vectors of `did-method-plc/interop_tests/audit_log`.
"""

import base64
import binascii
import hashlib
from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

import attrs

from crypto import InvalidKeyError, parse_did_key
from protocol import InvalidDagCbor, encode_dagcbor
from router.identity.document import DidDocument, ServiceEntry, VerificationMethod
from router.identity.errors import BadDocumentError

RECOVERY_WINDOW = timedelta(hours=72)
MAX_OPERATIONS = 1_000
MAX_ROTATION_KEYS = 10

_DID_LENGTH = 24
_CID_HEAD = bytes((0x01, 0x71, 0x12, 0x20))  # CID version 1, DAG-CBOR, SHA-256, 32 bytes
_DID_KEY = "did:key:"


class BadLogError(BadDocumentError):
    """The log does not follow from the DID. The text names the rule and no key or name."""


@attrs.frozen
class PlcState:
    """What a log comes to: who may change it next, and what the document says."""

    did: str
    tombstoned: bool
    rotation_keys: tuple[str, ...]
    verification_methods: Mapping[str, str]
    """Name without `#` -> did:key."""
    also_known_as: tuple[str, ...]
    services: tuple[ServiceEntry, ...]

    def document(self) -> DidDocument:
        """The DID document, as the directory writes it; not for a tombstoned DID."""
        return DidDocument(
            self.did,
            verification_methods=tuple(
                VerificationMethod(f"{self.did}#{name}", "Multikey", self.did, key.removeprefix(_DID_KEY))
                for name, key in self.verification_methods.items()
            ),
            services=self.services,
            also_known_as=self.also_known_as,
        )


@attrs.frozen
class _Operation:
    """One operation, legacy ones in their modern form.

    A tombstone has nothing but `prev`: without rotation keys there is nobody who could sign what follows it.
    """

    cid: str
    prev: str | None
    signature: bytes
    signed: bytes
    rotation_keys: tuple[str, ...] = ()
    verification_methods: Mapping[str, str] = attrs.field(factory=dict)
    also_known_as: tuple[str, ...] = ()
    services: tuple[ServiceEntry, ...] = ()
    tombstone: bool = False


@attrs.frozen
class _Made:
    """An operation in the log, with the time the directory gave it."""

    operation: _Operation
    at: datetime


def verify_log(did: str, log: object) -> PlcState:
    """The state that the log of a DID proves; `BadLogError` if it proves none.

    `log` is the parsed JSON of `/<did>/log/audit`. At most `MAX_OPERATIONS` operations, some 0.1 to 0.5 ms
    each: for a worker thread.
    """
    entries = _entries(did, log)
    history: list[_Made] = []  # what stands: each entry is the `prev` of the next
    nullified: set[str] = set()
    for made in entries:
        taken_back = _place(history, made)
        nullified.update(gone.operation.cid for gone in taken_back)
        del history[len(history) - len(taken_back) :]
        history.append(made)
    _check_flags(log, nullified)
    last = history[-1].operation
    return PlcState(
        did,
        last.tombstone,
        last.rotation_keys,
        last.verification_methods,
        last.also_known_as,
        last.services,
    )


def operation_cid(operation: Mapping[str, object]) -> str:
    """The CID of a signed operation: its name, and what the next one gives as `prev`."""
    digest = hashlib.sha256(_encoded(operation)).digest()
    return "b" + _base32(_CID_HEAD + digest)


def genesis_did(operation: Mapping[str, object]) -> str:
    """The DID that a signed first operation makes."""
    return "did:plc:" + _base32(hashlib.sha256(_encoded(operation)).digest())[:_DID_LENGTH]


def signed_bytes(operation: Mapping[str, object]) -> bytes:
    """What the signature of an operation is made over."""
    return _encoded({name: value for name, value in operation.items() if name != "sig"})


def _place(history: Sequence[_Made], made: _Made) -> Sequence[_Made]:
    """Where an operation goes: the operations it takes back, none for a plain successor. `BadLogError`."""
    operation = made.operation
    if not history:
        if operation.prev is not None or operation.tombstone:
            raise BadLogError("the first operation is not a first operation")
        if not _signer(operation.rotation_keys, operation):
            raise BadLogError("the first operation is not signed by its own rotation keys")
        return ()
    if made.at < history[-1].at:
        raise BadLogError("the log is not in the order of time")
    place = next((i for i, past in enumerate(history) if past.operation.cid == operation.prev), None)
    if place is None:
        raise BadLogError("an operation follows none that stands")
    before = history[place].operation
    taken_back = history[place + 1 :]
    powerful = before.rotation_keys
    if taken_back:
        disputed = taken_back[0]
        if made.at - disputed.at > RECOVERY_WINDOW:
            raise BadLogError("an operation was taken back after more than 72 h")
        signer = _signer(powerful, disputed.operation)
        powerful = powerful[: powerful.index(signer)] if signer else ()
    if not _signer(powerful, operation):
        raise BadLogError("an operation is not signed by a rotation key that may")
    return taken_back


def _signer(keys: Iterable[str], operation: _Operation) -> str | None:
    """The first of these keys that made the operation's signature (low-S, as everywhere)."""
    for key in keys:
        try:
            if parse_did_key(key).verify(operation.signed, operation.signature):
                return key
        except InvalidKeyError:
            continue  # a key of a curve nobody may sign with; it has signed nothing
    return None


def _check_flags(log: object, nullified: set[str]) -> None:
    """The log says of each entry whether it was taken back: one more thing that must agree."""
    for entry in log if isinstance(log, list) else ():
        if entry.get("nullified") is not (entry["cid"] in nullified):
            raise BadLogError("an entry says of itself wrongly whether it stands")


def _entries(did: str, log: object) -> list[_Made]:
    if not isinstance(log, list) or not 0 < len(log) <= MAX_OPERATIONS:
        raise BadLogError("not a list of operations")
    entries = [_entry(did, entry) for entry in log]
    if genesis_did(log[0]["operation"]) != did:
        raise BadLogError("the first operation makes another DID")
    return entries


def _entry(did: str, entry: object) -> _Made:
    if not isinstance(entry, Mapping) or entry.get("did") != did:
        raise BadLogError("an entry of another DID")
    raw = entry.get("operation")
    if not isinstance(raw, Mapping):
        raise BadLogError("an entry without an operation")
    operation = _operation(raw)
    if entry.get("cid") != operation.cid:
        raise BadLogError("an operation under the name of another")
    return _Made(operation, _time(entry.get("createdAt")))


def _operation(raw: Mapping[str, object]) -> _Operation:
    prev = raw.get("prev")
    if "prev" not in raw or not (prev is None or isinstance(prev, str)):
        raise BadLogError("an operation that says nothing of the one before it")
    head = (operation_cid(raw), prev, _signature(raw.get("sig")), signed_bytes(raw))
    match raw.get("type"):
        case "plc_operation":
            keys = _texts(raw, "rotationKeys")
            if len(keys) > MAX_ROTATION_KEYS:
                raise BadLogError("an operation with too many rotation keys")
            methods = raw.get("verificationMethods")
            if not isinstance(methods, Mapping) or not all(isinstance(key, str) for key in methods.values()):
                raise BadLogError("verificationMethods that name no keys")
            return _Operation(*head, keys, dict(methods), _texts(raw, "alsoKnownAs"), _services(raw))
        case "plc_tombstone":
            return _Operation(*head, tombstone=True)
        case "create":  # of 2022: one signing key, one recovery key that outranks it
            names = ("recoveryKey", "signingKey", "handle", "service")
            recovery, signing, handle, service = (_text(raw, name) for name in names)
            pds = ServiceEntry("#atproto_pds", "AtprotoPersonalDataServer", _url(service))
            methods = {"atproto": signing}
            return _Operation(*head, (recovery, signing), methods, (f"at://{handle}",), (pds,))
        case _:
            raise BadLogError("an operation of unknown type")


def _services(raw: Mapping[str, object]) -> tuple[ServiceEntry, ...]:
    services = raw.get("services")
    if not isinstance(services, Mapping):
        raise BadLogError("services that are no map")
    entries = []
    for name, entry in services.items():
        if not isinstance(entry, Mapping):
            raise BadLogError("a service that is no map")
        entries.append(ServiceEntry(f"#{name}", _text(entry, "type"), _text(entry, "endpoint")))
    return tuple(entries)


def _url(service: str) -> str:
    return service if service.startswith(("http://", "https://")) else f"https://{service}"


def _signature(text: object) -> bytes:
    """64 bytes in the one spelling base64url without padding has for them."""
    if not isinstance(text, str):
        raise BadLogError("an operation without a signature")
    try:
        data = base64.b64decode(text + "=" * (-len(text) % 4), altchars=b"-_", validate=True)
    except (binascii.Error, ValueError):
        raise BadLogError("a signature that is not base64url") from None
    if base64.urlsafe_b64encode(data).rstrip(b"=") != text.encode():
        raise BadLogError("a signature in another spelling")
    return data


def _time(text: object) -> datetime:
    try:
        if isinstance(text, str) and text.endswith("Z"):
            return datetime.fromisoformat(text).astimezone(UTC)
    except ValueError:
        pass
    raise BadLogError("an entry without a time")


def _text(raw: Mapping[str, object], name: str) -> str:
    value = raw.get(name)
    if not isinstance(value, str):
        raise BadLogError(f"{name} is not text")
    return value


def _texts(raw: Mapping[str, object], name: str) -> tuple[str, ...]:
    values = raw.get(name)
    if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
        raise BadLogError(f"{name} is not a list of texts")
    return tuple(values)


def _encoded(operation: Mapping[str, object]) -> bytes:
    try:
        return encode_dagcbor(dict(operation))
    except (InvalidDagCbor, UnicodeError):  # UnicodeError: a lone surrogate, which JSON can spell
        raise BadLogError("an operation that has no DAG-CBOR") from None


def _base32(data: bytes) -> str:
    return base64.b32encode(data).decode().rstrip("=").lower()
