"""Batches: the same as one after another, appended once; look-ups and retries inside and across them."""

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from protocol import (
    Accepted,
    AddMembers,
    BatchDecision,
    Changed,
    Command,
    Conversation,
    Create,
    Duplicate,
    Entry,
    IdempotencyKey,
    Known,
    Leave,
    MsgId,
    Outcome,
    Rejected,
    RemoveMember,
    Retry,
    Send,
    Sent,
    Settled,
    decide_batch,
    evolve,
    judge_retry,
)
from tests.protocol.worlds import (
    ALICE,
    BOB,
    CAROL,
    CONVO,
    LIMITS,
    MALLORY,
    NOW,
    World,
    began,
    ciphertext,
    commands,
    create,
    devices,
    play,
    refusal,
    send,
    starts,
)


def batch(
    state: Conversation | None,
    *asked: Command,
    known: dict[MsgId, Known | None] | None = None,
    settled: dict[bytes, Settled] | None = None,
) -> BatchDecision:
    return decide_batch(state, asked, now=NOW, limits=LIMITS, known=known, settled=settled)


def key(scope: int = 1, fingerprint: int = 1) -> IdempotencyKey:
    return IdempotencyKey(bytes([scope]) * 32, bytes([fingerprint]) * 32)


def test_a_batch_is_one_append_of_all_that_was_accepted_with_an_outcome_for_each_command() -> None:
    decision = batch(began(BOB), send(BOB, "a"), send(MALLORY, "b"), send(ALICE, "c"))
    kinds = [type(outcome) for outcome in decision.outcomes]
    assert kinds == [Accepted, Rejected, Accepted]
    assert [entry.seq for entry in decision.entries] == [2, 3]
    assert decision.state is not None
    assert decision.state.last_seq == 3
    assert not decision.lookups


def test_an_empty_batch_changes_nothing() -> None:
    state = began(BOB)
    assert batch(state) == BatchDecision((), (), state, (), frozenset())
    assert batch(None).state is None


def test_a_conversation_may_begin_and_be_written_to_in_one_batch() -> None:
    decision = batch(None, create(BOB), send(BOB, "a"))
    assert [entry.seq for entry in decision.entries] == [1, 2]


def test_the_same_bytes_twice_in_one_batch_are_one_message_with_one_answer() -> None:
    decision = batch(began(BOB), send(BOB, "a"), send(BOB, "a"), send(BOB, "a", body=ciphertext(512, 7)))
    first, again, other = decision.outcomes
    assert isinstance(first, Accepted)
    assert again == Duplicate(first.answer)
    assert refusal(other).error == "IdempotencyConflict"
    assert len(decision.entries) == 1


def test_a_retry_behind_its_senders_departure_in_one_batch_gets_the_first_answer() -> None:
    decision = batch(began(BOB), send(BOB, "a"), Leave(CONVO, BOB), send(BOB, "a"), send(BOB, "b"))
    first, _, again, late = decision.outcomes
    assert isinstance(first, Accepted)
    assert again == Duplicate(first.answer)
    assert refusal(late).error == "NotMember"
    assert decision.lookups == {"b"}


def test_the_store_has_the_last_word_on_a_msg_id_that_was_not_looked_up() -> None:
    """The optimistic path: accept, append, and decide again when the unique index says no."""
    optimistic = batch(began(BOB), send(BOB, "a"), send(BOB, "b"))
    assert len(optimistic.entries) == 2
    known: dict[MsgId, Known | None] = {
        MsgId("a"): Known(7, optimistic.entries[0].body_hash, epoch=0, received=4)
    }
    again = batch(began(BOB), send(BOB, "a"), send(BOB, "b"), known=known)
    assert again.outcomes[0] == Duplicate(Sent(MsgId("a"), seq=7, epoch=0, received=4))
    assert [entry.msg_id for entry in again.entries] == ["b"]


def test_a_refusal_is_final_once_its_look_up_found_nothing() -> None:
    bad = send(BOB, "a", body=b"short")
    assert batch(began(BOB), bad).lookups == {"a"}
    decision = batch(began(BOB), bad, known={MsgId("a"): None})
    assert not decision.lookups
    assert refusal(decision.outcomes[0]).error == "InvalidAsset"
    assert not refusal(decision.outcomes[0]).lookup


# -- idempotency keys ------------------------------------------------------------------------------------


def test_one_key_one_body_one_result() -> None:
    assert judge_retry(None, b"f") is Retry.FRESH
    assert judge_retry(b"f", b"f") is Retry.REPLAY
    assert judge_retry(b"f", b"g") is Retry.CONFLICT


def test_an_accepted_result_is_to_be_stored_with_its_entries_and_a_refusal_is_not() -> None:
    add = AddMembers(CONVO, BOB, devices(CAROL), key(1))
    refused = RemoveMember(CONVO, BOB, ALICE, None, key(2))
    decision = batch(began(BOB), add, refused, Leave(CONVO, BOB))
    assert decision.settled == (Settled(key(1), Changed(2, 0)),)


def test_a_retry_by_key_replays_the_stored_result_and_another_body_is_a_conflict() -> None:
    stored = {key().scope: Settled(key(), Changed(9, 3))}
    add = AddMembers(CONVO, BOB, devices(CAROL), key())
    decision = batch(began(BOB), add, replace(add, idempotency=key(1, 2)), settled=stored)
    assert decision.outcomes[0] == Duplicate(Changed(9, 3))
    assert refusal(decision.outcomes[1]).error == "IdempotencyConflict"
    assert not decision.entries


def test_a_key_used_twice_in_one_batch_runs_once() -> None:
    add = AddMembers(CONVO, BOB, devices(CAROL), key())
    decision = batch(began(BOB), add, add, replace(add, idempotency=key(1, 2)))
    first, again, other = decision.outcomes
    assert isinstance(first, Accepted)
    assert again == Duplicate(first.answer)
    assert refusal(other).error == "IdempotencyConflict"
    assert len(decision.entries) == len(decision.settled) == 1


def test_a_refused_command_may_use_its_key_again_when_what_was_wrong_is_put_right() -> None:
    remove = RemoveMember(CONVO, ALICE, CAROL, None, key())
    decision = batch(began(BOB), remove, AddMembers(CONVO, BOB, devices(CAROL)), remove)
    assert [type(outcome) for outcome in decision.outcomes] == [Rejected, Accepted, Accepted]


# -- laws ------------------------------------------------------------------------------------------------


@given(starts, st.lists(commands, max_size=8), st.lists(commands, min_size=6, max_size=20))
def test_a_batch_decides_as_its_commands_one_after_another_would(
    start: Create, before: list[Command], asked: list[Command]
) -> None:
    """And whether msgIds were looked up first or when a refusal or the store asked makes no difference."""
    world, _ = play(start, before)
    state, in_log = world.state, dict(world.known)
    one_by_one = [world.ask(command) for command in asked]

    everything: dict[MsgId, Known | None] = {
        command.msg_id: in_log.get(command.msg_id) for command in asked if isinstance(command, Send)
    }
    eager = decide_batch(state, asked, now=NOW, limits=LIMITS, known=everything)
    lazy = _settle_lazily(state, asked, in_log)

    assert list(eager.outcomes) == one_by_one
    assert not eager.lookups
    assert eager.state == world.state
    assert list(eager.entries) == world.log[len(world.log) - len(eager.entries) :]
    assert lazy == eager


def _settle_lazily(
    state: Conversation | None, asked: list[Command], in_log: dict[MsgId, Known]
) -> BatchDecision:
    """The actor's loop over a store with a unique index on msgIds."""
    known: dict[MsgId, Known | None] = {}
    for _ in range(20):
        decision = decide_batch(state, asked, now=NOW, limits=LIMITS, known=known)
        clashes = {e.msg_id for e in decision.entries if e.msg_id in in_log} - {None}
        if decision.lookups:
            known.update({msg_id: in_log.get(msg_id) for msg_id in decision.lookups})
        elif clashes:
            known.update({msg_id: in_log[msg_id] for msg_id in clashes})
        else:
            return decision
    raise AssertionError("the loop did not come to an end")


@given(starts, st.lists(commands, min_size=6, max_size=20))
def test_a_look_up_changes_no_outcome_but_its_own(start: Create, asked: list[Command]) -> None:
    world, _ = play(start, [])
    first = decide_batch(world.state, asked, now=NOW, limits=LIMITS)
    known: dict[MsgId, Known | None] = dict.fromkeys(first.lookups)
    second = decide_batch(world.state, asked, now=NOW, limits=LIMITS, known=known)
    assert second.entries == first.entries
    for command, before, after in zip(asked, first.outcomes, second.outcomes, strict=True):
        if not (isinstance(command, Send) and command.msg_id in first.lookups):
            assert before == after


@given(starts, st.lists(commands, min_size=6, max_size=20))
def test_the_scratch_state_is_what_replay_gives_and_the_old_state_is_untouched(
    start: Create, asked: list[Command]
) -> None:
    world, _ = play(start, [])
    state = world.state
    decision = decide_batch(state, asked, now=NOW, limits=LIMITS)
    replayed: Conversation | None = state
    for entry in decision.entries:
        replayed = evolve(replayed, entry)
    assert replayed == decision.state
    assert state == _rebuilt(world.log)


def _rebuilt(log: list[Entry]) -> Conversation | None:
    world = World()
    world.append(log)
    return world.state


def test_outcomes_compare_by_value() -> None:
    same: list[Outcome] = [batch(began(BOB), send(BOB, "a")).outcomes[0] for _ in range(2)]
    assert same[0] == same[1]
