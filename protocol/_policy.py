"""What the admins of a conversation allow, and the roles an account can have in it."""

from typing import Literal

import msgspec
from msgspec.structs import replace

from protocol._ids import AccountDid

Role = Literal["admin", "moderator", "member"]
"""What an account may do beyond writing: nothing more, warn and see reports, or everything."""

HandshakeRule = Literal["public", "private", "any"]
"""Which framing of commits and proposals a group takes. External commits are public by nature."""

MIN_MEMBERS = 2
"""The least that `Policy.max_members` can be."""


class Policy(msgspec.Struct, frozen=True, omit_defaults=True):
    """The rules of a conversation. The defaults are what held before there were any."""

    allow_invites: bool = True
    admin_only_invites: bool = False
    allow_member_add: bool = True
    """Members who are no admins may bring in accounts that were not named before."""
    allow_member_remove: bool = False
    """Members who are no admins may put out others who are no admins."""
    require_admin_approval: bool = False
    """Only admins bring in accounts that were not named before, whatever `allow_member_add` says."""
    max_members: int | None = None
    """Accounts; None for as many as the operator allows."""
    handshake: HandshakeRule = "any"
    external_commits: bool = True
    """Whoever may be in may join by an external commit."""
    rejoin: bool = True
    """Who left by itself may come back by itself. Never who was removed."""
    updated: int = 0
    """Bucket of the last change; 0 until there was one."""
    updated_by: AccountDid | None = None

    def capacity(self, operator: int) -> int:
        """Accounts the conversation takes, where the operator allows `operator`."""
        return operator if self.max_members is None else min(self.max_members, operator)


class PolicyChange(msgspec.Struct, frozen=True, omit_defaults=True):
    """What an admin wants otherwise; None leaves a rule as it is."""

    allow_invites: bool | None = None
    admin_only_invites: bool | None = None
    allow_member_add: bool | None = None
    allow_member_remove: bool | None = None
    require_admin_approval: bool | None = None
    max_members: int | None = None
    handshake: HandshakeRule | None = None
    external_commits: bool | None = None
    rejoin: bool | None = None

    def of(self, policy: Policy) -> Policy:
        """The policy after this change."""
        return replace(policy, **self._given())

    @property
    def empty(self) -> bool:
        """Whether nothing is asked for."""
        return not self._given()

    def _given(self) -> dict[str, object]:
        fields = ((name, getattr(self, name)) for name in self.__struct_fields__)
        return {name: value for name, value in fields if value is not None}
