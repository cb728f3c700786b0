"""A conversation of a few people who call its endpoints: for tests of what admins and members may.

circle = await gather(house, "alice", "bob", "carol")      # alice began it, so she is its admin
await circle.does("alice", "promoteAdmin", targetDid=circle.did("bob"))
assert await circle.refused("carol", "updatePolicy", allowInvites=False) == "Unauthorized"
"""

from __future__ import annotations

from typing import Any

import attrs
import httpx

from protocol import ConversationId
from router.edge.routes import ROUTES
from tests.edge.house import MLS, Account, House, error_name
from tests.edge.mls.people import Phone, Room, create, phone

Act = tuple[str, str | None, str | None]
"""Action, actor and subject of an audit record; people of a circle by their names."""


@attrs.define
class Circle:
    """People and their conversation."""

    house: House
    room: Room
    phones: dict[str, Phone]
    audited: int = 0
    """The last audit record that `acts` has given."""

    @property
    def id(self) -> ConversationId:
        return ConversationId(self.room.convo)

    def did(self, name: str) -> str:
        return self.phones[name].did

    async def account(self, name: str) -> Account:
        """The account of this name, in the conversation or not."""
        return await self.house.account(name)

    async def call(self, who: str, method: str, **given: Any) -> httpx.Response:
        """One call; `convoId` is given where the method's lexicon has it."""
        return await call(self.house, who, method, self.room.convo, **given)

    async def does(self, who: str, method: str, **given: Any) -> dict[str, Any]:
        """A call that succeeds."""
        answer = await self.call(who, method, **given)
        assert answer.status_code == 200, answer.text
        value: dict[str, Any] = answer.json()
        return value

    async def refused(self, who: str, method: str, **given: Any) -> str:
        """The name under which a call is refused."""
        answer = await self.call(who, method, **given)
        assert answer.status_code != 200, answer.text
        return error_name(answer)

    async def admins(self, who: str = "alice") -> set[str]:
        """The admins as a member is shown them."""
        page = await self.house.get(await self.account(who), f"{MLS}.getConvos")
        (view,) = [view for view in page["conversations"] if view["id"] == self.id]
        return {self.name(member["did"]) for member in view["members"] if member["isAdmin"]}

    async def acts(self) -> list[Act]:
        """What the audit has recorded since the last look."""
        links = await self.house.store.audit_records(self.audited, limit=1_000)
        self.audited += len(links)
        records = [link.read() for link in links]
        return [(each.action, self.name(each.actor), self.name(each.subject)) for each in records]

    def name(self, did: str | None) -> Any:
        """The name of somebody's DID; anything else as it is."""
        return next((name for name, account in self.house.accounts.items() if account.did == did), did)

    async def seq(self) -> int:
        """The last entry of the conversation."""
        state = await self.house.store.conversation(self.id)
        assert state is not None
        return state.last_seq


async def call(house: House, who: str, method: str, convo: str | None = None, **given: Any) -> httpx.Response:
    """One call of a method of either family by its short name."""
    (nsid,) = (nsid for nsid in ROUTES if nsid.split(".")[2:] in (["mls", method], ["mlsChat", method]))
    route = ROUTES[nsid]
    fields = () if route.given is None else route.given.__struct_fields__
    if convo is not None and "convo_id" in fields:
        given = {"convoId": convo, **given}
    account = await house.account(who)
    if route.http_method == "POST":
        return await house.send("POST", nsid, account, json=given)
    return await house.send("GET", nsid, account, params=given)


async def gather(house: House, *names: str, group_id: bytes = b"circle") -> Circle:
    """A conversation of these people, each with a device; the first has begun it."""
    phones = {name: await phone(house, name) for name in names}
    room = await create(house, *phones.values(), group_id=group_id)
    circle = Circle(house, room, phones)
    await circle.acts()
    return circle
