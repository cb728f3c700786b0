"""The audit chain: pure functions from acts to linked records, and back to a verdict.

    hash(n) = SHA-256( "rookery-audit-v1" ‖ hash(n-1) ‖ record(n) )        hash(0) = genesis(log, shard)

One chain per shard. A record is canonical JSON (members in the order of `AuditRecord`, no white space,
UTF-8), so a person can read it and `sha256sum` can check it. Every link holds the hash before it; an edit,
a deletion, an insertion or another order breaks a link. A tail that was cut off leaves a valid shorter
chain: it shows only against a head kept elsewhere, which is what checkpoints are for.

What can never be in it: the sender of a message. Only acts on membership, roles, accounts, devices and the
server itself are recorded; time is the bucket of the act.
"""

import hashlib
from collections.abc import Iterable, Sequence

import msgspec

from protocol import AccountDid, ConversationId, Entry, acts_of

_DOMAIN = b"rookery-audit-v1"


class AuditFact(msgspec.Struct, frozen=True, gc=False):
    """An act, before it has its place in the chain."""

    action: str
    """What was done, as `noun.verb`: `member.removed`, `device.registered`."""
    actor: AccountDid | None = None
    """Who did it; None for the server or its operator."""
    subject: str | None = None
    """Whom or what it was done to: an account, a device, a setting."""
    conversation: ConversationId | None = None
    seq: int | None = None
    """The entry that is the act, where there is one."""
    detail: str | None = None


class AuditRecord(msgspec.Struct, frozen=True, gc=False):
    """An act in its place. The order of these members is the canonical one."""

    number: int
    """1, 2, 3 … in its chain."""
    at: int
    """Bucket, Unix seconds."""
    action: str
    actor: AccountDid | None
    subject: str | None
    conversation: ConversationId | None
    seq: int | None
    detail: str | None


class AuditLink(msgspec.Struct, frozen=True, gc=False):
    """A record with what ties it to its neighbours, as it is stored and exported."""

    number: int
    previous: bytes
    """Hash of the link before; of the first link, the chain's genesis."""
    record: bytes
    """Canonical JSON of an `AuditRecord`."""
    hash: bytes

    def read(self) -> AuditRecord:
        """The record as a value."""
        return _decoder.decode(self.record)


class AuditHead(msgspec.Struct, frozen=True, gc=False):
    """The end of a chain. Kept elsewhere it shows whether a tail was cut off."""

    number: int
    """0: nothing recorded yet."""
    hash: bytes


class ChainBroken(Exception):
    """Somebody's act: the chain does not verify. `number` is the first record that is wrong or missing."""

    def __init__(self, number: int, reason: str) -> None:
        super().__init__(f"audit record {number}: {reason}")
        self.number = number
        self.reason = reason


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(AuditRecord, strict=True)


def genesis(log_id: bytes, shard: int) -> AuditHead:
    """The head of an empty chain: bound to the log and the shard, so chains cannot be exchanged."""
    digest = hashlib.sha256(_DOMAIN + b"\x00genesis" + log_id + shard.to_bytes(4, "big")).digest()
    return AuditHead(number=0, hash=digest)


def link(head: AuditHead, fact: AuditFact, at: int) -> AuditLink:
    """The next link after `head` for an act in the bucket `at`."""
    record = _encoder.encode(
        AuditRecord(
            number=head.number + 1,
            at=at,
            action=fact.action,
            actor=fact.actor,
            subject=fact.subject,
            conversation=fact.conversation,
            seq=fact.seq,
            detail=fact.detail,
        )
    )
    return AuditLink(head.number + 1, head.hash, record, _hash(head.hash, record))


def head_of(chained: AuditLink) -> AuditHead:
    """The head of the chain that ends with this link."""
    return AuditHead(chained.number, chained.hash)


def verify(links: Iterable[AuditLink], *, after: AuditHead, expected: AuditHead | None = None) -> AuditHead:
    """The head these links lead to from `after`, or `ChainBroken` naming the first bad record.

    `expected` is a head kept from an earlier time: the chain must pass through it or end in it. Without
    one, a tail cut off cannot be seen.
    """
    head = after
    met = expected is None or expected == after
    for chained in links:
        number = head.number + 1
        if chained.number != number:
            raise ChainBroken(number, f"missing; the next one there is {chained.number}")
        if chained.previous != head.hash:
            raise ChainBroken(number, "does not follow the record before it")
        if chained.hash != _hash(head.hash, chained.record):
            raise ChainBroken(number, "its hash is not that of its content")
        _check_canonical(chained)
        head = head_of(chained)
        if expected is not None and head.number == expected.number:
            if head.hash != expected.hash:
                raise ChainBroken(number, "is not the record that was attested")
            met = True
    if expected is not None and not met:
        if head.number < expected.number:
            raise ChainBroken(head.number + 1, f"cut off; {expected.number} records were attested")
        raise ChainBroken(expected.number, "the attested head lies before the part that was examined")
    return head


def facts_of(entry: Entry) -> Sequence[AuditFact]:
    """The acts an entry is: none for a message, one per account for a change of membership."""
    return tuple(
        AuditFact(act.action, act.actor, act.subject, entry.conversation, entry.seq, act.detail)
        for act in acts_of(entry)
    )


def _hash(previous: bytes, record: bytes) -> bytes:
    return hashlib.sha256(_DOMAIN + previous + record).digest()


def _check_canonical(chained: AuditLink) -> None:
    """One act has one spelling, and says the number it stands under."""
    try:
        record = _decoder.decode(chained.record)
    except msgspec.DecodeError as error:
        raise ChainBroken(chained.number, "is no audit record") from error
    if record.number != chained.number:
        raise ChainBroken(chained.number, f"says it is record {record.number}")
    if _encoder.encode(record) != chained.record:
        raise ChainBroken(chained.number, "is not in canonical form")
