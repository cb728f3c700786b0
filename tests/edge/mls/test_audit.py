"""Every act of an admin leaves its record in the transaction that does it.

The walk does each act twice: once while the audit takes no record, which must leave nothing of the act, and
then for good. Which methods are acts of admins, the lexicons say.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import attrs

from crypto.mls import Add
from router.edge.routes import ROUTES
from router.store import audit
from router.store.sqlite.store import SqliteOptions, open_sqlite
from schema import error_names
from tests.edge.house import open_house, sealed
from tests.edge.mls.circle import Act, Circle, call, gather
from tests.edge.mls.people import SUITE_NAME, claim, phone
from tests.system.checker import DATABASE

HASH = "ab" * 32
REFUSED_AS_UNAUTHORIZED = {"createInvite", "revokeInvite", "updatePolicy"}
"""Acts of admins whose contract has no NotAdmin."""


def rows(path: Path) -> dict[str, list[tuple[Any, ...]]]:
    """Everything but used tokens."""
    with closing(sqlite3.connect(path)) as database:
        tables = [name for (name,) in database.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]
        return {
            table: database.execute(f'SELECT * FROM "{table}"').fetchall()  # noqa: S608 - a name of the schema
            for table in tables
            if table != "tokens"
        }


@contextmanager
def no_record(path: Path) -> Iterator[None]:
    """While nothing can be recorded."""
    with closing(sqlite3.connect(path, isolation_level=None)) as database:
        database.execute(
            "CREATE TRIGGER refuse BEFORE INSERT ON audit BEGIN SELECT RAISE(ABORT, 'no room'); END"
        )
        try:
            yield
        finally:
            database.execute("DROP TRIGGER refuse")


@attrs.define
class Walk:
    """Acts, one after the other, in one conversation."""

    circle: Circle
    path: Path
    seen: set[str] = attrs.field(factory=set)

    async def act(self, method: str, *expected: Act, who: str = "alice", **given: Any) -> dict[str, Any]:
        """One act of an admin; `expected` is what it records, in order."""
        self.seen.add(method)
        before = rows(self.path)
        # by a server of its own: a conversation that fails so often is set aside
        async with open_house(self.circle.house.store) as house:
            house.accounts = self.circle.house.accounts
            with no_record(self.path):
                answer = await call(house, who, method, self.circle.id, **given)
        assert answer.status_code == 500, answer.text
        assert rows(self.path) == before
        assert await self.circle.acts() == []
        done = await self.circle.does(who, method, **given)
        assert await self.circle.acts() == list(expected)
        return done


def acts_of_admins() -> set[str]:
    """Short names of the MLS procedures that are refused to who is no admin."""
    return {
        nsid.rpartition(".")[2]
        for nsid, route in ROUTES.items()
        if route.http_method == "POST" and ".mls" in nsid and "NotAdmin" in error_names(nsid)
    } | REFUSED_AS_UNAUTHORIZED


async def test_no_act_of_an_admin_is_without_its_record(tmp_path: Path) -> None:
    async with (
        open_sqlite(tmp_path / "data", SqliteOptions(writer="inline")) as store,
        open_house(store) as house,
    ):
        circle = await gather(house, "alice", "bob", "carol", "dora", "erin")
        walk = Walk(circle, tmp_path / "data" / DATABASE)
        bob, carol, dora = [circle.did(name) for name in ("bob", "carol", "dora")]
        room, alices = circle.room, circle.phones["alice"]

        await walk.act("promoteAdmin", ("admin.promoted", "alice", "bob"), targetDid=bob)
        await walk.act("demoteAdmin", ("member.demoted", "alice", "bob"), targetDid=bob)
        await walk.act("promoteModerator", ("moderator.promoted", "alice", "bob"), targetDid=bob)
        await walk.act("demoteModerator", ("member.demoted", "alice", "bob"), targetDid=bob)
        await walk.act("warnMember", ("member.warned", "alice", "bob"), memberDid=bob, reason="loud")
        await walk.act("updatePolicy", ("policy.changed", "alice", None), allowInvites=True, maxMembers=9)
        made = await walk.act("createInvite", ("invite.created", "alice", None), pskHash=HASH)
        await walk.act("revokeInvite", ("invite.revoked", "alice", None), inviteId=made["inviteId"])
        about = {"reportedDid": bob, "category": "spam", "encryptedContent": sealed(b"sealed")}
        filed = await circle.does("carol", "reportMember", **about)
        await circle.acts()
        closed = {"reportId": filed["reportId"], "action": "dismissed"}
        await walk.act("resolveReport", ("report.resolved", "alice", "bob"), **closed)

        dan, fay = await phone(house, "dan"), await phone(house, "fay")
        await circle.acts()
        named: dict[str, Any] = {"didList": [dan.did], "idempotencyKey": "named"}
        await walk.act("addMembers", ("member.named", "alice", "dan"), **named)
        packages = await claim(house, alices, fay)
        await circle.acts()
        commit = alices.client.commit(room.group, [Add(package) for package in packages])
        body = room.upload(alices, commit)
        await walk.act("submitCommit", ("member.added", "alice", "fay"), **body)
        room.group = commit.group
        commit = alices.client.commit(room.group, room.remove(circle.phones["erin"]))
        await walk.act("submitCommit", ("member.removed", "alice", "erin"), **room.upload(alices, commit))
        room.group = commit.group
        out = {"targetDid": carol, "idempotencyKey": "out"}
        await walk.act("removeMember", ("member.removed", "alice", "carol"), **out)
        await walk.act("leaveConvo", ("member.removed", "alice", "dora"), targetDid=dora)

        reset = {"newGroupId": b"again".hex(), "cipherSuite": SUITE_NAME, "deviceId": alices.id}
        displaced: list[Act] = [("member.displaced", "alice", name) for name in ("bob", "fay")]
        await walk.act("resetGroup", ("group.reset", "alice", None), *displaced, **reset)

        assert walk.seen == acts_of_admins()
        links = await store.audit_records(0, limit=1_000)
        head = audit.verify(links, after=audit.genesis(store.log_id, 0), expected=await store.audit_head())
        assert head.number == len(links) > len(walk.seen)
