"""What a person of the load does with its key: tokens, and an open session."""

import time

import msgspec

from crypto import parse_private_multikey
from protocol import AccountDid, Nsid
from router.identity.keys import AccountKey
from router.identity.tokens import mint_token
from tests.benchmarks.jobs import Person, Server
from tests.benchmarks.wire import WebSocket, open_websocket

HOST = "127.0.0.1"
SESSION = Nsid("chat.rookery.session")
SEND = Nsid("chat.rookery.sendMessage")
STREAM = Nsid("chat.rookery.streamEvents")
CREDIT = 10_000
_TOKEN_SECONDS = 1_800


class Answer(msgspec.Struct, frozen=True):
    """As much of a session's frame as the load looks at."""

    type: str
    id: int = -1
    error: str = ""
    message: str = ""


decode_answer = msgspec.json.Decoder(Answer).decode


def account_key(person: Person) -> AccountKey:
    """The key that signs for a person."""
    return AccountKey(AccountDid(person.did), parse_private_multikey(person.key))


def bearer(key: AccountKey, server: Server, method: Nsid) -> dict[str, str]:
    """The headers of one authenticated request."""
    token = mint_token(key, key.did, server.audience, method, time.time(), _TOKEN_SECONDS)
    return {"Authorization": f"Bearer {token}"}


async def open_session(server: Server, person: Person) -> WebSocket:
    """A session that has been welcomed; what follows the welcome may be read already and is dropped."""
    key = account_key(person)
    socket = await open_websocket(
        HOST,
        server.port,
        f"/xrpc/{SESSION}",
        headers=bearer(key, server, SESSION),
        subprotocol="rookery.v1",
    )
    hello = {"type": "hello", "deviceId": person.device, "credit": CREDIT}
    await socket.send(msgspec.json.encode(hello))
    first = await socket.receive()
    if not first or decode_answer(first[0]).type != "welcome":
        raise ConnectionError(f"no welcome: {first!r}")
    return socket


class Credit:
    """Grants a session what its client has used up, before it runs out."""

    def __init__(self) -> None:
        self._used = 0

    async def used(self, socket: WebSocket, events: int) -> None:
        """`events` came."""
        self._used += events
        if self._used >= CREDIT // 4:
            await socket.send(b'{"type":"credit","n":%d}' % self._used)
            self._used = 0
