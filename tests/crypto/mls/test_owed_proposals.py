"""No member can stop a group with proposals: whatever is pending, an honest committer can still commit.

The server insists that a commit takes the pending proposals it can. If what it insists on could not be
taken together, every commit would be refused, for ever: proposals end only with the epoch.
"""

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import event, example, given
from hypothesis import strategies as st

from crypto.mls import (
    Add,
    Extension,
    ExtensionType,
    ExternalPsk,
    FromUpdate,
    GroupContextExtensions,
    HandshakeFault,
    InvalidHandshake,
    Lifetime,
    PreSharedKey,
    Proposal,
    ReInit,
    Remove,
    RequiredCapabilities,
    SelfRemove,
    Update,
    VerifiedProposal,
    X509Credential,
    verify_commit,
    verify_proposal,
)
from crypto.mls.testing import Client
from tests.crypto.mls.people import client, group_of

SPECIAL = 0xF077
"""An extension that some clients know."""


def knowing(name: str, *, special: bool = True, certificates: bool = True) -> Client:
    """A client with more or fewer capabilities."""
    made = client(name)
    kinds = (SPECIAL,) if special else ()
    credentials = (1, 2) if certificates else (1,)
    made.capabilities = replace(made.capabilities, extensions=kinds, credentials=credentials)
    return made


MEMBERS = [knowing("alice"), knowing("bob"), knowing("carol")]
GROUP = group_of(*MEMBERS)
OLD, SIMPLE, CERTIFIED = knowing("dave", special=False), knowing("erin", certificates=False), knowing("frank")
CERTIFIED.credential = X509Credential((b"certificate",))
SHARED = MEMBERS[0].fresh_key()
REQUIRED = Extension(ExtensionType.REQUIRED_CAPABILITIES, RequiredCapabilities((SPECIAL,)).encode())
LIFE = Lifetime(0, 86_400)


def update(author: int, key: bytes | None = None) -> Proposal:
    """A new leaf for a member, with a key that may be another's too."""
    return Update(MEMBERS[author].fresh_leaf(GROUP, FromUpdate(), encryption_key=key))


def add_with(who: Client, key: bytes) -> Proposal:
    """Somebody whose leaf has a key that others propose too."""
    return Add(who.key_package(leaf=who.leaf(LIFE, encryption_key=key)))


PROPOSALS: dict[str, Callable[[int], Proposal]] = {
    "remove the first": lambda _: Remove(0),
    "remove the second": lambda _: Remove(1),
    "leave": lambda _: SelfRemove(),
    "update": update,
    "update to a shared key": lambda author: update(author, SHARED),
    "add one": lambda _: Add(knowing("grace").key_package()),
    "add one who knows less": lambda _: Add(OLD.key_package()),
    "add one without certificates": lambda _: Add(SIMPLE.key_package()),
    "add one with a certificate": lambda _: Add(CERTIFIED.key_package()),
    "add one with a shared key": lambda _: add_with(knowing("heidi"), SHARED),
    "add another with a shared key": lambda _: add_with(knowing("ivan"), SHARED),
    "add a member": lambda _: Add(MEMBERS[1].key_package()),
    "require": lambda _: GroupContextExtensions((REQUIRED,)),
    "use": lambda _: GroupContextExtensions((Extension(SPECIAL, b""),)),
    "a key nobody has": lambda _: PreSharedKey(ExternalPsk(b"?", bytes(32))),
    "the end": lambda _: ReInit(b"next", 1, 1, ()),
}


def proposed(author: int, name: str) -> VerifiedProposal | None:
    """What the server keeps of it; None where it refuses the proposal at once."""
    try:
        return verify_proposal(GROUP, MEMBERS[author].sign(GROUP, PROPOSALS[name](author)))
    except InvalidHandshake:
        return None


def committed(committer: Client, pending: dict[bytes, VerifiedProposal], *, skip_keys: bool) -> int:
    """An honest commit: takes one proposal after the other while the whole can be applied.

    And again from the first, since what one removal makes room for may then be added.
    """
    taken: list[VerifiedProposal] = []
    left = [p for p in pending.values() if not (skip_keys and isinstance(p.proposal, PreSharedKey))]
    while True:
        for proposal in left:
            try:
                message = committer.commit_unchecked(GROUP, [*taken, proposal], with_path=True)
                verify_commit(GROUP, message, pending, require_references=False)
            except (InvalidHandshake, IndexError):  # the second: the committer has cut himself off
                continue
            taken.append(proposal)
            left.remove(proposal)
            break
        else:
            break
    message = committer.commit_unchecked(GROUP, taken, with_path=not is_reinit(taken))
    verify_commit(GROUP, message, pending)
    return len(taken)


def is_reinit(taken: list[VerifiedProposal]) -> bool:
    """Whether the group ends with this."""
    return any(isinstance(proposal.proposal, ReInit) for proposal in taken)


@given(
    wishes=st.lists(st.tuples(st.integers(0, 2), st.sampled_from(list(PROPOSALS))), max_size=8),
    committer=st.integers(0, 2),
    skip_keys=st.booleans(),
)
@example([(1, "add one with a shared key"), (2, "add another with a shared key")], 0, True)
@example([(1, "update to a shared key"), (2, "update to a shared key")], 0, False)
@example([(1, "require"), (2, "add one who knows less")], 0, False)
@example([(1, "add one who knows less"), (2, "use")], 0, False)
@example([(1, "add one without certificates"), (2, "add one with a certificate")], 0, False)
@example([(1, "remove the first"), (2, "remove the first")], 1, False)
def test_whatever_is_pending_an_honest_committer_can_commit(
    wishes: list[tuple[int, str]], committer: int, skip_keys: bool
) -> None:
    """In any order, by any member, with or without the pre-shared keys that somebody has named."""
    found = [proposed(author, name) for author, name in wishes]
    pending = {proposal.ref: proposal for proposal in found if proposal is not None}
    taken = committed(MEMBERS[committer], pending, skip_keys=skip_keys)
    event(f"{taken} of {len(pending)} taken")


@pytest.mark.parametrize(
    "name",
    ["remove the second", "leave", "update", "add one", "add one who knows less", "require", "use"],
)
def test_what_could_have_been_taken_is_owed(name: str) -> None:
    """By the member who is not concerned."""
    proposal = proposed(1, name)
    assert proposal is not None
    committer = MEMBERS[2]
    with pytest.raises(InvalidHandshake) as refused:
        verify_commit(GROUP, committer.commit(GROUP).message, {proposal.ref: proposal})
    assert refused.value.fault is HandshakeFault.MISSING_REFERENCE
    verify_commit(GROUP, committer.commit(GROUP, [proposal]).message, {proposal.ref: proposal})


@pytest.mark.parametrize("name", ["a key nobody has", "the end"])
def test_what_not_everybody_can_take_is_not_owed(name: str) -> None:
    """But may be taken."""
    proposal = proposed(1, name)
    assert proposal is not None
    for taken in ([], [proposal]):
        verify_commit(GROUP, MEMBERS[2].commit(GROUP, taken).message, {proposal.ref: proposal})
