"""P5 at rest: in no file lies a sender beside a message, or a time finer than it may be."""

import re
import sqlite3
from pathlib import Path

from protocol import ConsumeKeyPackage, DeviceId
from router.store.sqlite.folder import database_path
from router.store.sqlite.store import SqliteOptions, open_sqlite
from router.store.values import Device
from router.testing.store.group_rooms import GroupRoom, package, publish, ref, register
from router.testing.store.rooms import NOW, Room, account, device, devices, result

SENDERS = ("ann", "ben")


async def test_the_files_hold_no_sender_beside_a_message_and_no_fine_time(tmp_path: Path) -> None:
    folder = tmp_path / "data"
    async with open_sqlite(folder, SqliteOptions(writer="inline")) as store:
        for number, name in enumerate(SENDERS, 1):
            await store.create_account(account(name), name, "zKey", now=NOW + 7)
            await store.register_device(
                Device(device(number), account(name), "phone", bytes([number]) * 32, *(NOW // 86_400,) * 2),
                now=NOW,
                max_devices=5,
            )
        room = Room(store, 1)
        await room.create("ann", devices("ann", 1) + devices("ben", 2))
        # What the router does around a send: the token's hash rides ahead, the message follows.
        for number in range(50):
            store.remember_token(bytes([number]) * 32, NOW + 61 + number)
            await room.post(*room.messages(f"m{number}", body=b"\xee" * 512))
        await room.post(*room.messages("last"), results=(result("k"),))
        await store.set_read_mark(device(2), room.id, 20)

    connection = sqlite3.connect(database_path(folder))
    rows = {
        name: connection.execute(f"SELECT * FROM {name}").fetchall()  # noqa: S608 - names from the schema
        for (name,) in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")
    }
    marks: list[str | DeviceId] = [account(name) for name in SENDERS]
    marks += [device(number) for number in (1, 2)]
    for table in ("entries", "results", "tokens"):
        kept = [row for row in rows[table] if table != "entries" or row[5] is not None]
        assert kept
        for row in kept:
            assert not any(str(mark).encode() in _bytes(cell) for mark in marks for cell in row), table

    days = {NOW // 86_400}
    for table, cells in rows.items():
        for row in cells:
            for value in row:
                if isinstance(value, int) and NOW - 10**7 < value < NOW + 10**7:
                    assert value % 2 == 0, f"{table}: finer than the bucket"
    assert {row[-1] for row in rows["accounts"]} == {row[-1] for row in rows["devices"]} == days
    assert {row[0] % 60 for row in rows["tokens"]} == {0}, "a finer expiry would tell when its owner wrote"

    # The order of rows must not tell either which token belongs to which message: both tables are by hash.
    for table in ("results", "tokens"):
        (sql,) = connection.execute("SELECT sql FROM sqlite_schema WHERE name = ?", (table,)).fetchone()
        assert "WITHOUT ROWID" in sql
    connection.close()

    # And the raw pages, free ones and the log too: the text of an account never runs next to a message.
    for file in folder.iterdir():
        content = file.read_bytes()
        for match in re.finditer(rb"\xee{512}", content):
            around = content[max(0, match.start() - 120) : match.end() + 20]
            assert b"did:web" not in around


async def test_who_claimed_a_key_package_is_forgotten_with_the_claim(tmp_path: Path) -> None:
    """Whom somebody wants to write to is nobody's business once that is settled, however it was."""
    folder = tmp_path / "data"
    async with open_sqlite(folder, SqliteOptions(writer="inline")) as store:
        await register(store, 1)
        await publish(store, 1, "ann", *(package(name) for name in ("used", "lapsed", "revoked")))
        for claimer in ("ben", "cat", "dan"):
            await store.claim_key_packages(account(claimer), account("ann"), now=NOW, ttl=60)
        room = GroupRoom(store, 1)
        await room.found("eve", 90)
        for name in ("used", "lapsed", "revoked"):
            await room.put(ConsumeKeyPackage(ref(name), device(1), account("ben"), NOW))
        await store.expire(NOW + 60)
        await store.revoke_device(account("ann"), device(1), now=NOW)

    connection = sqlite3.connect(database_path(folder))
    rows = connection.execute("SELECT * FROM key_packages").fetchall()
    connection.close()
    assert len(rows) == 3
    assert not any(b"did:web" in _bytes(cell) for row in rows for cell in row)


def _bytes(cell: object) -> bytes:
    return cell if isinstance(cell, bytes) else str(cell).encode()
