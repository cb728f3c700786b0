"""One server at a time on a data folder; the next takes over at once, whatever way the last one ended."""

import json
import os

import pytest
import trio

from router.identity.keys import load_account_key
from tests.system.checker import check
from tests.system.people import new_convo, open_people, sealed
from tests.system.process import RouterProcess, running_router

pytestmark = pytest.mark.system


def second_on(router: RouterProcess) -> RouterProcess:
    """Another server, with ports of its own, for the same data."""
    return RouterProcess(router.folder, data=router.data)


async def test_a_second_server_is_refused_with_a_sentence_and_the_first_goes_on() -> None:
    async with running_router() as router, open_people(router, "alice") as (alice,):
        await alice.device("phone")
        convo = await new_convo(alice)
        with second_on(router) as second:
            ended = await trio.to_thread.run_sync(second.run, "serve")
        assert ended.code == 1
        assert str(router.data) in ended.err
        assert "Traceback" not in ended.err
        assert "in use by another Rookery server" in ended.err
        assert f"process {router.process and router.process.pid}" in ended.err
        assert (await alice.client.chat.send_message(convo, sealed("still"))).seq == 2
        assert (await router.status()).ready


async def test_after_kill_9_the_next_server_takes_over_at_once() -> None:
    """Its writer's process may still be there: a stale writer is refused by the term, not waited for."""
    async with running_router() as router, open_people(router, "alice") as (alice,):
        await alice.device("phone")
        convo = await new_convo(alice)
        for number in range(3):
            sent = await alice.client.chat.send_message(convo, sealed(f"before kill {number}"))
            assert sent.seq == number + 2
            router.kill()
            await router.start()
        assert check(router.data).messages().keys() == {
            (convo, message.id) for message in (await alice.client.chat.get_messages(convo)).messages
        }


async def test_an_account_is_made_with_a_server_and_without_one() -> None:
    async with running_router() as router:
        made = json.loads(router.rookery("account", "create", "alice", "--json"))
        assert await router.terminate() == 0
        offline = json.loads(router.rookery("account", "create", "bob", "--json"))
        await router.start()
        listed = [
            json.loads(line)["name"] for line in router.rookery("account", "list", "--json").splitlines()
        ]
        assert listed == ["alice", "bob"]
        for row in (made, offline):
            place = router.folder / row["keyFile"]
            assert place.stat().st_mode & 0o777 == 0o600
            assert load_account_key(place).did == row["did"]
            # the account is good for something: a token of it opens the server
            assert "no conversations" in told(router, "convo", "list", "--key", str(place)).lower()


def told(router: RouterProcess, *arguments: str) -> str:
    """What a command says, on either stream."""
    ended = router.run(*arguments, "--url", router.url)
    assert ended.code == 0, ended.err
    return ended.out + ended.err


async def test_a_name_is_given_once_with_a_server_and_without_one() -> None:
    async with running_router() as router:
        router.rookery("account", "create", "alice")
        again = router.run("account", "create", "alice", "--out", "second.json")
        assert again.code == 1
        assert "choose another name" in again.err
        assert not (router.folder / "second.json").exists()
        await router.terminate()
        offline = router.run("account", "create", "alice", "--out", "second.json")
        assert offline.code == 1
        assert "choose another name" in offline.err
        assert not (router.folder / "second.json").exists()


async def test_what_lies_in_the_data_folder_is_the_owner_s_alone() -> None:
    async with running_router() as router:
        assert router.data.stat().st_mode & 0o777 == 0o700
        kept = {path.name: oct(path.stat().st_mode & 0o777) for path in router.data.iterdir()}
        readable = {name: mode for name, mode in kept.items() if int(mode, 8) & 0o077}
        secret = {name for name in kept if name.endswith(".sock") or "secret" in name}
        assert secret, kept
        assert not secret & readable.keys(), readable
        assert os.access(router.data / "control.sock", os.W_OK)
