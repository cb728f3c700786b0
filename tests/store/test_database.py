"""The database: the chain of migrations, who may use it, who has it, how it is asked."""

import contextlib
import os
import re
import signal
import sqlite3
import subprocess
import sys
from pathlib import Path

import pytest

from protocol import AccountDid, ConversationId, Group
from router.store.errors import StoreInUse, StoreTooNew, StoreUnavailable
from router.store.sqlite import database
from router.store.sqlite.folder import FolderLock, database_path
from router.store.sqlite.reader import Reader
from router.store.sqlite.store import SqliteOptions, open_sqlite
from router.store.values import StaleTerm
from router.testing.store.rooms import Room, devices
from schema import Migration, full_schema, migrations, queries

INLINE = SqliteOptions(writer="inline")

_SMALL = (
    "SCAN asked VIRTUAL TABLE",
    "SCAN latest",
    "SCAN mine",
    "SCAN present",
    "SCAN store",
    "SCAN (subquery",
    "SCAN CONSTANT ROW",
)
"""What may be scanned: the parameters of a query, its own single row, the table that has one row."""
_LOOKS_AT_THE_LAST_ENTRY = {"conversation_head", "last_entry", "visible_intervals", "unread"}
"""max(seq) or ORDER BY seq DESC LIMIT 1: one step to the end of the index."""
_SORTS_FEW = {"visible_intervals", "members_now", "memberships", "devices_of", "key_packages"} | {
    "claim_package",
    "claim_package_of_suite",
    "pending_welcomes",
    "pending_additions",
}
"""Sorts what belongs to one device, account or conversation."""


def shape(connection: sqlite3.Connection) -> dict[str, str]:
    """Every table, index and trigger with its text, comments and layout aside (ALTER TABLE has its own)."""
    rows = connection.execute("SELECT name, sql FROM sqlite_schema WHERE sql IS NOT NULL").fetchall()
    plain = {name: " ".join(re.sub(r"--[^\n]*", "", sql).split()) for name, sql in rows}
    return {name: re.sub(r" ?([(),]) ?", r"\1", sql) for name, sql in plain.items()}


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "rookery.sqlite3"


class TestMigrations:
    """One chain, one schema, and no program on a database that it does not understand."""

    def test_the_chain_leads_to_the_full_schema(self, path: Path) -> None:
        """A change needs both: the migration for those who have a database, the schema for who reads it."""
        database.prepare(path)
        with database.connect_reader(path) as chained, sqlite3.connect(":memory:") as whole:
            whole.executescript(full_schema("sqlite"))
            assert shape(chained) == shape(whole)

    def test_preparing_again_changes_nothing(self, path: Path) -> None:
        first = database.prepare(path)
        assert database.prepare(path) == first
        assert first.version == database.VERSION
        assert len(first.log_id) == 8

    def test_a_database_is_brought_to_the_newest_version_step_by_step(self, path: Path) -> None:
        chain = migrations("sqlite")
        identity = database.prepare(path)
        step = Migration(len(chain) + 1, "more", len(chain) + 1, "CREATE TABLE more (a INTEGER);")
        after = database.prepare(path, (*chain, step))
        assert (after.version, after.log_id) == (identity.version + 1, identity.log_id)

    def test_members_and_standings_of_the_time_before_mls_are_still_there(self, path: Path) -> None:
        """Only key packages that nobody had read are gone."""
        number = next(step.version for step in migrations("sqlite") if step.name == "mls")
        database.prepare(path, migrations("sqlite")[: number - 1])
        writer = database.connect_writer(path, "full")
        writer.execute(
            "INSERT INTO conversations VALUES (1, 'c', 'mls', 'g', 's', 'ann', NULL, NULL, 2, 0, 3)"
        )
        writer.execute("INSERT INTO members VALUES (1, 1, 'd', 'ann', 'phone', 2, 1, 1, NULL, NULL)")
        writer.execute("INSERT INTO standings VALUES (1, 'ann', 'admin'), (1, 'ben', 'removed')")
        writer.execute("INSERT INTO devices VALUES (1, 'd', 'ann', 'phone', x'00', 1, 1)")
        writer.execute("INSERT INTO key_packages VALUES (1, 'd', 's', zeroblob(32), x'00')")
        writer.execute(
            "INSERT INTO entries VALUES (1, 1, 1, 1, 0, NULL, x'00', 1, 0, 2, x'00')",
        )
        writer.close()
        identity = database.prepare(path)
        with contextlib.closing(Reader(path, identity.log_id)) as reader:
            state = reader.conversation(ConversationId("c"))
        assert state is not None
        ann, ben = AccountDid("ann"), AccountDid("ben")
        assert (state.accounts(), state.admins, state.removed) == ((ann,), frozenset({ann}), frozenset({ben}))
        assert state.group == Group()

    def test_a_migration_that_fails_leaves_the_database_as_it_was(self, path: Path) -> None:
        chain = migrations("sqlite")
        database.prepare(path)
        with database.connect_reader(path) as connection:
            before = shape(connection)
        step = Migration(
            len(chain) + 1, "bad", 1, "CREATE TABLE more (a INTEGER); INSERT INTO nowhere VALUES (1);"
        )
        with pytest.raises(sqlite3.OperationalError):
            database.prepare(path, (*chain, step))
        with database.connect_reader(path) as connection:
            assert shape(connection) == before
            assert database.versions(connection)[0] == len(chain)

    def test_an_old_program_refuses_a_database_that_needs_a_newer_one(self, path: Path) -> None:
        chain = migrations("sqlite")
        step = Migration(len(chain) + 1, "new", len(chain) + 1, "CREATE TABLE more (a INTEGER);")
        database.prepare(path, (*chain, step))
        with pytest.raises(StoreTooNew, match=f"needs a Rookery that knows version {len(chain) + 1}"):
            database.prepare(path)

    def test_an_old_program_goes_on_with_a_newer_database_that_says_it_may(self, path: Path) -> None:
        chain = migrations("sqlite")
        step = Migration(len(chain) + 1, "harmless", 1, "CREATE TABLE more (a INTEGER);")
        database.prepare(path, (*chain, step))
        assert database.prepare(path).version == len(chain) + 1


class TestQueries:
    """The planner is asked about every named query."""

    @pytest.mark.parametrize("name", [name for name in queries("sqlite") if not name.endswith("_scan")])
    def test_no_query_of_a_request_reads_a_whole_table_or_a_whole_conversation(
        self, path: Path, name: str
    ) -> None:
        """Nobody runs ANALYZE on these databases, so the planner answers on every machine as it does here."""
        database.prepare(path)
        query = queries("sqlite")[name]
        with database.connect_reader(path) as connection:
            rows = connection.execute(f"EXPLAIN QUERY PLAN {query}", (None,) * query.count("?")).fetchall()
        plan = [detail for *_, detail in rows]
        for step in plan:
            if step.startswith("SCAN"):
                assert step.startswith(_SMALL), plan
            if re.search(r"entries_\w+ \(conversation=\?\)$", step):
                assert name in _LOOKS_AT_THE_LAST_ENTRY, plan
            if step.endswith("ORDER BY"):
                assert name in _SORTS_FEW, plan

    def test_queries_are_commented_and_carry_no_values(self) -> None:
        for name, query in queries("sqlite").items():
            assert query.split()[0] in {"SELECT", "INSERT", "UPDATE", "DELETE", "WITH"}, name
            assert ";" not in query, name


class TestOwnership:
    """One server per folder; a lock that dies with its holder; a term that fences who comes too late."""

    async def test_a_second_server_is_refused_with_a_sentence_that_helps(self, tmp_path: Path) -> None:
        folder = tmp_path / "data"
        async with open_sqlite(folder, INLINE):
            with pytest.raises(StoreInUse) as refused:
                async with open_sqlite(folder, INLINE):
                    pytest.fail("two servers on one folder")
        sentence = str(refused.value)
        assert str(folder) in sentence
        assert str(os.getpid()) in sentence
        assert "Stop that server" in sentence
        async with open_sqlite(folder, INLINE):
            pass

    def test_a_lock_that_was_held_by_a_killed_process_is_free(self, tmp_path: Path) -> None:
        program = (
            "import sys, time; from pathlib import Path; from router.store.sqlite.folder import FolderLock\n"
            "with FolderLock(Path(sys.argv[1])): print('held', flush=True); time.sleep(60)"
        )
        holder = subprocess.Popen(
            [sys.executable, "-c", program, str(tmp_path)],
            stdout=subprocess.PIPE,
            cwd=Path(__file__).parents[2],
        )
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(StoreInUse), FolderLock(tmp_path):
            pytest.fail("two holders")
        holder.send_signal(signal.SIGKILL)
        holder.wait()
        holder.stdout.close()
        with FolderLock(tmp_path):
            pass

    async def test_each_opening_takes_the_next_term_and_keeps_the_log_id(self, tmp_path: Path) -> None:
        seen = []
        for _ in range(3):
            async with open_sqlite(tmp_path / "data", INLINE) as store:
                seen.append((store.term, store.log_id))
        assert [term for term, _ in seen] == [1, 2, 3]
        assert len({log_id for _, log_id in seen}) == 1

    async def test_an_owner_that_was_replaced_can_write_nothing_more(self, tmp_path: Path) -> None:
        """What the lock cannot stop (a copy of the process, a folder on a network) the term does."""
        async with open_sqlite(tmp_path / "data", INLINE) as store:
            room = Room(store, 1)
            await room.create("ann", devices("ann", 1))
            term = database.take_term(database_path(tmp_path / "data"), 0, "somebody else")
            assert await store.append(room.request(*room.messages("m1"))) == StaleTerm(term)
            with pytest.raises(StoreUnavailable):
                await store.record((), now=2)
            assert await store.head() == 1

    async def test_the_folder_is_for_its_owner_alone(self, tmp_path: Path) -> None:
        async with open_sqlite(tmp_path / "data", INLINE):
            assert (tmp_path / "data").stat().st_mode & 0o077 == 0


class TestAuditTable:
    """The triggers stop accidents; the chain (contract suite) shows what they could not stop."""

    @pytest.fixture
    def table(self, path: Path) -> sqlite3.Connection:
        database.prepare(path)
        connection = sqlite3.connect(path, isolation_level=None)
        connection.execute("INSERT INTO audit VALUES (0, 1, zeroblob(32), '{}', zeroblob(32))")
        return connection

    @pytest.mark.parametrize(
        "crime",
        [
            "UPDATE audit SET record = '[]'",
            "DELETE FROM audit",
            "INSERT OR REPLACE INTO audit VALUES (0, 1, zeroblob(32), '[]', zeroblob(32))",
            "INSERT INTO audit VALUES (0, 3, zeroblob(32), '[]', zeroblob(32))",
            "INSERT INTO audit VALUES (0, 2, randomblob(32), '[]', zeroblob(32))",
        ],
    )
    def test_the_table_refuses_to_be_changed(self, table: sqlite3.Connection, crime: str) -> None:
        with pytest.raises(sqlite3.IntegrityError, match="audit records"):
            table.execute(crime)
        assert table.execute("SELECT number, record FROM audit").fetchall() == [(1, "{}")]
        table.close()

    def test_the_table_takes_what_follows(self, table: sqlite3.Connection) -> None:
        table.execute("INSERT INTO audit VALUES (0, 2, zeroblob(32), '{}', randomblob(32))")
        table.execute("INSERT INTO audit VALUES (1, 1, randomblob(32), '{}', randomblob(32))")
        table.close()
