"""A group as outsiders can know it: its context, its tree, its transcript; never a secret.

`open_group` makes one from a GroupInfo and checks all of it; `reopen_group` from one that was checked
before, as a server does after it has read its own store. `verify_commit` (`_commit_rules`) makes the next
one from a commit in clear. Where handshakes are encrypted, `follow_group_info` takes the next state from
the GroupInfo that came beside the commit, and says how the members differ.
"""

from dataclasses import dataclass, field

from crypto.mls._extensions import ExtensionType, ExternalSender, extension_data, external_senders
from crypto.mls._group_info import GroupContext, GroupInfo
from crypto.mls._group_rules import (
    DEFAULT_GROUP_POLICY,
    GroupFault,
    GroupPolicy,
    GroupState,
    InvalidGroupInfo,
    check_external_pub,
    check_group_info_signature,
    read_group_state,
    validate_group_info,
)
from crypto.mls._members import Members, MembershipChange, members_of, membership_change
from crypto.mls._ratchet_tree import RatchetTree
from crypto.mls._suites import CipherSuite
from crypto.mls._transcript import interim_transcript_hash
from crypto.mls._tree_hash import TreeHashes


@dataclass(frozen=True, slots=True)
class PublicGroup:
    """One epoch of a group. Made by the functions of this module and by `verify_commit`."""

    context: GroupContext
    confirmation_tag: bytes
    state: GroupState = field(repr=False)

    @property
    def suite(self) -> CipherSuite:
        """The group's cipher suite."""
        return self.state.suite

    @property
    def tree(self) -> RatchetTree:
        """The ratchet tree of this epoch."""
        return self.state.tree

    @property
    def hashes(self) -> TreeHashes:
        """The hashes of all subtrees of the tree."""
        return self.state.hashes

    @property
    def group_id(self) -> bytes:
        """Which group."""
        return self.context.group_id

    @property
    def epoch(self) -> int:
        """Which epoch of it."""
        return self.context.epoch

    @property
    def members(self) -> Members:
        """Who is in it, by leaf index."""
        return members_of(self.tree)

    @property
    def external_senders(self) -> tuple[ExternalSender, ...]:
        """Who may propose from outside."""
        return external_senders(self.context.extensions)

    @property
    def interim_transcript_hash(self) -> bytes:
        """What the next commit's transcript hash builds on."""
        return interim_transcript_hash(
            self.suite, self.context.confirmed_transcript_hash, self.confirmation_tag
        )


def open_group(
    group_info: GroupInfo, policy: GroupPolicy = DEFAULT_GROUP_POLICY, *, tree: RatchetTree | None = None
) -> PublicGroup:
    """The group that a GroupInfo describes, wholly checked; `InvalidGroupInfo` otherwise."""
    state = validate_group_info(group_info, policy, tree=tree)
    return PublicGroup(group_info.group_context, group_info.confirmation_tag, state)


def reopen_group(
    group_info: GroupInfo, policy: GroupPolicy = DEFAULT_GROUP_POLICY, *, tree: RatchetTree | None = None
) -> PublicGroup:
    """The group of a GroupInfo that was accepted before: read, hashed, and not verified again.

    Never for bytes that somebody has just sent.
    """
    state = read_group_state(group_info, policy, tree=tree)
    return PublicGroup(group_info.group_context, group_info.confirmation_tag, state)


def check_group_info(group: PublicGroup, group_info: GroupInfo) -> None:
    """Whether a GroupInfo is of exactly this state, which `verify_commit` computed; else `InvalidGroupInfo`.

    Suite, group id, epoch, tree hash, transcript, extensions and confirmation tag are equal, the tree it
    may carry is the tree, and a member has signed it. Since the whole context is equal and the tree was
    checked by its commit, nothing else is left to check.
    """
    given, computed = group_info.group_context, group.context
    for fault, same in (
        (GroupFault.SUITE, given.cipher_suite == computed.cipher_suite),
        (GroupFault.GROUP_ID, given.group_id == computed.group_id),
        (GroupFault.EPOCH, given.epoch == computed.epoch),
        (GroupFault.TREE_HASH, given.tree_hash == computed.tree_hash),
        (GroupFault.TRANSCRIPT, given.confirmed_transcript_hash == computed.confirmed_transcript_hash),
        (GroupFault.CONTEXT_EXTENSIONS, given.extensions == computed.extensions),
        (GroupFault.CONFIRMATION_TAG, group_info.confirmation_tag == group.confirmation_tag),
    ):
        if not same:
            raise InvalidGroupInfo(fault)
    carried = extension_data(group_info.extensions, ExtensionType.RATCHET_TREE)
    if carried is not None and carried != group.tree.encode():  # a tree has one encoding
        raise InvalidGroupInfo(GroupFault.TREE_HASH)
    check_external_pub(group.suite, group_info.extensions)
    check_group_info_signature(group_info, group.state)


def follow_group_info(
    group: PublicGroup,
    group_info: GroupInfo,
    policy: GroupPolicy = DEFAULT_GROUP_POLICY,
    *,
    tree: RatchetTree | None = None,
) -> tuple[PublicGroup, MembershipChange]:
    """The next epoch by its GroupInfo alone, for a commit that nobody outside can read.

    Checks all that `open_group` does (unchanged leaves are not verified again), and that suite and group id
    are the same and the epoch is the next; `InvalidGroupInfo` otherwise. The transcript hash is taken
    as it is given: the commit that it covers is sealed. The members' difference is what the author of the
    GroupInfo shows, to be held against what he says he did.
    """
    context = group_info.group_context
    if context.cipher_suite != group.suite.number:
        raise InvalidGroupInfo(GroupFault.SUITE)
    if context.group_id != group.group_id:
        raise InvalidGroupInfo(GroupFault.GROUP_ID)
    if context.epoch != group.epoch + 1:
        raise InvalidGroupInfo(GroupFault.EPOCH)
    state = validate_group_info(group_info, policy, tree=tree, known=group.state)
    following = PublicGroup(context, group_info.confirmation_tag, state)
    return following, membership_change(group.tree, state.tree)
