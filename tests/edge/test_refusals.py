"""Refusals as exceptions: what they may not keep."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Callable

from router.edge.errors import Refusal, Reply, reply_of

CONSTANT = Refusal("InvalidRequest", "No.")


class Body:
    """What a request brings, of which a test can tell whether it is still there."""


def refuse(kept: list[weakref.ref[Body]]) -> None:
    """A handler that has a body at hand when it refuses."""
    body = Body()
    kept.append(weakref.ref(body))
    try:
        int("no number")
    except ValueError:
        raise CONSTANT  # noqa: B904 - a refusal keeps its context too


def answered(handler: Callable[[], None]) -> Reply:
    """What the edge makes of what a handler raises."""
    try:
        handler()
    except Refusal as refusal:
        return reply_of(refusal)
    raise AssertionError("it was not refused")


def test_a_refusal_that_is_raised_again_and_again_keeps_nothing_of_the_requests() -> None:
    """Python adds the frames of each raise to the exception's traceback: a constant would keep all bodies."""
    kept: list[weakref.ref[Body]] = []
    for _ in range(3):
        assert answered(lambda: refuse(kept)).error == "InvalidRequest"
    gc.collect()
    assert [each() for each in kept] == [None, None, None]


def test_a_fault_of_ours_keeps_how_it_came_about() -> None:
    """It is reported, and read by somebody."""

    def handler() -> None:
        raise Refusal("InternalServerError", "Oh.")

    reply = answered(handler)
    assert reply.crash is not None
    assert reply.crash.__traceback__ is not None
