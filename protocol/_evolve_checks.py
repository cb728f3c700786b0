"""What the transitions of `evolve` have in common: checks that raise `BrokenLog`, and members' arithmetic."""

from collections.abc import Collection
from typing import TypedDict, TypeVar

from protocol._errors import BrokenLog
from protocol._facts import Fact, decode_fact
from protocol._ids import AccountDid, DeviceId
from protocol._log import Entry, MemberDevice
from protocol._state import Conversation, Member

_F = TypeVar("_F", bound=Fact)


def check_settled(state: Conversation) -> None:
    """A commit is followed at once by all that it does to membership."""
    if state.group.owed:
        raise BrokenLog("the last commit's changes of membership are missing")


def check_uncounted(entry: Entry, app_count: int) -> None:
    """Only messages are counted, and facts have no name."""
    if entry.msg_id is not None or entry.app_count != app_count:
        raise BrokenLog("only messages have an id and are counted")


def fact_of(state: Conversation, entry: Entry, kind: type[_F]) -> _F:
    """The fact of an entry that belongs to the current epoch and has no name."""
    check_uncounted(entry, state.app_count)
    if entry.epoch != state.epoch:
        raise BrokenLog("a fact belongs to the current epoch")
    return expect(entry, kind)


def expect(entry: Entry, kind: type[_F]) -> _F:
    """The fact of an entry, which is of this type."""
    fact = decode_fact(entry.body)
    if not isinstance(fact, kind):
        raise BrokenLog(f"the fact of this entry is a {type(fact).__name__}")
    return fact


def one_account(members: tuple[MemberDevice, ...]) -> AccountDid:
    """The account that all of them are of."""
    accounts = {member.account for member in members}
    if len(accounts) != 1:
        raise BrokenLog("an entry adds devices of one account")
    return accounts.pop()


def joining(members: tuple[MemberDevice, ...], entry: Entry) -> dict[DeviceId, Member]:
    """The members these devices become by this entry, each once."""
    joined = {
        m.device: Member(m.account, m.device, entry.seq, entry.received, m.device_name, m.leaf)
        for m in members
    }
    if len(joined) != len(members):
        raise BrokenLog("a device joins once")
    return joined


class Remaining(TypedDict):
    """Who is in after somebody went."""

    members: dict[DeviceId, Member]
    devices_by_account: dict[AccountDid, tuple[DeviceId, ...]]


def without_devices(state: Conversation, devices: Collection[DeviceId]) -> Remaining:
    """Members and their index without these devices; an account without devices is out."""
    gone = frozenset(devices)
    staying = {
        account: tuple(device for device in own if device not in gone)
        for account, own in state.devices_by_account.items()
    }
    return Remaining(
        members={device: member for device, member in state.members.items() if device not in gone},
        devices_by_account={account: own for account, own in staying.items() if own},
    )
