"""Blocks between accounts: nobody is brought together with somebody who blocks them, or whom they block.

Everything here is of accounts: an account's devices are in or out with it. What cannot be read is unknown,
and `blocks.when_unknown` says what that means; by default that nobody is brought together for now.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection
from typing import Final

from msgspec import UNSET

from protocol import (
    AccountDid,
    Conversation,
    ConversationKind,
    Rejected,
    TellBlock,
    bucket,
    bucket_text,
    parse_account_did,
)
from router.blocks.relation import Findings, Verdict, verdict
from router.blocks.service import Confirmed, Denied, Unconfirmed
from router.edge.errors import Refusal
from router.edge.members import readable
from router.edge.services import Call, Edge
from schema.wire import given, mls

_PAGE: Final = 100
_MUTUAL: Final = "MutualBlockDetected"
_BY_MEMBER: Final = "BlockedByMember"


async def check_cohabitation(
    edge: Edge, present: Collection[AccountDid], coming: Collection[AccountDid]
) -> None:
    """Refuse to bring accounts together between whom a block stands, in either direction.

    `present` are the accounts in the conversation already, `coming` those to be in it. For a new
    conversation `present` is empty and `coming` are all of them, the creator included. Looks at every pair
    of which at least one comes; pairs that are in already are not judged again. Waits as long as the looks
    of `edge.blocks` take (`blocks.lookup_timeout`). Call it before anything is consumed or appended.

    Raises `Refusal`: `BlockedByMember` where there is somebody present, else `MutualBlockDetected`; and
    `UpstreamFailure` with Retry-After where records cannot be read and the deployment refuses the unknown.
    None of them says who blocks whom. Does nothing where the operator has turned blocks off.
    """
    if not edge.settings.blocks.enabled or not coming:
        return
    findings = await edge.blocks.between(present, coming)
    match verdict(findings, edge.settings.blocks.when_unknown):
        case Verdict.ALLOWED:
            return
        case Verdict.UNJUDGED:
            raise unreadable(edge, "UpstreamFailure")
        case Verdict.BLOCKED if present:
            raise Refusal(_BY_MEMBER, "A block stands between an account to be added and a member.")
        case Verdict.BLOCKED:  # pragma: no branch - the enum is closed
            raise Refusal(_MUTUAL, "A block stands between two of the members to be.")


def unreadable(edge: Edge, error: str) -> Refusal:
    """Records that would have to be known cannot be read now; nothing was done."""
    message = "The blocks of an account cannot be read now; nothing was done."
    return Refusal(error, message, retry_after=edge.blocks.retry_after)


# -- what clients ask -----------------------------------------------------------------------------------


async def check_blocks(edge: Edge, call: Call) -> mls.CheckBlocksOutput:
    """Which blocks stand between these accounts. Blocks are public records: anybody may ask of anybody."""
    params = call.value(mls.CheckBlocksParams)
    _must_be_on(edge)
    findings = await edge.blocks.between((), [parse_account_did(did) for did in params.dids])
    _must_be_judged(edge, findings, "BlueskyServiceUnavailable")
    return mls.CheckBlocksOutput(
        blocks=_views(findings), checked_at=_looked(edge, findings), unknown=findings.unknown or UNSET
    )


async def get_block_status(edge: Edge, call: Call) -> mls.GetBlockStatusOutput:
    """Which blocks stand between the members. For admins: who blocks whom is not the group's business."""
    params = call.value(mls.GetBlockStatusParams)
    state = await readable(edge, call.account, params.convo_id, ConversationKind.MLS)
    if call.account not in state.admins:
        raise Refusal("NotAdmin", "Only an admin of the conversation may see this.")
    _must_be_on(edge)
    members = state.accounts()
    findings = await edge.blocks.between((), members)
    _must_be_judged(edge, findings, "UpstreamFailure")
    return mls.GetBlockStatusOutput(
        convo_id=state.id,
        has_conflicts=bool(findings.blocks),
        blocks=_views(findings),
        checked_at=_looked(edge, findings),
        member_count=len(members),
        unknown=findings.unknown or UNSET,
    )


async def handle_block_change(edge: Edge, call: Call) -> mls.HandleBlockChangeOutput:
    """Hear of a block from one of the two, look at the blocker's own records, tell the admins concerned.

    Nothing is believed: a claim that the records do not bear out is `BlockNotVerified`, one that cannot be
    looked into now has a Retry-After, whatever `when_unknown` says of other things.
    """
    body = call.value(mls.HandleBlockChangeInput)
    blocker, blocked = parse_account_did(body.blocker_did), parse_account_did(body.blocked_did)
    if body.action not in ("created", "removed") or blocker == blocked:
        raise Refusal("InvalidRequest", "Two accounts, and whether the block was created or removed.")
    if call.account not in (blocker, blocked):
        raise Refusal("Forbidden", "Only who blocks or is blocked may tell of it.")
    _must_be_on(edge)
    stands = body.action == "created"
    own = call.account == blocker
    match await edge.blocks.confirm(blocker, blocked, exists=stands, uri=given(body.block_uri), own=own):
        case Denied():
            raise Refusal("BlockNotVerified", "The blocker's records do not say so.")
        case Unconfirmed(retry_after=wait, braked=True):
            message = "The blocker's records were looked at for such a claim a moment ago."
            raise Refusal("RateLimitExceeded", message, retry_after=wait)
        case Unconfirmed():
            raise unreadable(edge, "UpstreamFailure")
        case Confirmed():  # pragma: no branch - the union is closed
            other = blocked if own else blocker
            shared = [state async for state in _shared(edge, call.account, other)]
            told = [await _tell(edge, call.account, state, blocker, blocked, stands) for state in shared]
            return mls.HandleBlockChangeOutput(affected_convos=tuple(each for each in told if each))


async def _shared(edge: Edge, account: AccountDid, other: AccountDid) -> AsyncIterator[Conversation]:
    """The MLS conversations that both are in, all of them: one that was missed would never be told."""
    row: int | None = None
    while True:
        page = await edge.store.conversations_of(account, after=row, limit=_PAGE)
        for state in page.conversations:
            if state.kind is ConversationKind.MLS and state.is_member(other):
                yield state
        row = page.next
        if row is None:
            return


async def _tell(
    edge: Edge, by: AccountDid, state: Conversation, blocker: AccountDid, blocked: AccountDid, stands: bool
) -> mls.HandleBlockChangeAffectedConvo | None:
    """Tell the admins of one conversation, once; None when one of the two has gone meanwhile."""
    standing = state.group.conflict(blocker, blocked)
    if standing is None and not stands:
        return _affected(state, "no_action")
    if standing is not None and stands:
        return _affected(state, "admin_notified", standing.at)
    answer = await edge.conversations.ask(TellBlock(state.id, by, blocker, blocked, stands))
    match answer:
        case Rejected(error="NotMember" | "ConvoNotFound"):
            return None
        case Rejected(error="NotEnoughResources"):  # it has as many standing conflicts as it keeps
            return _affected(state, "requires_resolution")
        case Rejected():
            raise Refusal.of(answer)
        case _:
            return _affected(state, "admin_notified", _bucket(edge, edge.now()))


def _affected(
    state: Conversation, action: str, told_at: int | None = None
) -> mls.HandleBlockChangeAffectedConvo:
    return mls.HandleBlockChangeAffectedConvo(
        convo_id=state.id,
        action=action,
        admin_notified=told_at is not None,
        notification_sent_at=UNSET if told_at is None else bucket_text(told_at),
    )


def _must_be_on(edge: Edge) -> None:
    if not edge.settings.blocks.enabled:
        raise Refusal("MethodNotImplemented", "This server does not look at blocks.")


def _must_be_judged(edge: Edge, findings: Findings, error: str) -> None:
    """Refuse to say that there is no block where nobody can tell; one that was found is said."""
    if verdict(findings, edge.settings.blocks.when_unknown) is Verdict.UNJUDGED:
        raise unreadable(edge, error)


def _views(findings: Findings) -> tuple[mls.CheckBlocksBlockRelationship, ...]:
    return tuple(
        mls.CheckBlocksBlockRelationship(
            blocker_did=block.blocker,
            blocked_did=block.blocked,
            created_at=block.created,
            block_uri=block.uri,
        )
        for block in findings.blocks
    )


def _looked(edge: Edge, findings: Findings) -> str:
    """When the oldest of what this rests on was read."""
    return bucket_text(_bucket(edge, edge.now() if findings.looked is None else findings.looked))


def _bucket(edge: Edge, unix_seconds: float) -> int:
    return bucket(unix_seconds, edge.settings.log.received_bucket_seconds)
