"""What proving who calls costs beside the bare verification of a signature, and what the edge adds to both.

Everything runs in this process on one thread, without a server: the edge is called as a server calls it. A
figure is the CPU time of a batch over its length; of several batches the cheapest counts. Tokens are minted
before the clock runs; each is good and used once.
"""

import tempfile
import time
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from functools import partial
from pathlib import Path
from typing import Any, Final, cast

import attrs
import msgspec
import trio
from cryptography.hazmat.primitives.asymmetric import ec
from hypercorn.typing import ASGIFramework, ASGIReceiveEvent, ASGISendEvent, Scope

from crypto import HAS_COINCURVE
from protocol import Nsid
from router.edge.public import public_app
from router.edge.routes import ROUTES, Route
from router.edge.services import Call, Edge
from router.identity.tokens import mint_token
from schema.wire import Wire, rookery
from tests.benchmarks.messages import ciphertext
from tests.benchmarks.scale import Scale
from tests.benchmarks.table import Figures, Row
from tests.benchmarks.tokens import METHOD, Verify, bare_coincurve, bare_openssl, open_kinds
from tests.edge.house import ROOKERY, SERVICE, open_house

EDGE_AIM: Final = 150.0
"""Issue 4: microseconds of the whole edge besides server and signature."""

_SEND = f"{ROOKERY}.sendMessage"
_LIST = f"{ROOKERY}.getConvos"
_SENT = rookery.SendMessageOutput(message_id="m", seq=1, epoch=0, received_at="2026-11-22T00:00:00.000Z")
_LISTED = rookery.GetConvosOutput(conversations=())
_WARM = 20


async def measure_tokens(scale: Scale) -> list[Row]:
    """A row for each kind of token: the authenticator, the signature inside, and the difference."""
    rows = []
    async with AsyncExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        for kind in await open_kinds(folder, stack):
            judge = partial(kind.authenticator.authenticate, lxm=METHOD, single_use=True, place="x")
            floor = bare(kind.bare, scale)
            ours = await _cheapest(scale, partial(_header, kind.mint), judge)
            rows.append(Row("tokens", kind.name, ours, floor, {"beside it": ours - floor}))
    return rows


async def measure_edge(scale: Scale) -> list[Row]:
    """From a request's head to its answer, with a handler that does nothing: what is not the signature."""
    floor = bare(bare_coincurve() if HAS_COINCURVE else bare_openssl(ec.SECP256K1()), scale)
    rows = []
    async with open_house() as house:
        alice = await house.account("alice")

        def bearer(nsid: str) -> str:
            token = mint_token(alice.key, alice.key.did, SERVICE.audience, Nsid(nsid), house.now, 3_600)
            return f"Bearer {token}"

        app = public_app(house.edge, {_SEND: _answering(_SEND, _SENT), _LIST: _answering(_LIST, _LISTED)})
        body = msgspec.json.encode(
            {"convoId": "c" * 26, "msgId": "m", "ciphertext": {"$bytes": ciphertext(stamped=False)}}
        )
        for name, nsid, method, sent in (
            ("a procedure of 1 KiB", _SEND, "POST", body),
            ("a query", _LIST, "GET", b""),
        ):
            ask = partial(_ask, app, method, nsid, sent)
            whole = await _cheapest(scale, partial(bearer, nsid), ask)
            figures: Figures = {"whole": whole, "signature": floor}
            rows.append(Row("edge", name, whole - floor, None, figures, at_most=EDGE_AIM))
    return rows


def bare(verify: Verify, scale: Scale) -> float:
    """CPU microseconds of one verification."""
    found = []
    for _ in range(scale.batches):
        before = time.process_time()
        for _ in range(scale.tokens):
            verify()
        found.append(time.process_time() - before)
    return min(found) / scale.tokens * 1e6


async def _cheapest(scale: Scale, make: Callable[[], str], use: Callable[[str], Awaitable[object]]) -> float:
    """CPU microseconds of one use."""
    for _ in range(_WARM):
        await use(make())
    found = []
    for _ in range(scale.batches):
        ready = [make() for _ in range(scale.tokens)]
        await trio.lowlevel.checkpoint()
        before = time.process_time()
        for each in ready:
            await use(each)
        found.append(time.process_time() - before)
    return min(found) / scale.tokens * 1e6


def _header(mint: Callable[[], str]) -> str:
    return f"Bearer {mint()}"


def _answering(nsid: str, answer: Wire) -> Route:
    """The row of the table, with a handler that answers at once."""

    async def handler(_edge: Edge, _call: Call) -> Wire:
        return answer

    return attrs.evolve(ROUTES[nsid], handler=handler)


async def _ask(app: ASGIFramework, method: str, nsid: str, body: bytes, bearer: str) -> None:
    """One request as hypercorn hands it in; fails unless it is answered with 200."""
    headers = [
        (b"host", b"chat.example.com"),
        (b"user-agent", b"bench"),
        (b"accept", b"application/json"),
        (b"authorization", bearer.encode()),
    ]
    if body:
        headers += [(b"content-type", b"application/json"), (b"content-length", b"%d" % len(body))]
    path = f"/xrpc/{nsid}"
    scope = {
        "type": "http",
        "http_version": "1.1",
        "asgi": {"spec_version": "2.1", "version": "3.0"},
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": headers,
        "client": ("127.0.0.1", 40_000),
        "server": ("127.0.0.1", 80),
        "state": {},
        "extensions": {},
    }
    events: list[dict[str, Any]] = [{"type": "http.request", "body": body, "more_body": False}]
    status = 0

    async def receive() -> ASGIReceiveEvent:
        if not events:
            await trio.sleep_forever()  # the client waits for its answer
        return cast("ASGIReceiveEvent", events.pop())

    async def send(event: ASGISendEvent) -> None:
        nonlocal status
        if event["type"] == "http.response.start":
            status = event["status"]

    await app(cast("Scope", scope), receive, send)
    if status != 200:
        raise RuntimeError(f"{nsid} was answered with {status}")
