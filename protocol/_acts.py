"""Which acts an entry is: what an audit has to record of the log. Never a message, never who sent one.

Commits and proposals are no acts: what a commit does to membership follows it in entries of its own.
"""

import msgspec

from protocol._facts import (
    AccountNamed,
    Created,
    GroupReset,
    MemberRemoved,
    MembersAdded,
    PolicyChanged,
    RoleChanged,
    Warned,
    decode_fact,
)
from protocol._ids import AccountDid, DeviceId
from protocol._log import Entry, EntryKind

_NO_ACTS = frozenset({EntryKind.MESSAGE, EntryKind.COMMIT, EntryKind.PROPOSAL})


class Act(msgspec.Struct, frozen=True, gc=False):
    """What somebody did to somebody."""

    action: str
    """As `noun.verb`: `member.removed`, `admin.promoted`."""
    actor: AccountDid | None
    subject: AccountDid | DeviceId | None = None
    detail: str | None = None


def acts_of(entry: Entry) -> tuple[Act, ...]:
    """The acts an entry is, in order: none for messages and for most notices."""
    if entry.kind in _NO_ACTS:
        return ()
    match decode_fact(entry.body):
        case Created(creator=creator, members=members, pending=pending):
            others = dict.fromkeys(member.account for member in members if member.account != creator)
            return (
                Act("conversation.created", creator),
                *(Act("member.added", creator, account) for account in others),
                *(Act("member.named", creator, account) for account in pending),
            )
        case MembersAdded(actor=actor, members=members, role=role):
            account = members[0].account
            added = Act("member.added", actor, account)
            return (added,) if role == "member" else (added, Act(f"{role}.restored", actor, account))
        case MemberRemoved(action="device", account=account, actor=actor, devices=devices):
            return tuple(Act("member.device-removed", actor or account, device) for device in devices)
        case MemberRemoved(account=account, actor=actor, action=action, successor=successor):
            gone = Act(f"member.{action}", actor or account, account)
            return (gone,) if successor is None else (gone, Act("admin.promoted", account, successor))
        case RoleChanged(actor=actor, target=target, role=role):
            return (Act("member.demoted" if role == "member" else f"{role}.promoted", actor, target),)
        case PolicyChanged(actor=actor):
            return (Act("policy.changed", actor),)
        case GroupReset(actor=actor, generation=generation, displaced=displaced, joined=joined):
            accounts = dict.fromkeys(member.account for member in joined)
            return (
                Act("group.reset", actor, detail=f"generation {generation}"),
                *(Act("member.displaced", actor, account) for account in displaced),
                *(Act("member.added", actor, account) for account in accounts),
            )
        case AccountNamed(actor=actor, account=account):
            return (Act("member.named", actor, account),)
        case Warned(by=by, account=account, warning_id=warning_id):
            return (Act("member.warned", by, account, f"warning {warning_id}"),)
        case _:
            return ()
