"""After a run with several senders: nobody stands beside a message, and no time is finer than its bucket.

Promise P5, over the database (all tables, and the raw bytes of its files), the log at debug level, the
metrics and the tree. The bucket is a minute here, so that a finer time cannot lie on an edge by accident
for long. The last tests plant what must not be there: a scanner that finds nothing proves nothing.
"""

import os
import shutil
import signal
import sqlite3
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager, closing
from pathlib import Path

import attrs
import pytest

from protocol import ConversationId, Nsid
from router.client.client import new_msg_id
from router.client.errors import ClientError
from router.client.session import open_session
from router.client.stream import open_stream
from tests.system.checker import DATABASE
from tests.system.people import ONCE, PATIENT, Person, new_convo, new_key, open_person, sealed
from tests.system.process import RouterProcess, running_router
from tests.system.scan import Secrets, search, search_tables, search_text

pytestmark = pytest.mark.system

BUCKET = 60
NAMES = ("ottokar-eins", "ottokar-zwei", "ottokar-drei")
SETTINGS = {
    "ROOKERY_LOG__RECEIVED_BUCKET_SECONDS": str(BUCKET),
    "ROOKERY_LOGGING__LEVEL": "debug",
    "ROOKERY_LOGGING__FORMAT": "json",
}


@attrs.define
class Run:
    """What a run knows: who, what, with which tokens."""

    router: RouterProcess
    people: list[Person] = attrs.field(factory=list)
    devices: list[str] = attrs.field(factory=list)
    messages: list[str] = attrs.field(factory=list)
    bodies: list[bytes] = attrs.field(factory=list)
    tokens: list[str] = attrs.field(factory=list)
    convos: list[ConversationId] = attrs.field(factory=list)
    times: list[str] = attrs.field(factory=list)
    began: float = attrs.field(factory=time.time)

    def secrets(self) -> Secrets:
        """Everything that must not be kept."""
        return Secrets.of(
            names=NAMES,
            devices=self.devices,
            messages=self.messages,
            tokens=self.tokens,
            convos=self.convos,
            began=self.began,
            ended=time.time(),
            bucket=BUCKET,
        )

    def keep_tokens_of(self, person: Person) -> None:
        """Write down each token that the person's client mints from now on."""
        mint = person.client.xrpc.token

        def minted(lxm: Nsid) -> str:
            token = mint(lxm)
            self.tokens.append(token)
            return token

        person.client.xrpc.token = minted


@asynccontextmanager
async def lively_router() -> AsyncIterator[Run]:
    """A server on which people have talked in every way, failed in some, and seen its writer die."""
    async with AsyncExitStack() as stack:
        router = await stack.enter_async_context(running_router(SETTINGS))
        run = Run(router)
        for name in NAMES:
            key = await new_key(router, name)
            person = await stack.enter_async_context(open_person(router, key, policy=PATIENT))
            run.keep_tokens_of(person)
            run.people.append(person)
            run.devices.append((await person.device("phone")).id)
        first, second, third = run.people
        # Facts first, messages after: so raw bytes beside a message are other messages'.
        run.convos += [await new_convo(first, second), await new_convo(second, first, third)]
        await first.client.chat.add_members(run.convos[0], [third.did])
        await talk(run)
        await fail(run)
        yield run


async def talk(run: Run) -> None:
    """Send over HTTP and over sessions, listen over both, read, move read marks; the writer dies once."""
    async with AsyncExitStack() as stack:
        for person, device in zip(run.people, run.devices, strict=True):
            session = await stack.enter_async_context(open_session(person.client, device))  # type: ignore[arg-type] # a DeviceId
            stream = await stack.enter_async_context(open_stream(person.client, device=device))  # type: ignore[arg-type] # same
            for number in range(12):
                msg_id = new_msg_id()
                body = sealed(msg_id)
                convo = run.convos[number % 2]
                run.messages.append(msg_id)
                run.bodies.append(body)
                if number % 3:
                    receipt = await session.send(convo, body, msg_id=msg_id)
                    run.times.append((await receipt.wait()).received_at)
                else:
                    sent = await person.client.chat.send_message(convo, body, msg_id=msg_id)
                    run.times.append(sent.received_at)
                if number == 6 and person is run.people[1]:
                    os.kill(run.router.processes()[1], signal.SIGKILL)
            await stream.receive()
            page = await person.client.chat.get_messages(run.convos[0])
            run.times += [message.created_at for message in page.messages]
            await person.client.chat.update_cursor(run.convos[0], page.last_seq, device=device)  # type: ignore[arg-type] # same


async def fail(run: Run) -> None:
    """What is refused is logged too."""
    first, second, _ = run.people
    for person in (first, second):
        async with open_person(run.router, person.key, policy=ONCE) as again:
            run.keep_tokens_of(again)
            for body in (bytes(700), sealed("other bytes")):
                with pytest.raises(ClientError):
                    await again.client.chat.send_message(run.convos[0], body, msg_id=run.messages[0])  # type: ignore[arg-type] # a MsgId
            with pytest.raises(ClientError):
                await again.client.chat.get_messages(ConversationId("z" * 26))
            again.client.xrpc.token = lambda _, token=run.tokens[0]: token  # type: ignore[misc] # bound now
            with pytest.raises(ClientError):
                await again.client.chat.get_convos()


def files(run: Run) -> dict[str, bytes]:
    """All files of the data folder as they lie there: database, write-ahead log, locks, secrets."""
    return {path.name: path.read_bytes() for path in run.router.data.iterdir() if path.is_file()}


def window_before(data: bytes, body: bytes, size: int = 90) -> bytes:
    """The bytes in front of a message's body, wherever it lies: its row's header and other columns."""
    near = bytearray()
    at = data.find(body)
    while at >= 0:
        near += data[max(0, at - size) : at] + b"|"
        at = data.find(body, at + 1)
    return bytes(near)


async def test_nobody_stands_beside_a_message_and_no_time_is_finer_than_its_bucket() -> None:
    async with lively_router() as run:
        metrics = (await run.router.admin("/metrics"))[1]
        tree = (await run.router.admin("/tree"))[1]
        secrets = run.secrets()
        found = search_tables(run.router.data / DATABASE, secrets)
        running = files(run)
        assert await run.router.terminate() == 0
        run.router.rookery("account", "create", "ottokar-vier")  # without a server: another way to write
        found += search_tables(run.router.data / DATABASE, run.secrets())
        stopped = files(run)
        log = run.router.log.read_text()

    assert found == []
    for when, kept in (("running", running), ("stopped", stopped)):
        for name, data in kept.items():
            assert search(data, secrets.tokens, f"{name}, {when}") == []
            for body in run.bodies:
                assert search(window_before(data, body), secrets.people, f"{name} beside a message") == []
    whole = b"".join(running.values())
    assert all(body in whole for body in run.bodies), "the search for bodies finds none"

    assert log.count("sendMessage") >= len(run.messages) // 3
    assert search_text(log, secrets, "the log") == []
    assert search_text(metrics, secrets, "the metrics") == []
    assert search_text(tree, secrets, "the tree") == []

    assert len(run.times) > len(run.messages)
    for told in run.times:
        assert search_text(told, secrets, "the wire") == []


# -- the scanner finds what it looks for ------------------------------------------------------------------


@pytest.fixture
def secrets() -> Secrets:
    moment = float(int(time.time()) // BUCKET * BUCKET)
    return Secrets.of(
        names=NAMES,
        devices=["3f2b0c52-93a6-4a43-9d4f-0c2f6c1c8f11"],
        messages=["msg-1"],
        tokens=["e30.eyJqdGkiOiI2MTYyNjMifQ.c2ln"],
        convos=["c" * 26],
        keys=[b"an idempotency key"],
        public_keys=[b"k" * 32],
        began=moment,
        ended=moment + 10,
        bucket=BUCKET,
    )


PLANTS = {
    "a DID in a new column": "ALTER TABLE entries ADD COLUMN sender TEXT DEFAULT 'did:web:ottokar-eins.x'",
    "a device in the used tokens": "UPDATE tokens SET hash = '3f2b0c52-93a6-4a43-9d4f-0c2f6c1c8f11'",
    "a device's bytes in a result": "UPDATE results SET scope = X'003f2b0c5293a64a439d4f0c2f6c1c8f11'",
    "a message in a result": "UPDATE results SET body = 'answer to msg-1'",
    "a jti in a result": "UPDATE results SET scope = '616263'",
    "a second in a message's time": "UPDATE entries SET received = received + 1 WHERE kind = 2",
    "milliseconds": "ALTER TABLE members ADD COLUMN joined_ms INTEGER DEFAULT {now_ms}",
    "a fraction": "ALTER TABLE devices ADD COLUMN seen REAL DEFAULT {now}.5",
    "a public key out of its place": "UPDATE results SET body = '" + "k" * 32 + "'",
    "an idempotency key": "UPDATE results SET scope = 'createConvo an idempotency key'",
    "a message in the audit": 'UPDATE audit SET record = \'{{"at": {now}, "subject": "msg-1"}}\'',
}


@pytest.mark.parametrize("plant", PLANTS)
def test_what_is_planted_in_the_database_is_found(plant: str, tmp_path: Path, secrets: Secrets) -> None:
    path = tmp_path / DATABASE
    now = int(secrets.began)
    with closing(sqlite3.connect(path)) as database, database:
        database.executescript(
            "CREATE TABLE entries (kind, received, body); CREATE TABLE members (joined, account);"
            "CREATE TABLE tokens (hash); CREATE TABLE results (scope, body); CREATE TABLE devices (id);"
            "CREATE TABLE audit (record);"
        )
        database.execute("INSERT INTO entries VALUES (1, ?, 'did:web:ottokar-eins.x joined')", (now,))
        database.execute("INSERT INTO entries VALUES (2, ?, 'sealed')", (now,))
        database.execute("INSERT INTO members VALUES (?, 'did:web:ottokar-eins.x')", (now,))
        database.execute("INSERT INTO tokens VALUES ('hash')")
        database.execute("INSERT INTO results VALUES ('scope', 'body')")
        database.execute("INSERT INTO devices VALUES ('3f2b0c52-93a6-4a43-9d4f-0c2f6c1c8f11')")
        database.execute("INSERT INTO audit VALUES (?)", (f'{{"at": {now}}}',))
    assert search_tables(path, secrets) == []
    planted = Path(shutil.copy(path, tmp_path / "planted"))
    with closing(sqlite3.connect(planted)) as database, database:
        database.execute(PLANTS[plant].format(now=now, now_ms=now * 1000 + 1))
    assert len(search_tables(planted, secrets)) >= 1


@pytest.mark.parametrize(
    "line",
    [
        '{"event":"request","account":"did:web:ottokar-zwei.localhost"}',
        '{"event":"request","device":"3f2b0c52-93a6-4a43-9d4f-0c2f6c1c8f11"}',
        '{"event":"request","message":"msg-1"}',
        '{"event":"request","path":"/xrpc/chat.rookery.getMessages?convoId=cccccccccccccccccccccccccc"}',
        '{"event":"request","key":"an idempotency key"}',
        '{"event":"request","signature":"a2tra2tra2tra2tra2tra2tra2tra2tra2tra2tra2s"}',
        '{"event":"request","authorization":"Bearer e30.eyJqdGkiOiI2MTYyNjMifQ.c2ln"}',
    ],
)
def test_what_is_planted_in_a_log_is_found(line: str, secrets: Secrets) -> None:
    good = '{"event":"request","method":"chat.rookery.getMessages","status":200,"duration_ms":3.25}'
    assert search_text(good, secrets, "the log") == []
    assert search_text(good + line, secrets, "the log") != []


def test_a_time_between_the_edges_is_found(secrets: Secrets) -> None:
    def text(moment: float, form: str = "%Y-%m-%dT%H:%M:%SZ") -> str:
        return time.strftime(form, time.gmtime(moment))

    assert search_text(text(secrets.began), secrets, "the log") == []
    assert search_text(text(secrets.began + 1), secrets, "the log") != []
    assert search_text(f"start {secrets.began + 1}", secrets, "the log") != []
    assert search_text(f"start {(secrets.began + 1) * 1e9:.0f}", secrets, "the log") != []


def test_who_stands_in_front_of_a_body_is_found(secrets: Secrets) -> None:
    body = sealed("body")
    clean = b"did:web:ottokar-eins.x" + bytes(100) + body
    beside = b"did:web:ottokar-eins.x" + bytes(20) + body
    assert search(window_before(clean, body), secrets.people, "a row") == []
    assert search(window_before(beside, body), secrets.people, "a row") != []
