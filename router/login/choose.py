"""The page on which people choose how to sign in, where an app leaves that to them: `GET /login`.

It takes what an app asks of a login (the query of `/login/<id>`), and hands it on unread to the way that is
chosen. Where there is only one way, nobody is asked.
"""

import html
from collections.abc import Mapping
from urllib.parse import urlencode

from router.edge.errors import Reply
from router.edge.xrpc import Incoming
from router.login.errors import LoginError, LoginFault
from router.login.flow import LINK, intent_of
from router.login.service import Login
from router.login.web import json_reply, page_reply, paragraph, parameters, redirect, wants_html


def choose(login: Login, incoming: Incoming) -> Reply:
    """The choice; for a program the same as JSON. Raises `LoginError` for what no login would take."""
    wish = parameters(incoming)
    login.flow.app_request(wish)
    ways = ways_in(login, linking=intent_of(wish) == LINK)
    urls = {way: f"/login/{way}?{urlencode(wish)}" for way in ways}
    if not wants_html(incoming):
        return json_reply({"ways": [{"id": way, "name": ways[way], "url": urls[way]} for way in ways]})
    if not ways:
        raise LoginError(LoginFault.UNKNOWN)
    if len(ways) == 1:
        return redirect(next(iter(urls.values())))
    links = "".join(
        f'<li><a class="way" href="{html.escape(urls[way])}">{html.escape(ways[way])}</a></li>'
        for way in ways
    )
    domain = login.service.web_name.replace("%3A", ":")
    return page_reply(f"Sign in to {domain}", f"{paragraph('Choose how.')}<ul>{links}</ul>")


def ways_in(login: Login, *, linking: bool = False) -> Mapping[str, str]:
    """What people read, by what stands in `/login/<id>`. A passkey is no identity that could be linked."""
    ways = {provider.id: provider.name for provider in login.providers.values()}
    if login.passkeys is not None and not linking:
        ways["passkey"] = "Passkey"
    return ways
