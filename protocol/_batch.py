"""`decide_batch`: many commands, one append.

The commands are decided in order on a scratch state; the caller appends `entries` (and `settled`) once
and installs `state` only after the commit. Until then nothing has happened: a batch that could not be
committed is thrown away and decided again, whole or in parts.

Two ways to learn whether a msgId was used before:
- optimistic: a send that fits is accepted without a look-up and the store's unique index judges. When it
  answers DuplicateMsgIds, decide again with what came back added to `known`.
- looked up: a send that would be refused is first looked up. `lookups` names these; decide again with
  `known[msg_id]` set, to None where the log has nothing. Such a look-up never changes another outcome of
  the batch, since neither a duplicate nor a refusal moves the state.

The same msgId or idempotency key twice in one batch is judged inside the batch, in order. Commits and
proposals are found by the name that their bytes give them, in the same two ways.

`effects` are committed with the entries. When the condition of one does not hold, nothing was written:
decide again with its command in `refused`.
"""

from collections.abc import Mapping, Sequence

import msgspec

from protocol._answers import Accepted, Duplicate, Known, Limits, Outcome, Rejected
from protocol._commands import Send
from protocol._decide import decide_at
from protocol._effects import Effect
from protocol._evolve import evolve
from protocol._group_commands import Command, named_entry
from protocol._idempotency import Retry, Settled, judge_retry
from protocol._ids import MsgId
from protocol._log import Entry
from protocol._standing import Turn
from protocol._state import Conversation
from protocol._time import bucket

_OTHER_BODY = Rejected("IdempotencyConflict", "This idempotency key was used for another request.")


class BatchDecision(msgspec.Struct, frozen=True):
    """What a batch leads to, if it is appended as a whole."""

    outcomes: tuple[Outcome, ...]
    """One for each command, in order."""
    entries: tuple[Entry, ...]
    """All that is to be appended, in order of seq."""
    state: Conversation | None
    """The state after `entries`; the one before, when there are none."""
    settled: tuple[Settled, ...]
    """Results to store in the same transaction."""
    lookups: frozenset[MsgId]
    """Not empty: some refusals are provisional; look these up and decide again."""
    effects: tuple[tuple[int, Effect], ...] = ()
    """What else is to be committed, in order, each with the index of the command it belongs to."""


def decide_batch(
    state: Conversation | None,
    commands: Sequence[Command],
    *,
    now: float,
    limits: Limits,
    known: Mapping[MsgId, Known | None] | None = None,
    settled: Mapping[bytes, Settled] | None = None,
    refused: Mapping[int, Rejected] | None = None,
) -> BatchDecision:
    """Decide `commands` one after another as if each had been committed before the next.

    `known` holds what look-ups found so far (None: looked up, not there), `settled` what is stored under
    the idempotency scopes of these commands, `refused` the commands (by index) of which an effect's
    condition did not hold, and what they are told. Never raises.
    """
    received = bucket(now, limits.bucket_seconds)
    entered: dict[MsgId, Known | None] = dict(known or {})
    results: dict[bytes, Settled] = dict(settled or {})
    refusals = refused or {}
    outcomes: list[Outcome] = []
    entries: list[Entry] = []
    effects: list[tuple[int, Effect]] = []
    to_store: list[Settled] = []
    lookups: set[MsgId] = set()
    for index, command in enumerate(commands):
        key = None if isinstance(command, Send) else command.idempotency
        stored = None if key is None else results.get(key.scope)
        if key is not None and stored is not None:
            verdict = judge_retry(stored.key.fingerprint, key.fingerprint)
            outcomes.append(Duplicate(stored.answer) if verdict is Retry.REPLAY else _OTHER_BODY)
            continue
        name = named_entry(command)
        found = None if name is None else entered.get(name)
        if index in refusals and found is None:
            outcomes.append(refusals[index])
            continue
        turn = Turn(received, limits, found, found is not None or name in entered)
        outcome = decide_at(state, command, turn)
        if isinstance(outcome, Accepted):
            for entry in outcome.entries:
                state = evolve(state, entry)
                if entry.msg_id is not None:
                    entered[entry.msg_id] = Known(entry.seq, entry.body_hash, entry.epoch, received)
            entries += outcome.entries
            effects += [(index, effect) for effect in outcome.effects]
            if key is not None:
                results[key.scope] = Settled(key, outcome.answer)
                to_store.append(results[key.scope])
        elif isinstance(outcome, Rejected) and outcome.lookup and name is not None:
            lookups.add(name)
        outcomes.append(outcome)
    return BatchDecision(
        tuple(outcomes), tuple(entries), state, tuple(to_store), frozenset(lookups), tuple(effects)
    )
