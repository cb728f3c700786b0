"""What a store with rows knows of a conversation: made from its entries, one by one, and from nothing else.

rows = Rows()
for entry in log: rows.keep(entry)
rows.differences(state)                 # [] where `membership_change` and `evolve_group` agree with `evolve`
"""

from dataclasses import dataclass, field

from protocol import (
    AccountDid,
    Conversation,
    DeviceId,
    Entry,
    Group,
    MemberDevice,
    decode_group,
    encode_group,
    evolve_group,
    membership_change,
)


@dataclass
class Rows:
    """Members, standings of accounts, and the column of the group."""

    members: dict[DeviceId, MemberDevice] = field(default_factory=dict)
    standings: dict[AccountDid, str] = field(default_factory=dict)
    """`admin`, `left` or `removed`; members who are none of these have no row."""
    group: Group = field(default_factory=Group)

    def keep(self, entry: Entry) -> None:
        """The next entry of the log."""
        change = membership_change(entry)
        for member in change.joined:
            self.members[member.device] = member
        for gone in change.gone:
            del self.members[gone]
        for device, leaf in change.leaves:
            row = self.members[device]
            self.members[device] = MemberDevice(row.account, row.device, row.device_name, leaf)
        for account in (*change.returned, *change.demoted):
            if account in change.demoted or self.standings.get(account) != "admin":
                self.standings.pop(account, None)
        self.standings.update(dict.fromkeys(change.left, "left"))
        self.standings.update(dict.fromkeys(change.removed, "removed"))
        self.standings.update(dict.fromkeys(change.promoted, "admin"))
        self.group = evolve_group(self.group, entry)

    def differences(self, state: Conversation) -> list[str]:
        """In what these rows differ from the state of the same log."""
        found: list[str] = []
        leaves = {device: row.leaf for device, row in self.members.items()}
        if leaves != {device: member.leaf for device, member in state.members.items()}:
            found.append("members")
        for kind, accounts in (
            ("admin", state.admins), ("removed", state.removed), ("left", state.left),
        ):  # fmt: skip
            if {account for account, standing in self.standings.items() if standing == kind} != accounts:
                found.append(kind)
        if decode_group(encode_group(self.group)) != state.group:
            found.append("group")
        return found
