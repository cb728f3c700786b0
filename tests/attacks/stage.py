"""The stage of an attack: a router in a process of its own, a directory beside it, and a clock that is set.

Nothing of the router is replaced but its wall clock. Whoever attacks has what a stranger has: sockets, DIDs
with keys of his own, and the tokens of others that he got hold of.
"""

import os
import secrets
import tempfile
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import attrs
import httpx
from nacl.signing import SigningKey

from crypto import Curve
from protocol import AccountDid, DeviceId, Nsid
from router.identity.document import DidDocument, VerificationMethod
from router.identity.keys import AccountKey
from router.identity.tokens import mint_token
from router.testing import DidDirectory, PlcAccount, open_did_directory
from tests.proofs import new_key
from tests.system.process import RouterProcess

CHAT = "chat.rookery"
QUERY = Nsid(f"{CHAT}.getConvos")
WRITE = Nsid(f"{CHAT}.createConvo")
STREAM = Nsid(f"{CHAT}.streamEvents")
_REGISTER = Nsid(f"{CHAT}.registerDevice")
_CLOCK = Path(__file__).parent / "clock"
_ROOT = Path(__file__).parents[2]
_READING = "{:<31.3f}"

Verdict = str
"""The name of the refusal, or "" for an answer."""


@attrs.frozen
class Phone:
    """A device that signs its own tokens."""

    id: DeviceId
    account: AccountDid
    signing: SigningKey


@attrs.define
class Stage:
    """A running router, where it looks accounts up, and its clock."""

    router: RouterProcess
    directory: DidDirectory
    http: httpx.AsyncClient
    clock: Path
    audience: str
    ahead: float = 0.0

    @property
    def service(self) -> str:
        """The router's DID."""
        return self.audience.partition("#")[0]

    @property
    def now(self) -> float:
        """The router's wall clock."""
        return time.time() + self.ahead

    def set_clock(self, ahead: float) -> None:
        """From now on the router's clock is so many seconds ahead of ours."""
        self.ahead = ahead
        with self.clock.open("r+") as reading:  # in place, and of one length: it is read at any moment
            reading.write(_READING.format(ahead))

    def account(self, name: str = "alice", curve: Curve = Curve.K256) -> PlcAccount:
        """An account of elsewhere that the directory knows."""
        account = PlcAccount.create(f"{name}.example.com", now=self.now, curve=curve)
        self.directory.put(account)
        return account

    async def phone(self, owner: PlcAccount) -> Phone:
        """A device of the account, which can then also do what only accounts with a device can."""
        signing = SigningKey.generate()
        body = new_key(signing, self.service, owner.did, self.now) | {"deviceName": "phone"}
        headers = {"authorization": f"Bearer {self.mint(owner.key, _REGISTER)}"}
        answer = await self.http.post(f"/xrpc/{_REGISTER}", json=body, headers=headers)
        return Phone(DeviceId(answer.json()["deviceId"]), owner.did, signing)

    def mint(self, key: AccountKey, lxm: Nsid = QUERY, *, lifetime: int = 60, **changes: Any) -> str:
        """A token made now; `iss` and `aud` may be another's."""
        issuer, audience = changes.get("iss", key.did), changes.get("aud", self.audience)
        return mint_token(key, issuer, audience, lxm, self.now, lifetime)

    async def judge(self, token: str, lxm: Nsid = QUERY, *, place: str = "") -> Verdict:
        """What the router says to a call of this method with this token: a query, or `WRITE`.

        `place` is where it comes from, for a router that trusts this machine as a proxy.
        """
        sent = {"authorization": f"Bearer {token}"} | ({"x-forwarded-for": place} if place else {})
        if lxm == WRITE:
            body = {"idempotencyKey": secrets.token_hex(8), "initialMembers": []}
            answer = await self.http.post(f"/xrpc/{lxm}", json=body, headers=sent)
        else:
            answer = await self.http.get(f"/xrpc/{lxm}", headers=sent)
        return "" if answer.is_success else str(answer.json()["error"])


@attrs.define
class Labeler(PlcAccount):
    """An account whose document has a second key, for another purpose."""

    label: AccountKey | None = None

    def document(self) -> DidDocument:
        """With `#atproto_label` behind `#atproto`."""
        found = super().document()
        assert self.label is not None
        name = f"{self.did}#atproto_label"
        method = VerificationMethod(name, "Multikey", self.did, self.label.verification_key)
        return attrs.evolve(found, verification_methods=(*found.verification_methods, method))


def with_label(account: PlcAccount) -> Labeler:
    """The account with a second key in its document."""
    fields = {field.name: getattr(account, field.name) for field in attrs.fields(PlcAccount)}
    return Labeler(**fields, label=AccountKey.generate(account.did))


@asynccontextmanager
async def open_stage(settings: Mapping[str, str] | None = None) -> AsyncIterator[Stage]:
    """A stage for the block; at its end the router must be alive and have met no fault of its own."""
    async with open_did_directory() as directory:
        with tempfile.TemporaryDirectory(prefix="rookery-") as folder:
            clock = Path(folder) / "clock"
            clock.write_text(_READING.format(0))
            environment = {
                "ROOKERY_IDENTITY__PLC_URL": directory.url,
                "PYTHONPATH": os.pathsep.join(map(str, (_CLOCK, _ROOT))),
                "ATTACKED_CLOCK": str(clock),
                **(settings or {}),
            }
            with RouterProcess(Path(folder), environment) as router:
                await router.start()
                audience = f"{(await router.status()).did}#atproto_mls"
                async with httpx.AsyncClient(base_url=router.url, trust_env=False, timeout=30) as http:
                    yield Stage(router, directory, http, clock, audience)
                assert router.alive, router.last_words()
                assert "crashed" not in router.log.read_text(), router.last_words()
