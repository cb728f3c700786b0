"""People, devices and conversations in a data folder, made once by way of a running router.

Each case starts a router of its own on a copy of that folder: nothing of an earlier case is in its log,
its memory or its caches. Accounts are made through the control socket; devices and conversations with
ES256 tokens over HTTP.
"""

import shutil
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import attrs
import msgspec
import trio
from nacl.signing import SigningKey

from crypto import Curve, format_private_multikey
from protocol import AccountDid, Nsid
from router.admin import ControlClient
from router.client.directory import AccountCreate, AccountRow, ServerStatus
from router.control import Numbers
from router.identity.keys import AccountKey
from router.identity.service import ServiceIdentity
from tests.benchmarks.jobs import Person, Sender, Server
from tests.benchmarks.people import HOST, account_key, bearer
from tests.benchmarks.probes import cpu_seconds
from tests.benchmarks.scale import Scale
from tests.benchmarks.wire import Http
from tests.proofs import new_key
from tests.system.process import RouterProcess, free_port

_AT_ONCE = 8
_CREATED_WITH, _ADDED_WITH = 100, 50
_SETTINGS = {
    "ROOKERY_CONVERSATIONS__IDLE_TIMEOUT": "3600",
    "ROOKERY_LOGGING__LEVEL": "warning",
}


class Made(msgspec.Struct, frozen=True):
    """The part of an answer that names what was made."""

    id: str = ""
    device_id: str = msgspec.field(default="", name="deviceId")


@attrs.frozen
class World:
    """A prepared folder and who is in it. Senders come first among the people."""

    scale: Scale
    folder: Path
    server: Server
    people: list[Person]
    senders: list[Sender]
    listeners: list[Person]
    """Everybody who is in a group and does not send, 9 to a conversation."""
    room: str
    room_people: list[Person]
    """Members of the large conversation; its senders first."""


@attrs.define
class Running:
    """A router on a copy of the world."""

    world: World
    process: RouterProcess
    server: Server

    async def numbers(self) -> Numbers:
        """Its counters."""
        return await ControlClient(self.process.data).ask("statistics", answer=Numbers)

    def cpu(self) -> tuple[float, float]:
        """Seconds used by the router, and by its writer process."""
        first, *others = self.process.processes()
        return cpu_seconds((first,)), cpu_seconds(others)

    @property
    def pid(self) -> int:
        """The router's own process id."""
        return self.process.processes()[0]


@contextmanager
def disk() -> Iterator[Path]:
    """A temporary folder that lies on a disk; `/tmp` may be memory."""
    with TemporaryDirectory(prefix="rookery-bench-", dir="/var/tmp") as folder:
        yield Path(folder)


def _router(folder: Path, port: int) -> RouterProcess:
    """A router with the port that is in the names of its accounts."""
    process = RouterProcess(folder, {**_SETTINGS, "ROOKERY_SERVER__PORT": str(port)})
    process.port = port
    process.url = f"http://localhost:{port}"
    return process


@asynccontextmanager
async def running(world: World) -> AsyncIterator[Running]:
    """A fresh router on a fresh copy of the world; stopped and deleted with the block."""
    with disk() as folder:
        shutil.copytree(world.folder / "data", folder / "data")
        with _router(folder, world.server.port) as process:
            await process.start()
            yield Running(world, process, world.server)


@asynccontextmanager
async def made_world(scale: Scale) -> AsyncIterator[World]:
    """Make everything a run needs."""
    with disk() as folder:
        with _router(folder, free_port()) as process:
            await process.start()
            world = await _populate(scale, folder, process)
            await process.terminate()
        yield world


async def _populate(scale: Scale, folder: Path, process: RouterProcess) -> World:
    control = ControlClient(process.data)
    status = await control.ask("status", answer=ServerStatus)
    service = ServiceIdentity(status.did, status.public_url)
    server = Server(process.port, service.audience)
    people: list[Person | None] = [None] * scale.people

    async def person(number: int, http: Http) -> None:
        key = AccountKey.generate(AccountDid("did:web:nobody.example"), Curve.P256)
        name = f"p{number}"
        row = await control.ask(
            "account.create", AccountCreate(name, key.verification_key), answer=AccountRow
        )
        made = Person(row.did, format_private_multikey(key.private), "")
        body = {
            "deviceName": name,
            **new_key(SigningKey.generate(), service.did, row.did, time.time()),
        }
        answer = await call(http, server, made, "registerDevice", body)
        people[number] = msgspec.structs.replace(made, device=answer.device_id)

    await in_parallel(server, scale.people, person)
    everybody = [each for each in people if each is not None]
    sending, rest = everybody[: scale.senders], everybody[scale.senders :]
    owned: list[list[str]] = [[] for _ in sending]

    async def conversation(number: int, http: Http) -> None:
        owner = number % len(sending)
        members = rest[number * scale.listeners : (number + 1) * scale.listeners]
        owned[owner].append(await create(http, server, sending[owner], members, f"group-{number}"))

    await in_parallel(server, scale.conversations, conversation)
    room_people = everybody[: scale.room_senders] + rest[: scale.room - scale.room_senders]
    async with Http(HOST, server.port) as http:
        room = await create(http, server, room_people[0], room_people[1:], "room")
    return World(
        scale=scale,
        folder=folder,
        server=server,
        people=everybody,
        senders=[Sender(who, convos) for who, convos in zip(sending, owned, strict=True)],
        listeners=rest[: scale.conversations * scale.listeners],
        room=room,
        room_people=room_people,
    )


async def in_parallel(server: Server, total: int, act: Callable[[int, Http], Awaitable[None]]) -> None:
    """Do `act(number, connection)` for each number, a few at once."""
    numbers = iter(range(total))

    async def worker() -> None:
        async with Http(HOST, server.port) as http:
            for number in numbers:
                await act(number, http)

    async with trio.open_nursery() as nursery:
        for _ in range(min(_AT_ONCE, total)):
            nursery.start_soon(worker)


async def create(http: Http, server: Server, owner: Person, members: list[Person], key: str) -> str:
    """A conversation of sealed bytes; its id. Members come in by as many as one request may name."""
    first, more = members[:_CREATED_WITH], members[_CREATED_WITH:]
    body = {"idempotencyKey": key, "initialMembers": [each.did for each in first]}
    convo = (await call(http, server, owner, "createConvo", body)).id
    for at in range(0, len(more), _ADDED_WITH):
        batch = [each.did for each in more[at : at + _ADDED_WITH]]
        add = {"idempotencyKey": f"{key}-{at}", "convoId": convo, "didList": batch}
        await call(http, server, owner, "addMembers", add)
    return convo


async def call(http: Http, server: Server, person: Person, method: str, body: object) -> Made:
    """One procedure of `chat.rookery.*`; raises with the server's answer when it refuses."""
    nsid = Nsid(f"chat.rookery.{method}")
    headers = bearer(account_key(person), server, nsid)
    status, answer = await http.post(f"/xrpc/{nsid}", msgspec.json.encode(body), headers)
    if status != 200:
        raise RuntimeError(f"{method}: {status} {answer.decode(errors='replace')}")
    return msgspec.json.decode(answer, type=Made)
