"""A group in the plainest words: what `ConversationMachine` believes, and a child could check.

The model knows a tree (whose leaf is in it), who is in, and a few words on each account. It has no log, no
entries and no rules about bytes. `comes_in` and `goes` are all that ever happens to people.
"""

from dataclasses import dataclass, field

from protocol import AccountDid, DeviceId

from ._cast import owner


@dataclass
class GroupModel:
    """What is true. Every field is compared with the state after each step."""

    tree: set[DeviceId]
    """Devices that have a leaf."""
    inside: set[DeviceId]
    """Devices that are members: those in the tree whose account was not put out since."""
    admins: set[AccountDid]
    pending: set[AccountDid] = field(default_factory=set)
    """Named, and without a leaf."""
    displaced: set[AccountDid] = field(default_factory=set)
    """Were in when the group was reset, and have no leaf in the new one."""
    displaced_admins: set[AccountDid] = field(default_factory=set)
    """Those of them who were admins, and will be again."""
    left: set[AccountDid] = field(default_factory=set)
    removed: set[AccountDid] = field(default_factory=set)
    asked: set[DeviceId] = field(default_factory=set)
    """Wait to be added again."""
    epoch: int = 0
    generation: int = 0
    frozen_until: int = 0
    """No external commit before this second."""
    device_frozen_until: dict[DeviceId, int] = field(default_factory=dict)

    def people(self) -> set[AccountDid]:
        """Accounts with a device in."""
        return {owner(each) for each in self.inside}

    def waiting(self) -> set[AccountDid]:
        """Accounts that need only a leaf."""
        return self.pending | self.displaced

    def known(self) -> set[AccountDid]:
        """Accounts that may come in without anybody's leave: in already, or waiting."""
        return self.people() | self.waiting()

    def comes_in(self, each: DeviceId) -> None:
        """A device has a leaf from here on; its account is in, as what it was before a reset."""
        account = owner(each)
        if account in self.displaced_admins:
            self.admins.add(account)
        self.inside.add(each)
        self.tree.add(each)
        self.asked.discard(each)
        for kind in (self.pending, self.displaced, self.displaced_admins, self.left, self.removed):
            kind.discard(account)

    def goes(self, account: AccountDid, *, put_out: bool, heir: AccountDid | None) -> None:
        """An account is out. Its leaves stay in the tree; without an admin left, `heir` is one."""
        self.inside = {each for each in self.inside if owner(each) != account}
        self.asked = {each for each in self.asked if owner(each) != account}
        for kind in (
            self.pending, self.displaced, self.displaced_admins, self.left, self.removed, self.admins,
        ):  # fmt: skip
            kind.discard(account)
        (self.removed if put_out else self.left).add(account)
        if not self.admins and heir is not None:
            self.admins.add(heir)

    def begins_anew(self, placed: set[DeviceId]) -> None:
        """Another group carries the conversation, with these leaves."""
        people = {owner(each) for each in placed}
        outside = self.people() - people
        back = self.displaced_admins & people
        self.displaced_admins = (self.displaced_admins - people) | (self.admins & outside)
        self.displaced = (self.displaced - people) | outside
        self.admins = (self.admins & people) | back
        self.pending -= people
        self.inside, self.tree = set(placed), set(placed)
        self.asked = set()
        self.generation += 1
        self.epoch = 1 if len(placed) > 1 else 0
        self.frozen_until, self.device_frozen_until = 0, {}
