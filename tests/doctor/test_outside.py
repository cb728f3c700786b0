"""The doctor asks others as the server would: the directory of did:plc, each identity provider."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio
from joserfc.jwk import ECKey

from router.config import Settings, load
from router.doctor import Diagnosis, State
from router.doctor.outside import NOBODY, look_outside
from router.testing import open_did_directory
from router.testing.faults import Fault, Garbage, HangUp, Redirect, Status

ENDPOINT = "http://localhost:3000"


async def found(**overrides: str) -> dict[str, Diagnosis]:
    return {each.check: each async for each in look_outside(settings(**overrides), ENDPOINT)}


def settings(**overrides: str) -> Settings:
    given = {"identity.plc_url": "http://127.0.0.1:1"}
    given |= {name.replace("__", "."): value for name, value in overrides.items()}
    return load(environ={}, overrides=given).settings


async def test_a_directory_that_answers_is_good_and_was_asked_for_nobody() -> None:
    async with open_did_directory() as directory:
        diagnosis = (await found(identity__plc_url=directory.url))["DID directory"]
        assert directory.asked == [NOBODY]
    assert diagnosis.state is State.GOOD, diagnosis
    assert directory.url in diagnosis.found


@pytest.mark.parametrize(
    ("fault", "state"),
    [
        (HangUp(), State.ADVICE),
        (Status(503), State.ADVICE),
        (Redirect("https://elsewhere.example"), State.MEND),
        (Garbage(b"<html>a captive portal</html>"), State.MEND),
    ],
    ids=["hangs up", "503", "redirect", "no document"],
)
async def test_a_directory_that_misbehaves_is_told_with_a_remedy(fault: Fault, state: State) -> None:
    async with open_did_directory() as directory:
        directory.faults["*"] = fault
        diagnosis = (await found(identity__plc_url=directory.url))["DID directory"]
    assert (diagnosis.state, bool(diagnosis.mend)) == (state, True), diagnosis


async def test_where_nobody_of_elsewhere_is_wanted_no_directory_is_asked() -> None:
    async with open_did_directory() as directory:
        looked = await found(identity__plc_url=directory.url, identity__outside_accounts="false")
        assert directory.asked == []
    assert looked["DID directory"].state is State.GOOD


async def test_a_certificate_file_that_is_none_is_told(tmp_path: Path) -> None:
    (tmp_path / "ca.pem").write_text("no certificate")
    looked = await found(identity__ca_file=str(tmp_path / "ca.pem"))
    assert looked["DID directory"].state is State.MEND
    assert "identity.ca_file" in looked["DID directory"].found


@asynccontextmanager
async def provider(**changes: object) -> AsyncIterator[str]:
    """An OpenID provider as far as the doctor looks at one; its issuer."""
    pages: dict[str, object] = {}

    async def answer(stream: trio.SocketStream) -> None:
        async with stream:
            head = b""
            while b"\r\n\r\n" not in head:
                head += await stream.receive_some()
            page = pages.get(head.split(b" ")[1].decode())
            body = json.dumps(page).encode()
            status = b"404 Not Found" if page is None else b"200 OK"
            await stream.send_all(
                b"HTTP/1.1 %s\r\ncontent-type: application/json\r\nconnection: close\r\n"
                b"content-length: %d\r\n\r\n" % (status, len(body)) + body
            )

    async with trio.open_nursery() as nursery:
        (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
        issuer = f"http://127.0.0.1:{listener.socket.getsockname()[1]}"
        pages["/.well-known/openid-configuration"] = {
            "issuer": issuer,
            "authorization_endpoint": f"{issuer}/authorize",
            "token_endpoint": f"{issuer}/token",
            "jwks_uri": f"{issuer}/jwks",
            "id_token_signing_alg_values_supported": ["ES256"],
            **changes,
        }
        key = ECKey.generate_key("P-256", {"kid": "k1", "alg": "ES256", "use": "sig"})
        pages["/jwks"] = {"keys": [key.as_dict(private=False)]}
        nursery.start_soon(trio.serve_listeners, answer, [listener])
        yield issuer
        nursery.cancel_scope.cancel()


async def test_each_provider_is_asked_for_its_description_and_keys() -> None:
    async with provider() as one, provider() as two:
        looked = await found(
            login_oidc__client_id="a",
            login_oidc__issuer_url=one,
            login_oidc_partners__client_id="b",
            login_oidc_partners__issuer_url=two,
        )
    for name, issuer in (("oidc", one), ("oidc_partners", two)):
        diagnosis = looked[f"identity provider {name}"]
        assert diagnosis.state is State.GOOD, diagnosis
        assert diagnosis.found.startswith(f"{issuer} describes itself and 1 key")


async def test_a_provider_that_is_away_or_another_is_told_with_its_section() -> None:
    """An issuer that differs by a slash is the mistake most often made, and no login would go through."""
    async with provider(issuer="https://another.example") as issuer:
        looked = await found(login_oidc__client_id="a", login_oidc__issuer_url=issuer)
    away = await found(login_oidc__client_id="a", login_oidc__issuer_url="http://127.0.0.1:1")
    for diagnoses in (looked, away):
        diagnosis = diagnoses["identity provider oidc"]
        assert diagnosis.state is State.MEND
        assert "login_oidc" in (diagnosis.mend or "")


async def test_settings_that_name_no_issuer_ask_nobody() -> None:
    assert list(await found(login_okta__client_id="x")) == ["DID directory"]
