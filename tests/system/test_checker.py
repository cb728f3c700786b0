"""The checker finds each kind of damage: a judge that never says no proves nothing."""

import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
import trio

from protocol.testing import BrokenHistory
from tests.system.checker import DATABASE, check
from tests.system.people import new_convo, open_people, sealed
from tests.system.process import RouterProcess

pytestmark = pytest.mark.system

DAMAGE = {
    "a message is gone": "DELETE FROM entries WHERE seq = 3",
    "the last message of a conversation has another seq": (
        "UPDATE entries SET seq = seq + 1 WHERE position = (SELECT max(position) FROM entries)"
    ),
    "a place in the log is empty": (
        "UPDATE entries SET position = position + 1 WHERE position = (SELECT max(position) FROM entries)"
    ),
    "a body is another": "UPDATE entries SET body = zeroblob(512) WHERE seq = 3",
    "a message has no id": "UPDATE entries SET msg_id = NULL WHERE seq = 3",
    "a count has jumped": "UPDATE entries SET app_count = app_count + 1 WHERE seq = 4",
    "a time is too fine": "UPDATE entries SET received = received + 1 WHERE seq = 3",
    "an entry has no conversation": "UPDATE entries SET conversation = 99 WHERE seq = 4",
    "a device was never added": "DELETE FROM members WHERE key = 1",
    "a device is in for longer": "UPDATE members SET to_seq = 6, to_position = 6 WHERE to_seq = 5",
    "a device is in from later on": "UPDATE members SET from_seq = 2, from_position = 2 WHERE key = 1",
    "an audit record was changed": "UPDATE audit SET record = replace(record, 'bob', 'eve')",
    "an audit record was taken out": "DELETE FROM audit WHERE number = 3",
    "the log has another name": "UPDATE store SET log_id = zeroblob(8)",
}


async def live(router: RouterProcess) -> None:
    """A conversation with every kind of entry in it."""
    await router.start()
    async with open_people(router, "alice", "bob") as (alice, bob):
        for person in (alice, bob):
            await person.device("phone")
        convo = await new_convo(alice, bob)
        for number in range(3):
            await alice.client.chat.send_message(convo, sealed(f"message {number}"))
        await alice.client.chat.remove_member(convo, bob.did)
        await alice.client.chat.add_members(convo, [bob.did])
    assert await router.terminate() == 0


@pytest.fixture(scope="module")
def lived() -> Iterator[Path]:
    """The data folder of a server that has ended."""
    with tempfile.TemporaryDirectory(prefix="rookery-") as folder, RouterProcess(Path(folder)) as router:
        trio.run(live, router)
        yield router.data


def test_what_is_whole_is_found_whole(lived: Path) -> None:
    checked = check(lived)
    assert [row.kind for row in checked.entries] == [1, 2, 2, 2, 4, 3]
    bob = next(each.device for each in checked.history.stays if "bob" in each.account)
    assert [seq for _, seq in checked.part_of(bob)] == [1, 2, 3, 4, 5, 6]
    assert checked.audit_records >= 7


@pytest.mark.parametrize("damage", DAMAGE)
def test_damage_is_found(damage: str, lived: Path, tmp_path: Path) -> None:
    for name in (DATABASE, f"{DATABASE}-wal"):  # what was not moved from the log into the database yet
        if (lived / name).exists():
            shutil.copy(lived / name, tmp_path / name)
    with closing(sqlite3.connect(tmp_path / DATABASE)) as database, database:
        for (trigger,) in database.execute(
            "SELECT name FROM sqlite_schema WHERE type = 'trigger'"
        ).fetchall():
            database.execute(f"DROP TRIGGER {trigger}")
        assert database.execute(DAMAGE[damage]).rowcount > 0
    with pytest.raises(BrokenHistory):
        check(tmp_path)
