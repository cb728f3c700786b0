"""The conversation actor: take what waits, decide it on a scratch state, append once, then answer.

It is a shell around `protocol.decide_batch` and owns nothing but the state the log adds up to, so a crash
costs a reload. State is installed and answers are given only after the commit, refusals too: an asker never
hears of something that a crash could undo. Rounds of one batch, until it is committed or refused::

    decide ─▶ look-ups wanted? ─▶ ask the store, decide again        (a send is never refused unseen)
       └────▶ append ─▶ Appended         install, answer
                     ─▶ DuplicateMsgIds  decide again with what is known now
                     ─▶ AlreadyAnswered  decide again with the stored result
                     ─▶ SeqConflict      reload, decide again: our state was old (an unknown outcome before)
                     ─▶ StaleTerm        another owner writes: refuse, end

When the store cannot write, everybody in the batch hears so and may repeat the same bytes. Any other failure
is ours: the batch is tried again in halves until the command that causes it stands alone, fails alone, and
the crash is reported to the registry afterwards.
"""

from collections.abc import Callable, Sequence

import attrs

from actors import ActorContext, Envelope
from protocol import (
    Accepted,
    Command,
    Conversation,
    ConversationId,
    Duplicate,
    Known,
    Limits,
    MsgId,
    Outcome,
    Rejected,
    Send,
    Settled,
    bucket,
    decide_batch,
    decode_answer,
    encode_answer,
)
from protocol import IdempotencyKey as Key
from router.conversation.service import Ask, OwnerChanged
from router.store.errors import OutcomeUnknown, Overloaded, StoreUnavailable
from router.store.interface import Store
from router.store.values import (
    AlreadyAnswered,
    Appended,
    AppendRequest,
    DuplicateMsgIds,
    SeqConflict,
    StaleTerm,
    StoredResult,
)

_MAX_ROUNDS = 8  # each round learns something; more means the store and we disagree for ever
_BATCH_ITEMS = 64
_BATCH_BYTES = 1 << 20
_STATUS_OK = 200


@attrs.frozen
class ConversationBehaviour:
    """The behaviour of every conversation actor of this node.

    `now` gives Unix seconds; `result_lifetime` is how many seconds a stored idempotent result counts.
    """

    store: Store
    limits: Limits
    now: Callable[[], float]
    result_lifetime: int = 86_400

    async def __call__(self, context: ActorContext[ConversationId, Ask]) -> None:
        conversation = context.key
        state = await self.store.conversation(conversation)
        while batch := await context.take(max_items=_BATCH_ITEMS, max_weight=_BATCH_BYTES):
            failures: list[Exception] = []
            state = await self._serve(conversation, state, batch, failures)
            if failures:
                raise failures[0]

    async def _serve(
        self,
        conversation: ConversationId,
        state: Conversation | None,
        batch: Sequence[Envelope[Ask]],
        failures: list[Exception],
    ) -> Conversation | None:
        """Answer every envelope of the batch; returns the state after it."""
        try:
            state, outcomes = await self._commit(
                conversation, state, [each.message.command for each in batch]
            )
        except (Overloaded, StoreUnavailable, OwnerChanged) as world:
            for envelope in batch:
                envelope.refuse(world)
            if isinstance(world, OutcomeUnknown):
                state = await self.store.conversation(conversation)
            return state
        except Exception as error:  # noqa: BLE001 -- ours; isolate the command that causes it
            state = await self.store.conversation(conversation)
            if len(batch) == 1:
                batch[0].fail(error)
                failures.append(error)
                return state
            half = len(batch) // 2
            state = await self._serve(conversation, state, batch[:half], failures)
            return await self._serve(conversation, state, batch[half:], failures)
        for envelope, outcome in zip(batch, outcomes, strict=True):
            envelope.reply(_as_reply(outcome))
        return state

    async def _commit(
        self, conversation: ConversationId, state: Conversation | None, commands: Sequence[Command]
    ) -> tuple[Conversation | None, Sequence[Outcome]]:
        """Decide and append until nothing stands in the way; returns the installed state and outcomes."""
        now = self.now()
        bucketed = bucket(now, self.limits.bucket_seconds)
        known: dict[MsgId, Known | None] = {}
        settled = await self._settled(commands, bucketed)
        for _ in range(_MAX_ROUNDS):
            decision = decide_batch(
                state, commands, now=now, limits=self.limits, known=known, settled=settled
            )
            if decision.lookups:
                wanted = tuple(decision.lookups)
                found = await self.store.known_sends(conversation, wanted)
                known.update({msg_id: found.get(msg_id) for msg_id in wanted})
                continue
            if not decision.entries:
                return state, decision.outcomes
            request = AppendRequest(
                conversation=conversation,
                expected_seq=0 if state is None else state.last_seq,
                entries=decision.entries,
                term=self.store.term,
                now=bucketed,
                idempotency=tuple(self._stored(each, bucketed) for each in decision.settled),
            )
            match await self.store.append(request):
                case Appended():
                    return decision.state, decision.outcomes
                case DuplicateMsgIds(known=more):
                    known.update(more)
                case AlreadyAnswered(stored=stored):
                    settled[stored.scope] = _settled(stored)
                case SeqConflict():
                    state = await self.store.conversation(conversation)
                case StaleTerm():
                    raise OwnerChanged
        raise RuntimeError("the store and the conversation's state did not come to agree")

    async def _settled(self, commands: Sequence[Command], now: int) -> dict[bytes, Settled]:
        """Results stored under the idempotency keys of these commands. Sends have none, so cost nothing."""
        settled: dict[bytes, Settled] = {}
        for command in commands:
            if isinstance(command, Send) or command.idempotency is None:
                continue
            stored = await self.store.idempotent(command.idempotency.scope, now=now)
            if stored is not None:
                settled[stored.scope] = _settled(stored)
        return settled

    def _stored(self, settled: Settled, now: int) -> StoredResult:
        return StoredResult(
            scope=settled.key.scope,
            fingerprint=settled.key.fingerprint,
            status=_STATUS_OK,
            body=encode_answer(settled.answer),
            expires=now + self.result_lifetime,
        )


def _settled(stored: StoredResult) -> Settled:
    return Settled(Key(stored.scope, stored.fingerprint), decode_answer(stored.body))


def _as_reply(outcome: Outcome) -> object:
    """What an asker gets: the answer, the first time and every time after, or the refusal."""
    match outcome:
        case Accepted(answer=answer) | Duplicate(answer=answer):
            return answer
        case Rejected():
            return outcome
