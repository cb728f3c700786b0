"""Whether a proposal by itself can be applied to a group (RFC 9420 section 12.1)."""

from crypto._errors import FramingError
from crypto.mls._extensions import external_senders, required_capabilities
from crypto.mls._framing import Sender
from crypto.mls._handshake_errors import HandshakeFault, InvalidHandshake
from crypto.mls._key_package_rules import InvalidKeyPackage, KeyPackageReason, check_added_key_package
from crypto.mls._leaf_node import PROTOCOL_VERSION, LeafNode, Lifetime
from crypto.mls._proposals import (
    Add,
    ExternalInit,
    GroupContextExtensions,
    PreSharedKey,
    Proposal,
    ProposalType,
    ReInit,
    Remove,
    ResumptionPsk,
    ResumptionUsage,
    SelfRemove,
    Update,
)
from crypto.mls._public_group import PublicGroup
from crypto.mls._tree_rules import InvalidTree, check_capabilities, check_leaf, fits, has_free_keys


def check_proposal(group: PublicGroup, sender: Sender, proposal: Proposal, now: int | None) -> None:
    """Whether the group can apply the proposal of this sender; `InvalidHandshake` says why not.

    What depends on the other proposals of a commit is not looked at. `now` is for the lifetime of an
    Add's key package; None leaves it out.
    """
    match proposal:
        case Add():
            _check_add(group, proposal, now)
        case Update():
            _check_update(group, sender.index, proposal.leaf_node)
        case Remove(removed=leaf_index):
            if group.tree.leaf(leaf_index) is None:
                raise InvalidHandshake(HandshakeFault.PROPOSAL)
        case PreSharedKey():
            _check_pre_shared_key(group, proposal)
        case ReInit():
            if proposal.version < PROTOCOL_VERSION:
                raise InvalidHandshake(HandshakeFault.PROPOSAL)
        case GroupContextExtensions():
            _check_group_context_extensions(group, proposal)
        case SelfRemove():
            if not all(
                ProposalType.SELF_REMOVE in leaf.capabilities.proposals for _, leaf in group.tree.leaves()
            ):
                raise InvalidHandshake(HandshakeFault.CAPABILITY)
        case ExternalInit():
            pass  # opaque; who may commit it is a rule of the list


def _check_add(group: PublicGroup, proposal: Add, now: int | None) -> None:
    key_package = proposal.key_package
    try:
        check_added_key_package(key_package, group.suite)
    except InvalidKeyPackage as error:
        raise InvalidHandshake(HandshakeFault.KEY_PACKAGE, key_package_reason=error.reason) from None
    origin = key_package.leaf_node.origin
    if now is not None and isinstance(origin, Lifetime) and not origin.not_before <= now < origin.not_after:
        raise InvalidHandshake(HandshakeFault.KEY_PACKAGE, key_package_reason=KeyPackageReason.LIFETIME)
    if not fits(group.tree, key_package.leaf_node, group.context.extensions):
        raise InvalidHandshake(HandshakeFault.CAPABILITY)


def _check_update(group: PublicGroup, leaf_index: int | None, leaf: LeafNode) -> None:
    """Section 7.3: a fresh encryption key, and the same person."""
    old = None if leaf_index is None else group.tree.leaf(leaf_index)
    if leaf_index is None or old is None:
        raise InvalidHandshake(HandshakeFault.SENDER)
    if leaf.credential != old.credential:
        raise InvalidHandshake(HandshakeFault.IDENTITY)
    if not has_free_keys(group.tree, leaf, leaf_index):
        raise InvalidHandshake(HandshakeFault.PROPOSAL)
    if not fits(group.tree, leaf, group.context.extensions):
        raise InvalidHandshake(HandshakeFault.CAPABILITY)
    try:
        check_leaf(group.suite, leaf, group.group_id, leaf_index)
    except InvalidTree as error:
        raise InvalidHandshake(HandshakeFault.PROPOSAL, tree_fault=error.fault) from None


def _check_pre_shared_key(group: PublicGroup, proposal: PreSharedKey) -> None:
    """Section 12.1.4: a whole nonce; keys of a former group only in the first commit of the new one."""
    psk = proposal.psk
    if len(psk.nonce) != group.suite.hash_bytes:
        raise InvalidHandshake(HandshakeFault.PROPOSAL)
    if isinstance(psk, ResumptionPsk) and psk.usage is not ResumptionUsage.APPLICATION and group.epoch:
        raise InvalidHandshake(HandshakeFault.PROPOSAL)


def _check_group_context_extensions(group: PublicGroup, proposal: GroupContextExtensions) -> None:
    try:
        required_capabilities(proposal.extensions)
        external_senders(proposal.extensions)
        check_capabilities(group.tree, proposal.extensions)
    except FramingError:
        raise InvalidHandshake(HandshakeFault.PROPOSAL) from None
    except InvalidTree:
        raise InvalidHandshake(HandshakeFault.CAPABILITY) from None
