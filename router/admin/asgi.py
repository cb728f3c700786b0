"""The operator's listener as a plain ASGI callable: `/metrics`, `/health*`, `/tree`. Nothing else is here."""

from collections.abc import Callable

from hypercorn.typing import ASGIReceiveCallable, ASGISendCallable, HTTPScope, Scope

from actors import TreeNode
from router.admin.content import authorised, metrics_page, tree_page
from router.observe import Health, Metrics, Page, health_page, live_page, ready_page

_NOT_FOUND = Page(404, "application/json", b'{"error":"NotFound","message":"there is no such page"}\n')
_METHOD = Page(405, "application/json", b'{"error":"MethodNotAllowed","message":"ask with GET"}\n')
_WHO = Page(
    401,
    "application/json",
    b'{"error":"AuthenticationRequired","message":"give the admin token as Bearer"}\n',
)


class AdminListener:
    """Answers an operator's GETs. Off loopback it wants the token of the settings (`admin.token`)."""

    def __init__(
        self,
        *,
        health: Health,
        metrics: Metrics,
        tree: Callable[[], TreeNode],
        token: str | None,
        version: str,
    ) -> None:
        self._health = health
        self._metrics = metrics
        self._tree = tree
        self._token = token
        self._version = version

    async def __call__(self, scope: Scope, _: ASGIReceiveCallable, send: ASGISendCallable) -> None:
        """ASGI 3; bodies are not read."""
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008, "reason": "no WebSocket here"})
            return
        if scope["type"] != "http":
            raise RuntimeError(f"no protocol {scope['type']} here")
        page = await self._page(scope)
        await send(
            {
                "type": "http.response.start",
                "status": page.status,
                "headers": [
                    (b"content-type", page.content_type.encode()),
                    (b"content-length", str(len(page.body)).encode()),
                    (b"cache-control", b"no-store"),
                    (b"x-content-type-options", b"nosniff"),
                ],
            }
        )
        body = b"" if scope["method"] == "HEAD" else page.body
        await send({"type": "http.response.body", "body": body, "more_body": False})

    async def _page(self, scope: HTTPScope) -> Page:
        if scope["method"] not in ("GET", "HEAD"):
            return _METHOD
        path = scope["path"]
        if path == "/health/live":
            return live_page()
        authorization = dict(scope["headers"]).get(b"authorization", b"").decode("latin-1")
        if not authorised(self._token, authorization):
            return _WHO
        match path:
            case "/metrics":
                return metrics_page(self._metrics)
            case "/health":
                return health_page(await self._health.report(), version=self._version, detailed=True)
            case "/health/ready":
                return ready_page(await self._health.report(), detailed=True)
            case "/tree":
                return tree_page(self._tree())
            case _:
                return _NOT_FOUND
