"""Tickets: one stream, one device, once, for half a minute, also over a restart."""

import base64
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol import AccountDid, DeviceId, Nsid
from router.identity.authenticator import Authenticator, Look
from router.identity.errors import AuthError, TokenFault
from router.identity.principal import Principal
from router.identity.replay import ReplayGuard
from router.identity.revocations import Revocations
from router.identity.secrets import ServerSecrets
from router.identity.tickets import LIFETIME, Tickets
from tests.identity.kit import NOW, World

ANN = AccountDid("did:web:ann.chat.example.com")
PHONE = DeviceId("00000000-0000-4000-8000-000000000001")
STREAM, SESSION = Nsid("chat.rookery.streamEvents"), Nsid("chat.rookery.session")
CALLER = Principal(ANN, None, "access", NOW + 600, b"id", None, "login 7")


class House:
    """A node: its tickets and its door. `remembered` is what its store has."""

    def __init__(self, remembered: list[tuple[bytes, int]] | None = None, secret: bytes = b"s" * 32) -> None:
        self.now: float = NOW
        self.remembered = [] if remembered is None else remembered
        replay = ReplayGuard()
        replay.load(self.remembered)
        self.revocations = Revocations(lambda: self.now)
        self.tickets = Tickets(ServerSecrets(secret), clock=lambda: self.now)
        self.door = Authenticator(
            {Look.SERVICE: World().service_tokens},
            clock=lambda: self.now,
            replay=replay,
            remember=lambda token, until: self.remembered.append((token, until)),
            revocations=self.revocations,
            tickets=self.tickets,
        )

    def make(self, convo: str | None = None) -> str:
        return self.tickets.make(CALLER, device=PHONE, purpose=STREAM, convo=convo)[0]

    def fault(self, text: str, lxm: Nsid = STREAM) -> TokenFault:
        with pytest.raises(AuthError) as caught:
            self.door.redeem(text, lxm=lxm)
        return caught.value.fault


def test_an_example_of_a_ticket_from_its_making_to_its_only_use() -> None:
    house = House()
    text, expires = house.tickets.make(CALLER, device=PHONE, purpose=STREAM, convo="c")
    assert expires == NOW + LIFETIME
    read = house.door.redeem(text, lxm=STREAM)
    assert read.convo == "c"
    assert (read.principal.account, read.principal.device, read.principal.kind) == (ANN, PHONE, "ticket")
    assert read.principal.grant == CALLER.grant, "logout ends what was opened with it"
    assert house.fault(text) is TokenFault.NOT_UNIQUE
    assert [until for _, until in house.remembered] == [expires]


def test_a_used_ticket_stays_used_over_a_restart_and_on_another_node() -> None:
    first = House()
    used, fresh = first.make(), first.make()
    first.door.redeem(used, lxm=STREAM)
    second = House(first.remembered)
    assert second.fault(used) is TokenFault.NOT_UNIQUE
    second.door.redeem(fresh, lxm=STREAM)


def test_a_ticket_for_another_stream_an_old_one_and_one_of_another_server_are_refused() -> None:
    house = House()
    text = house.make()
    assert house.fault(text, SESSION) is TokenFault.BAD_METHOD
    assert House(secret=b"t" * 32).fault(text) is TokenFault.BAD_TICKET
    house.now += LIFETIME
    assert house.fault(text) is TokenFault.EXPIRED
    assert house.remembered == [], "a refused ticket uses nothing up"


def test_a_ticket_of_what_was_revoked_since_is_refused() -> None:
    ways: list[tuple[Callable[[Revocations], None], TokenFault]] = [
        (lambda revocations: revocations.suspend(ANN), TokenFault.ACCOUNT_DISABLED),
        (lambda revocations: revocations.revoke(device=PHONE), TokenFault.ACCESS_REVOKED),
        (lambda revocations: revocations.revoke(grant="login 7"), TokenFault.ACCESS_REVOKED),
    ]
    for revoke, expected in ways:
        house = House()
        text = house.make()
        revoke(house.revocations)
        assert house.fault(text) is expected


def test_nothing_of_a_ticket_can_be_read_and_no_two_are_alike() -> None:
    house = House()
    texts = {house.make() for _ in range(20)}
    assert len(texts) == 20
    for text in texts:
        sealed = base64.urlsafe_b64decode(text + "==")
        assert PHONE.encode() not in sealed
        assert b"did:" not in sealed


TICKET = House().make("c")


@given(st.integers(0, len(TICKET) - 1), st.characters(max_codepoint=0x17F))
def test_a_ticket_of_which_any_character_was_changed_is_refused(place: int, character: str) -> None:
    if TICKET[place] != character:
        assert House().fault(TICKET[:place] + character + TICKET[place + 1 :]) is TokenFault.BAD_TICKET


@given(st.text(max_size=100))
def test_reading_is_total_on_texts(text: str) -> None:
    assert House().fault(text) is TokenFault.BAD_TICKET


@given(st.binary(max_size=80))
def test_sealed_bytes_that_are_no_ticket_are_refused(content: bytes) -> None:
    """Even our own seal over something else, as an older version might have made."""
    sealed = ServerSecrets(b"s" * 32).seal_ticket(content)
    assert House().fault(base64.urlsafe_b64encode(sealed).rstrip(b"=").decode()) is TokenFault.BAD_TICKET
