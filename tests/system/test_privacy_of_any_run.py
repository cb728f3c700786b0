"""The property: whatever people do, no line, metric or row holds an id, token or key of theirs.

`test_privacy.py` looks closely at one run; here Hypothesis makes up the runs: who, with which ids, does what
in which order, refused or not, over a limit or not. What may be kept, and where, is the table of `scan.py`.
"""

import base64
import hashlib
import json
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

import attrs
import httpx
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from nacl.signing import SigningKey

from protocol import AccountDid, DeviceId, Nsid
from router.client.home import home_service
from router.client.session import open_session
from router.identity.device_auth import mint_device_token
from router.keys import Rotate, Rotated
from tests.proofs import new_key as new_signature_key
from tests.system.checker import DATABASE
from tests.system.people import CHAT, Person, new_key, open_person, sealed
from tests.system.process import RouterProcess, running_router
from tests.system.scan import Secrets, search, search_tables, search_text

pytestmark = pytest.mark.system

BUCKET = 60
SETTINGS = {
    "ROOKERY_LOG__RECEIVED_BUCKET_SECONDS": str(BUCKET),
    "ROOKERY_LOGGING__LEVEL": "debug",
    "ROOKERY_LOGGING__FORMAT": "json",
    # low enough that a run meets them: a refusal by a limit has a debug line with a pseudonym
    "ROOKERY_RATE__READ": "3",
    "ROOKERY_RATE__FAILED_AUTH": "4",
    "ROOKERY_CORS__ORIGINS": "https://app.example",
}
ACTS = ("send", "say", "repeat", "contradict", "read", "mark", "list", "add", "remove", "leave", "create",
        "forge", "reuse", "nowhere", "garbage", "preflight", "rotate",
        "ticket", "sign", "simple", "refresh")  # fmt: skip
WORDS = st.integers(0, 9)
"""Few, so that ids come again; what is made of one is random to look at (`spelled`)."""
NAMES = st.lists(st.integers(0, 99), min_size=2, max_size=3, unique=True)
STEPS = st.lists(st.tuples(st.integers(0, 2), st.sampled_from(ACTS), WORDS), min_size=5, max_size=25)


def spelled(kind: str, word: int) -> str:
    """An id that nothing else can look like: found in a row or a line, it was put there."""
    return kind[0] + hashlib.sha256(f"{kind} {word}".encode()).hexdigest()[:20]


@attrs.define
class Talk:
    """A run as it happens, and everything of it that must not be kept."""

    router: RouterProcess
    http: httpx.AsyncClient
    people: list[Person]
    devices: list[str] = attrs.field(factory=list)
    device_keys: list[bytes] = attrs.field(factory=list)
    messages: list[str] = attrs.field(factory=list)
    tokens: list[str] = attrs.field(factory=list)
    keys: list[str] = attrs.field(factory=list)
    convos: list[str] = attrs.field(factory=list)
    began: float = attrs.field(factory=time.time)
    statuses: set[int] = attrs.field(factory=set)

    async def call(
        self,
        who: Person,
        name: str,
        body: dict[str, Any] | None = None,
        token: str | None = None,
        **query: str,
    ) -> dict[str, Any]:
        """One call, refused or not. Each token and key is written down."""
        nsid = Nsid(f"{CHAT}.{name}")
        token = who.client.xrpc.token(nsid) if token is None else token
        self.tokens.append(token)
        if body is not None and "idempotencyKey" in body:
            self.keys.append(body["idempotencyKey"])
        answer = await self.http.request(
            "GET" if body is None else "POST",
            f"/xrpc/{nsid}",
            headers={"authorization": f"Bearer {token}"},
            json=body,
            params=query,
        )
        self.statuses.add(answer.status_code)
        value: dict[str, Any] = answer.json()
        return value

    def message(self, msg_id: str, text: str = "") -> dict[str, Any]:
        self.messages.append(msg_id)
        ciphertext = {"$bytes": _base64(sealed(text or msg_id))}
        return {"convoId": self.convos[-1], "msgId": msg_id, "ciphertext": ciphertext}

    def secrets(self) -> Secrets:
        return Secrets.of(
            names=[person.name for person in self.people],
            devices=self.devices,
            messages=self.messages,
            tokens=self.tokens,
            convos=self.convos,
            keys=[key.encode() for key in self.keys],
            public_keys=self.device_keys,
            began=self.began,
            ended=time.time(),
            bucket=BUCKET,
        )

    async def step(self, who: Person, act: str, number: int) -> None:
        """One thing that somebody does."""
        word = spelled("message", number)
        convo, other = self.convos[-1], self.people[0 if who is self.people[1] else 1]
        match act:
            case "send":
                await self.call(
                    who, "sendMessage", {**self.message(word), "idempotencyKey": spelled("key", number)}
                )
            case "say":
                await self._say(who, word)
            case "repeat":
                for _ in range(2):
                    await self.call(who, "sendMessage", self.message(word))
            case "contradict":
                for text in ("one", "other"):
                    await self.call(who, "sendMessage", self.message(word, text + word))
            case "read":
                await self.call(who, "getMessages", convoId=convo)
            case "mark":
                await self.call(who, "updateCursor", {"convoId": convo, "seq": 1})
            case "list":
                await self.call(who, "getConvos")
            case "add" | "remove" | "leave" | "create":
                await self._change(who, act, spelled("key", number), other.did)
            case "forge":
                token = who.client.xrpc.token(Nsid(f"{CHAT}.getConvos"))
                head, claims, signature = token.split(".")
                flipped = ("B" if signature[5] == "A" else "A").join((signature[:5], signature[6:]))
                await self.call(who, "getConvos", token=f"{head}.{claims}.{flipped}")
            case "reuse":
                token = who.client.xrpc.token(Nsid(f"{CHAT}.updateCursor"))
                for _ in range(2):
                    await self.call(who, "updateCursor", {"convoId": convo, "seq": 1}, token=token)
            case "ticket" | "sign" | "simple" | "refresh":
                await self._speak_otherwise(who, act, number)
            case "nowhere":
                await self.http.get(f"/xrpc/{CHAT}.{word}", params={"convoId": convo})
                await self.http.get(f"/{who.did}/{word}")
            case "garbage":
                await self.call(who, "sendMessage", {"convoId": convo, "msgId": [word]})
                self.messages.append(word)
            case "preflight":
                headers = {"origin": "https://app.example", "access-control-request-method": "POST"}
                await self.http.options(f"/xrpc/{CHAT}.{word}", headers=headers)
            case "rotate":
                await self.router.control.ask("keys.rotate", Rotate("access"), answer=Rotated)

    async def _say(self, who: Person, word: str) -> None:
        self.messages.append(word)
        device = self.devices[self.people.index(who)]
        async with open_session(who.client, device) as session:  # type: ignore[arg-type] # a DeviceId
            receipt = await session.send(self.convos[-1], sealed(word), msg_id=word)  # type: ignore[arg-type] # ids
            try:
                await receipt.wait()
            except Exception:  # noqa: BLE001 - refused or not, both leave their traces
                self.statuses.add(0)

    async def _speak_otherwise(self, who: Person, act: str, number: int) -> None:
        """By every credential that is no service token."""
        device = self.devices[self.people.index(who)]
        match act:
            case "ticket":
                made = await self.call(who, "getTicket", {"purpose": f"{CHAT}.session", "deviceId": device})
                if "ticket" in made:  # in a URL, where it belongs and where logs like to look
                    self.keys.append(made["ticket"])
                    await self.http.get(f"/xrpc/{CHAT}.session", params={"ticket": made["ticket"]})
            case "sign":
                key, account = SigningKey(sealed(who.name, 32)), AccountDid(who.did)
                audience, nsid = f"{home_service(who.did)}#atproto_mls", Nsid(f"{CHAT}.getConvos")
                token = mint_device_token(key, account, DeviceId(device), audience, nsid, time.time())
                await self.call(who, "getConvos", token=token)
            case "simple":
                body = {"idempotencyKey": spelled("key", number), "deviceId": device, "name": "sensor"}
                made = await self.call(who, "createApiKey", {**body, "methods": [f"{CHAT}.getConvos"]})
                if "apiKey" in made:
                    self.keys += [made["apiKey"], made["apiKey"].rpartition("_")[2]]
                    bearer = {"authorization": f"Bearer {made['apiKey']}"}
                    await self.http.get(f"/xrpc/{CHAT}.getConvos", headers=bearer)
            case "refresh":
                self.keys.append(f"rr_{spelled('refresh', number)}")
                await self.http.post("/login/refresh", json={"refreshToken": self.keys[-1]})
                await self.http.post("/login/logout", json={"refreshToken": self.keys[-1]})

    async def _change(self, who: Person, act: str, word: str, other: str) -> None:
        body: dict[str, Any] = {"idempotencyKey": word}
        if act == "create":
            made = await self.call(who, "createConvo", {**body, "initialMembers": [other]})
            self.convos += [made["id"]] if "id" in made else []
            return
        body["convoId"] = self.convos[-1]
        if act == "add":
            await self.call(who, "addMembers", {**body, "didList": [other]})
        elif act == "remove":
            await self.call(who, "removeMember", {**body, "targetDid": other})
        else:
            await self.call(who, "leaveConvo", body)


def _base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


@asynccontextmanager
async def talking(names: list[int]) -> AsyncIterator[Talk]:
    """People of these names on a server of their own, each with a device, all in one conversation."""
    async with AsyncExitStack() as stack:
        router = await stack.enter_async_context(running_router(SETTINGS))
        http = await stack.enter_async_context(httpx.AsyncClient(base_url=router.url, trust_env=False))
        people = []
        for name in names:
            key = await new_key(router, spelled("person", name))
            people.append(await stack.enter_async_context(open_person(router, key)))
        talk = Talk(router, http, people)
        for person in people:
            secret = SigningKey(sealed(person.name, 32))
            talk.device_keys.append(bytes(secret.verify_key))
            shown = new_signature_key(secret, home_service(person.did), person.did, time.time())
            body = {"deviceName": "phone", **shown}
            talk.devices.append((await talk.call(person, "registerDevice", body))["deviceId"])
            mint = person.client.xrpc.token
            person.client.xrpc.token = lambda lxm, mint=mint: _kept(talk.tokens, mint(lxm))  # type: ignore[misc] # bound now
        everybody = [person.did for person in people[1:]]
        first = {"idempotencyKey": spelled("key", -1), "initialMembers": everybody}
        talk.convos.append((await talk.call(people[0], "createConvo", first))["id"])
        yield talk


def _kept(tokens: list[str], token: str) -> str:
    tokens.append(token)
    return token


# Each example starts a server: few of them, and none to shrink, since what was found names itself.
@settings(max_examples=max(2, settings().max_examples // 25), phases=[Phase.explicit, Phase.generate])
@given(names=NAMES, steps=STEPS)
async def test_nothing_of_any_run_is_kept_where_it_has_no_place(
    names: list[int], steps: list[tuple[int, str, int]]
) -> None:
    async with talking(names) as talk:
        for who, act, word in steps:
            await talk.step(talk.people[who % len(talk.people)], act, word)
        metrics = (await talk.router.admin("/metrics"))[1]
        tree = (await talk.router.admin("/tree"))[1]
        assert await talk.router.terminate() == 0
        secrets = talk.secrets()
        log = talk.router.log.read_text()
        found = search_tables(talk.router.data / DATABASE, secrets)
        for path in talk.router.data.iterdir():
            if path.is_file():
                found += search(path.read_bytes(), secrets.tokens | secrets.keys, path.name)
    assert found == []
    assert search_text(log, secrets, "the log") == []
    assert search_text(metrics, secrets, "the metrics") == []
    assert search_text(tree, secrets, "the tree") == []
    assert 500 not in talk.statuses
    events = {json.loads(line)["event"] for line in log.splitlines()}
    assert "request" in events
