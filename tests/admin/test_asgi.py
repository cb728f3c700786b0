"""The operator's listener over a real socket: what it shows, to whom, and that nothing else is there."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest
import trio

from actors import TreeNode
from router.admin.asgi import AdminListener
from router.edge.server import Limits, TcpAddress, serve
from router.observe import CallCheck, Health, Metrics, Verdict


@asynccontextmanager
async def listener(*, token: str | None = None, ok: bool = True) -> AsyncIterator[httpx.AsyncClient]:
    """An admin listener whose one check is green or red, and a client of it."""

    async def check() -> Verdict:
        return Verdict(ok=ok, detail="as the test wants it")

    metrics = Metrics(version="test")
    health = Health((CallCheck("store", check),), metrics, timeout=1.0)
    asgi = AdminListener(
        health=health,
        metrics=metrics,
        tree=lambda: TreeNode("root", "supervisor", "up"),
        token=token,
        version="1.2.3",
    )
    async with trio.open_nursery() as nursery:

        async def run(*, task_status: trio.TaskStatus[object]) -> None:
            await serve(
                asgi,
                [TcpAddress("127.0.0.1", 0)],
                Limits(),
                drain=trio.Event(),
                report=lambda *_: None,
                task_status=task_status,
            )

        (address,) = await nursery.start(run)
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{address.port}") as client:
            yield client
        nursery.cancel_scope.cancel()


async def test_an_operator_sees_metrics_health_and_the_tree() -> None:
    async with listener() as client:
        assert "rookery_build_info" in (await client.get("/metrics")).text
        health = await client.get("/health")
        assert (health.status_code, health.json()["version"]) == (200, "1.2.3")
        assert (await client.get("/tree")).json()["name"] == "root"
        assert (await client.head("/metrics")).content == b""


async def test_a_red_check_makes_readiness_red_and_says_why() -> None:
    async with listener(ok=False) as client:
        ready = await client.get("/health/ready")
        assert ready.status_code == 503
        assert ready.json()["checks"]["store"]["detail"] == "as the test wants it"
        assert (await client.get("/health/live")).status_code == 200


async def test_with_a_token_only_its_holder_sees_more_than_that_the_process_lives() -> None:
    async with listener(token="a long secret token") as client:
        for path in ("/metrics", "/health", "/health/ready", "/tree", "/nothing"):
            assert (await client.get(path)).status_code == 401
        assert (await client.get("/health/live")).status_code == 200
        held = {"authorization": "Bearer a long secret token"}
        assert (await client.get("/metrics", headers=held)).status_code == 200


@pytest.mark.parametrize(("method", "path", "status"), [("GET", "/x", 404), ("POST", "/metrics", 405)])
async def test_everything_else_is_refused_by_name(method: str, path: str, status: int) -> None:
    async with listener() as client:
        answer = await client.request(method, path)
        assert answer.status_code == status
        assert set(answer.json()) == {"error", "message"}
