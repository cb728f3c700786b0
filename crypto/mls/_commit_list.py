"""Which proposals a commit may bring together (RFC 9420 section 12.2)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from crypto.mls._commit import Commit, ProposalByReference
from crypto.mls._framing import Sender
from crypto.mls._handshake import VerifiedProposal
from crypto.mls._handshake_errors import HandshakeFault, InvalidHandshake
from crypto.mls._proposals import (
    Add,
    ExternalInit,
    GroupContextExtensions,
    PreSharedKey,
    Proposal,
    ReInit,
    Remove,
    SelfRemove,
    Update,
)

_NEEDS_PATH = (Update, Remove, SelfRemove, ExternalInit, GroupContextExtensions)


@dataclass(frozen=True, slots=True)
class CommittedProposal:
    """One proposal of a commit with its true sender; `ref` is None where the committer brings it himself."""

    sender: Sender
    proposal: Proposal
    ref: bytes | None

    @property
    def target(self) -> int | None:
        """The leaf index whose member it changes or takes out, if it does."""
        match self.proposal:
            case Remove(removed=leaf_index):
                return leaf_index
            case Update() | SelfRemove():
                return self.sender.index
            case _:
                return None


def resolve_proposals(
    commit: Commit, committer: Sender, epoch: int, pending: Mapping[bytes, VerifiedProposal]
) -> tuple[CommittedProposal, ...]:
    """The commit's proposals in order; `InvalidHandshake` where a reference is unknown or given twice."""
    found: list[CommittedProposal] = []
    for entry in commit.proposals:
        if isinstance(entry, ProposalByReference):
            known = pending.get(entry.ref)
            if known is None or known.epoch != epoch:
                raise InvalidHandshake(HandshakeFault.UNKNOWN_PROPOSAL)
            found.append(CommittedProposal(known.sender, known.proposal, known.ref))
        else:
            found.append(CommittedProposal(committer, entry.proposal, None))
    refs = [committed.ref for committed in found if committed.ref is not None]
    if len(set(refs)) != len(refs):
        raise InvalidHandshake(HandshakeFault.PROPOSAL_LIST)
    return tuple(found)


def check_member_list(committed: Sequence[CommittedProposal], committer: int, *, has_path: bool) -> None:
    """Section 12.2, for a commit by the member at leaf `committer`."""
    proposals = [entry.proposal for entry in committed]
    targets = [entry.target for entry in committed if entry.target is not None]
    if (
        committer in targets  # nobody updates or removes himself by his own commit
        or len(set(targets)) != len(targets)
        or _holds(proposals, ExternalInit)
        or _count(proposals, GroupContextExtensions) > 1
        or (_holds(proposals, ReInit) and len(proposals) > 1)
        or _repeats(proposals)
    ):
        raise InvalidHandshake(HandshakeFault.PROPOSAL_LIST)
    if not has_path and (not proposals or _holds(proposals, *_NEEDS_PATH)):
        raise InvalidHandshake(HandshakeFault.PATH)


def check_external_list(committed: Sequence[CommittedProposal]) -> None:
    """Section 12.2, for a commit by somebody who joins with it.

    One ExternalInit, at most one Remove, pre-shared keys; by reference nothing, but for members who asked to
    leave (draft-ietf-mls-extensions).
    """
    own = [entry.proposal for entry in committed if entry.ref is None]
    targets = [entry.target for entry in committed if entry.target is not None]
    if (
        _count(own, ExternalInit) != 1
        or _count(own, Remove) > 1
        or not all(isinstance(proposal, ExternalInit | Remove | PreSharedKey) for proposal in own)
        or not all(isinstance(entry.proposal, SelfRemove) for entry in committed if entry.ref is not None)
        or len(set(targets)) != len(targets)
        or _repeats(own)
    ):
        raise InvalidHandshake(HandshakeFault.EXTERNAL_COMMIT)


def _holds(proposals: Sequence[Proposal], *kinds: type) -> bool:
    return any(isinstance(proposal, kinds) for proposal in proposals)


def _count(proposals: Sequence[Proposal], kind: type) -> int:
    return sum(isinstance(proposal, kind) for proposal in proposals)


def _repeats(proposals: Sequence[Proposal]) -> bool:
    """Whether a pre-shared key or a client comes twice."""
    once = [
        proposal.psk if isinstance(proposal, PreSharedKey) else proposal.key_package.leaf_node.signature_key
        for proposal in proposals
        if isinstance(proposal, PreSharedKey | Add)
    ]
    return len(set(once)) != len(once)
