"""Proposals in clear: who sent them, and whether they may stand in this group (RFC 9420 sections 6, 12.1)."""

from dataclasses import dataclass

from crypto.mls._commit import Commit
from crypto.mls._framing import ApplicationData, PublicMessage, Sender, SenderType, WireFormat
from crypto.mls._handshake_errors import HandshakeFault, InvalidHandshake
from crypto.mls._proposal_rules import check_proposal
from crypto.mls._proposals import (
    Add,
    ExternalInit,
    GroupContextExtensions,
    PreSharedKey,
    Proposal,
    ReInit,
    Remove,
)
from crypto.mls._public_group import PublicGroup
from crypto.mls._signing import verify_with_label
from crypto.mls._suites import CipherSuite, ref_hash
from crypto.mls._writer import uint16


@dataclass(frozen=True, slots=True)
class VerifiedProposal:
    """A proposal of an epoch whose signature was verified, under the name by which commits refer to it."""

    epoch: int
    ref: bytes
    sender: Sender
    proposal: Proposal


def proposal_ref(suite: CipherSuite, message: PublicMessage) -> bytes:
    """`ProposalRef` (section 5.2) of a proposal in clear: over its AuthenticatedContent."""
    content = uint16(WireFormat.PUBLIC_MESSAGE) + message.framed.encode() + message.authentication()
    return ref_hash(suite, b"MLS 1.0 Proposal Reference", content)


def verify_proposal(group: PublicGroup, message: PublicMessage, now: int | None = None) -> VerifiedProposal:
    """The proposal, if its sender may make it in this state of the group; else `InvalidHandshake`.

    `now`, seconds since 1970, is for the lifetime of an Add's key package, which None leaves to the caller.
    """
    proposal = message.content
    if isinstance(proposal, Commit | ApplicationData):
        raise InvalidHandshake(HandshakeFault.CONTENT)
    check_place_and_signature(group, message)
    if not _may_propose(message.sender.kind, proposal):
        raise InvalidHandshake(HandshakeFault.SENDER)
    check_proposal(group, message.sender, proposal, now)
    return VerifiedProposal(group.epoch, proposal_ref(group.suite, message), message.sender, proposal)


def check_place_and_signature(group: PublicGroup, message: PublicMessage) -> None:
    """Group, epoch, sender and signature of a PublicMessage."""
    if message.group_id != group.group_id:
        raise InvalidHandshake(HandshakeFault.GROUP)
    if message.epoch != group.epoch:
        raise InvalidHandshake(HandshakeFault.EPOCH)
    key = _signature_key(group, message)
    content = b"\x00\x01" + uint16(WireFormat.PUBLIC_MESSAGE) + message.framed.encode()
    if message.sender.kind in (SenderType.MEMBER, SenderType.NEW_MEMBER_COMMIT):
        content += group.context.encode()
    if not verify_with_label(group.suite, key, b"FramedContentTBS", content, message.signature):
        raise InvalidHandshake(HandshakeFault.SIGNATURE)


def _signature_key(group: PublicGroup, message: PublicMessage) -> bytes:
    """The key of whoever the message says it is from (section 6.1)."""
    sender, content = message.sender, message.content
    match sender.kind:
        case SenderType.MEMBER:
            leaf = group.tree.leaf(sender.index or 0)
            if leaf is not None:
                return leaf.signature_key
        case SenderType.EXTERNAL:
            outsiders = group.external_senders
            if sender.index is not None and sender.index < len(outsiders):
                return outsiders[sender.index].signature_key
        case SenderType.NEW_MEMBER_PROPOSAL:
            if isinstance(content, Add):
                return content.key_package.leaf_node.signature_key
        case SenderType.NEW_MEMBER_COMMIT:
            if isinstance(content, Commit):
                if content.path is None:
                    raise InvalidHandshake(HandshakeFault.EXTERNAL_COMMIT)
                return content.path.leaf_node.signature_key
    raise InvalidHandshake(HandshakeFault.SENDER)


def _may_propose(sender: SenderType, proposal: object) -> bool:
    """Sections 12.1.8 and 12.2: what each kind of sender may propose in a message of its own."""
    match sender:
        case SenderType.MEMBER:
            return not isinstance(proposal, ExternalInit)
        case SenderType.EXTERNAL:
            return isinstance(proposal, Add | Remove | PreSharedKey | ReInit | GroupContextExtensions)
        case SenderType.NEW_MEMBER_PROPOSAL:
            return isinstance(proposal, Add)
        case SenderType.NEW_MEMBER_COMMIT:
            return False
