"""The conversation actor: take what waits, decide it on a scratch state, append once, then answer.

It is a shell around `protocol.decide_batch` and owns nothing but the state the log adds up to, so a crash
costs a reload. State is installed and answers are given only after the commit, refusals too: an asker never
hears of something that a crash could undo. Rounds of one batch, until it is committed or refused::

    decide ─▶ look-ups wanted? ─▶ ask the store, decide again        (a send is never refused unseen)
       └────▶ append ─▶ Appended         install, answer
                     ─▶ DuplicateMsgIds  decide again with what is known now
                     ─▶ AlreadyAnswered  decide again with the stored result
                     ─▶ ConditionFailed  decide again with the command refused whose effect cannot be
                     ─▶ SeqConflict      reload, decide again: our state was old (an unknown outcome before)
                     ─▶ StaleTerm        another owner writes: refuse

When the store cannot read or write, everybody in the batch hears so and may repeat the same bytes; that is
no crash, and the actor loads its state again with the next batch. Any other failure is ours: the batch is
tried again in halves until the command that causes it stands alone, fails alone, and the crash is reported
to the registry afterwards.
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
from router.store.errors import Overloaded, StoreUnavailable
from router.store.interface import Store
from router.store.values import (
    AlreadyAnswered,
    Appended,
    AppendRequest,
    ConditionFailed,
    DuplicateMsgIds,
    SeqConflict,
    StaleTerm,
    StoredResult,
)

_MAX_ROUNDS = 8  # besides one for each command: each round learns something, or we disagree for ever
_BATCH_ITEMS = 64
_BATCH_BYTES = 1 << 20
_STATUS_OK = 200
_CONDITION = "What this needs is not there any more."
_UNMET = {"KeyPackageNotFound": "A key package is used up, expired, or not one that you claimed."}


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
        desk = _Desk(self, context.key)
        while batch := await context.take(max_items=_BATCH_ITEMS, max_weight=_BATCH_BYTES):
            await desk.serve(batch)


@attrs.define
class _Desk:
    """One incarnation at work: the conversation's state, as far as it is known."""

    _house: ConversationBehaviour
    _conversation: ConversationId
    _known: bool = False
    """Whether `_state` is what the log adds up to. After a failure it is not, and is loaded again."""
    _state: Conversation | None = None

    async def serve(self, batch: Sequence[Envelope[Ask]]) -> None:
        """Answer every envelope. Raises the first fault of ours, when all the others are answered."""
        faults: list[Exception] = []
        await self._serve(batch, faults)
        if faults:
            raise faults[0]

    async def _serve(self, batch: Sequence[Envelope[Ask]], faults: list[Exception]) -> None:
        try:
            if not self._known:
                self._state = await self._house.store.conversation(self._conversation)
                self._known = True
            outcomes = await self._commit([each.message.command for each in batch])
        except Overloaded as full:  # nothing was done
            for envelope in batch:
                envelope.refuse(full)
        except (StoreUnavailable, OwnerChanged) as world:
            self._known = False
            for envelope in batch:
                envelope.refuse(world)
        except Exception as error:  # noqa: BLE001 -- ours; isolate the command that causes it
            self._known = False
            if len(batch) == 1:
                batch[0].fail(error)
                faults.append(error)
                return
            half = len(batch) // 2
            await self._serve(batch[:half], faults)
            await self._serve(batch[half:], faults)
        else:
            for envelope, outcome in zip(batch, outcomes, strict=True):
                envelope.reply(_as_reply(outcome))

    async def _commit(self, commands: Sequence[Command]) -> Sequence[Outcome]:
        """Decide and append until nothing stands in the way; the new state is installed, not yet told."""
        house = self._house
        now = house.now()
        bucketed = bucket(now, house.limits.bucket_seconds)
        known: dict[MsgId, Known | None] = {}
        settled = await self._settled(commands, bucketed)
        refused: dict[int, Rejected] = {}
        for _ in range(_MAX_ROUNDS + len(commands)):
            decision = decide_batch(
                self._state,
                commands,
                now=now,
                limits=house.limits,
                known=known,
                settled=settled,
                refused=refused,
            )
            if decision.lookups:
                wanted = tuple(decision.lookups)
                found = await house.store.known_sends(self._conversation, wanted)
                known.update({msg_id: found.get(msg_id) for msg_id in wanted})
                continue
            if not decision.entries and not decision.effects:
                return decision.outcomes
            request = AppendRequest(
                conversation=self._conversation,
                expected_seq=0 if self._state is None else self._state.last_seq,
                entries=decision.entries,
                term=house.store.term,
                now=bucketed,
                idempotency=tuple(self._stored(each, bucketed) for each in decision.settled),
                effects=tuple(effect for _, effect in decision.effects),
            )
            match await house.store.append(request):
                case Appended():
                    self._state = decision.state
                    return decision.outcomes
                case DuplicateMsgIds(known=more):
                    known.update(more)
                case AlreadyAnswered(stored=stored):
                    settled[stored.scope] = _settled(stored)
                case ConditionFailed(effect=number, error=error):
                    command, _ = decision.effects[number]
                    refused[command] = Rejected(error, _UNMET.get(error, _CONDITION))
                case SeqConflict():
                    # Something landed of which we did not know: what was looked up before it is stale.
                    self._state = await house.store.conversation(self._conversation)
                    known.clear()
                    refused.clear()
                    settled = await self._settled(commands, bucketed)
                case StaleTerm():
                    raise OwnerChanged
        raise RuntimeError("the store and the conversation's state did not come to agree")

    async def _settled(self, commands: Sequence[Command], now: int) -> dict[bytes, Settled]:
        """Results stored under the idempotency keys of these commands. Sends have none, so cost nothing."""
        settled: dict[bytes, Settled] = {}
        for command in commands:
            if isinstance(command, Send) or command.idempotency is None:
                continue
            stored = await self._house.store.idempotent(command.idempotency.scope, now=now)
            if stored is not None:
                settled[stored.scope] = _settled(stored)
        return settled

    def _stored(self, settled: Settled, now: int) -> StoredResult:
        return StoredResult(
            scope=settled.key.scope,
            fingerprint=settled.key.fingerprint,
            status=_STATUS_OK,
            body=encode_answer(settled.answer),
            expires=now + self._house.result_lifetime,
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
