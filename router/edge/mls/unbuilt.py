"""The handler of a method that the contract has and this server has not: it says so."""

from __future__ import annotations

from typing import NoReturn

from router.edge.errors import Refusal
from router.edge.services import Call, Edge


async def unbuilt(_edge: Edge, call: Call) -> NoReturn:
    """Refuse with `MethodNotImplemented` (501), after every check that a built method passes."""
    raise Refusal("MethodNotImplemented", f"{call.route.nsid} is not built on this server yet.")
