"""Whether a GroupInfo says the truth about its group, as far as public bytes tell (RFC 9420 section 12.4.3).

================  =====================================================================================
fault             meaning
================  =====================================================================================
suite             a suite the server does not know
no-tree           the tree is neither in the GroupInfo nor beside it
extension         an extension of bad form, or an external key that is none of the suite
confirmation-tag  not as long as the suite's hash
tree-hash         the context does not carry the hash of the tree
signer            the leaf that is said to have signed is blank
signature         not the signer's
tree              the tree is invalid; `tree_fault` says how
================  =====================================================================================

The confirmation tag itself is a MAC under a secret of the group: a server sees whether the commit and the
GroupInfo carry the same one, not whether it is right.
"""

import enum
from dataclasses import dataclass, field

from crypto._errors import CryptoError, FramingError
from crypto.mls._extensions import (
    Extensions,
    ExtensionType,
    extension_data,
    external_senders,
    required_capabilities,
)
from crypto.mls._group_info import GroupInfo
from crypto.mls._ratchet_tree import MAX_LEAVES, RatchetTree, ratchet_tree_of
from crypto.mls._reader import Reader, read_whole
from crypto.mls._signing import is_hpke_key, verify_with_label
from crypto.mls._suites import STANDARD_SUITES, CipherSuite, CipherSuites
from crypto.mls._tree_hash import TreeHashes, root_hash, tree_hashes
from crypto.mls._tree_rules import InvalidTree, TreeFault, validate_tree


class GroupFault(enum.Enum):
    """In which way a GroupInfo is invalid, or does not follow from the group before it."""

    SUITE = "suite"
    NO_TREE = "no-tree"
    EXTENSION = "extension"
    CONFIRMATION_TAG = "confirmation-tag"
    TREE_HASH = "tree-hash"
    SIGNER = "signer"
    SIGNATURE = "signature"
    TREE = "tree"
    # against what a commit makes of the group before it
    GROUP_ID = "group-id"
    EPOCH = "epoch"
    TRANSCRIPT = "transcript"
    CONTEXT_EXTENSIONS = "context-extensions"
    MEMBERSHIP = "membership"


class InvalidGroupInfo(CryptoError):
    """A GroupInfo that its author must not publish; `fault` says why, `tree_fault` more of a tree."""

    def __init__(self, fault: GroupFault, tree_fault: TreeFault | None = None) -> None:
        detail = fault.value if tree_fault is None else f"{fault.value}, {tree_fault.value}"
        super().__init__(f"an invalid GroupInfo: {detail}")
        self.fault = fault
        self.tree_fault = tree_fault


@dataclass(frozen=True, slots=True)
class GroupPolicy:
    """The suites a server takes, and how many leaves a tree may have."""

    suites: CipherSuites = field(default_factory=lambda: STANDARD_SUITES)
    max_leaves: int = MAX_LEAVES


DEFAULT_GROUP_POLICY = GroupPolicy()


@dataclass(frozen=True, slots=True)
class GroupState:
    """What a GroupInfo was found to say: its suite, its tree and the tree's hashes."""

    suite: CipherSuite
    tree: RatchetTree
    hashes: TreeHashes = field(repr=False)


def validate_group_info(
    group_info: GroupInfo,
    policy: GroupPolicy = DEFAULT_GROUP_POLICY,
    *,
    tree: RatchetTree | None = None,
    known: GroupState | None = None,
) -> GroupState:
    """Does every check of this module's table, or raises `InvalidGroupInfo` with the first that fails.

    `tree` is for a GroupInfo without the extension; where both are given they are equal, or the tree hash
    is wrong. `known` is an earlier, valid state of the same group: what did not change since is not
    verified again.
    """
    state = read_group_state(group_info, policy, tree=tree, known=known)
    context = group_info.group_context
    if len(group_info.confirmation_tag) != state.suite.hash_bytes:
        raise InvalidGroupInfo(GroupFault.CONFIRMATION_TAG)
    if root_hash(state.tree, state.hashes) != context.tree_hash:
        raise InvalidGroupInfo(GroupFault.TREE_HASH)
    check_group_info_signature(group_info, state)
    try:
        validate_tree(
            state.suite,
            state.tree,
            state.hashes,
            context.group_id,
            context.extensions,
            known=None if known is None else known.tree,
        )
    except InvalidTree as error:
        raise InvalidGroupInfo(GroupFault.TREE, error.fault) from None
    return state


def read_group_state(
    group_info: GroupInfo,
    policy: GroupPolicy = DEFAULT_GROUP_POLICY,
    *,
    tree: RatchetTree | None = None,
    known: GroupState | None = None,
) -> GroupState:
    """The suite and tree that a GroupInfo names, without a look at whether they are true.

    For a GroupInfo that `validate_group_info` accepted before.
    """
    suite = policy.suites.get(group_info.cipher_suite)
    if suite is None:
        raise InvalidGroupInfo(GroupFault.SUITE)
    try:
        carried = ratchet_tree_of(group_info.extensions, policy.max_leaves)
        required_capabilities(group_info.group_context.extensions)
        external_senders(group_info.group_context.extensions)
    except FramingError:
        raise InvalidGroupInfo(GroupFault.EXTENSION) from None
    check_external_pub(suite, group_info.extensions)
    if carried is not None and tree is not None and carried != tree:
        raise InvalidGroupInfo(GroupFault.TREE_HASH)
    found = tree if carried is None else carried
    if found is None:
        raise InvalidGroupInfo(GroupFault.NO_TREE)
    if known is not None:
        found = _sharing(found, known.tree)
    return GroupState(
        suite, found, tree_hashes(suite, found, None if known is None else (known.tree, known.hashes))
    )


def check_external_pub(suite: CipherSuite, extensions: Extensions) -> None:
    """The key to join with, where there is one, is a key of the suite.

    ts-mls 1.6 writes the key without the length in front that RFC 9420 section 12.4.3.2 asks for. The two
    forms differ in length, both are taken, and those who join read what they can.
    """
    data = extension_data(extensions, ExtensionType.EXTERNAL_PUB)
    if data is None or is_hpke_key(suite, data):
        return
    try:
        key = read_whole(data, Reader.opaque)
    except FramingError:
        raise InvalidGroupInfo(GroupFault.EXTENSION) from None
    if not is_hpke_key(suite, key):
        raise InvalidGroupInfo(GroupFault.EXTENSION)


def check_group_info_signature(group_info: GroupInfo, state: GroupState) -> None:
    """Whether a member of the group signed it."""
    signer = state.tree.leaf(group_info.signer)
    if signer is None:
        raise InvalidGroupInfo(GroupFault.SIGNER)
    content = group_info.to_be_signed()
    if not verify_with_label(
        state.suite, signer.signature_key, b"GroupInfoTBS", content, group_info.signature
    ):
        raise InvalidGroupInfo(GroupFault.SIGNATURE)


def _sharing(tree: RatchetTree, known: RatchetTree) -> RatchetTree:
    """The same tree, with the known tree's nodes where they are equal: so their hashes need no making."""
    nodes = list(tree.nodes)
    for index, old in enumerate(known.nodes[: len(nodes)]):
        if nodes[index] == old:
            nodes[index] = old
    return RatchetTree(tuple(nodes))
