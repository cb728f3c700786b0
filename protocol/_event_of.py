"""From an entry to the event that shows it: every entry has exactly one.

Commits and proposals are messages of another type, which every member needs; what a commit does to
membership follows it in events of its own. What a joiner sees first is its own `joined`: a Welcome waits.
"""

from msgspec import UNSET

from protocol._errors import BrokenLog
from protocol._facts import (
    AccountNamed,
    BlockConflict,
    CommitMade,
    Created,
    GroupInfoKept,
    GroupInfoRefreshRequested,
    GroupReset,
    LeafReplaced,
    MemberRemoved,
    MembersAdded,
    NewDevice,
    PolicyChanged,
    ProposalMade,
    ReadditionRequested,
    RoleChanged,
    Warned,
    WelcomeReissueRequested,
    decode_fact,
)
from protocol._facts_devices import KeyPackagesLow, KeyPackagesRestocked, WelcomeReissued
from protocol._ids import AccountDid, DeviceId
from protocol._log import ConversationKind, Entry, EntryKind
from protocol._time import bucket_text
from schema.wire import Octets
from schema.wire.rookery import (
    MessageView,
    StreamEventsConvoEvent,
    StreamEventsGroupInfoRefreshRequestedEvent,
    StreamEventsGroupResetEvent,
    StreamEventsInfoEvent,
    StreamEventsMembershipChangeEvent,
    StreamEventsMessageEvent,
    StreamEventsNewDeviceEvent,
    StreamEventsNoticeEvent,
    StreamEventsReadditionRequestedEvent,
    StreamEventsTreeChangedEvent,
    StreamEventsWelcomeReissueRequestedEvent,
)

Event = (
    StreamEventsMessageEvent
    | StreamEventsMembershipChangeEvent
    | StreamEventsConvoEvent
    | StreamEventsInfoEvent
    | StreamEventsNewDeviceEvent
    | StreamEventsGroupInfoRefreshRequestedEvent
    | StreamEventsReadditionRequestedEvent
    | StreamEventsGroupResetEvent
    | StreamEventsTreeChangedEvent
    | StreamEventsWelcomeReissueRequestedEvent
    | StreamEventsNoticeEvent
)
"""The events of `chat.rookery.streamEvents`."""


def event_of(entry: Entry) -> Event:
    """The event that shows an entry; `BrokenLog` for one that cannot be read."""
    if entry.kind is EntryKind.MESSAGE:
        return _message(entry, entry.body)
    convo, at = entry.conversation, bucket_text(entry.received)
    match decode_fact(entry.body):
        case Created(kind=ConversationKind.ACCOUNT, creator=creator):
            return StreamEventsNoticeEvent(convo_id=convo, name="account", did=creator, seq=entry.seq)
        case Created():
            return StreamEventsConvoEvent(convo_id=convo, seq=entry.seq, action="created")
        case MembersAdded(actor=actor, members=members):
            return _membership(entry, members[0].account, "joined", actor)
        case MemberRemoved(action="device", account=account, actor=actor, devices=devices, reason=reason):
            return _membership(entry, account, "deviceRemoved", actor, reason, devices)
        case MemberRemoved(account=account, actor=actor, action=action, reason=reason):
            return _membership(entry, account, action, actor, reason)
        case (
            LeafReplaced(account=account, actor=actor, device=device)
            | WelcomeReissued(account=account, by=actor, device=device)
        ):
            return _membership(entry, account, "joined", actor, None, (device,))
        case CommitMade(commit=commit, digest=digest):
            return _message(entry, commit, "commit", digest)
        case ProposalMade(message=message):
            return _message(entry, message, "proposal")
        case RoleChanged(actor=actor, target=target, role=role):
            return StreamEventsConvoEvent(
                convo_id=convo,
                seq=entry.seq,
                action="updated",
                what="role",
                did=target,
                role=role,
                actor=actor,
            )
        case PolicyChanged(actor=actor):
            return StreamEventsConvoEvent(
                convo_id=convo, seq=entry.seq, action="updated", what="policy", actor=actor
            )
        case GroupReset() as fact:
            return StreamEventsGroupResetEvent(
                convo_id=convo,
                new_group_id=fact.group_id,
                reset_generation=fact.generation,
                reset_by=fact.actor,
                cipher_suite=fact.cipher_suite,
                reason=UNSET if fact.reason is None else fact.reason,
                seq=entry.seq,
            )
        case GroupInfoKept():
            return StreamEventsTreeChangedEvent(convo_id=convo, epoch=entry.epoch, seq=entry.seq)
        case NewDevice(account=account, device=device, device_name=name, addition_id=addition):
            return StreamEventsNewDeviceEvent(
                convo_id=convo,
                user_did=account,
                device_id=device,
                device_name=name or UNSET,
                device_credential_did=f"{account}#{device}",
                pending_addition_id=addition,
                seq=entry.seq,
            )
        case GroupInfoRefreshRequested(by=by):
            return StreamEventsGroupInfoRefreshRequestedEvent(
                convo_id=convo, requested_by=by, requested_at=at, seq=entry.seq
            )
        case ReadditionRequested(account=account, device=device, attempt=attempt, leased_to=leased_to):
            return StreamEventsReadditionRequestedEvent(
                convo_id=convo,
                user_did=account,
                requested_at=at,
                device_id=device,
                leased_to=UNSET if leased_to is None else leased_to,
                attempt=attempt - 1,
                seq=entry.seq,
            )
        case WelcomeReissueRequested(account=account, device=device):
            return StreamEventsWelcomeReissueRequestedEvent(
                convo_id=convo,
                recipient_device_did=f"{account}#{device}",
                requested_at=at,
                request_id=f"{convo}:{entry.seq}",
                seq=entry.seq,
            )
        case AccountNamed(actor=actor, account=account):
            return StreamEventsNoticeEvent(
                convo_id=convo, name="named", did=account, actor=actor, seq=entry.seq
            )
        case KeyPackagesLow(account=account, device=device, suite=suite, remaining=remaining):
            return StreamEventsNoticeEvent(
                convo_id=convo,
                name="keyPackagesLow",
                did=account,
                device_id=device,
                text=f"Key packages left of MLS cipher suite {suite}: {remaining}.",
                seq=entry.seq,
            )
        case KeyPackagesRestocked(account=account, device=device, suite=suite):
            return StreamEventsNoticeEvent(
                convo_id=convo,
                name="keyPackagesRestocked",
                did=account,
                device_id=device,
                text=f"There are enough key packages of MLS cipher suite {suite} again.",
                seq=entry.seq,
            )
        case BlockConflict(blocker=blocker, blocked=blocked, stands=stands):
            return StreamEventsNoticeEvent(
                convo_id=convo,
                name="blockConflict" if stands else "blockResolved",
                did=blocked,
                actor=blocker,
                seq=entry.seq,
            )
        case Warned(by=by, account=account, expires=expires):  # pragma: no branch - mypy checks the union
            return StreamEventsNoticeEvent(
                convo_id=convo,
                name="warned",
                did=account,
                actor=by,
                expires_at=UNSET if expires is None else bucket_text(expires),
                seq=entry.seq,
            )


def _message(
    entry: Entry, body: bytes, kind: str | None = None, digest: bytes | None = None
) -> StreamEventsMessageEvent:
    if entry.msg_id is None:
        raise BrokenLog("what is shown as a message has an id")
    return StreamEventsMessageEvent(
        message=MessageView(
            id=entry.msg_id,
            convo_id=entry.conversation,
            ciphertext=Octets(body),
            epoch=entry.epoch,
            seq=entry.seq,
            created_at=bucket_text(entry.received),
            message_type=UNSET if kind is None else kind,
            digest=UNSET if digest is None else Octets(digest),
        )
    )


def _membership(
    entry: Entry,
    account: AccountDid,
    action: str,
    actor: AccountDid | None,
    reason: str | None = None,
    devices: tuple[DeviceId, ...] = (),
) -> StreamEventsMembershipChangeEvent:
    return StreamEventsMembershipChangeEvent(
        convo_id=entry.conversation,
        did=account,
        action=action,
        actor=UNSET if actor is None or actor == account else actor,
        reason=UNSET if reason is None else reason,
        epoch=entry.epoch,
        seq=entry.seq,
        device_ids=devices or UNSET,
    )
