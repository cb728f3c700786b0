"""Settings of passkeys: a relying party that browsers take, and nobody's but this server's."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.config import Severity, check, refusals
from router.config.load import build
from router.config.origin import Origin
from router.config.passkey import LoginPasskey, passkey_problems
from router.config.values import Value

PUBLIC: dict[str, Value] = {
    "server.behind_proxy": True,
    "server.public_url": "https://chat.example.com",
    "login_passkey.enabled": True,
}


@pytest.mark.parametrize(
    "given_values",
    [
        {"login_passkey.enabled": True},
        {"login_passkey.enabled": True, "login_passkey.registration": True},
        PUBLIC,
        {**PUBLIC, "login_passkey.rp_id": "chat.example.com"},
        {**PUBLIC, "login_passkey.rp_id": "example.com"},
    ],
)
def test_passkeys_of_ones_own_host_or_a_domain_above_it_are_fine(given_values: dict[str, Value]) -> None:
    assert check(build(given_values)) == ()


@pytest.mark.parametrize(
    ("given_values", "about"),
    [
        ({**PUBLIC, "login_passkey.rp_id": "com"}, "login_passkey.rp_id"),
        ({**PUBLIC, "login_passkey.rp_id": "other.example.com"}, "login_passkey.rp_id"),
        ({**PUBLIC, "login_passkey.rp_id": "at.example.com"}, "login_passkey.rp_id"),
        ({**PUBLIC, "login_passkey.rp_id": "alice.chat.example.com"}, "login_passkey.rp_id"),
        ({**PUBLIC, "login_passkey.rp_id": "Example.com"}, "login_passkey.rp_id"),
        ({**PUBLIC, "login_passkey.rp_id": "https://example.com"}, "login_passkey.rp_id"),
        ({**PUBLIC, "login_passkey.rp_id": ""}, "login_passkey.rp_id"),
        ({**PUBLIC, "server.public_url": "https://192.0.2.1"}, "login_passkey.enabled"),
        ({**PUBLIC, "server.public_url": "https://[2001:db8::1]"}, "login_passkey.enabled"),
        ({**PUBLIC, "login_passkey.name": ""}, "login_passkey.name"),
        ({**PUBLIC, "login_passkey.name": "a\nb"}, "login_passkey.name"),
        ({"login_passkey.registration": True}, "login_passkey.registration"),
    ],
)
def test_what_would_not_work_or_not_be_safe_is_refused(given_values: dict[str, Value], about: str) -> None:
    assert [finding.about for finding in refusals(check(build(given_values)))] == [(about,)]


def test_registration_open_to_the_world_is_said_aloud() -> None:
    """It may be meant; it must not be an accident."""
    (finding,) = check(build({**PUBLIC, "login_passkey.registration": True}))
    assert (finding.severity, finding.about) == (Severity.WARN, ("login_passkey.registration",))


@given(st.text(max_size=40), st.text("abc.-1", min_size=1, max_size=20), st.text(max_size=10))
def test_judging_is_total_and_what_it_lets_pass_holds_the_host(party: str, host: str, name: str) -> None:
    section = LoginPasskey(enabled=True, rp_id=party, name=name)
    if not list(passkey_problems(section, Origin("https", host, None))):
        assert host == party or host.endswith(f".{party}")
        assert host == party or "." in party
