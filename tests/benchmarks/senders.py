"""The sending side of the load: over sessions and over HTTP, one task a sender, nothing else in the way."""

import secrets
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from itertools import count, cycle

import msgspec
import trio

from tests.benchmarks.jobs import Outcome, Sender, SendOverHttp, SendOverSession, Server, timed
from tests.benchmarks.messages import EVENT, send_body, send_frame
from tests.benchmarks.people import (
    HOST,
    SEND,
    Answer,
    Credit,
    account_key,
    bearer,
    decode_answer,
    open_session,
)
from tests.benchmarks.wire import Http, WebSocket

_ANSWER_SECONDS = 20.0
_TOKENS_A_SECOND = 1_500

Go = Callable[[], Awaitable[None]]


class Tally:
    """What all senders of a process have seen."""

    def __init__(self) -> None:
        self.waits: list[float] = []
        self.errors: Counter[str] = Counter()
        self.own = 0

    def outcome(self, seconds: float) -> Outcome:
        """The figures."""
        outcome = Outcome(done=len(self.waits), own=self.own, seconds=seconds, errors=dict(self.errors))
        return timed(outcome, self.waits)


class SessionSender:
    """One sender on one session. Refills its window with a single write each time answers have come."""

    def __init__(self, sender: Sender, socket: WebSocket, tally: Tally) -> None:
        self._socket = socket
        self._tally = tally
        self._conversations = cycle(sender.conversations)
        self._each = len(sender.conversations)
        self._name = secrets.token_hex(5)
        self._numbers = count(1)
        self._credit = Credit()
        self._sent_at: dict[int, float] = {}

    async def warm_up(self) -> None:
        """One message to each conversation, so that nothing is measured that happens once."""
        for _ in range(self._each):
            await self._send(1, stamped=False)
            await self._answers()
        self._tally.waits.clear()
        self._tally.own = 0

    async def run(self, until: float, in_flight: int) -> None:
        """Keep `in_flight` sends unanswered until the time is over, then wait for the answers."""
        while time.perf_counter() < until:
            await self._send(in_flight - len(self._sent_at))
            await self._answers()
        while self._sent_at:
            await self._answers()

    async def run_paced(self, first: float, every: float, until: float) -> None:
        """One send each `every` seconds, whenever the last one was answered."""
        due = first
        while due < until:
            await trio.sleep(max(0.0, due - time.perf_counter()))
            await self._send(1)
            while self._sent_at:
                await self._answers()
            due += every

    async def _send(self, messages: int, *, stamped: bool = True) -> None:
        frames = []
        for _ in range(messages):
            number = next(self._numbers)
            self._sent_at[number] = time.perf_counter()
            message = f"{self._name}-{number}"
            frames.append(send_frame(number, next(self._conversations), message, stamped=stamped))
        await self._socket.send(*frames)

    async def _answers(self) -> None:
        """Take what has come, at least one answer."""
        waiting = len(self._sent_at)
        while waiting and len(self._sent_at) == waiting:
            with trio.fail_after(_ANSWER_SECONDS):
                frames = await self._socket.receive()
            if not frames:
                raise ConnectionError(f"the session ended: {dict(self._tally.errors)}")
            events = 0
            for frame in frames:
                if frame.startswith(EVENT):
                    events += 1
                else:
                    self._take(decode_answer(frame))
            self._tally.own += events
            await self._credit.used(self._socket, events)

    def _take(self, answer: Answer) -> None:
        sent_at = self._sent_at.pop(answer.id, None)
        if answer.type == "ack" and sent_at is not None:
            self._tally.waits.append(time.perf_counter() - sent_at)
        elif answer.type in ("error", "close"):
            self._tally.errors[answer.error or answer.type] += 1


async def send_over_session(job: SendOverSession, go: Go) -> Outcome:
    """See the job."""
    tally = Tally()
    senders = []
    for sender in job.senders:
        socket = await open_session(job.server, sender.person)
        senders.append(SessionSender(sender, socket, tally))
        await senders[-1].warm_up()
    await go()
    began = time.perf_counter()
    async with trio.open_nursery() as nursery:
        for place, each in enumerate(senders):
            if job.rate:
                every = len(senders) / job.rate
                first = began + every * place / len(senders)
                nursery.start_soon(each.run_paced, first, every, began + job.seconds)
            else:
                nursery.start_soon(each.run, began + job.seconds, job.in_flight)
    return tally.outcome(time.perf_counter() - began)


class HttpSender:
    """One sender on one keep-alive connection; its tokens are made before the clock runs."""

    def __init__(self, sender: Sender, server: Server, tokens: int, tally: Tally) -> None:
        self._http = Http(HOST, server.port)
        self._server = server
        self._key = account_key(sender.person)
        self._tokens = [bearer(self._key, server, SEND) for _ in range(tokens)]
        self._tally = tally
        self._conversations = cycle(sender.conversations)
        self._each = len(sender.conversations)
        self._name = secrets.token_hex(5)
        self._numbers = count(1)

    async def warm_up(self) -> None:
        """One message to each conversation."""
        for _ in range(self._each):
            await self._send(stamped=False)
        self._tally.waits.clear()

    async def run(self, until: float) -> None:
        """One after another."""
        while time.perf_counter() < until:
            await self._send()

    async def _send(self, *, stamped: bool = True) -> None:
        token = self._tokens.pop() if self._tokens else bearer(self._key, self._server, SEND)
        message = f"{self._name}-{next(self._numbers)}"
        body = send_body(next(self._conversations), message, stamped=stamped)
        began = time.perf_counter()
        with trio.fail_after(_ANSWER_SECONDS):
            status, answer = await self._http.post(f"/xrpc/{SEND}", body, token)
        if status == 200:
            self._tally.waits.append(time.perf_counter() - began)
        else:
            self._tally.errors[msgspec.json.decode(answer).get("error", str(status))] += 1


async def send_over_http(job: SendOverHttp, go: Go) -> Outcome:
    """See the job."""
    tally = Tally()
    tokens = int(job.seconds * _TOKENS_A_SECOND / len(job.senders)) + 5
    senders = [HttpSender(sender, job.server, tokens, tally) for sender in job.senders]
    for sender in senders:
        await sender.warm_up()
    await go()
    began = time.perf_counter()
    async with trio.open_nursery() as nursery:
        for sender in senders:
            nursery.start_soon(sender.run, began + job.seconds)
    return tally.outcome(time.perf_counter() - began)
