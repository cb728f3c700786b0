"""What the handlers of roles, reports, invites and requests share: whose conversation, which id, what time.

Reports, invites and requests are no entries of the log: each is a row with an id of its own. Under an
idempotency key the id follows from caller, method and key, so that a retry finds the row it made, for as long
as the row lives; without one it is drawn.
"""

from __future__ import annotations

import hashlib
import uuid
from datetime import datetime
from typing import Final

from protocol import (
    CONVO_NOT_FOUND,
    ConversationId,
    ConversationKind,
    IdempotencyKey,
    bucket,
)
from router.edge.commands import named_conversation
from router.edge.errors import Refusal
from router.edge.services import Edge

_ID_BYTES: Final = 16
_LAST_SECOND: Final = 253_402_300_799
"""The end of the year 9999: what comes later has no text."""

OTHER_REQUEST: Final = Refusal("IdempotencyConflict", "This idempotency key was used for another request.")


async def mls_conversation(edge: Edge, convo_id: str) -> ConversationId:
    """The conversation named, if it is an MLS one; whoever the caller is to it, the conversation judges.

    One of the other family is as unknown here as one that does not exist.
    """
    conversation = named_conversation(convo_id)
    state = await edge.store.conversation(conversation)
    if state is None or state.kind is not ConversationKind.MLS:
        raise Refusal.of(CONVO_NOT_FOUND)
    return conversation


def row_id(key: IdempotencyKey | None) -> str:
    """The id of what this request makes: 32 hexadecimal digits that nobody can guess."""
    if key is None:
        return uuid.uuid4().hex
    return hashlib.blake2b(key.scope, digest_size=_ID_BYTES, person=b"row id").hexdigest()


def moment(edge: Edge, field: str, text: str) -> int:
    """A lexicon datetime as a bucket; refuses what is on no calendar, or later than the year 9999."""
    try:
        seconds = datetime.fromisoformat(text).timestamp()
    except ValueError:
        raise Refusal("InvalidRequest", f"{field} is no time that there is.") from None
    if seconds > _LAST_SECOND:
        raise Refusal("InvalidRequest", f"{field} is later than the year 9999.")
    return bucket(seconds, edge.settings.log.received_bucket_seconds)


async def received(edge: Edge, conversation: ConversationId, seq: int) -> int:
    """When an entry came into the log, as a bucket: for a retry still the first time."""
    (entry,) = await edge.store.conversation_entries(
        conversation, after_seq=seq - 1, upto_seq=seq, max_entries=1, max_bytes=1
    )
    return entry.received
