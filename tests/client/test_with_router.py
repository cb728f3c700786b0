"""The client against a whole router: real sockets, real tokens, a real log."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import trio

from protocol import ConversationId, DeviceId, MsgId, Nsid
from router.client.client import new_msg_id, open_client
from router.client.credentials import account_token_source, device_token_source
from router.client.errors import ClientError, Refused
from router.client.events import ConvoEvent, Event, MembershipEvent, MessageEvent
from router.client.sealing import Opened
from router.client.session import Session, open_session
from router.client.stream import open_stream
from schema.wire import rookery
from tests.client.live_router import LiveRouter, live_router, new_group

UNKNOWN = ConversationId("aaaaaaaaaaaaaaaaaaaaaaaaaa")


@pytest.fixture
async def router(tmp_path: Path) -> AsyncIterator[LiveRouter]:
    async with live_router(tmp_path) as running:
        with trio.fail_after(30):
            yield running


async def test_a_message_goes_from_one_person_to_another_over_each_way(router: LiveRouter) -> None:
    """The example: Alice sends by HTTP and by session, Bob hears by session and by SSE."""
    alice_key, bob_key = await router.account("alice"), await router.account("bob")
    async with router.device(alice_key) as (alice, phone), router.device(bob_key) as (bob, laptop):
        group = await new_group(alice, bob_key)
        first = new_msg_id()
        sent = await alice.chat.send_message(
            group.convo, group.seal(first, "alice", "by HTTP"), msg_id=first, device=phone.id
        )
        assert (sent.message_id, sent.seq) == (first, 2)
        async with open_session(alice, phone.id) as speaking:
            second = new_msg_id()
            receipt = await speaking.send(
                group.convo, group.seal(second, "alice", "by session"), msg_id=second
            )
            assert (await receipt.wait()).seq == 3

        async with open_session(bob, laptop.id) as session:
            by_session = [await session.receive() for _ in range(3)]
        async with open_stream(bob, device=laptop.id) as stream:
            by_sse = [await stream.receive() for _ in range(3)]
        assert by_session == by_sse
        assert isinstance(by_session[0], ConvoEvent)
        messages = [event for event in by_session if isinstance(event, MessageEvent)]
        assert [group.open(event.msg_id, event.ciphertext) for event in messages] == [
            Opened("alice", "by HTTP"),
            Opened("alice", "by session"),
        ]


async def test_a_repeat_gets_the_first_answer_on_either_way(router: LiveRouter) -> None:
    key = await router.account("alice")
    async with router.device(key) as (client, device):
        group = await new_group(client)
        msg_id = new_msg_id()
        sealed = group.seal(msg_id, "alice", "once")
        first = await client.chat.send_message(group.convo, sealed, msg_id=msg_id)
        assert await client.chat.send_message(group.convo, sealed, msg_id=msg_id) == first
        async with open_session(client, device.id) as session:
            again = await (await session.send(group.convo, sealed, msg_id=msg_id)).wait()
            other = await session.send(group.convo, group.seal(msg_id, "alice", "other"), msg_id=msg_id)
            with pytest.raises(Refused, match="IdempotencyConflict"):
                await other.wait()
        assert (again.seq, again.received_at) == (first.seq, first.received_at)
        assert len((await client.chat.get_messages(group.convo)).messages) == 1


async def test_membership_moves_by_calls_and_is_heard_as_events(router: LiveRouter) -> None:
    alice_key, bob_key = await router.account("alice"), await router.account("bob")
    async with router.device(alice_key) as (alice, _), router.device(bob_key) as (bob, laptop):
        group = await new_group(alice)
        added = await alice.chat.add_members(group.convo, [bob_key.did])
        await bob.chat.send_message(group.convo, group.seal(m := new_msg_id(), "bob", "hello"), msg_id=m)
        removed = await alice.chat.remove_member(group.convo, bob_key.did, reason="noise")
        await alice.chat.send_message(group.convo, group.seal(m := new_msg_id(), "alice", "gone"), msg_id=m)
        heard: list[Event] = []
        async with open_session(bob, laptop.id) as session:
            while len(heard) < 3:
                heard.append(await session.receive())
            with trio.move_on_after(
                0.2
            ):  # what must not come cannot be waited for; a late one fails elsewhere
                heard.append(await session.receive())
        joined, message, left = heard
        assert isinstance(joined, MembershipEvent)
        assert isinstance(message, MessageEvent)
        assert isinstance(left, MembershipEvent)
        assert (joined.did, joined.action, joined.seq) == (bob_key.did, "joined", added.seq)
        assert (left.did, left.action, left.actor, left.seq) == (
            bob_key.did,
            "removed",
            alice_key.did,
            removed.seq,
        )
        with pytest.raises(Refused, match="NotMember"):
            await bob.chat.send_message(group.convo, group.seal(m := new_msg_id(), "bob", "?"), msg_id=m)


async def test_a_session_goes_on_where_the_last_one_ended(router: LiveRouter) -> None:
    key = await router.account("alice")
    async with router.device(key) as (client, device):
        group = await new_group(client)
        async with open_session(client, device.id) as session:
            for text in ("one", "two"):
                msg_id = new_msg_id()
                await session.send(group.convo, group.seal(msg_id, "alice", text), msg_id=msg_id)
            await session.drain()
            seen = [await session.receive() for _ in range(2)]
            state = session.state
        async with open_session(client, device.id, state=state) as session:
            seen.append(await session.receive())
            assert session.inbox_statistics.duplicates == 0
        assert [event.seq for event in seen] == [1, 2, 3]


async def test_a_stream_goes_on_behind_its_cursor(router: LiveRouter) -> None:
    key = await router.account("alice")
    async with router.device(key) as (client, device):
        group = await new_group(client)
        await client.chat.send_message(group.convo, group.seal(m := new_msg_id(), "alice", "one"), msg_id=m)
        async with open_stream(client, device=device.id) as stream:
            assert (await stream.receive()).seq == 1
            cursor = stream.cursor
        assert cursor is not None
        async with open_stream(client, device=device.id, cursor=cursor) as stream:
            assert (await stream.receive()).seq == 2


async def test_a_conversation_that_is_foreign_or_unknown_is_not_found(router: LiveRouter) -> None:
    alice_key, eve_key = await router.account("alice"), await router.account("eve")
    async with router.device(alice_key) as (alice, _), router.device(eve_key) as (eve, laptop):
        group = await new_group(alice)
        body = group.seal(MsgId("m"), "eve", "?")
        told = []
        for convo in (group.convo, UNKNOWN):
            with pytest.raises(Refused) as caught:
                await eve.chat.send_message(convo, body, msg_id=MsgId("m"))
            told.append((caught.value.error, caught.value.status, caught.value.message))
            async with open_session(eve, laptop.id) as session:
                with pytest.raises(Refused, match="ConvoNotFound"):
                    await (await session.send(convo, body, msg_id=MsgId("m"))).wait()
        assert told[0] == told[1]
        assert told[0][:2] == ("ConvoNotFound", 404)


async def test_a_token_of_another_key_opens_nothing(router: LiveRouter) -> None:
    alice_key, eve_key = await router.account("alice"), await router.account("eve")
    forged = type(alice_key)(alice_key.did, eve_key.private)
    async with open_client(router.url, alice_key.did, account_token_source(forged)) as client:
        with pytest.raises(Refused) as caught:
            await client.chat.get_convos()
        assert (caught.value.status, caught.value.error) == (401, "BadJwtSignature")
        async with open_session(client, DeviceId("5f0c5a8e-8a0e-4f43-9d1a-0c6f5f1f1a01")) as session:
            with pytest.raises(Refused):
                await session.receive()


async def all_of(session: Session) -> None:
    """Read until the session ends."""
    while True:
        await session.receive()


async def test_a_device_speaks_with_its_own_key_until_it_is_revoked(router: LiveRouter) -> None:
    """The whole way: registered by the account, signing for itself, its session ended by a revocation."""
    key = await router.account("alice")
    async with router.device(key) as (client, device):
        group = await new_group(client)
        source = device_token_source(device, key.did)
        async with open_client(router.url, key.did, source) as own, open_session(own, device.id) as session:
            msg_id = new_msg_id()
            await (await session.send(group.convo, group.seal(msg_id, "alice", "one"), msg_id=msg_id)).wait()
            assert (await session.receive()).seq == 1
            await client.xrpc.procedure(
                Nsid("chat.rookery.revokeDevice"),
                rookery.RevokeDeviceInput(device_id=device.id),
                rookery.RevokeDeviceOutput,
            )
            with pytest.raises(ClientError):
                await all_of(session)
            with pytest.raises(Refused) as caught:
                await own.chat.get_convos()
            assert caught.value.error == "UntrustedIss"


async def test_a_device_turns_its_own_key_and_goes_on_with_the_new_one(router: LiveRouter) -> None:
    key = await router.account("alice")
    async with router.device(key) as (_, device):
        old = device_token_source(device, key.did)
        async with open_client(router.url, key.did, old) as own:
            turned = await device.rotate(own)
            assert (turned.id, turned.name) == (device.id, device.name)
            with pytest.raises(Refused) as caught:
                await own.chat.get_convos()
            assert caught.value.error == "BadJwtSignature"
        async with open_client(router.url, key.did, device_token_source(turned, key.did)) as own:
            assert (await own.chat.get_convos()).conversations == []


async def test_a_read_mark_moves_forward_only(router: LiveRouter) -> None:
    key = await router.account("alice")
    async with router.device(key) as (client, device):
        group = await new_group(client)
        for text in ("one", "two"):
            await client.chat.send_message(group.convo, group.seal(m := new_msg_id(), "a", text), msg_id=m)
        assert (await client.chat.update_cursor(group.convo, 3, device=device.id)).seq == 3
        assert (await client.chat.update_cursor(group.convo, 2, device=device.id)).seq == 3
        (view,) = (await client.chat.get_convos()).conversations
        assert (view.id, view.last_seq) == (group.convo, 3)


async def test_leaving_ends_membership(router: LiveRouter) -> None:
    alice_key, bob_key = await router.account("alice"), await router.account("bob")
    async with router.device(alice_key) as (alice, _), router.device(bob_key) as (bob, _):
        group = await new_group(alice, bob_key)
        await bob.chat.leave_convo(group.convo)
        assert (await bob.chat.get_convos()).conversations == []
        with pytest.raises(Refused, match="NotMember"):
            await bob.chat.get_messages(group.convo)
