"""How large what the store keeps may be: checks before anything is queued. Who exceeds one is a bug of ours,
since the edge has refused it with a better error; so each raises `PoisonRequest`.
"""

from collections.abc import Sequence

from protocol import Effect, PutGroupInfo, PutWelcome
from router.store.contacts import ChatRequest, Complaint, HeldMessage, RequestSettings
from router.store.errors import PoisonRequest
from router.store.key_packages import KeyPackage
from router.store.moderation import Invite, Report

MAX_KEY_PACKAGE_BYTES = 64 * 1024
MAX_BATCH = 200
MAX_REFS = 1_000
"""Key packages in one request, and refs a device compares or drops at once."""
MAX_REF_BYTES = 64
"""The longest hash of any suite."""
MAX_SCHEME_KEY_BYTES = 4 * 1024
MAX_WELCOME_BYTES = 10 * 1024 * 1024
MAX_GROUP_INFO_BYTES = 10 * 1024 * 1024
MAX_EVIDENCE_BYTES = 1024 * 1024
MAX_EVIDENCE = 16
"""Pieces of evidence of one conversation; the oldest go."""
MAX_REASON = 1024
"""Characters of a reason that a client gives."""
MAX_REPORT_BYTES = 50 * 1024
MAX_REPORT_MESSAGES = 20
MAX_NOTES = 1000
MAX_HELD = 5
MAX_HELD_BYTES = 1024 * 1024
MAX_EPH_KEY_BYTES = 256
MAX_PREVIEW = 200
MAX_EXPIRE_DAYS = 30
MAX_DETAILS = 500
MAX_NAME = 256
"""Characters of an id, a category, a group id."""


def check_key_packages(packages: Sequence[KeyPackage]) -> None:
    """A batch that is published."""
    _at_most("key packages", len(packages), MAX_BATCH)
    for package in packages:
        _at_most("bytes of a key package", len(package.package), MAX_KEY_PACKAGE_BYTES)
        _at_most("bytes of a signature key", len(package.signature_key), MAX_SCHEME_KEY_BYTES)
        if not 0 < len(package.ref) <= MAX_REF_BYTES:
            raise PoisonRequest("a key package without a ref")


def check_refs(refs: Sequence[bytes]) -> None:
    """Refs that a device names."""
    _at_most("refs", len(refs), MAX_REFS)


def check_effects(effects: Sequence[Effect]) -> None:
    """What an append brings with it."""
    for effect in effects:
        match effect:
            case PutWelcome(body=body):
                _at_most("bytes of a Welcome", len(body), MAX_WELCOME_BYTES)
            case PutGroupInfo(body=body):
                _at_most("bytes of a GroupInfo", len(body), MAX_GROUP_INFO_BYTES)
            case _:
                pass


def check_reason(reason: str | None) -> None:
    """Why a device cannot use its Welcome."""
    _at_most("characters of a reason", len(reason or ""), MAX_REASON)


def check_evidence(body: bytes, reason: str) -> None:
    """Bytes that were refused."""
    _at_most("bytes of evidence", len(body), MAX_EVIDENCE_BYTES)
    _at_most("characters of a reason", len(reason), MAX_REASON)


def check_report(report: Report) -> None:
    """A new report."""
    _at_most("bytes of a report", len(report.content), MAX_REPORT_BYTES)
    _at_most("messages in a report", len(report.message_ids), MAX_REPORT_MESSAGES)
    for name in (report.id, report.category, *report.message_ids):
        _at_most("characters of a name", len(name), MAX_NAME)


def check_notes(notes: str | None) -> None:
    """What an admin notes at the end of a report."""
    _at_most("characters of notes", len(notes or ""), MAX_NOTES)


def check_invite(invite: Invite) -> None:
    """A new invite."""
    _at_most("characters of a name", len(invite.id), MAX_NAME)
    if len(invite.psk_hash) != 32:
        raise PoisonRequest("an invite whose PSK hash has not 32 bytes")


def check_request(request: ChatRequest, held: Sequence[HeldMessage]) -> None:
    """A new chat request."""
    _at_most("held messages", len(held), MAX_HELD)
    for message in held:
        _at_most("bytes of a held message", len(message.body), MAX_HELD_BYTES)
        _at_most("bytes of a key", len(message.eph_pub_key), MAX_EPH_KEY_BYTES)
    _at_most("characters of a preview", len(request.preview or ""), MAX_PREVIEW)
    for name in (request.id, request.group_id or ""):
        _at_most("characters of a name", len(name), MAX_NAME)


def check_complaint(complaint: Complaint | None) -> None:
    """What an operator is told."""
    if complaint is not None:
        _at_most("characters of a name", len(complaint.reason), MAX_NAME)
        _at_most("characters of details", len(complaint.details or ""), MAX_DETAILS)


def check_settings(settings: RequestSettings) -> None:
    """Settings of an account."""
    if not 1 <= settings.expire_days <= MAX_EXPIRE_DAYS:
        raise PoisonRequest(f"requests wait for 1 to {MAX_EXPIRE_DAYS} days")


def _at_most(what: str, size: int, most: int) -> None:
    if size > most:
        raise PoisonRequest(f"{size} {what}, of at most {most}")
