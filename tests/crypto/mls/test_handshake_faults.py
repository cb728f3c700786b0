"""Commits and proposals that a member could sign and the others would choke on: each gets its named fault.

Every message here is rightly signed by its author. A delivery service that let one through would stop the
group (the members refuse what the server has ordered), or let somebody in or out unseen.
"""

from collections.abc import Callable
from dataclasses import replace

import pytest

from crypto.mls import (
    STANDARD_SUITES,
    Add,
    ApplicationData,
    BasicCredential,
    Commit,
    CommitEffects,
    Content,
    Extension,
    ExtensionType,
    ExternalInit,
    ExternalPsk,
    FromCommit,
    FromUpdate,
    GroupContextExtensions,
    HandshakeFault,
    HpkeCiphertext,
    InvalidHandshake,
    KeyPackageReason,
    PreSharedKey,
    Proposal,
    ProposalByReference,
    ProposalByValue,
    PublicGroup,
    PublicMessage,
    ReInit,
    Remove,
    RequiredCapabilities,
    ResumptionPsk,
    ResumptionUsage,
    SelfRemove,
    Sender,
    SenderType,
    TreeFault,
    Update,
    UpdatePath,
    VerifiedProposal,
    are_parents_vouched_for,
    verify_commit,
    verify_proposal,
)
from crypto.mls.testing import Client
from tests.crypto.mls.people import client, group_of

ALICE, BOB, CAROL, DAVE = client("alice"), client("bob"), client("carol"), client("dave")
GROUP = group_of(ALICE, BOB, CAROL)
NONCE = bytes(32)


def refused(
    message: PublicMessage, *pending: VerifiedProposal, group: PublicGroup = GROUP
) -> InvalidHandshake:
    """The refusal of a commit."""
    with pytest.raises(InvalidHandshake) as error:
        verify_commit(group, message, {proposal.ref: proposal for proposal in pending}, now=0)
    return error.value


def fault_of(
    message: PublicMessage, *pending: VerifiedProposal, group: PublicGroup = GROUP
) -> HandshakeFault:
    """Its fault."""
    return refused(message, *pending, group=group).fault


def by_value(*proposals: Proposal, path: UpdatePath | None = None) -> PublicMessage:
    """A commit of Alice with these proposals of her own."""
    return ALICE.sign(GROUP, Commit(tuple(ProposalByValue(proposal) for proposal in proposals), path))


def path_of(made: PublicMessage) -> UpdatePath:
    """The path of a commit."""
    assert isinstance(made.content, Commit)
    assert made.content.path is not None
    return made.content.path


def path_commit() -> Commit:
    """A commit of Alice with nothing but a path."""
    content = ALICE.commit(GROUP).message.content
    assert isinstance(content, Commit)
    return content


def test_a_commit_for_another_group_epoch_or_by_a_stranger() -> None:
    """The server reads all three from the framing, not from what the client says beside it."""
    made = ALICE.commit(GROUP)
    other_group = group_of(ALICE, DAVE)
    assert fault_of(
        made.message, group=replace(other_group, context=replace(other_group.context, group_id=b"x"))
    ) is (HandshakeFault.GROUP)
    assert fault_of(made.message, group=made.group) is HandshakeFault.EPOCH
    assert fault_of(ALICE.sign(GROUP, path_commit(), Sender(SenderType.MEMBER, 3))) is HandshakeFault.SENDER
    assert (
        fault_of(ALICE.sign(GROUP, path_commit(), Sender(SenderType.MEMBER, 1))) is HandshakeFault.SIGNATURE
    )


def test_the_signature_covers_the_commit_its_place_and_the_state_of_the_group() -> None:
    """Two histories of one group (a fork) do not take each other's commits, even in the same epoch."""
    made = ALICE.commit(GROUP).message
    changed = replace(made, framed=replace(made.framed, authenticated_data=b"x"))
    assert fault_of(changed) is HandshakeFault.SIGNATURE
    fork = replace(GROUP, context=replace(GROUP.context, confirmed_transcript_hash=bytes(32)))
    assert fault_of(made, group=fork) is HandshakeFault.SIGNATURE


def test_an_outsider_who_may_propose_may_not_commit() -> None:
    """The reader refuses such a message; the check does not rely on that."""
    for sender in (Sender(SenderType.EXTERNAL, 0), Sender(SenderType.NEW_MEMBER_PROPOSAL)):
        assert fault_of(ALICE.sign(GROUP, path_commit(), sender)) is HandshakeFault.SENDER
    with pytest.raises(InvalidHandshake, match="sender"):
        verify_proposal(GROUP, DAVE.sign(GROUP, Remove(0), Sender(SenderType.NEW_MEMBER_COMMIT)))


def test_a_proposal_is_no_commit_and_a_commit_no_proposal() -> None:
    """And application data in clear is neither."""
    message, _ = ALICE.propose(GROUP, Remove(1))
    assert fault_of(message) is HandshakeFault.CONTENT
    contents: list[Content] = [path_commit(), ApplicationData(b"hello")]
    for content in contents:
        with pytest.raises(InvalidHandshake, match="content"):
            verify_proposal(GROUP, ALICE.sign(GROUP, content))


@pytest.mark.parametrize("tag", [b"", b"short", bytes(33)])
def test_a_confirmation_tag_has_the_length_of_the_hash(tag: bytes) -> None:
    """All that can be seen of it."""
    message = replace(ALICE.commit(GROUP).message, confirmation_tag=tag)
    assert fault_of(message) is HandshakeFault.CONFIRMATION_TAG


def test_references_are_known_and_given_once() -> None:
    """A reference to another epoch's proposal is unknown."""
    _, proposal = BOB.propose(GROUP, Add(DAVE.key_package()))
    once = ProposalByReference(proposal.ref)
    assert fault_of(ALICE.sign(GROUP, Commit((once,), None))) is HandshakeFault.UNKNOWN_PROPOSAL
    old = replace(proposal, epoch=0)
    assert fault_of(ALICE.sign(GROUP, Commit((once,), None)), old) is HandshakeFault.UNKNOWN_PROPOSAL
    assert fault_of(ALICE.sign(GROUP, Commit((once, once), None)), proposal) is HandshakeFault.PROPOSAL_LIST


LISTS: list[Callable[[], list[Proposal]]] = [
    lambda: [Remove(0)],  # herself
    lambda: [Remove(1), Remove(1)],
    lambda: [Update(ALICE.fresh_leaf(GROUP, FromUpdate()))],  # that is what a path is for
    lambda: [SelfRemove()],
    lambda: [ExternalInit(bytes(32))],
    lambda: [GroupContextExtensions(()), GroupContextExtensions(())],
    lambda: [ReInit(b"new", 1, 1, ()), Remove(1)],
    lambda: [PreSharedKey(ExternalPsk(b"id", NONCE))] * 2,
    lambda: [Add(DAVE.key_package()), Add(DAVE.key_package())],
]


@pytest.mark.parametrize("make", LISTS)
def test_proposals_that_exclude_each_other(make: Callable[[], list[Proposal]]) -> None:
    """RFC 9420 section 12.2."""
    assert fault_of(by_value(*make(), path=path_commit().path)) is HandshakeFault.PROPOSAL_LIST


def test_what_is_not_about_the_committer_may_be_about_the_same_member_once() -> None:
    """An update and a removal of Bob, by reference."""
    _, update = BOB.propose(GROUP, Update(BOB.fresh_leaf(GROUP, FromUpdate())))
    _, remove = CAROL.propose(GROUP, Remove(1))
    both = Commit((ProposalByReference(update.ref), ProposalByReference(remove.ref)), path_commit().path)
    assert fault_of(ALICE.sign(GROUP, both), update, remove) is HandshakeFault.PROPOSAL_LIST


@pytest.mark.parametrize(
    "make",
    [list, lambda: [Remove(1)], lambda: [GroupContextExtensions(())]],
    ids=["empty", "remove", "context"],
)
def test_a_path_where_one_is_needed(make: Callable[[], list[Proposal]]) -> None:
    """Without fresh secrets a removed member would go on reading."""
    assert fault_of(by_value(*make())) is HandshakeFault.PATH


def test_proposals_that_cannot_be_applied() -> None:
    """Blank leaves, half nonces, keys of a former group in the middle of this one."""
    old_group = ResumptionPsk(ResumptionUsage.BRANCH, b"old", 3, NONCE)
    senders = Extension(ExtensionType.EXTERNAL_SENDERS, b"\xff")
    for proposal in (
        Remove(3),
        Remove(99),
        Remove(2**32 - 1),
        PreSharedKey(ExternalPsk(b"id", NONCE[1:])),
        PreSharedKey(old_group),
        ReInit(b"new", 0, 1, ()),
        GroupContextExtensions((senders,)),
    ):
        assert fault_of(by_value(proposal, path=path_commit().path)) is HandshakeFault.PROPOSAL, proposal


def test_an_added_key_package_is_checked_wholly() -> None:
    """Another suite, another's signature, a lifetime that is over."""
    stranger = Client(STANDARD_SUITES[3], b"did:web:dave.example")
    error = refused(by_value(Add(stranger.key_package())))
    assert (error.fault, error.key_package_reason) == (HandshakeFault.KEY_PACKAGE, KeyPackageReason.SUITE)
    unsigned = replace(DAVE.key_package(), signature=bytes(64))
    assert refused(by_value(Add(unsigned))).key_package_reason is KeyPackageReason.SIGNATURE
    later = DAVE.key_package(now=10**9)
    assert refused(by_value(Add(later))).key_package_reason is KeyPackageReason.LIFETIME
    verify_commit(GROUP, by_value(Add(later)))  # without a clock the lifetime is the caller's


def test_what_the_group_requires_binds_those_who_come_and_those_who_are_there() -> None:
    """One member that does not know an extension could not follow a group that uses it."""
    wants = RequiredCapabilities(extensions=(0x0A77,)).encode()
    required = Extension(ExtensionType.REQUIRED_CAPABILITIES, wants)
    nobody_can = by_value(GroupContextExtensions((required,)), path=path_commit().path)
    assert fault_of(nobody_can) is HandshakeFault.CAPABILITY
    assert fault_of(by_value(GroupContextExtensions((Extension(0x0A77, b""),)), path=path_commit().path)) is (
        HandshakeFault.CAPABILITY
    )
    able = client("erin")
    able.capabilities = replace(able.capabilities, extensions=(0x0A77,))
    group = able.create_group(b"strict", (required,)).group
    assert (
        fault_of(able.commit_unchecked(group, [Add(DAVE.key_package())]), group=group)
        is HandshakeFault.CAPABILITY
    )
    friend = client("frank")
    friend.capabilities = able.capabilities
    assert [m.identity for m in able.commit(group, [Add(friend.key_package())]).group.members] == [
        b"did:web:erin.example",
        b"did:web:frank.example",
    ]


def test_a_member_who_cannot_leave_by_himself_is_not_asked_to() -> None:
    """SelfRemove is of a draft: every member must say that it knows it."""
    old = client("grace")
    old.capabilities = replace(old.capabilities, proposals=())
    group = group_of(ALICE, old)
    with pytest.raises(InvalidHandshake, match="capability"):
        verify_proposal(group, ALICE.propose(group, SelfRemove())[0])


def test_the_same_client_twice_in_a_group() -> None:
    """Two leaves with one signature key: nobody could tell who speaks."""
    error = refused(by_value(Add(BOB.key_package())))
    assert (error.fault, error.tree_fault) == (HandshakeFault.TREE, TreeFault.DUPLICATE_KEY)


def test_a_client_may_be_taken_out_and_in_again_at_once() -> None:
    """With a fresh leaf, by one commit."""
    made = ALICE.commit(GROUP, [Remove(1), Add(BOB.key_package())])
    effects = verify_commit(GROUP, made.message)
    assert [m.leaf_index for m in effects.removed] == [1]
    assert [(added.member.leaf_index, added.member.identity) for added in effects.added] == [
        (1, b"did:web:bob.example")
    ]


def damaged_path(change: Callable[[UpdatePath], UpdatePath]) -> PublicMessage:
    """A commit of Alice with a path that she damaged before she signed."""
    return ALICE.sign(GROUP, Commit((), change(path_of(ALICE.commit(GROUP).message))))


SEALED = HpkeCiphertext(b"kem", b"sealed")
PATHS: list[tuple[Callable[[UpdatePath], UpdatePath], HandshakeFault]] = [
    (lambda path: replace(path, nodes=path.nodes[1:]), HandshakeFault.PATH),
    (lambda path: replace(path, nodes=(*path.nodes, path.nodes[0])), HandshakeFault.PATH),
    (
        lambda path: replace(
            path, nodes=(replace(path.nodes[0], encrypted_path_secrets=()), *path.nodes[1:])
        ),
        HandshakeFault.PATH,
    ),
    (
        lambda path: replace(
            path, nodes=(replace(path.nodes[0], encrypted_path_secrets=(SEALED,) * 9), *path.nodes[1:])
        ),
        HandshakeFault.PATH,
    ),
    (
        lambda path: replace(path, nodes=(replace(path.nodes[0], encryption_key=bytes(32)), *path.nodes[1:])),
        HandshakeFault.PATH_KEY,
    ),
    (
        lambda path: replace(path, nodes=(replace(path.nodes[0], encryption_key=b"k" * 32), *path.nodes[1:])),
        HandshakeFault.PARENT_HASH,
    ),
    (
        lambda path: replace(path, leaf_node=ALICE.fresh_leaf(GROUP, FromCommit(bytes(32)))),
        HandshakeFault.PARENT_HASH,
    ),
    (
        lambda path: replace(path, leaf_node=replace(path.leaf_node, signature=bytes(64))),
        HandshakeFault.PATH_LEAF,
    ),
    (
        lambda path: replace(
            path,
            leaf_node=ALICE.leaf(
                path.leaf_node.origin, b"a group", 0, credential=BasicCredential(b"did:web:bob.example")
            ),
        ),
        HandshakeFault.PATH_LEAF,
    ),
    (
        lambda path: replace(path, leaf_node=ALICE.leaf(path.leaf_node.origin, b"another group", 0)),
        HandshakeFault.PATH_LEAF,
    ),
    (
        lambda path: replace(path, leaf_node=ALICE.leaf(path.leaf_node.origin, b"a group", 1)),
        HandshakeFault.PATH_LEAF,
    ),
]


@pytest.mark.parametrize(("change", "fault"), PATHS)
def test_a_path_that_does_not_fit(change: Callable[[UpdatePath], UpdatePath], fault: HandshakeFault) -> None:
    """Count, receivers, keys, hashes, and the committer's leaf: its signature, place and person."""
    assert fault_of(damaged_path(change)) is fault


def test_no_key_of_a_path_was_in_the_tree() -> None:
    """Neither the committer's old keys nor anybody's: old secrets would open what is new."""
    old = GROUP.tree.leaf(0)
    assert old is not None

    def with_key(key: bytes) -> PublicMessage:
        return damaged_path(
            lambda path: replace(path, nodes=(replace(path.nodes[0], encryption_key=key), *path.nodes[1:]))
        )

    for node in GROUP.tree.nodes:
        if node is not None:
            assert fault_of(with_key(node.encryption_key)) is HandshakeFault.PATH_KEY
    same_leaf = damaged_path(
        lambda path: replace(
            path,
            leaf_node=ALICE.leaf(path.leaf_node.origin, b"a group", 0, encryption_key=old.encryption_key),
        )
    )
    assert fault_of(same_leaf) is HandshakeFault.PATH_KEY


def test_an_update_is_of_the_same_person_with_another_key() -> None:
    """Else a member could turn into somebody else in everybody's list."""
    leaf = GROUP.tree.leaf(1)
    assert leaf is not None
    cases = {
        HandshakeFault.IDENTITY: BOB.leaf(FromUpdate(), b"a group", 1, credential=ALICE.credential),
        HandshakeFault.PROPOSAL: BOB.leaf(FromUpdate(), b"a group", 1, encryption_key=leaf.encryption_key),
    }
    for fault, new in cases.items():
        with pytest.raises(InvalidHandshake) as error:
            verify_proposal(GROUP, BOB.propose(GROUP, Update(new))[0])
        assert error.value.fault is fault
    elsewhere = BOB.leaf(FromUpdate(), b"a group", 2)
    with pytest.raises(InvalidHandshake) as error:
        verify_proposal(GROUP, BOB.propose(GROUP, Update(elsewhere))[0])
    assert error.value.tree_fault is TreeFault.LEAF_SIGNATURE


def effects_of(message: PublicMessage, *pending: VerifiedProposal) -> CommitEffects:
    """What an accepted commit does."""
    return verify_commit(GROUP, message, {proposal.ref: proposal for proposal in pending})


def test_a_commit_takes_all_pending_proposals_that_it_can() -> None:
    """A committer cannot keep somebody in whom the others have asked to leave."""
    _, leaving = BOB.propose(GROUP, SelfRemove())
    assert fault_of(ALICE.commit(GROUP).message, leaving) is HandshakeFault.MISSING_REFERENCE
    effects = effects_of(ALICE.commit(GROUP, [leaving]).message, leaving)
    assert [member.identity for member in effects.removed] == [b"did:web:bob.example"]
    assert effects.references == (leaving.ref,)
    assert (
        verify_commit(
            GROUP, ALICE.commit(GROUP).message, {leaving.ref: leaving}, require_references=False
        ).references
        == ()
    )


def test_what_is_proposed_twice_is_taken_once() -> None:
    """Two members remove one: were both owed, no commit would be right and the group would stand still."""
    _, first = BOB.propose(GROUP, Remove(2))
    _, second = ALICE.propose(GROUP, Remove(2))
    _, about_alice = BOB.propose(GROUP, Remove(0))
    _, known = BOB.propose(GROUP, Add(ALICE.key_package()))
    effects = effects_of(ALICE.commit(GROUP, [first]).message, first, second, about_alice, known)
    assert [member.leaf_index for member in effects.removed] == [2]


def test_who_may_propose_what() -> None:
    """Members nearly all, named outsiders what changes no leaf of theirs, a newcomer only himself."""
    outsider, newcomer = Sender(SenderType.EXTERNAL, 0), Sender(SenderType.NEW_MEMBER_PROPOSAL)
    key = DAVE.signing.public
    entry = bytes([len(key)]) + key + DAVE.credential.encode()
    senders = Extension(ExtensionType.EXTERNAL_SENDERS, bytes([len(entry)]) + entry)
    group = ALICE.create_group(b"open", (senders,)).group
    add = Add(DAVE.key_package())
    allowed: list[tuple[Sender, Proposal]] = [(outsider, add), (outsider, Remove(0)), (newcomer, add)]
    for sender, proposal in allowed:
        assert verify_proposal(group, DAVE.sign(group, proposal, sender)).sender == sender
    forbidden: list[tuple[Sender, Proposal]] = [
        (outsider, SelfRemove()),
        (outsider, ExternalInit(b"")),
        (newcomer, Remove(0)),
        (Sender(SenderType.EXTERNAL, 1), add),
        (Sender(SenderType.NEW_MEMBER_COMMIT), add),
        (Sender(SenderType.MEMBER, 0), ExternalInit(b"")),
    ]
    for sender, proposal in forbidden:
        author = ALICE if sender.kind is SenderType.MEMBER else DAVE
        with pytest.raises(InvalidHandshake, match="sender"):
            verify_proposal(group, author.sign(group, proposal, sender))
    with pytest.raises(InvalidHandshake, match="signature"):
        verify_proposal(group, BOB.sign(group, add, newcomer))


def test_a_reinit_says_what_comes_after() -> None:
    """The group ends with it, so it comes alone and owes no other proposal."""
    proposal = ReInit(b"the next group", 1, 3, ())
    _, other = BOB.propose(GROUP, Remove(2))
    effects = effects_of(by_value(proposal), other)
    assert (effects.reinit, effects.epoch) == (proposal, GROUP.epoch + 1)
    assert are_parents_vouched_for(GROUP.suite, effects.group.tree, effects.group.hashes)


def test_the_last_epoch_has_no_next() -> None:
    """Epochs are 64 bits wide on the wire."""
    last = replace(GROUP, context=replace(GROUP.context, epoch=2**64 - 1))
    assert fault_of(ALICE.sign(last, path_commit()), group=last) is HandshakeFault.EPOCH
