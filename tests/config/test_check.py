"""Unsafe settings and unsafe variables keep the server from starting, with a sentence that mends them."""

import base64
import random
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.config import (
    OPTIONS,
    SEED_VARIABLES,
    Fate,
    Settings,
    Severity,
    check,
    check_environment,
    is_loopback,
    public_origin,
    refusals,
    service_did,
    superadmins,
)
from router.config.load import build
from router.config.values import Value
from tests.config.strategies import values

PUBLIC: dict[str, Value] = {"server.host": "0.0.0.0", "server.public_url": "https://chat.example"}  # noqa: S104 - meant
TOKEN = "0123456789abcdef0123456789abcdef"


def test_the_defaults_are_safe_to_start_and_nothing_is_remarked() -> None:
    assert check(Settings()) == ()


@pytest.mark.parametrize(
    "values_given",
    [
        {**PUBLIC, "server.behind_proxy": True},
        {"admin.host": "10.0.0.1", "admin.token": TOKEN},
        {"server.port": 0, "admin.port": 0},
        {"service.did": "did:plc:z72i7hdynmk6r22z27h6tvur"},
        {"server.public_url": "http://localhost:8080"},
        {"server.host": "::1"},
        {"server.max_body_bytes": 65_536, "conversations.mailbox_bytes": 70_000},
        {"server.host": "::ffff:127.0.0.1"},
        {"identity.plc_url": "http://127.0.0.1:2582"},
        {**PUBLIC, "server.behind_proxy": True, "server.trusted_proxies": "10.0.0.0/8, 2001:db8::/32"},
        {"cors.origins": "https://app.example, http://localhost:5173"},
        {**PUBLIC, "server.behind_proxy": True, "cors.origins": "*"},
        {"auth.max_token_lifetime": 86_400},
    ],
)
def test_safe_ways_to_run_are_accepted(values_given: dict[str, Value]) -> None:
    assert check(build(values_given)) == ()


def test_the_operators_named_are_read_from_one_line() -> None:
    settings = build({"identity.superadmins": "did:web:Ops.example , did:plc:abc,"})
    assert check(settings) == ()
    assert superadmins(settings.identity.superadmins) == {"did:web:Ops.example", "did:plc:abc"}
    assert superadmins(None) == frozenset()


@pytest.mark.parametrize(
    ("values_given", "about"),
    [
        (PUBLIC, "server.host"),
        ({"server.host": "chat.example", "server.public_url": "https://chat.example"}, "server.host"),
        ({"server.host": "::", "server.behind_proxy": True}, "server.public_url"),
        ({"server.behind_proxy": True}, "server.public_url"),
        ({"server.public_url": "http://chat.example"}, "server.public_url"),
        ({"server.public_url": "https://chat.example/path"}, "server.public_url"),
        ({"server.public_url": "https://me@chat.example"}, "server.public_url"),
        ({"server.public_url": "ftp://chat.example"}, "server.public_url"),
        ({"server.public_url": "https://[::1"}, "server.public_url"),
        ({"server.public_url": "https://chat.example:99999"}, "server.public_url"),
        ({"service.did": "did:web:chat.example#atproto_mls"}, "service.did"),
        ({"service.did": "did:key:z6Mk"}, "service.did"),
        ({"admin.host": "0.0.0.0"}, "admin.host"),  # noqa: S104 - meant
        ({"admin.token": "short"}, "admin.token"),
        ({"admin.token": "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"}, "admin.token"),
        ({"admin.port": 3000}, "admin.port"),
        ({"conversations.mailbox_bytes": 1_024}, "conversations.mailbox_bytes"),
        ({"store.queue_bytes": 65_536}, "store.queue_bytes"),
        ({"supervision.backoff_initial": 60.0}, "supervision.backoff_initial"),
        ({"identity.plc_url": "http://plc.directory"}, "identity.plc_url"),
        ({"identity.plc_url": "plc.directory"}, "identity.plc_url"),
        ({"identity.plc_url": "https://plc.directory/v1"}, "identity.plc_url"),
        (
            {**PUBLIC, "server.behind_proxy": True, "identity.loopback_hosts": "localhost"},
            "identity.loopback_hosts",
        ),
        ({"identity.superadmins": "did:web:ops.example, ops"}, "identity.superadmins"),
        ({"identity.document_fresh": 200.0, "identity.document_stale": 100.0}, "identity.document_fresh"),
        ({"admin.token": "change-me-change-me-change-me-1234"}, "admin.token"),
        ({"admin.token": "supersecret-9f3a7c51d2e84b60"}, "admin.token"),
        ({"server.trusted_proxies": "everybody"}, "server.trusted_proxies"),
        ({"server.trusted_proxies": "10.0.0.1/8"}, "server.trusted_proxies"),
        ({"server.trusted_proxies": "10.0.0.0/8, 0.0.0.0/0"}, "server.trusted_proxies"),
        ({"server.trusted_proxies": "::/0"}, "server.trusted_proxies"),
        ({"cors.origins": "app.example"}, "cors.origins"),
        ({"cors.origins": "*, https://app.example"}, "cors.origins"),
        ({**PUBLIC, "server.behind_proxy": True, "cors.origins": "http://app.example"}, "cors.origins"),
        (
            {**PUBLIC, "server.behind_proxy": True, "auth.max_token_lifetime": 86_400},
            "auth.max_token_lifetime",
        ),
        ({**PUBLIC, "server.behind_proxy": True, "auth.clock_skew": 300}, "auth.clock_skew"),
    ],
)
def test_what_is_unsafe_or_useless_is_refused_with_a_way_to_mend_it(
    values_given: dict[str, Value], about: str
) -> None:
    refused = refusals(check(build(values_given)))

    assert [finding.about[0] for finding in refused] == [about]
    assert all(finding.wrong.endswith(".") and finding.mend.endswith(".") for finding in refused)


@pytest.mark.parametrize(
    ("values_given", "about"),
    [
        ({"store.synchronous": "normal"}, "store.synchronous"),
        ({"identity.loopback_hosts": "localhost"}, "identity.loopback_hosts"),
        ({"blocks.when_unknown": "allow"}, "blocks.when_unknown"),
        ({"blocks.enabled": False}, "blocks.enabled"),
        (
            {**PUBLIC, "server.behind_proxy": True, "logging.exception_messages": True},
            "logging.exception_messages",
        ),
        (
            {**PUBLIC, "server.behind_proxy": True, "service.did": "did:web:b.example"},
            "service.did",
        ),
        ({"server.public_url": "https://chat.example"}, "server.public_url"),
        ({**PUBLIC, "server.behind_proxy": True, "rate.send": 1_000_000}, "rate.send"),
        ({**PUBLIC, "server.behind_proxy": True, "logging.level": "debug"}, "logging.level"),
    ],
)
def test_what_is_weaker_by_choice_is_a_warning(values_given: dict[str, Value], about: str) -> None:
    (finding,) = check(build(values_given))

    assert (finding.severity, finding.about[0]) == (Severity.WARN, about)


def test_a_secret_made_by_a_machine_is_no_placeholder() -> None:
    """Hex and base64 of random bytes hold no word; a thousand tries say so."""
    dice = random.Random(7)
    for _ in range(1_000):
        raw = dice.randbytes(32)
        for token in (raw.hex(), base64.urlsafe_b64encode(raw).decode()):
            assert check(build({"admin.token": token})) == ()


def test_a_short_admin_token_is_not_repeated() -> None:
    assert "hunter2" not in str(check(build({"admin.token": "hunter2"}))[0])


@given(given_values=values())
def test_checking_never_raises_and_names_only_real_settings(given_values: dict[str, Value]) -> None:
    findings = check(build(given_values))

    assert {path for finding in findings for path in finding.about} <= OPTIONS.keys()
    severities = [finding.severity for finding in findings]
    assert severities == sorted(severities)  # refusals first


@pytest.mark.parametrize(
    ("values_given", "origin", "did"),
    [
        ({}, "http://localhost:41000", "did:web:localhost%3A41000"),
        ({"server.public_url": "https://Chat.Example/"}, "https://chat.example", "did:web:chat.example"),
        ({"server.public_url": "https://chat.example:443"}, "https://chat.example", "did:web:chat.example"),
        (
            {"server.public_url": "https://chat.example:8443"},
            "https://chat.example:8443",
            "did:web:chat.example%3A8443",
        ),
        (
            {"service.did": "did:plc:z72i7hdynmk6r22z27h6tvur"},
            "http://localhost:41000",
            "did:plc:z72i7hdynmk6r22z27h6tvur",
        ),
    ],
)
def test_the_service_did_is_made_from_the_public_url(
    values_given: dict[str, Value], origin: str, did: str
) -> None:
    settings = build({"server.port": 0, **values_given})

    assert str(public_origin(settings, bound_port=41_000)) == origin
    assert service_did(settings, bound_port=41_000) == did


@given(host=st.text(max_size=20))
def test_an_address_nobody_knows_counts_as_public(host: str) -> None:
    if is_loopback(host):
        assert host.lower() == "localhost" or re.match(r"\[*(127\.|::|0)", host)


@pytest.mark.parametrize(
    ("name", "unsafe", "harmless"),
    [
        ("ENABLE_DIRECT_XRPC_PROXY", ["true", "1", "YES", "anything"], ["false", "0", "", "off"]),
        ("ALLOW_UNSAFE_AUTH", ["true", "1"], ["false", ""]),
        ("FEDERATION_ALLOW_INSECURE_HTTP", ["true"], ["false"]),
        ("ENFORCE_LXM", ["false", "0", "flase", "OFF"], ["true", "1", " True ", ""]),
        ("ENFORCE_JTI", ["false"], ["true"]),
        ("REQUIRE_IDEMPOTENCY", ["false", "no"], ["true"]),
        ("JWT_SECRET", ["supersecret", "x" * 64], [""]),
    ],
)
def test_an_unsafe_variable_of_the_seeds_refuses_the_start(
    name: str, unsafe: list[str], harmless: list[str]
) -> None:
    for value in unsafe:
        (finding,) = check_environment({name: value})
        assert (finding.severity, finding.about) == (Severity.REFUSE, (name,))
        assert "emove it" in finding.mend or "emove the variable" in finding.mend
        assert len(value) < 4 or value not in str(finding)
    for value in harmless:
        assert check_environment({name: value}) == ()


def test_a_variable_with_a_new_name_is_a_warning_unless_everybody_uses_that_name() -> None:
    (finding,) = check_environment({"SERVICE_DID": "did:web:x", "PORT": "80", "DATABASE_URL": "sqlite:x"})

    assert str(finding) == "SERVICE_DID: It is set but not read here. Ours is ROOKERY_SERVICE__DID."


def test_renamed_variables_lead_to_settings_that_exist() -> None:
    renamed = [variable for variable in SEED_VARIABLES if variable.fate is Fate.RENAMED]

    assert {variable.answer for variable in renamed} <= OPTIONS.keys()


@given(environ=st.dictionaries(st.sampled_from([v.name for v in SEED_VARIABLES]), st.text(max_size=9)))
def test_any_environment_is_judged_without_a_traceback(environ: dict[str, str]) -> None:
    findings = check_environment(environ)

    assert {finding.about[0] for finding in findings} <= environ.keys()
