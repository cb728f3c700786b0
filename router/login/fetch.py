"""HTTP to an identity provider: one request, bounded in size and time, no redirects.

httpx on Trio. The addresses are the operator's (an issuer in the settings) or the provider's own document
says them, so they are no stranger's; still an answer is read piece by piece up to its bound, and a
redirect is an error: a provider that answers from elsewhere is not the one that was named.
"""

import ssl
from typing import Final

import attrs
import httpx
import trio

from router.identity.strict_json import BadJsonError, read_json
from router.login.errors import LoginError, LoginFault

MAX_BYTES: Final = 256 * 1024
"""A JWK set of dozens of RSA keys with certificates is a fifth of it."""


@attrs.frozen
class Fetch:
    """How providers are spoken to."""

    timeout: float
    """Seconds for the whole of a request."""
    tls: ssl.SSLContext = attrs.field(factory=httpx.create_ssl_context, repr=False)

    async def json(
        self, url: str, *, headers: dict[str, str] | None = None, form: dict[str, str] | None = None
    ) -> object:
        """The JSON at `url`; with `form`, of a POST. Raises `LoginError` (REFUSED for a 4xx to a form)."""
        with trio.move_on_after(self.timeout):
            return await self._json(url, headers or {}, form)
        raise LoginError(LoginFault.PROVIDER_SLOW, detail="it took too long", retry_after=5)

    async def _json(self, url: str, headers: dict[str, str], form: dict[str, str] | None) -> object:
        headers = {"accept": "application/json", "accept-encoding": "identity", **headers}
        method = "GET" if form is None else "POST"
        try:
            async with (
                httpx.AsyncClient(verify=self.tls, timeout=self.timeout) as client,
                client.stream(method, url, headers=headers, data=form) as answer,
            ):
                body = await _read(answer)
        except (httpx.HTTPError, httpx.InvalidURL, httpx.StreamError, ssl.SSLError):
            raise LoginError(LoginFault.PROVIDER, detail="it cannot be reached", retry_after=5) from None
        if form is not None and 400 <= answer.status_code < 500:
            # The code was not good, or the client's secret is not: the person may begin again.
            raise LoginError(LoginFault.REFUSED, detail=f"its token endpoint answered {answer.status_code}")
        if answer.status_code != 200:
            raise LoginError(LoginFault.PROVIDER, detail=f"it answered {answer.status_code}", retry_after=5)
        try:
            return read_json(body)
        except BadJsonError:
            raise LoginError(LoginFault.PROVIDER, detail="it answered no JSON") from None


async def _read(answer: httpx.Response) -> bytes:
    if answer.headers.get("content-encoding", "identity").lower() != "identity":
        raise LoginError(LoginFault.PROVIDER, detail="it answered in a content coding")  # a little may unfold
    body = bytearray()
    # Ended by closing the connection under it and not by leaving the loop: httpx's generators lie within
    # each other and would be left to the garbage collector.
    async for chunk in answer.aiter_raw():
        body += chunk
        if len(body) > MAX_BYTES:
            await answer.aclose()
    if len(body) > MAX_BYTES:
        raise LoginError(LoginFault.PROVIDER, detail="it answered too much")
    return bytes(body)
