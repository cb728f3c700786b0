"""What all these tests share: a running server, its PLC directory, a PDS, and AT Protocol's own libraries.

Directory, PDS and the pipe to Node live in one Trio thread for the whole session; tests are plain functions.

    person = stage.person("alice.example.com", Curve.P256)     # a did:plc with a signed log
    person.call("chat.rookery.getConvos")                      # token, client and validators are all theirs
"""

import base64
import json
import tempfile
import threading
import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar

import attrs
import pytest
import trio

import schema
from crypto import Curve, PrivateKey
from router.client.directory import ServerStatus
from router.identity.keys import AccountKey
from router.identity.service import ServiceIdentity
from router.testing import DidDirectory, Pds, PlcAccount, open_did_directory, open_pds
from tests.system.process import RouterProcess
from tests.third_parties.atproto import AtProto, TheirError, open_atproto

LEXICONS: Final = Path(schema.__file__).parent / "lexicons"

STREAM_QUOTA: Final = 20
"""Tickets and openings of streams that an account has in a minute; nothing else is limited here."""

_T = TypeVar("_T")
_PDS_HOST: Final = "localhost"
_SECONDS = 90.0


def their_key(key: PrivateKey) -> dict[str, str]:
    """A private key as the Node side imports it."""
    curve = {Curve.K256: "secp256k1", Curve.P256: "p256"}[key.curve]
    return {"curve": curve, "secret": key.secret.hex()}


def lex_bytes(data: bytes) -> dict[str, str]:
    """Bytes as AT Protocol's JSON has them."""
    return {"$bytes": base64.b64encode(data).decode()}


def from_lex(value: dict[str, str]) -> bytes:
    """Bytes out of AT Protocol's JSON, which leaves the padding away."""
    text = value["$bytes"]
    return base64.b64decode(text + "=" * (-len(text) % 4), validate=True)


@attrs.define
class Stage:
    """Everything that runs."""

    router: RouterProcess
    service: ServiceIdentity
    directory: DidDirectory
    pds: Pds
    _atproto: AtProto
    _trio: trio.lowlevel.TrioToken

    def ask(self, do: str, **given: Any) -> Any:
        """A function of the Node side. Raises `TheirError`."""
        return self.run(partial(self._atproto.ask, do, **given))

    def run(self, function: Callable[[], Awaitable[_T]]) -> _T:
        """An async function, in the thread where Trio is."""
        return trio.from_thread.run(function, trio_token=self._trio)

    def person(self, handle: str, curve: Curve = Curve.K256) -> "Person":
        """A new account, known to the directory and its PDS and not to the router."""
        pds = f"{self.pds.scheme}://{_PDS_HOST}:{self.pds.port}"
        account = PlcAccount.create(handle, now=time.time(), curve=curve, pds=pds)
        self.directory.put(account)
        self.pds.host(account.did)
        return Person(self, account)

    def call(self, nsid: str, authorization: str | None, **given: Any) -> Any:
        """A call by `@atproto/xrpc`: input and answer valid by `@atproto/lexicon`. `data` and `headers`.

        `given` may have `params`, `data` and `unchecked`. Raises `TheirError`.
        """
        headers = {} if authorization is None else {"authorization": authorization}
        return self.ask("call", service=self.router.url, nsid=nsid, headers=headers, **given)


@attrs.define
class Person:
    """Somebody with an account elsewhere whose every token AT Protocol's own code makes."""

    stage: Stage
    account: PlcAccount

    @property
    def did(self) -> str:
        """Its DID."""
        return self.account.did

    def claims(self, nsid: str) -> dict[str, Any]:
        """What a token for this method says, beside what the library adds."""
        return {"iss": self.did, "aud": self.stage.service.audience, "lxm": nsid}

    def token(self, nsid: str, *, key: AccountKey | None = None, **changed: Any) -> str:
        """A bearer token of `createServiceJwt`; what is changed replaces what is right."""
        signer = their_key((key or self.account.key).private)
        return "Bearer " + str(self.stage.ask("token", key=signer, **{**self.claims(nsid), **changed}))

    def call(self, nsid: str, **given: Any) -> Any:
        """The answer to a call with a fresh token."""
        return self.stage.call(nsid, self.token(nsid), **given)["data"]

    def refused(self, nsid: str, authorization: str | None = None, **given: Any) -> TheirError:
        """What their client throws; fails if it does not."""
        with pytest.raises(TheirError) as caught:
            self.stage.call(nsid, authorization or self.token(nsid), **given)
        assert caught.value.type == "XRPCError", caught.value
        return caught.value

    def new_key(self, device: str = "") -> dict[str, Any]:
        """A device's new key and the proof of it, made by Node; `device` is the one whose key it replaces."""
        claim = {"service": self.stage.service.did, "account": self.did, "device": device}
        fields: dict[str, Any] = self.stage.ask("newKey", **claim)
        return fields

    def device(self, name: str = "phone") -> str:
        """A new device's id."""
        data = {"deviceName": name, **self.new_key()}
        return str(self.call("chat.rookery.registerDevice", data=data)["deviceId"])


@contextmanager
def open_stage() -> Iterator[Stage]:
    """A stage for the block. Its packages are installed."""
    ready, ending = threading.Event(), trio.Event()
    made: list[Stage] = []
    failed: list[BaseException] = []

    async def serve(folder: Path) -> None:
        async with open_did_directory() as directory, open_pds() as pds, open_atproto() as atproto:
            settings = {
                "ROOKERY_IDENTITY__PLC_URL": directory.url,
                "ROOKERY_IDENTITY__LOOPBACK_HOSTS": _PDS_HOST,
                "ROOKERY_RATE__STREAM": str(STREAM_QUOTA),
                "ROOKERY_MLS__READDITION_LEASE": "1",  # the test of what comes after it waits for it
            }
            with RouterProcess(folder, settings) as router:
                await router.start()
                status = await router.control.ask("status", answer=ServerStatus)
                service = ServiceIdentity(status.did, status.public_url)
                made.append(
                    Stage(router, service, directory, pds, atproto, trio.lowlevel.current_trio_token())
                )
                ready.set()
                await ending.wait()

    def thread(folder: Path) -> None:
        try:
            trio.run(serve, folder)
        except BaseException as error:  # noqa: BLE001 - handed to the thread that waits
            failed.append(error)
        finally:
            ready.set()

    with tempfile.TemporaryDirectory(prefix="rookery-") as folder:
        running = threading.Thread(target=thread, args=(Path(folder),), daemon=True)
        running.start()
        assert ready.wait(_SECONDS), "the stage did not come up"
        if failed:
            raise failed[0]
        (stage,) = made
        for path in sorted(LEXICONS.rglob("*.json")):
            stage.ask("addLexicon", document=json.loads(path.read_bytes()))
        yield stage
        trio.from_thread.run_sync(ending.set, trio_token=stage._trio)
        running.join(_SECONDS)
        if failed:
            raise failed[0]
