"""Rotating a ring while the server runs: on record before and after, and never unrecorded."""

from pathlib import Path

import attrs
import pytest

from protocol import bucket
from router.admin import CommandFailed, ControlClient, ControlRefused, NoArguments
from router.identity.errors import IdentityFileError
from router.keys import KeyRow, Keys, Rotate, Rotated
from router.login.keyring import KeyRing, TokenKey
from router.store.audit import AuditFact
from router.store.errors import StoreUnavailable
from router.store.memory import MemoryStore
from tests.client.live_router import live_router

NOW = 1_780_000_000.0


class FullStore(MemoryStore):
    """Takes no records."""

    async def record(self, facts: tuple[AuditFact, ...], *, now: int) -> None:
        raise StoreUnavailable(1.0, "the disk is full")


@attrs.frozen
class BrokenRing:
    """Cannot write."""

    inner: KeyRing
    error: Exception

    @property
    def signing(self) -> TokenKey:
        return self.inner.signing

    def keys(self) -> tuple[TokenKey, ...]:
        return tuple(self.inner.keys())

    def rotate(self, *, at_once: bool = False) -> TokenKey:
        raise self.error


def keys_on(folder: Path, store: MemoryStore) -> tuple[Keys, KeyRing]:
    ring = KeyRing(folder, lambda: NOW)
    return Keys({"access": ring}, store, lambda: bucket(NOW, 60)), ring


async def acts(store: MemoryStore) -> list[tuple[str, str | None, str | None]]:
    links = await store.audit_records(0, limit=100)
    return [(act.action, act.subject, act.detail) for act in (link.read() for link in links)]


async def test_a_ring_is_rotated_and_both_the_intention_and_the_deed_are_recorded(tmp_path: Path) -> None:
    store = MemoryStore()
    keys, ring = keys_on(tmp_path, store)
    old = ring.signing.kid
    rotated = await keys.rotate(Rotate("access"))
    new = ring.signing.kid
    assert rotated == Rotated("access", old, new, counting=2)
    assert old != new
    assert await acts(store) == [
        ("key.rotating", "access keys", f"{old}, with overlap"),
        ("key.rotated", "access keys", f"{old} -> {new}"),
    ]
    day = int(NOW) // 86_400
    assert await keys.list(NoArguments()) == [
        KeyRow("access", new, day, "in use"),
        KeyRow("access", old, day, "checks only"),
    ]


async def test_at_once_leaves_one_key(tmp_path: Path) -> None:
    keys, _ = keys_on(tmp_path, MemoryStore())
    assert (await keys.rotate(Rotate("access", at_once=True))).counting == 1


async def test_a_key_is_kept_when_the_store_takes_no_record(tmp_path: Path) -> None:
    keys, ring = keys_on(tmp_path, FullStore())
    before = ring.signing.kid
    with pytest.raises(CommandFailed) as refused:
        await keys.rotate(Rotate("access"))
    assert refused.value.error == "NotEnoughResources"
    assert ring.signing.kid == before


@pytest.mark.parametrize(
    "error", [OSError(28, "No space left on device"), IdentityFileError("it is damaged")]
)
async def test_that_no_key_could_be_written_is_told_and_recorded(tmp_path: Path, error: Exception) -> None:
    store = MemoryStore()
    _, ring = keys_on(tmp_path, store)
    keys = Keys({"access": BrokenRing(ring, error)}, store, lambda: 0)
    with pytest.raises(CommandFailed, match="no new key could be written"):
        await keys.rotate(Rotate("access"))
    assert [action for action, _, _ in await acts(store)] == ["key.rotating", "key.kept"]


async def test_a_ring_nobody_has_is_named_with_those_there_are(tmp_path: Path) -> None:
    keys, _ = keys_on(tmp_path, MemoryStore())
    with pytest.raises(CommandFailed, match="no key ring named acess; there is: access"):
        await keys.rotate(Rotate("acess"))


async def test_a_running_server_rotates_without_a_restart_and_tells_no_secret(tmp_path: Path) -> None:
    async with live_router(tmp_path) as router:
        control = ControlClient(router.data)
        (first,) = await control.ask("keys.list", answer=list[KeyRow])
        rotated = await control.ask("keys.rotate", Rotate("access"), answer=Rotated)
        rows = await control.ask("keys.list", answer=list[KeyRow])
        assert [row.kid for row in rows] == [rotated.after, first.kid]
        with pytest.raises(ControlRefused, match="no key ring named"):
            await control.ask("keys.rotate", Rotate("signing"), answer=Rotated)
        for file in router.data.glob("token-key-*.json"):
            assert file.stat().st_mode & 0o077 == 0
            assert all(row.kid not in file.read_text() for row in rows), "a kid is public, a seed is not"
