"""The state a conversation's log adds up to."""

from collections.abc import Iterable

import msgspec

from protocol._group import Group
from protocol._ids import AccountDid, ConversationId, DeviceId
from protocol._log import ConversationKind


class Member(msgspec.Struct, frozen=True, gc=False):
    """A device in a conversation and where its interval begins (inclusive)."""

    account: AccountDid
    device: DeviceId
    from_seq: int
    joined: int = 0
    """Bucket, Unix seconds."""
    device_name: str = ""
    leaf: int | None = None
    """Index of its leaf in the ratchet tree, where it is known."""


class Conversation(msgspec.Struct, frozen=True):
    """The state a log adds up to. Made by `evolve` only; the dicts in it are never changed in place.

    `devices_by_account` repeats `members` by account, so that judging a sender costs one look-up in a
    group of ten thousand devices; `by_account` makes it for a store that reads members from rows.
    """

    id: ConversationId
    kind: ConversationKind
    group_id: str
    cipher_suite: str
    creator: AccountDid
    name: str | None
    description: str | None
    created: int
    """Bucket, Unix seconds."""
    epoch: int
    last_seq: int
    app_count: int
    last_message: int | None
    """Bucket of the newest message, if there is one."""
    members: dict[DeviceId, Member]
    admins: frozenset[AccountDid]
    """Never empty, always members."""
    removed: frozenset[AccountDid]
    """Tombstones: removed by an admin, and only an admin's add brings them back."""
    left: frozenset[AccountDid]
    """Went by themselves: any member may add them again."""
    window: int
    """Messages of `epoch - window … epoch` are accepted."""
    devices_by_account: dict[AccountDid, tuple[DeviceId, ...]]
    group: Group = Group()

    def is_member(self, account: AccountDid) -> bool:
        """Whether the account has a device in the conversation."""
        return account in self.devices_by_account

    def was_member(self, account: AccountDid) -> bool:
        """Whether the account was in and is out: it may know that the conversation exists."""
        return account in self.removed or account in self.left

    def devices_of(self, account: AccountDid) -> tuple[DeviceId, ...]:
        """The account's devices in the conversation, in the order in which they joined."""
        return self.devices_by_account.get(account, ())

    def accounts(self) -> tuple[AccountDid, ...]:
        """The accounts in the conversation."""
        return tuple(self.devices_by_account)


def by_account(members: Iterable[Member]) -> dict[AccountDid, tuple[DeviceId, ...]]:
    """`Conversation.devices_by_account` of these members: per account, in the order given."""
    grouped: dict[AccountDid, tuple[DeviceId, ...]] = {}
    for member in members:
        grouped[member.account] = (*grouped.get(member.account, ()), member.device)
    return grouped
