"""What holds of every conversation, whatever is asked of it in whatever order."""

import msgspec
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from protocol import (
    CONVO_NOT_FOUND,
    Accepted,
    AccountDid,
    AddMembers,
    BrokenLog,
    Command,
    Conversation,
    ConversationKind,
    Create,
    CreateAnswer,
    DeviceId,
    Duplicate,
    Entry,
    EntryKind,
    Interval,
    Leave,
    MemberRemoved,
    MembersAdded,
    MembershipChange,
    MsgId,
    Rejected,
    RemoveMember,
    Send,
    Sent,
    by_account,
    decide,
    decode_answer,
    decode_fact,
    encode_answer,
    encode_fact,
    evolve,
    membership_change,
    standing,
)
from schema import ERRORS, error_names
from tests.protocol.worlds import (
    LIMITS,
    NOW,
    accounts,
    began,
    bodies,
    commands,
    commit_entry,
    device,
    epochs,
    member_devices,
    msg_ids,
    play,
    starts,
    stories,
)

METHODS = {
    Create: "createConvo",
    Send: "sendMessage",
    AddMembers: "addMembers",
    RemoveMember: "removeMember",
    Leave: "leaveConvo",
}
UNDECLARED = {("leaveConvo", "NotAdmin"), ("createConvo", "ConvoNotFound")}
"""Refusals beyond the seed's contract: its leaveConvo lets the creator remove, ours every admin; and a
creation that meets a foreign conversation, which takes two equal random ids."""


@given(starts, stories)
def test_every_command_is_answered_with_a_value_and_every_refusal_has_a_declared_name(
    start: Create, story: list[Command | str]
) -> None:
    """`decide` is total: `play` would raise. A name is in the catalogue, and the method declares it."""
    _, outcomes = play(start, story)
    for command, outcome in outcomes:
        if isinstance(outcome, Rejected):
            assert outcome.error in ERRORS
            method = METHODS[type(command)]
            if not ERRORS[outcome.error].generic and (method, outcome.error) not in UNDECLARED:
                declared = error_names(f"blue.catbird.mls.{method}") | error_names(f"chat.rookery.{method}")
                assert outcome.error in declared, method


@given(commands)
def test_nothing_but_a_creation_happens_to_a_conversation_that_does_not_exist(command: Command) -> None:
    outcome = decide(None, command, now=NOW, limits=LIMITS)
    assert isinstance(command, Create) or outcome == CONVO_NOT_FOUND


@given(starts, stories)
def test_a_replay_of_the_log_gives_the_live_state(start: Create, story: list[Command | str]) -> None:
    world, _ = play(start, story)
    replayed: Conversation | None = None
    for entry in world.log:
        replayed = evolve(replayed, msgspec.msgpack.decode(msgspec.msgpack.encode(entry), type=Entry))
    assert replayed == world.state
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(world.state), type=Conversation) == world.state


@given(starts, stories)
def test_seq_is_dense_msg_ids_are_unique_and_times_are_buckets(
    start: Create, story: list[Command | str]
) -> None:
    world, _ = play(start, story)
    assert [entry.seq for entry in world.log] == list(range(1, len(world.log) + 1))
    named = [entry.msg_id for entry in world.log if entry.msg_id is not None]
    assert len(named) == len(set(named))
    assert sum(entry.kind is EntryKind.MESSAGE for entry in world.log) == world.log[-1].app_count
    assert all(entry.received % LIMITS.bucket_seconds == 0 for entry in world.log)


@given(starts, stories, stories)
def test_a_duplicate_gets_the_first_answer_at_any_later_time(
    start: Create, story: list[Command | str], later: list[Command | str]
) -> None:
    """Whatever came between: commits, removals, the sender's own; unless the sender was never in."""
    world, outcomes = play(start, story)
    accepted = [(c, o.answer) for c, o in outcomes if isinstance(c, Send) and isinstance(o, Accepted)]
    for step in later:
        if not isinstance(step, str):
            world.ask(step, NOW + 60)
        elif world.state is not None and world.state.kind is ConversationKind.MLS:
            world.append([commit_entry(world.state)])
    for command, answer in accepted:
        assert world.ask(command, NOW + 3600) == Duplicate(answer)
        assert world.ask(replace(command, body=b"other"), NOW + 3600) != Duplicate(answer)


@given(starts, stories)
def test_there_is_always_an_admin_admins_are_members_and_tombstones_are_not(
    start: Create, story: list[Command | str]
) -> None:
    world, _ = play(start, story)
    state: Conversation | None = None
    for entry in world.log:
        state = evolve(state, entry)
        members = set(state.accounts())
        assert state.admins
        assert state.admins <= members
        assert not members & (state.removed | state.left)
        assert not state.removed & state.left
        assert 0 < len(members) <= LIMITS.max_members
        assert {a: set(d) for a, d in by_account(state.members.values()).items()} == {
            a: set(d) for a, d in state.devices_by_account.items()
        }


@given(starts, stories)
def test_a_removed_account_returns_by_an_admin_only_and_the_last_admin_hands_over_in_the_same_entry(
    start: Create, story: list[Command | str]
) -> None:
    world, _ = play(start, story)
    state = evolve(None, world.log[0])
    for entry in world.log[1:]:
        before, state = state, evolve(state, entry)
        if entry.kind is EntryKind.MEMBERS_ADDED:
            fact = decode_fact(entry.body)
            assert isinstance(fact, MembersAdded)
            returning = {member.account for member in fact.members} & before.removed
            assert not returning or fact.actor in before.admins
        elif entry.kind is EntryKind.MEMBER_REMOVED:
            fact = decode_fact(entry.body)
            assert isinstance(fact, MemberRemoved)
            if before.admins == {fact.account}:
                first = min(
                    (min(before.members[d].from_seq for d in before.devices_of(a)), a)
                    for a in state.accounts()
                )
                assert state.admins == {first[1]}
            else:
                assert state.admins == before.admins - {fact.account}


@given(starts, stories)
def test_a_device_sees_the_log_restricted_to_its_membership_intervals(
    start: Create, story: list[Command | str]
) -> None:
    """Intervals made from entries agree with the states between them, ends included."""
    world, _ = play(start, story)
    intervals: dict[DeviceId, list[Interval]] = {}
    inside: dict[DeviceId, set[int]] = {}
    before: Conversation | None = None
    for entry in world.log:
        change = membership_change(entry)
        for member in change.joined:
            intervals.setdefault(member.device, []).append(Interval(entry.seq))
        for gone in change.gone:
            intervals[gone][-1] = replace(intervals[gone][-1], to_seq=entry.seq)
        after = evolve(before, entry)
        for seen_by in after.members.keys() | (before.members.keys() if before else set()):
            inside.setdefault(seen_by, set()).add(entry.seq)
        before = after
    assert membership_change(commit_entry(began(kind=ConversationKind.MLS))) == MembershipChange()
    for holder, spans in intervals.items():
        shown = {entry.seq for entry in world.log if any(span.shows(entry.seq) for span in spans)}
        assert shown == inside[holder]


@given(starts, stories)
def test_no_entry_of_a_message_names_an_account_or_a_device(
    start: Create, story: list[Command | str]
) -> None:
    world, _ = play(start, story)
    for entry in world.log:
        if entry.kind is EntryKind.MESSAGE:
            assert b"did:" not in msgspec.msgpack.encode(entry)
            assert b"-4000-8000-" not in msgspec.msgpack.encode(entry)


@given(starts, stories)
def test_answers_survive_their_storage(start: Create, story: list[Command | str]) -> None:
    for _, outcome in play(start, story)[1]:
        if isinstance(outcome, Accepted | Duplicate):
            assert decode_answer(encode_answer(outcome.answer)) == outcome.answer
            assert isinstance(outcome.answer, CreateAnswer) or b"did:" not in encode_answer(outcome.answer)


# -- evolve accepts nothing else -------------------------------------------------------------------------

facts = st.builds(
    lambda actor, members: encode_fact(MembersAdded(actor, members)), accounts, member_devices
) | st.builds(
    lambda account, actor, action, chosen, successor: encode_fact(
        MemberRemoved(account, actor, action, None, chosen, successor)
    ),
    accounts,
    st.none() | accounts,
    st.sampled_from(["left", "removed"]),
    st.lists(st.builds(device, accounts, st.integers(1, 2)), max_size=3).map(tuple),
    st.none() | accounts,
)


@given(starts, stories, st.data())
def test_an_entry_that_no_decision_makes_is_broken_and_changes_nothing(
    start: Create, story: list[Command | str], data: st.DataObject
) -> None:
    """Any entry at all: either a decision at this state emits it, or `BrokenLog` and nothing else."""
    world, _ = play(start, story)
    state = data.draw(st.none() | st.just(world.state))
    last = 0 if state is None else state.last_seq
    count = 0 if state is None else state.app_count
    entry = Entry(
        conversation=start.conversation,
        seq=data.draw(st.sampled_from([last, last + 1, last + 2])),
        kind=data.draw(st.sampled_from(EntryKind)),
        epoch=data.draw(epochs),
        msg_id=data.draw(st.none() | msg_ids.map(lambda m: MsgId(m + "x"))),
        body=data.draw(bodies | facts | st.just(world.log[0].body)),
        body_hash=b"",
        app_count=data.draw(st.sampled_from([count, count + 1])),
        received=1_000_000,
    )
    try:
        after = evolve(state, entry)
    except BrokenLog:
        return
    assert after.last_seq == last + 1
    assert _emitted(state, entry, after), entry


def _emitted(state: Conversation | None, entry: Entry, after: Conversation) -> bool:
    """Whether some command leads from `state` to exactly `after`, judged by what the entry says."""
    if state is None or entry.kind is EntryKind.COMMIT:
        return entry.kind is EntryKind.CREATED or after.epoch == entry.epoch
    if entry.kind is EntryKind.MESSAGE:
        return 0 <= entry.epoch <= state.epoch and entry.epoch >= state.epoch - state.window
    fact = decode_fact(entry.body)
    if isinstance(fact, MembersAdded):
        command: Command = AddMembers(state.id, fact.actor, fact.members)
    else:
        assert isinstance(fact, MemberRemoved)
        if fact.actor is None:
            command = Leave(state.id, fact.account)
        else:
            command = RemoveMember(state.id, fact.actor, fact.account)
    roomy = replace(LIMITS, max_members=100)
    outcome = decide(state, command, now=NOW, limits=roomy)
    return isinstance(outcome, Accepted) and evolve(state, outcome.entries[0]) == after


@given(starts, accounts)
def test_a_standing_is_one_of_five_and_follows_the_state(start: Create, account: AccountDid) -> None:
    world, _ = play(start, [])
    assert world.state is not None
    assert (standing(world.state, account).value in {"member", "admin"}) is world.state.is_member(account)


def test_sent_is_the_same_for_the_first_try_and_for_the_retry() -> None:
    """Nothing in the answer tells a retry from a first try, so a client need not know which it was."""
    assert Sent.__struct_fields__ == ("msg_id", "seq", "epoch", "received")
