"""The floors: what the parts cost with no router around them, measured in the same run.

Every figure is server CPU in microseconds for one operation (the harness's own for what has no server),
beside the wall-clock rate. `Floors.sum_for` adds up the parts that one message uses.
"""

import os
import statistics
import time

import attrs
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec

from protocol import body_hash
from router.store.sqlite import database
from tests.benchmarks.jobs import EchoFloor, HoldFloor, Job, Outcome, PostFloor, percentile
from tests.benchmarks.messages import BODY_BYTES, FRAME_BYTES, MESSAGE_BYTES
from tests.benchmarks.people import HOST
from tests.benchmarks.probes import BareServer, bare_server, load
from tests.benchmarks.scale import Scale
from tests.benchmarks.wire import Http
from tests.benchmarks.world import disk

PIPELINED = 16
"""Sends in flight for each sender in the pipelined cases."""
PACED_RATE = 50.0
"""Sends a second of the paced case."""


@attrs.frozen
class Cost:
    """One part: CPU microseconds an operation, operations a second, and its median wait in milliseconds."""

    cpu: float
    rate: float
    p50: float | None = None
    p99: float | None = None


@attrs.define
class Floors:
    """What was measured, by name; commits are measured on demand, for the batch a case reached."""

    scale: Scale
    parts: dict[str, Cost] = attrs.Factory(dict)

    def commit(self, per_commit: float, *, tokens: bool = False) -> Cost:
        """Raw group commits of about so many messages; with `tokens` a used token's row beside each."""
        batch = max(1, round(per_commit))
        name = f"raw commit of {batch}" + (", with tokens" if tokens else "")
        if name not in self.parts:
            self.parts[name] = raw_commits(batch, self.scale.rows, tokens=tokens)
        return self.parts[name]

    def session_send(self, per_commit: float, deliveries: int, *, pipelined: bool) -> dict[str, Cost]:
        """The parts of one send over a session that reaches so many connected devices."""
        echo = "echo, pipelined" if pipelined else "echo"
        parts = {echo: self.parts[echo], "commit": self.commit(per_commit)}
        return parts | self._deliveries(deliveries, pipelined=pipelined)

    def http_send(self, per_commit: float, deliveries: int) -> dict[str, Cost]:
        """The parts of one send over HTTP."""
        parts = {
            "answer": self.parts["answer"],
            "signature": self.parts["signature"],
            "commit": self.commit(per_commit, tokens=True),
        }
        return parts | self._deliveries(deliveries, pipelined=False)

    def _deliveries(self, count: int, *, pipelined: bool) -> dict[str, Cost]:
        if not count:
            return {}
        frame = self.parts["frame, coalesced" if pipelined else "frame"]
        return {f"{count} frames": Cost(frame.cpu * count, frame.rate / count)}


async def measure_floors(floors: Floors) -> None:
    """Every floor but the commits; of one measured before, the cheaper stays."""
    scale = floors.scale
    parts: dict[str, Cost] = {"signature": signatures()}
    async with bare_server() as server:
        echo = EchoFloor(server.port, scale.senders, 1, scale.seconds / 2, FRAME_BYTES)
        parts["echo"] = await _loaded(server, echo)
        parts["echo, pipelined"] = await _loaded(
            server, EchoFloor(server.port, scale.senders, PIPELINED, scale.seconds / 2, FRAME_BYTES)
        )
        parts["echo, 50/s"] = await _loaded(
            server, EchoFloor(server.port, scale.senders, 1, scale.seconds / 2, FRAME_BYTES, PACED_RATE)
        )
        post = PostFloor(server.port, scale.senders, scale.seconds / 2, BODY_BYTES)
        parts["answer"] = await _loaded(server, post)
        parts["frame"] = await _flood(server, scale, 1)
        parts["frame, coalesced"] = await _flood(server, scale, PIPELINED)
    for name, cost in parts.items():
        floors.parts[name] = min(cost, floors.parts.get(name, cost), key=lambda each: each.cpu)


async def _loaded(server: BareServer, job: Job) -> Cost:
    async with load(job) as process:
        before = server.cpu()
        await process.go()
        outcome: Outcome = await process.outcome()
        used = server.cpu() - before
    done = max(outcome.done, 1)
    return Cost(used / done * 1e6, outcome.done / outcome.seconds, outcome.p50, outcome.p99)


async def _flood(server: BareServer, scale: Scale, many: int) -> Cost:
    sockets = scale.conversations * scale.listeners
    rounds = scale.flood_rounds if many == 1 else max(1, scale.flood_rounds // 4)
    frames = sockets * rounds * many
    async with load(HoldFloor(server.port, sockets)) as process:
        await process.go()
        before, began = server.cpu(), time.perf_counter()
        async with Http(HOST, server.port) as http:
            await http.get(f"/flood?rounds={rounds}&many={many}", {})
        await process.stop(frames)
        await process.outcome()
        used, wall = server.cpu() - before, time.perf_counter() - began
    return Cost(used / frames * 1e6, frames / wall)


def signatures() -> Cost:
    """ES256 verification with the key at hand, and nothing else."""
    key = ec.generate_private_key(ec.SECP256R1())
    algorithm = ec.ECDSA(hashes.SHA256())
    text = os.urandom(400)
    made, public = key.sign(text, algorithm), key.public_key()
    waits = []
    for _ in range(300):
        began = time.process_time()
        public.verify(made, text, algorithm)
        waits.append(time.process_time() - began)
    each = statistics.median(waits)
    return Cost(each * 1e6, 1 / each)


def raw_commits(batch: int, rows: int, *, tokens: bool) -> Cost:
    """Rows of the log under the pragmas of the store, `synchronous=FULL`: no router, queue or process."""
    insert, remember = database.SQL["insert_entry"], database.SQL["remember_token"]
    body = os.urandom(MESSAGE_BYTES)
    digest = body_hash(body)
    now = int(time.time())
    entries = [
        (n + 1, n % 50, n // 50, 2, 0, os.urandom(10).hex(), digest, len(body), n, now, body)
        for n in range(rows)
    ]
    used = [(now + 60, os.urandom(32)) for _ in range(rows)]
    waits = []
    with disk() as folder:
        file = folder / "floor.sqlite3"
        database.prepare(file)
        connection = database.connect_writer(file, "full")
        before = time.process_time()
        for at in range(0, rows, batch):
            began = time.perf_counter()
            connection.execute("BEGIN IMMEDIATE")
            connection.executemany(insert, entries[at : at + batch])
            if tokens:
                connection.executemany(remember, used[at : at + batch])
            connection.execute("COMMIT")
            waits.append(time.perf_counter() - began)
        cpu = time.process_time() - before
        connection.close()
    p50, p99 = percentile(waits, 0.5), percentile(waits, 0.99)
    return Cost(cpu / rows * 1e6, rows / sum(waits), (p50 or 0) * 1e3, (p99 or 0) * 1e3)
