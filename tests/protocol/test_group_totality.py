"""`decide` returns, whatever is asked; what it accepts can happen, and what it refuses has a name."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from protocol import (
    Accepted,
    AnnounceDevice,
    BlockConflict,
    BrokenLog,
    ChangeRole,
    Command,
    Commit,
    CommitMade,
    Conversation,
    Create,
    Entry,
    EntryKind,
    Fact,
    Framing,
    GroupInfo,
    GroupInfoKept,
    GroupReset,
    Handshake,
    LeafAdd,
    LeafReplaced,
    Leave,
    MemberDevice,
    MemberRemoved,
    MembersAdded,
    NewDevice,
    Policy,
    PolicyChange,
    PolicyChanged,
    ProposalMade,
    Propose,
    ReadditionRequested,
    RefreshGroupInfo,
    Rejected,
    RemoveMember,
    RequestReadd,
    ResetGroup,
    RoleChanged,
    TellBlock,
    UpdateGroupInfo,
    UpdatePolicy,
    Warn,
    Warned,
    WelcomeFor,
    acts_of,
    body_hash,
    commit_id,
    decide,
    decide_batch,
    encode_fact,
    evolve,
    membership_change,
    next_digest,
    payload_bytes,
    proposal_id,
)
from schema import ERRORS
from tests.protocol.groups import ALICES, MLS, commit, external, group, handshake, leaf, now_at
from tests.protocol.worlds import (
    ACCOUNTS,
    ALICE,
    BOB,
    CAROL,
    CONVO,
    GROUP_ID,
    LIMITS,
    NOW,
    began,
    device,
    devices,
)

BOBS = device(BOB)


def _states() -> list[Conversation | None]:
    """Nothing, an opaque one, and groups in the middle of things."""
    world = group(BOB, CAROL)
    states = [None, began(BOB), began(kind=MLS), now_at(world)]
    story: list[Command] = [
        ChangeRole(CONVO, ALICE, BOB, "moderator"),
        RemoveMember(CONVO, ALICE, CAROL),
        TellBlock(CONVO, BOB, BOB, ALICE, stands=True),
        RequestReadd(CONVO, BOB, BOBS, ALICES),
        AnnounceDevice(CONVO, BOB, device(BOB, 2), "tablet", "a"),
        commit(ALICES, handshake(now_at(world), ALICES)),
    ]
    for command in story:
        assert isinstance(world.ask(command), Accepted)
        states.append(world.state)
    assert isinstance(world.ask(commit(BOBS, external(now_at(world), BOBS))), Accepted)
    states.append(world.state)
    assert isinstance(world.ask(ResetGroup(CONVO, ALICE, ALICES, GROUP_ID.hex() + "ff", "", 1)), Accepted)
    return [*states, world.state]


def _mostly_none(strategy: st.SearchStrategy[object]) -> st.SearchStrategy[object]:
    return st.none() | strategy


states = st.sampled_from(_states())
people = st.sampled_from(ACCOUNTS)
owned = st.sampled_from([device(account, number) for account in ACCOUNTS[:4] for number in (1, 2)])
epochs = st.sampled_from([0, 1, 2, 3, -1, 2**53])
short = st.sampled_from([b"", b"a", b"b", GROUP_ID])
members = st.builds(MemberDevice, people, owned)
adds = st.lists(st.builds(LeafAdd, members, _mostly_none(short), st.none()), max_size=2).map(tuple)
given_welcomes = st.lists(st.builds(WelcomeFor, people, owned, _mostly_none(short), short), max_size=2).map(
    tuple
)
an_info = st.builds(GroupInfo, epochs, short, short)
infos = _mostly_none(an_info)
some_devices = st.lists(owned, max_size=3).map(tuple)
handshakes = st.builds(
    Handshake, short, epochs, st.sampled_from([GROUP_ID, b"x"]), st.booleans(), adds, some_devices,
    _mostly_none(owned), st.booleans(), st.lists(short, max_size=2).map(tuple), st.none() | short, infos,
    given_welcomes, some_devices,
)  # fmt: skip
texts = st.sampled_from(["", "x", GROUP_ID.hex()])
convo = st.just(CONVO)
roles = st.sampled_from(["admin", "moderator", "member"])
commands: st.SearchStrategy[Command] = st.one_of(
    st.builds(
        Create, convo, people, st.just(MLS), texts, texts, st.none(), st.none(),
        st.lists(members, max_size=3).map(tuple), epochs, st.none(), _mostly_none(owned),
        st.lists(people, max_size=3).map(tuple), adds, given_welcomes, infos,
    ),
    st.builds(
        Commit, convo, people, _mostly_none(owned), handshakes,
        st.sampled_from(["add", "remove", "leave", "update", "external", "rejoin"]),
    ),
    st.builds(RemoveMember, convo, people, people, st.none(), st.none(), handshakes, _mostly_none(owned)),
    st.builds(
        Leave, convo, people, _mostly_none(people), st.none(), _mostly_none(handshakes), _mostly_none(owned),
        _mostly_none(owned),
    ),
    st.builds(
        Propose, convo, people, _mostly_none(owned), short, _mostly_none(short),
        st.none() | st.builds(Framing, short, epochs, st.sampled_from(["proposal", "commit"]), st.booleans()),
    ),
    st.builds(ChangeRole, convo, people, people, roles, st.sampled_from(["admin", "moderator"])),
    st.builds(UpdatePolicy, convo, people, st.builds(PolicyChange, max_members=st.none() | epochs)),
    st.builds(Warn, convo, people, people, texts),
    st.builds(TellBlock, convo, people, people, people, st.booleans()),
    st.builds(AnnounceDevice, convo, people, owned, texts, texts),
    st.builds(
        RequestReadd, convo, people, owned, _mostly_none(owned), epochs, st.sampled_from(["lost", "welcome"])
    ),
    st.builds(RefreshGroupInfo, convo, people),
    st.builds(UpdateGroupInfo, convo, people, an_info, _mostly_none(short)),
    st.builds(
        ResetGroup, convo, people, owned, texts, texts, epochs, epochs, _mostly_none(epochs), adds,
        given_welcomes, infos,
    ),
)  # fmt: skip
"""All commands with anything in them."""


@given(states, commands)
def test_every_command_is_answered_and_what_is_accepted_can_happen(
    state: Conversation | None, command: Command
) -> None:
    """Total: no state and no command makes it raise. A refusal has a declared name."""
    outcome = decide(state, command, now=NOW, limits=LIMITS)
    assert payload_bytes(command) >= 0
    if isinstance(outcome, Rejected):
        assert outcome.error in ERRORS
    elif isinstance(outcome, Accepted):
        after = state
        for entry in outcome.entries:
            after = evolve(after, entry)
            membership_change(entry)
            acts_of(entry)
        assert after is not None
        assert after.group.owed == 0
        assert set(after.group.stale_leaves).isdisjoint(after.members)


@given(states, st.lists(commands, max_size=6))
def test_a_batch_of_anything_is_decided(state: Conversation | None, asked: list[Command]) -> None:
    decision = decide_batch(state, asked, now=NOW, limits=LIMITS)
    assert len(decision.outcomes) == len(asked)
    assert all(0 <= index < len(asked) for index, _ in decision.effects)


# -- damage: what no decision could have made ------------------------------------------------------------

STATE = now_at(group(BOB, CAROL))


def entry(fact: Fact, kind: EntryKind, **change: object) -> Entry:
    """An entry that would be right, were it not for its fact or for `change`."""
    body = encode_fact(fact)
    made = Entry(CONVO, 2, kind, 1, None, body, body_hash(body), 0, 1_000_000)
    return replace(made, **change)


def commit_made(fact: CommitMade, **change: object) -> Entry:
    named = {"epoch": 2, "msg_id": commit_id(fact.commit), "body_hash": body_hash(fact.commit)}
    return entry(fact, EntryKind.COMMIT, **(named | change))


RIGHT = CommitMade(b"c", ALICE, next_digest(STATE.group.digest, b"c"))
PROPOSED = ProposalMade(b"p", b"ref", BOB)
RESET = GroupReset(ALICE, "g", "", 1, kept=devices(ALICE), gone=(device(BOB), device(CAROL)),
                   displaced={BOB: "member", CAROL: "member"})  # fmt: skip
NOTICE, RESETS, ROLE, POLICY = (
    EntryKind.NOTICE, EntryKind.GROUP_RESET, EntryKind.ROLE_CHANGED, EntryKind.POLICY_CHANGED,
)  # fmt: skip
BROKEN = {
    "a commit of another name": commit_made(RIGHT, msg_id=commit_id(b"other")),
    "a commit of other bytes": commit_made(RIGHT, body_hash=body_hash(b"other")),
    "a commit counted": commit_made(RIGHT, app_count=1),
    "a commit that skips an epoch": commit_made(RIGHT, epoch=3),
    "a commit out of the chain": commit_made(replace(RIGHT, digest=b"0" * 32)),
    "a commit of a stranger": commit_made(replace(RIGHT, committer=ACCOUNTS[4])),
    "an external commit of no device": commit_made(replace(RIGHT, external=True)),
    "a device in a commit of a member": commit_made(replace(RIGHT, device=BOBS)),
    "a commit that owes less than nothing": commit_made(replace(RIGHT, changes=-1)),
    "a joiner without a commit": entry(MembersAdded(ALICE, devices(ACCOUNTS[4])), EntryKind.MEMBERS_ADDED),
    "a removal that forgets the leaf": entry(
        MemberRemoved(BOB, ALICE, "removed", None, (BOBS,)), EntryKind.MEMBER_REMOVED
    ),
    "all devices as some": entry(
        MemberRemoved(BOB, None, "device", None, (BOBS,), stale={BOBS: 1}), EntryKind.MEMBER_REMOVED
    ),
    "a stranger who declines": entry(
        MemberRemoved(ACCOUNTS[4], None, "left", None, ()), EntryKind.MEMBER_REMOVED
    ),
    "a leaf of somebody else": entry(
        MemberRemoved(BOB, ALICE, "removed", None, (BOBS,), stale={ALICES: 0}), EntryKind.MEMBER_REMOVED
    ),
    "a proposal of another epoch": entry(
        PROPOSED, EntryKind.PROPOSAL, epoch=0, msg_id=proposal_id(b"p"), body_hash=body_hash(b"p")
    ),
    "a proposal without its name": entry(PROPOSED, EntryKind.PROPOSAL, body_hash=body_hash(b"p")),
    "a proposal of a stranger": entry(
        replace(PROPOSED, proposer=ACCOUNTS[4]), EntryKind.PROPOSAL, msg_id=proposal_id(b"p"),
        body_hash=body_hash(b"p"),
    ),
    "a role given by a member": entry(RoleChanged(BOB, CAROL, "moderator"), ROLE),
    "a role given to a stranger": entry(RoleChanged(ALICE, ACCOUNTS[4], "admin"), ROLE),
    "a role that it has": entry(RoleChanged(ALICE, BOB, "member"), ROLE),
    "the last admin demoted": entry(RoleChanged(ALICE, ALICE, "member"), ROLE),
    "an admin made moderator": entry(RoleChanged(ALICE, ALICE, "moderator"), ROLE),
    "a policy of a member": entry(PolicyChanged(BOB, Policy()), POLICY),
    "a reset by a member": entry(replace(RESET, actor=BOB), RESETS),
    "a reset of another generation": entry(replace(RESET, generation=2), RESETS),
    "a reset that forgets somebody": entry(replace(RESET, gone=(BOBS,)), RESETS),
    "a reset that forgets a role": entry(replace(RESET, displaced={BOB: "member"}), RESETS),
    "a reset that joins who is in": entry(replace(RESET, joined=devices(BOB)), RESETS),
    "a reset without who resets": entry(
        replace(RESET, kept=devices(BOB), gone=(ALICES, device(CAROL))), RESETS
    ),
    "a leaf replaced without a commit": entry(LeafReplaced(ALICE, BOB, BOBS), NOTICE),
    "a device announced that is in": entry(NewDevice(BOB, BOBS, "", "a"), NOTICE),
    "a GroupInfo of a stranger": entry(GroupInfoKept(ACCOUNTS[4], b"h"), NOTICE),
    "a request of a stranger": entry(ReadditionRequested(ACCOUNTS[4], BOBS, 1), NOTICE),
    "a request of no attempt": entry(ReadditionRequested(BOB, BOBS, 0), NOTICE),
    "a warning by a member": entry(Warned(BOB, CAROL, "w"), NOTICE),
    "a block told by somebody else": entry(BlockConflict(ALICE, BOB, CAROL, True, (ALICES,)), NOTICE),
    "a block of a stranger": entry(BlockConflict(BOB, BOB, ACCOUNTS[4], True, (ALICES,)), NOTICE),
    "a block told to a member": entry(BlockConflict(BOB, BOB, CAROL, True, (ALICES, BOBS)), NOTICE),
    "a block that stood for nobody is gone": entry(
        BlockConflict(BOB, BOB, CAROL, False, (ALICES,)), NOTICE
    ),
    "a notice of another epoch": entry(ReadditionRequested(BOB, BOBS, 1), NOTICE, epoch=0),
    "a notice that is none": entry(RoleChanged(ALICE, BOB, "admin"), NOTICE),
}  # fmt: skip


@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN.keys())
def test_an_entry_that_no_decision_could_have_made_is_damage(broken: Entry) -> None:
    with pytest.raises(BrokenLog):
        evolve(STATE, broken)


def test_a_commit_is_followed_by_all_that_it_owes() -> None:
    """A store that lost the second half of an append must not go on as if nobody had joined."""
    made = commit(ALICES, handshake(STATE, ALICES, adds=[leaf(device(ACCOUNTS[3]))]))
    outcome = decide(STATE, made, now=NOW, limits=LIMITS)
    assert isinstance(outcome, Accepted)
    half = evolve(STATE, outcome.entries[0])
    later = entry(PolicyChanged(ALICE, Policy()), POLICY, seq=3, epoch=2)
    with pytest.raises(BrokenLog):
        evolve(half, later)
    assert evolve(half, outcome.entries[1]).is_member(ACCOUNTS[3])


def test_the_right_entries_are_no_damage() -> None:
    """The cases above are broken in one point each: without it they happen."""
    assert evolve(STATE, commit_made(RIGHT)).epoch == 2
    assert evolve(STATE, entry(RESET, RESETS)).group.generation == 1
    told = entry(BlockConflict(BOB, BOB, CAROL, True, (ALICES,)), NOTICE)
    assert len(evolve(STATE, told).group.conflicts) == 1
    right = entry(PROPOSED, EntryKind.PROPOSAL, msg_id=proposal_id(b"p"), body_hash=body_hash(b"p"))
    assert evolve(STATE, right).group.proposals == {b"ref": BOB}
