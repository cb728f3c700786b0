"""A real filesystem filled to its last byte under load: errors that say when to come back, and no loss.

The data folder lies on a small tmpfs with some ballast on it. The load fills it; throwing the ballast
away ends the trouble, without a restart. Needs the right to mount.
"""

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import attrs
import pytest
import trio

from protocol import ConversationId, MsgId
from router.client.client import new_msg_id
from router.client.errors import Unavailable
from tests.system.checker import check
from tests.system.judge import seconds_of
from tests.system.people import CHAT, ONCE, Person, eventually, new_convo, open_people, sealed
from tests.system.process import RouterProcess
from tests.system.raw import raw_client
from tests.system.town import lex

pytestmark = pytest.mark.system

MIB = 1024 * 1024
LARGE, SMALL = 64 * 1024, 512
SENDERS = 6


@contextmanager
def small_disk(folder: Path, mebibytes: int) -> Iterator[Path]:
    """A filesystem of this size, for the block; skips the test where it cannot be mounted."""
    place = folder / "disk"
    place.mkdir()
    options = ["-t", "tmpfs", "-o", f"size={mebibytes}m,mode=0700", "tmpfs", str(place)]
    if shutil.which("mount") is None:
        pytest.skip("there is no mount here")
    mounted = subprocess.run(["mount", *options], capture_output=True, text=True, check=False)
    if mounted.returncode:
        pytest.skip(f"a small filesystem cannot be mounted: {mounted.stderr.strip()}")
    try:
        yield place
    finally:
        subprocess.run(["umount", "--lazy", str(place)], check=True)


def fill(place: Path) -> None:
    """Take every byte that is left."""
    with (place / "filler").open("ab", buffering=0) as filler:
        for size in (65_536, 4096, 1):
            try:
                while filler.write(bytes(size)) == size:
                    pass
            except OSError:
                continue


@attrs.define
class Load:
    """Senders that write down what was answered and what was refused, and go on."""

    person: Person
    convo: ConversationId
    answered: dict[MsgId, tuple[int, int, bytes]] = attrs.field(factory=dict)
    refused: dict[MsgId, Unavailable] = attrs.field(factory=dict)
    bodies: dict[MsgId, bytes] = attrs.field(factory=dict)
    size: int = LARGE
    pause: float = 0.01
    stop: bool = False

    async def run(self) -> None:
        """Send until stopped."""
        async with trio.open_nursery() as nursery:
            for _ in range(SENDERS):
                nursery.start_soon(self._send_on)

    async def _send_on(self) -> None:
        while not self.stop:
            msg_id = new_msg_id()
            self.bodies[msg_id] = sealed(msg_id, self.size)
            await self.send(msg_id)
            await trio.sleep(self.pause)

    async def send(self, msg_id: MsgId) -> bool:
        """Send one; whether it was answered. Anything but a refusal for now fails the test."""
        body = self.bodies[msg_id]
        try:
            sent = await self.person.client.chat.send_message(self.convo, body, msg_id=msg_id)
        except Unavailable as refusal:
            self.refused[msg_id] = refusal
            return False
        self.answered[msg_id] = sent.seq, seconds_of(sent.received_at), body
        return True


async def ready(router: RouterProcess) -> bool:
    """Whether the server says that it is ready."""
    return (await router.admin("/health/ready"))[0] == 200


async def wait_ready(router: RouterProcess, wanted: bool) -> None:
    """Wait until readiness is so."""
    with trio.fail_after(20):
        while await ready(router) is not wanted:  # noqa: ASYNC110 -- another process sets no event
            await trio.sleep(0.1)


async def refused_in_a_session(router: RouterProcess, person: Person, convo: ConversationId) -> None:
    """A session hears the same: an error by the send's id, with a time, and stays open."""
    async with raw_client(router) as client:
        headers = {"authorization": person.bearer("session"), "sec-websocket-protocol": "rookery.v1"}
        assert await client.open_websocket(f"/xrpc/{CHAT}.session", headers) is None
        await client.say({"type": "hello", "credit": 1})
        await client.hear_type("welcome")
        send = {"type": "send", "id": 5, "convoId": convo, "msgId": "m", "ciphertext": lex(sealed("m"))}
        await client.say(send)
        error = await client.hear_type("error")
        assert (error["id"], error["error"]) == (5, "NotEnoughResources")
        assert error["retryAfter"] >= 1
        await client.say({"type": "ping", "id": 6})
        assert (await client.hear_type("pong"))["id"] == 6


async def test_a_full_disk_refuses_with_a_time_loses_nothing_and_ends(tmp_path: Path) -> None:
    with small_disk(tmp_path, 32) as disk, RouterProcess(tmp_path, data=disk / "data") as router:
        (disk / "ballast").write_bytes(bytes(24 * MIB))
        await router.start()
        async with open_people(router, "alice", policy=ONCE) as (alice,):
            await alice.device("phone")
            load = Load(alice, await new_convo(alice))
            async with trio.open_nursery() as nursery:
                nursery.start_soon(load.run)
                await eventually(lambda: len(load.refused) >= 20, "the disk is full")
                fill(disk)
                await wait_ready(router, wanted=False)
                status, page = await router.admin("/health/ready")
                assert status == 503
                assert '"store":{"healthy":false' in page

                # still full, and the load goes on: quick refusals, reads work, nothing is written
                before = len(load.refused)
                await refused_in_a_session(router, alice, load.convo)
                assert len((await alice.client.chat.get_messages(load.convo)).messages) > 0
                await eventually(lambda: len(load.refused) > before + 50, "refusals go on")

                # or the room that is made would be full again in a second: of messages, or of the pages
                # that each commit adds to the write-ahead log until its next checkpoint
                load.size, load.pause = SMALL, 0.1
                (disk / "ballast").unlink()
                (disk / "filler").unlink()
                await wait_ready(router, wanted=True)
                answered = len(load.answered)
                await eventually(lambda: len(load.answered) > answered + 5, "sends are answered again")
                load.stop = True

            assert router.alive
            known = {refusal.error for refusal in load.refused.values()}
            assert known <= {"NotEnoughResources", "UpstreamTimeout"}
            assert all(refusal.retry_after for refusal in load.refused.values())
            log = check(router.data)
            rows = {row.msg_id: (row.seq, row.received, row.body) for row in log.entries if row.msg_id}
            assert {msg_id: rows.get(msg_id) for msg_id in load.answered} == load.answered
            for msg_id, refusal in load.refused.items():
                if refusal.error == "NotEnoughResources":  # «nothing was done»
                    assert msg_id not in rows

            # what was refused may be sent again, the same bytes
            again = list(load.refused)[:3]
            assert [await load.send(msg_id) for msg_id in again] == [True] * 3
            print(f"{len(load.answered)} answered, {len(load.refused)} refused ({known})")
            assert await router.terminate() == 0
        check(router.data)


async def test_a_start_on_a_full_disk_is_refused_with_a_sentence_and_works_when_there_is_room(
    tmp_path: Path,
) -> None:
    """A new owner must write that it is the owner. (After traffic there may be room in the log for that.)"""
    with small_disk(tmp_path, 8) as disk, RouterProcess(tmp_path, data=disk / "data") as router:
        await router.start()
        router.kill(everything=True)
        fill(disk)
        ended = await trio.to_thread.run_sync(router.run, "serve")
        assert ended.code == 1
        assert "full" in ended.err
        assert "Traceback" not in ended.err
        (disk / "filler").unlink()
        await router.start()
        assert await ready(router)
