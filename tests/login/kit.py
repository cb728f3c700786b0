"""Identity providers, browsers and an app without sockets: for tests of the flow on a clock of their own."""

import base64
import hashlib
import json
import secrets
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final
from urllib.parse import parse_qsl, urlsplit

import attrs
from joserfc.errors import SecurityWarning
from joserfc.jwk import ECKey, OKPKey, RSAKey
from joserfc.jws import JWSRegistry, serialize_compact

from router.config.redirects import Redirects
from router.identity.revocations import Revocations
from router.identity.service import ServiceIdentity
from router.login import oidc
from router.login.discovery import ProviderClient
from router.login.errors import LoginError, LoginFault
from router.login.flow import LoginFlow, NameNeeded, ToApp
from router.login.grants import Grants, Tokens
from router.login.identities import LinkedIdentities
from router.login.keyring import KeyRing
from router.login.pending import Pending
from router.login.providers import Provider
from router.login.secrets import LoginSecrets
from router.store.memory import MemoryStore

NOW: Final = 1_780_000_000
SERVICE: Final = ServiceIdentity("did:web:chat.example.com", "https://chat.example.com")
CALLBACK: Final = "http://127.0.0.1:4711/callback"
Query = dict[str, str]
Key = RSAKey | ECKey | OKPKey


def query_of(url: str) -> Query:
    """The parameters of a URL."""
    return dict(parse_qsl(urlsplit(url).query, keep_blank_values=True))


def text(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


@attrs.define
class Idp:
    """An OpenID provider: strict about what it is asked, and as wrong in its answers as a test wants."""

    name: str
    clock: "Clock"
    client_secret: str | None = "s3cret: %&"
    announces_iss: bool = True
    alg: str = "ES256"
    key: Key = attrs.field(factory=lambda: ECKey.generate_key("P-256", {"kid": "k1"}))
    claims: dict[str, Any] = attrs.field(factory=dict)
    """What its ID tokens say otherwise; None leaves a claim out."""
    header: dict[str, Any] = attrs.field(factory=dict)
    metadata: dict[str, Any] = attrs.field(factory=dict)
    published: list[dict[str, Any]] | None = None
    """Its JWK set, where it is not its key."""
    signer: Key | None = None
    raw_token: str | None = None
    """Given as ID token instead of one of its own."""
    down: bool = False
    asked: list[str] = attrs.field(factory=list)
    codes: dict[str, Query] = attrs.field(factory=dict)

    @property
    def issuer(self) -> str:
        return f"https://{self.name}.example.com"

    @property
    def provider(self) -> Provider:
        """Who we are to it."""
        way = f"{SERVICE.endpoint}/login/{self.name}/callback"
        return Provider(self.name, self.name, self.issuer, f"rookery-at-{self.name}", self.client_secret, way)

    def authorize(self, url: str, person: str = "ann") -> Query:
        """What comes back with the browser after a login of this person at `url`."""
        asked = query_of(url)
        assert url.startswith(f"{self.issuer}/authorize?")
        assert asked["redirect_uri"] == self.provider.redirect_uri
        assert (asked["response_type"], asked["scope"]) == ("code", "openid")
        assert asked["code_challenge_method"] == "S256"
        code = secrets.token_hex(8)
        self.codes[code] = {**asked, "person": person}
        answer = {"code": code, "state": asked["state"]}
        return {**answer, "iss": self.issuer} if self.announces_iss else answer

    async def json(
        self, url: str, *, headers: dict[str, str] | None = None, form: dict[str, str] | None = None
    ) -> object:
        """`Fetch.json`, without a network."""
        self.asked.append(url)
        if self.down:
            raise LoginError(LoginFault.PROVIDER)
        path = url.removeprefix(self.issuer)
        if path == "/.well-known/openid-configuration":
            return {
                "issuer": self.issuer,
                "authorization_endpoint": f"{self.issuer}/authorize",
                "token_endpoint": f"{self.issuer}/token",
                "jwks_uri": f"{self.issuer}/jwks",
                "authorization_response_iss_parameter_supported": self.announces_iss,
                "id_token_signing_alg_values_supported": ["none", "HS256", self.alg],
                **self.metadata,
            }
        if path == "/jwks":
            return {"keys": self.published or [self.key.as_dict(private=False)]}
        assert path == "/token", f"{self.name} was asked for {url}"
        return self._token(headers or {}, form or {})

    def _token(self, headers: Mapping[str, str], form: Mapping[str, str]) -> object:
        asked = self.codes.pop(form.get("code", ""), None)
        challenge = text(hashlib.sha256(form["code_verifier"].encode()).digest())
        if asked is None or challenge != asked["code_challenge"]:
            raise LoginError(LoginFault.REFUSED, detail="its token endpoint answered 400")
        assert form["redirect_uri"] == asked["redirect_uri"]
        if self.client_secret is None:
            assert form["client_id"] == self.provider.client_id
        else:
            assert "client_secret" not in form
            assert headers["authorization"].startswith("Basic ")
        access_token = secrets.token_hex(16)
        claims = {
            "iss": self.issuer,
            "sub": asked["person"],
            "aud": self.provider.client_id,
            "iat": int(self.clock()),
            "exp": int(self.clock()) + 300,
            "nonce": asked["nonce"],
            "at_hash": oidc.at_hash(access_token, self.alg),
            **self.claims,
        }
        return {"id_token": self.raw_token or self.id_token(claims), "access_token": access_token}

    def id_token(self, claims: Mapping[str, Any]) -> str:
        """Signed with its key (or another that it was given)."""
        kept = {name: value for name, value in claims.items() if value is not None}
        header = {"alg": self.alg, "kid": self.key.kid, **self.header}
        header = {name: value for name, value in header.items() if value is not None}
        # joserfc warns of the name EdDSA, which providers use all the same
        registry = JWSRegistry(algorithms=[str(header["alg"])], strict_check_header=False)
        payload = json.dumps(kept).encode()
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", SecurityWarning)
            return serialize_compact(header, payload, self.signer or self.key, registry=registry)


class Clock:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.now = float(NOW)

    def __call__(self) -> float:
        return self.now


@attrs.define
class App:
    """An app's side: its PKCE pair."""

    verifier: str = attrs.field(factory=lambda: secrets.token_urlsafe(32))
    redirect_uri: str = CALLBACK
    state: str = "the app's own"

    @property
    def wish(self) -> Query:
        """What it puts into the URL that it opens."""
        return {
            "redirect_uri": self.redirect_uri,
            "code_challenge": oidc.s256(self.verifier),
            "code_challenge_method": "S256",
            "state": self.state,
        }


class Desk:
    """Two providers, a flow, and everything below it in memory."""

    def __init__(self, folder: Path, *, capacity: int = 100) -> None:
        self.clock = Clock()
        self.store = MemoryStore()
        self.secrets = LoginSecrets(b"s" * 32)
        self.revocations = Revocations(self.clock)
        self.ring = KeyRing(folder, self.clock)
        self.alpha, self.beta = Idp("alpha", self.clock), Idp("beta", self.clock)
        self.reports: list[str] = []
        self.grants = Grants(self.store, self.secrets, self.ring, SERVICE, self.revocations, clock=self.clock)
        self.pending = Pending(self.store, self.secrets, self.clock, capacity=capacity)
        self.flow = self.node()
        self.identities = LinkedIdentities(
            {idp.name: idp.provider for idp in (self.alpha, self.beta)},
            self.pending,
            self.store,
            self.secrets,
            bucket=self.bucket,
        )

    def node(self) -> LoginFlow:
        """Another node on the same store."""
        clients = {idp.name: ProviderClient(idp.provider, idp, self.clock) for idp in (self.alpha, self.beta)}
        return LoginFlow(
            clients,
            Redirects("http://127.0.0.1/callback com.example.app:/done"),
            self.pending,
            self.store,
            self.grants,
            SERVICE,
            self.secrets,
            clock=self.clock,
            bucket=self.bucket,
            report=lambda what, _: self.reports.append(what),
        )

    def bucket(self) -> int:
        """The time as the audit may know it."""
        return int(self.clock()) // 2 * 2

    def browser(self) -> str:
        """The cookie of a browser."""
        return self.flow.secret()

    async def callback(
        self,
        idp: Idp,
        app: App,
        browser: str,
        person: str = "ann",
        *,
        changes: Mapping[str, str | None] | None = None,
    ) -> ToApp | NameNeeded:
        """A login up to what follows from the provider's answer, changed as a test wants."""
        url = await self.flow.begin(idp.name, app.wish, browser)
        answer = {**idp.authorize(url, person), **(changes or {})}
        kept = {name: value for name, value in answer.items() if value is not None}
        return await self.flow.callback(idp.name, kept, browser)

    async def code(self, idp: Idp, app: App, person: str = "ann", name: str | None = None) -> str:
        """A login up to the app's code; who is new takes `name` (or the person's own)."""
        browser = self.browser()
        done = await self.callback(idp, app, browser, person)
        if isinstance(done, NameNeeded):
            done = await self.flow.choose_name(done.form, name or person, browser)
        answer = query_of(done.url)
        assert (answer["state"], answer["iss"]) == (app.state, SERVICE.did)
        return answer["code"]

    async def login(self, idp: Idp | None = None, person: str = "ann", name: str | None = None) -> Tokens:
        """A whole login."""
        app = App()
        code = await self.code(idp or self.alpha, app, person, name)
        return await self.flow.redeem(code, verifier=app.verifier, redirect_uri=app.redirect_uri)
