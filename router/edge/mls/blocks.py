"""Blocks between accounts: nobody is brought together with somebody who blocks them, or whom they block.

Everything here is of accounts: an account's devices are in or out with it. What cannot be read is unknown,
and `blocks.when_unknown` says what that means; by default that nobody is brought together for now.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final

from protocol import AccountDid
from router.blocks.relation import Verdict, verdict
from router.edge.errors import Refusal
from router.edge.services import Edge

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
