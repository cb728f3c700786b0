"""A small town for bad input: one running server, somebody who lives there, and requests to spoil.

`a_send(town)` is the body of a good sendMessage, `post` and `get` are good requests with a fresh token;
a test changes one thing. `everything` is what must be the same afterwards.
"""

import json
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from typing import Any

import attrs

from protocol import AccountDid, ConversationId, DeviceId, MsgId, Nsid
from router.client.events import LexBytes
from router.identity.keys import AccountKey
from router.identity.tokens import mint_token
from tests.crypto.mls.test_framing import private_message
from tests.system.checker import DATABASE
from tests.system.people import new_convo, new_key, open_person, sealed
from tests.system.process import RouterProcess
from tests.system.raw import Answer, raw_client, request

CHAT, MLS = "chat.rookery", "blue.catbird.mls"
ABSENT = "a" * 26
TAKEN = MsgId("taken")
_GROUP = b"group"
_SUITE = "MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519"


@attrs.frozen
class Town:
    """Alice is in a sealed conversation, which has one message, and in an MLS one. Mallory is in none."""

    router: RouterProcess
    alice: AccountKey
    mallory: AccountKey
    device: DeviceId
    foreign_device: DeviceId
    convo: ConversationId
    group: ConversationId
    audience: str

    def token(
        self,
        nsid: str,
        *,
        key: AccountKey | None = None,
        iss: AccountDid | None = None,
        aud: str | None = None,
        age: float = 0,
        lifetime: int = 60,
    ) -> str:
        """A token of alice for this method; what is given replaces what is right."""
        signer = key or self.alice
        now = time.time() - age
        return mint_token(signer, iss or signer.did, aud or self.audience, Nsid(nsid), now, lifetime)

    def bearer(self, nsid: str) -> dict[str, str]:
        """The header that proves alice for this method, once."""
        return {"authorization": f"Bearer {self.token(nsid)}"}


Make = Callable[[Town], bytes]
"""Makes the bytes of a request, with a token of its own."""


async def build(router: RouterProcess) -> Town:
    """Let people in."""
    alice, mallory = await new_key(router, "alice"), await new_key(router, "mallory")
    async with open_person(router, alice) as person, open_person(router, mallory) as stranger:
        device = await person.device("phone")
        foreign = await stranger.device("phone")
        convo = await new_convo(person)
        group = await person.client.mls.create_convo(_GROUP.hex(), _SUITE)
        await person.client.chat.send_message(convo, sealed("taken"), msg_id=TAKEN)
    audience = (await router.status()).did + "#atproto_mls"
    return Town(router, alice, mallory, device.id, foreign.id, convo, ConversationId(group.id), audience)


def everything(router: RouterProcess) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of the database but the tokens, which are used up by what is refused after them."""
    with closing(sqlite3.connect(f"file:{router.data / DATABASE}?mode=ro", uri=True)) as database:
        tables = [name for (name,) in database.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
        return {
            name: database.execute(f'SELECT * FROM "{name}"').fetchall()  # noqa: S608 - a name of the schema
            for name in tables
            if name != "tokens"
        }


def text(value: object) -> bytes:
    """JSON as it goes on the wire."""
    return json.dumps(value).encode()


def lex(data: bytes) -> dict[str, str]:
    """Bytes as JSON has them."""
    return {"$bytes": LexBytes.of(data).value}


def a_send(town: Town, **changes: Any) -> dict[str, Any]:
    """The body of a good sendMessage, but for `changes`; None leaves a field out."""
    body = {"convoId": town.convo, "msgId": "m", "ciphertext": lex(sealed("x")), **changes}
    return {name: value for name, value in body.items() if value is not None}


def an_mls_send(town: Town, *, epoch: int, framed: int) -> dict[str, Any]:
    """An MLS message that says one epoch outside and one in its framing; 512 bytes."""
    said = framed.to_bytes(8, "big")
    head = private_message(group=_GROUP, epoch=said)
    # one byte more for the longer length, one less for the byte that is there by default
    message = private_message(group=_GROUP, epoch=said, ciphertext=bytes(512 - len(head)))
    size = len(message)
    return {
        "convoId": town.group,
        "msgId": "m",
        "ciphertext": lex(message),
        "epoch": epoch,
        "declaredSize": size,
        "paddedSize": size,
    }


def post(town: Town, method: str, body: bytes, family: str = CHAT, **headers: str) -> bytes:
    """A procedure with a fresh token; `headers` are written with underscores."""
    nsid = f"{family}.{method}"
    return request("POST", f"/xrpc/{nsid}", {**town.bearer(nsid), **_fields(headers)}, body)


def get(town: Town, method: str, query: str = "", family: str = CHAT, **headers: str) -> bytes:
    """A query with a fresh token."""
    nsid = f"{family}.{method}"
    return request("GET", f"/xrpc/{nsid}{query}", {**town.bearer(nsid), **_fields(headers)})


def _fields(headers: dict[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}


async def exchange(router: RouterProcess, data: bytes) -> Answer:
    """One request on a connection of its own."""
    async with raw_client(router) as client:
        return await client.ask(data)
