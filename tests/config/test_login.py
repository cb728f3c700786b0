"""Settings of the login: presets come to issuers, mistakes are told, redirects are an exact list."""

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.config import Settings, SettingsError, check, load, refusals, resolve, show
from router.config.login import (
    IssuerError,
    LoginAzure,
    LoginGoogle,
    LoginKeycloak,
    LoginOidc,
    LoginOkta,
    ProviderSection,
    is_trustworthy,
)
from router.config.redirects import BadRedirectError, Redirects, with_parameters
from router.login.providers import providers


@pytest.mark.parametrize(
    ("section", "issuer"),
    [
        (LoginOkta(domain="Example.okta.com"), "https://example.okta.com"),
        (
            LoginOkta(domain="example.okta.com", authorization_server="default"),
            "https://example.okta.com/oauth2/default",
        ),
        (
            LoginAzure(tenant="9188040d-6c67-4c5b-b112-36a304b66dad"),
            "https://login.microsoftonline.com/9188040d-6c67-4c5b-b112-36a304b66dad/v2.0",
        ),
        (
            LoginKeycloak(url="https://sso.example.com/", realm="staff"),
            "https://sso.example.com/realms/staff",
        ),
        (LoginKeycloak(url="https://example.com/auth", realm="a.b"), "https://example.com/auth/realms/a.b"),
        (LoginGoogle(), "https://accounts.google.com"),
        (LoginOidc(issuer_url="https://id.example.com/x"), "https://id.example.com/x"),
        (LoginOidc(issuer_url="http://127.0.0.1:8080"), "http://127.0.0.1:8080"),
    ],
)
def test_presets_come_to_issuers(section: ProviderSection, issuer: str) -> None:
    assert section.issuer() == issuer


@pytest.mark.parametrize(
    ("section", "key"),
    [
        (LoginOkta(), "domain"),
        (LoginOkta(domain="https://example.okta.com"), "domain"),
        (LoginOkta(domain="example.okta.com/x"), "domain"),
        (LoginOkta(domain="example.okta.com", authorization_server="a/b"), "authorization_server"),
        (LoginAzure(), "tenant"),
        (LoginAzure(tenant="common"), "tenant"),
        (LoginAzure(tenant="organizations"), "tenant"),
        (LoginAzure(tenant="../x"), "tenant"),
        (LoginKeycloak(realm="staff"), "url"),
        (LoginKeycloak(url="https://sso.example.com"), "realm"),
        (LoginKeycloak(url="http://sso.example.com", realm="staff"), "url"),
        (LoginOidc(), "issuer_url"),
        (LoginOidc(issuer_url="http://id.example.com"), "issuer_url"),
        (LoginOidc(issuer_url="https://id.example.com?x"), "issuer_url"),
        (LoginOidc(issuer_url="https://user@id.example.com"), "issuer_url"),
    ],
)
def test_settings_that_name_no_issuer_are_told_by_their_key(section: ProviderSection, key: str) -> None:
    with pytest.raises(IssuerError) as wrong:
        section.issuer()
    assert wrong.value.key == key


def test_a_provider_is_there_when_its_client_id_is_and_has_a_way_back_of_its_own() -> None:
    overrides = {
        "login_google.client_id": "g",
        "login_keycloak.client_id": "k",
        "login_keycloak.client_secret": "sssh",
        "login_keycloak.url": "https://sso.example.com",
        "login_keycloak.realm": "staff",
    }
    settings = load(environ={}, overrides=overrides).settings
    found = providers(settings, "https://chat.example.com")
    assert list(found) == ["keycloak", "google"]
    assert found["google"].redirect_uri == "https://chat.example.com/login/google/callback"
    assert "sssh" not in repr(found)
    assert not [each for each in refusals(check(settings)) if "login" in str(each)]


PARTNERS = {"client_id": "p", "client_secret": "sssh", "url": "https://sso.partner.example", "realm": "r"}


def test_there_may_be_any_number_of_providers_of_a_kind_each_with_a_name() -> None:
    document: dict[str, object] = {
        "login_keycloak": {**PARTNERS, "name": "Staff"},
        "login_keycloak_partners": {**PARTNERS, "name": "Partners"},
    }
    environ = {
        "ROOKERY_LOGIN_OIDC_GUESTS__CLIENT_ID": "g",
        "ROOKERY_LOGIN_OIDC_GUESTS__ISSUER_URL": "https://guests.example",
    }
    overrides = {"login_keycloak_partners.realm": "other"}
    loaded = resolve(document, environ=environ, overrides=overrides)
    found = providers(loaded.settings, "https://chat.example.com")
    assert list(found) == ["keycloak", "keycloak_partners", "oidc_guests"]
    assert found["keycloak_partners"].issuer == "https://sso.partner.example/realms/other"
    assert found["oidc_guests"].redirect_uri == "https://chat.example.com/login/oidc_guests/callback"
    assert refusals(check(loaded.settings)) == ()
    shown = show(loaded)
    assert "[login_keycloak_partners]" in shown
    assert "sssh" not in shown
    assert "# environment ROOKERY_LOGIN_OIDC_GUESTS__CLIENT_ID" in shown


@pytest.mark.parametrize(
    "section",
    ["login_keycloak_", "login_keycloak_Partners", "login_keycloak_a_b", "login_passkey_two", "login_x_y"],
)
def test_no_other_section_may_be_made_up(section: str) -> None:
    with pytest.raises(SettingsError, match="is not a setting"):
        resolve({section: {"client_id": "x"}}, environ={}, overrides={})


def test_a_wrong_key_of_a_named_provider_is_told_with_the_right_one() -> None:
    with pytest.raises(SettingsError, match=r"did you mean login_keycloak_partners\.realm"):
        resolve({"login_keycloak_partners": {**PARTNERS, "relm": "x"}}, environ={}, overrides={})


def test_named_providers_are_judged_as_the_others() -> None:
    """A placeholder or half a section is no better for having a name, and two alike cannot be told apart."""
    half = load(environ={}, overrides={"login_okta_two.client_id": "x"}).settings
    assert [each.about for each in refusals(check(half))] == [("login_okta_two.domain",)]
    sample = load(environ={}, overrides={"login_google_two.client_secret": "changeme"}).settings
    assert ("login_google_two.client_secret",) in [each.about for each in refusals(check(sample))]
    twins = {"login_google.client_id": "x", "login_google_two.client_id": "y"}
    told = refusals(check(load(environ={}, overrides=twins).settings))
    assert [each.about for each in told] == [("login_google_two.name", "login_google.name")]


def test_a_provider_that_is_half_set_keeps_the_server_from_starting() -> None:
    for section, about in (
        ({"login_okta": LoginOkta(domain="example.okta.com")}, "login_okta.client_id"),
        ({"login_okta": LoginOkta(client_id="x")}, "login_okta.domain"),
        ({"login_azure": LoginAzure(client_id="x", tenant="common")}, "login_azure.tenant"),
    ):
        found = refusals(check(attrs.evolve(Settings(), **section)))
        assert [about] == [each.about[0] for each in found if "login" in each.about[0]]


@pytest.mark.parametrize("url", ["https://a.example", "https://a.example:8443/x?y", "http://[::1]:80/x"])
def test_https_and_this_machine_are_trustworthy(url: str) -> None:
    assert is_trustworthy(url)


@pytest.mark.parametrize(
    "url",
    ["http://a.example", "ftp://a.example", "//a.example", "", "https://", "http://127.0.0.1.a.example/"],
)
def test_nothing_else_is(url: str) -> None:
    assert not is_trustworthy(url)


LIST = (
    "http://127.0.0.1/callback http://[::1]/callback com.example.app:/done https://app.example.com/back?a=1"
)


@pytest.mark.parametrize(
    "uri",
    [
        "http://127.0.0.1/callback",
        "http://127.0.0.1:1/callback",
        "http://[::1]:65535/callback",
        "com.example.app:/done",
        "https://app.example.com/back?a=1",
    ],
)
def test_what_is_on_the_list_is_allowed_on_any_loopback_port(uri: str) -> None:
    assert Redirects(LIST).allow(uri)


@pytest.mark.parametrize(
    "uri",
    [
        "http://127.0.0.1:0/callback",
        "http://127.0.0.1:65536/callback",
        "http://127.0.0.1:80:80/callback",
        "http://127.0.0.1:x/callback",
        "http://127.0.0.1:80@evil.example/callback",
        "http://127.0.0.2/callback",
        "http://127.0.0.1/callback/",
        "http://127.0.0.1/callback?x",
        "http://127.0.0.1/callback#x",
        "http://127.0.0.1\\@evil.example/callback",
        "https://127.0.0.1/callback",
        "http://localhost/callback",
        "HTTP://127.0.0.1/callback",
        "com.example.app:/done?x",
        "com.example.app://done",
        "https://app.example.com:443/back?a=1",
        "https://app.example.com/back?a=1&b=2",
        "https://APP.example.com/back?a=1",
        "http://127.0.0.1/call\tback",
        "http://127.0.0.1/callback\n",
    ],
)
def test_what_only_looks_like_it_is_not(uri: str) -> None:
    assert not Redirects(LIST).allow(uri)


@given(st.text(max_size=60) | st.sampled_from(LIST.split()).flatmap(lambda uri: st.just(uri + "x")))
def test_the_list_is_total_and_closed(text: str) -> None:
    """Whatever is allowed begins with an entry up to its port: no text leads elsewhere."""
    if Redirects(LIST).allow(text):
        assert text in LIST.split() or text.startswith(("http://127.0.0.1:", "http://[::1]:"))


@pytest.mark.parametrize(
    "entry",
    [
        "javascript:alert(1)",
        "data:text/html,x",
        "app:/done",
        "http://localhost/callback",
        "http://app.example.com/back",
        "https://app.example.com",
        "https://user@app.example.com/",
        "https:///x",
        "https://app.example.com/#x",
        "https://" + "x" * 600,
        "*",
    ],
)
def test_entries_that_no_app_could_use_safely_are_refused(entry: str) -> None:
    with pytest.raises(BadRedirectError):
        Redirects(entry)


def test_parameters_go_behind_the_query_that_is_there() -> None:
    assert with_parameters("com.a.b:/x", {"a": "1 &", "b": "ü"}) == "com.a.b:/x?a=1%20%26&b=%C3%BC"
    assert with_parameters("https://a.example/?x=1", {"a": "b"}) == "https://a.example/?x=1&a=b"
