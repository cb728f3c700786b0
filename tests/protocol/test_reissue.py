"""A Welcome made anew without a commit: for a device that asked, and is in, and for nobody else."""

import pytest

from protocol import (
    Accepted,
    EntryKind,
    PutWelcome,
    ReissueWelcome,
    RequestReadd,
    WelcomeFor,
    first_offer,
)
from protocol._event_of import event_of
from schema.wire.rookery import StreamEventsMembershipChangeEvent
from tests.protocol.groups import ALICES, group, now_at
from tests.protocol.worlds import ALICE, BOB, CAROL, CONVO, NOW, World, device, refusal

BOBS, CAROLS = device(BOB), device(CAROL)


def asked() -> tuple[World, int]:
    """A group in which Bob's device has rejected its Welcome, and the entry that says so."""
    world = group(BOB, CAROL)
    world.ask(RequestReadd(CONVO, BOB, BOBS, ALICES, cause="welcome", reason="damaged"))
    return world, now_at(world).last_seq


def answer(seq: int, *, by: str = ALICE, of: str = BOBS, account: str = BOB) -> ReissueWelcome:
    welcome = WelcomeFor(account, of, b"ref", b"again")  # type: ignore[arg-type]
    return ReissueWelcome(CONVO, by, None, seq, welcome, 1)  # type: ignore[arg-type]


def test_the_welcome_waits_and_the_request_is_over() -> None:
    world, seq = asked()
    epoch = now_at(world).epoch
    outcome = world.ask(answer(seq))
    assert isinstance(outcome, Accepted)
    (entry,), (effect,) = outcome.entries, outcome.effects
    assert (entry.kind, entry.epoch) == (EntryKind.NOTICE, epoch)
    assert effect == PutWelcome(BOBS, BOB, b"ref", b"again", 1, 0, int(NOW) // 2 * 2)
    assert now_at(world).group.needs_rejoin == {}
    event = event_of(entry)
    assert isinstance(event, StreamEventsMembershipChangeEvent)
    assert (event.did, event.action, event.device_ids) == (BOB, "joined", (BOBS,))
    assert refusal(world.ask(answer(seq))).error == "RequestNotFound"


@pytest.mark.parametrize(
    "command",
    [
        lambda seq: answer(seq + 1),
        lambda seq: answer(seq, of=CAROLS, account=CAROL),
        lambda seq: answer(seq, account=CAROL),
    ],
)
def test_it_is_for_the_device_that_asked_by_that_request(command: object) -> None:
    world, seq = asked()
    assert refusal(world.ask(command(seq))).error == "RequestNotFound"  # type: ignore[operator]


def test_a_device_that_lost_everything_is_added_again_and_gets_no_second_welcome() -> None:
    """Without its keys no Welcome for the old leaf can help it."""
    world = group(BOB, CAROL)
    world.ask(RequestReadd(CONVO, BOB, BOBS, ALICES))
    assert refusal(world.ask(answer(now_at(world).last_seq))).error == "RequestNotFound"


def test_ten_that_are_lost_are_given_to_the_helper_who_is_busy_already() -> None:
    world = group(BOB, CAROL)
    online = {ALICES, CAROLS}
    first = first_offer(now_at(world), BOB, BOBS, online)
    assert first is not None
    world.ask(RequestReadd(CONVO, BOB, BOBS, first))
    second = device(BOB, 2)
    assert first_offer(now_at(world), BOB, second, online) == first
