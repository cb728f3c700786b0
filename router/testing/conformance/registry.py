"""The list of checks. A check is an async function of the bench; its docstring says why it matters.

@check("messages", "the same bytes again get the first answer")
async def resend(bench: Bench) -> None:
    \"\"\"A client whose connection broke cannot know whether its message was taken.\"\"\"
"""

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Literal, get_args

import attrs

if TYPE_CHECKING:
    from router.testing.conformance.bench import Bench

Area = Literal[
    "wire", "devices", "key packages", "conversations", "commits", "welcomes", "membership", "messages",
    "streams", "limits",
]  # fmt: skip
AREAS: tuple[Area, ...] = get_args(Area)
"""In the order in which they are tried: what later ones take for granted comes first."""
Run = Callable[["Bench"], Awaitable[None]]


@attrs.frozen
class Check:
    """One promise of the contract, and how to find out."""

    area: Area
    name: str
    why: str
    run: Run


CHECKS: list[Check] = []
"""Every check; `chosen` puts them in order."""


def check(area: Area, name: str) -> Callable[[Run], Run]:
    """Enter a function into the list."""

    def enter(run: Run) -> Run:
        CHECKS.append(Check(area, name, " ".join((run.__doc__ or "").split()), run))
        return run

    return enter
