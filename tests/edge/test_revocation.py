"""Revocation on live connections, over real sockets: what was opened ends, says why, and gives no more."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
import trio
import trio.testing
from nacl.signing import SigningKey

from protocol import DeviceId, decode_frame
from router.edge.opening import StreamCaller, listening_device
from router.edge.routes import ROUTES
from router.identity.errors import AuthError, TokenFault
from router.identity.principal import Principal
from router.people import People
from router.store.credentials import DeviceRevoked
from router.store.memory import MemoryStore
from tests.edge.harness import WebSocket, read_until
from tests.edge.house import ROOKERY, Account, House, error_name, frames_of, open_house
from tests.edge.principals import api_key, bearer, signed, ticket
from tests.edge.test_routes import knock
from tests.edge.test_session import Client
from tests.edge.test_sse import Events, take

SESSION, SSE, AT = (f"{ROOKERY}.{name}" for name in ("session", "streamEvents", "subscribeEvents"))

Act = Callable[[House, Account, str], Awaitable[None]]


@pytest.fixture
async def house() -> AsyncIterator[House]:
    async with open_house() as running:
        yield running


async def revoke_device(house: House, account: Account, device: str) -> None:
    await house.post(account, f"{ROOKERY}.revokeDevice", {"deviceId": device})


async def disable(house: House, account: Account, device: str) -> None:
    await people(house).disable(account.key.did)


async def recover(house: House, account: Account, device: str) -> None:
    await people(house).recover(account.key.did, account.key.verification_key, keep_devices=True)


def people(house: House) -> People:
    """What the operator's commands act on."""

    class Residents:
        def forget(self, did: str) -> None:
            forgotten.append(did)

    forgotten: list[str] = []
    edge = house.edge
    residents = Residents()
    return People(house.store, edge.revocations, residents, edge.login.grants, lambda: int(house.now))  # type: ignore[arg-type]  # only `forget` is used


ACTS = [
    pytest.param(revoke_device, "AccessRevoked", id="device revoked"),
    pytest.param(disable, "AccountDisabled", id="account disabled"),
    pytest.param(recover, "AccessRevoked", id="account recovered"),
]


@pytest.mark.parametrize(("act", "reason"), ACTS)
async def test_a_session_ends_at_once_and_says_why(house: House, act: Act, reason: str) -> None:
    convo = await house.group("ann", "ben")
    ann, ben = await house.account("ann"), await house.account("ben")
    phone = await house.device(ann)
    async with house.session(ann) as socket:
        client = Client(socket)
        await client.open()
        await act(house, ann, phone)
        await house.say(ben, convo, "unheard")
        frames = []
        while (frame := await client.hear())["type"] != "close":
            frames.append(frame)
        assert "unheard" not in str(frames)
        assert frame["reason"] == reason
        assert await client.end() == (1008, reason)
    await trio.testing.wait_all_tasks_blocked()
    line = next(line for line in frames_of(house.log.getvalue()) if line.get("method") == SESSION)
    assert (line["status"], line["error"]) == (1008, reason)


@pytest.mark.parametrize(("act", "reason"), ACTS)
async def test_an_event_source_ends_at_once_and_says_why(house: House, act: Act, reason: str) -> None:
    convo = await house.group("ann", "ben")
    ann, ben = await house.account("ann"), await house.account("ben")
    phone = await house.device(ann)
    async with await house.server.connect() as socket:
        events = Events(socket)
        await events.open(f"/xrpc/{SSE}", house.headers(ann, SSE))
        await take(events, 1)
        await act(house, ann, phone)
        await house.say(ben, convo, "unheard")
        last = await events.next()
        assert last is not None
        assert last.name == "infoEvent"
        assert last.event["info"].startswith(f"{reason}: ")
        assert await events.next() is None


@pytest.mark.parametrize(("act", "reason"), ACTS)
async def test_an_event_stream_ends_at_once_and_says_why(house: House, act: Act, reason: str) -> None:
    convo = await house.group("ann", "ben")
    ann, ben = await house.account("ann"), await house.account("ben")
    phone = await house.device(ann)
    async with house.socket(ann, AT, query="?cursor=0") as socket:
        assert (await socket.receive())[0] == "bytes"
        await act(house, ann, phone)
        await house.say(ben, convo, "unheard")
        heard = []
        while True:
            kind, value = await socket.receive()
            if kind == "close":
                break
            heard.append(decode_frame(value))
        assert "unheard" not in str(heard)
        assert (value, socket.reason) == (1008, reason)
        assert heard[-1].error == reason  # type: ignore[union-attr]  # the last frame of a refused stream


async def test_what_was_opened_with_an_api_key_or_its_ticket_ends_with_the_key(house: House) -> None:
    ann = await house.account("ann")
    phone = await house.device(ann)
    key = await api_key(house, ann, phone, "session", "getTicket", "streamEvents")
    by_key = bearer(key["apiKey"])
    made = await house.http.post(f"/xrpc/{ROOKERY}.getTicket", json={"purpose": SESSION}, headers=by_key)
    target = f"/xrpc/{SESSION}?ticket={made.json()['ticket']}"
    async with (
        WebSocket(house.server, f"/xrpc/{SESSION}", headers=by_key, subprotocols=["rookery.v1"]) as first,
        WebSocket(house.server, target, subprotocols=["rookery.v1"]) as second,
        house.session(ann) as other,
    ):
        clients = [Client(socket) for socket in (first, second, other)]
        for client in clients:
            await client.open()
        await house.post(ann, f"{ROOKERY}.revokeApiKey", {"keyId": key["keyId"]})
        for client in clients[:2]:
            assert await client.end() == (1008, "AccessRevoked")
        await clients[2].say("ping", id=1)
        assert (await clients[2].hear())["type"] == "pong"


async def test_a_session_that_has_not_said_hello_ends_too(house: House) -> None:
    ann = await house.account("ann")
    await house.device(ann)
    async with house.session(ann) as socket:
        await trio.testing.wait_all_tasks_blocked(0.01)
        await people(house).disable(ann.key.did)
        assert await Client(socket).end() == (1008, "AccountDisabled")


async def test_a_device_that_ends_itself_hears_it_on_its_own_session(house: House) -> None:
    ann = await house.account("ann")
    phone, watch = await house.device(ann, 1), await house.device(ann, 2)
    async with house.session(ann) as mine, house.session(ann) as other:
        await Client(mine).open(deviceId=phone)
        await Client(other).open(deviceId=watch)
        nsid = f"{ROOKERY}.revokeDevice"
        headers = signed(house, ann, phone, nsid)
        answer = await house.http.post(f"/xrpc/{nsid}", json={"deviceId": phone}, headers=headers)
        assert answer.is_success
        assert await Client(mine).end() == (1008, "AccessRevoked")
        await Client(other).say("ping", id=1)
        assert (await Client(other).hear())["type"] == "pong"


async def test_nothing_that_comes_after_is_taken_from_a_revoked_session(house: House) -> None:
    """Sends that are in the socket when the device is revoked do not get into the log behind it."""
    convo = await house.group("ann", "ben")
    ann = await house.account("ann")
    phone = await house.device(ann)
    async with house.session(ann) as socket:
        client = Client(socket)
        await client.open()
        await house.store.revoke_device(ann.key.did, DeviceId(phone), now=int(house.now))
        house.edge.revocations.revoke(device=DeviceId(phone))
        await client.send(1, convo, "late")
        assert await client.end() == (1008, "AccessRevoked")
    state = await house.store.conversation(convo)  # type: ignore[arg-type]  # an id of the store's
    assert state is not None
    assert state.last_seq == 1


async def test_a_client_that_does_not_read_is_given_nothing_more(house: House) -> None:
    """What waits for it is dropped in the same turn; its cursor stands where it was."""
    convo = await house.group("ann", "ben")
    ann, ben = await house.account("ann"), await house.account("ben")
    phone = await house.device(ann)
    async with house.edge.devices.open_feed(DeviceId(phone)) as feed:
        await feed.take(10)
        await house.say(ben, convo, "m1")
        await trio.testing.wait_all_tasks_blocked()
        assert feed.queued == 1
        before = feed.cursor
        feed.cut("AccessRevoked", "gone")
        assert (feed.queued, feed.queued_bytes, feed.cursor) == (0, 0, before)
        await house.say(ben, convo, "m2")
        with pytest.raises(Exception, match="gone"):
            await feed.take(10)


async def test_a_revoked_device_gets_no_ticket_and_opens_nothing(house: House) -> None:
    await house.group("ann", "ben")
    ann = await house.account("ann")
    phone, _ = await house.device(ann, 1), await house.device(ann, 2)
    texts = {nsid: await ticket(house, ann, nsid, deviceId=phone) for nsid in (SESSION, SSE, AT)}
    await revoke_device(house, ann, phone)
    for nsid, text in texts.items():
        assert await knock(house, ROUTES[nsid], {}, f"?ticket={text}") == (401, "AccessRevoked")
    for nsid in (SSE, AT):
        query = f"?deviceId={phone}"
        refused = await knock(house, ROUTES[nsid], house.headers(ann, nsid), query)
        assert refused == (404, "DeviceNotFound")
    answer = await house.send("POST", f"{ROOKERY}.getTicket", ann, json={"purpose": SSE, "deviceId": phone})
    assert error_name(answer) == "DeviceNotFound"


class Slow(MemoryStore):
    """A store whose look at a device takes a moment, in which something may happen."""

    def __init__(self) -> None:
        super().__init__()
        self.meanwhile: Callable[[], Awaitable[None]] | None = None

    async def device(self, device: DeviceId) -> object:  # type: ignore[override]  # as the base has it
        found = await super().device(device)
        if self.meanwhile is not None:
            meanwhile, self.meanwhile = self.meanwhile, None
            await meanwhile()
        return found


@pytest.mark.parametrize("named", [True, False])
async def test_a_revocation_while_a_stream_opens_is_heard(named: bool) -> None:
    """The look saw the device, the revocation came before the feed was open: there is no gap between."""
    store = Slow()
    async with open_house(store) as house:
        await house.group("ann", "ben")
        ann = await house.account("ann")
        phone = await house.device(ann)

        async def revoked() -> None:
            outcome = await store.revoke_device(ann.key.did, DeviceId(phone), now=0)
            assert isinstance(outcome, DeviceRevoked)
            house.edge.revocations.revoke(device=DeviceId(phone))

        for nsid in (SSE, AT):
            store.meanwhile = revoked
            query = f"?deviceId={phone}" if named else ""
            assert await knock(house, ROUTES[nsid], house.headers(ann, nsid), query) == (401, "AccessRevoked")
            phone = await house.device(ann)
        store.meanwhile = revoked
        async with house.session(ann) as socket:
            client = Client(socket)
            await client.say("hello", credit=10, **({"deviceId": phone} if named else {}))
            assert await client.end() == (1008, "AccessRevoked")


async def test_the_ear_is_taken_down_with_the_stream(house: House) -> None:
    ann = await house.account("ann")
    phone = await house.device(ann)
    async with house.session(ann) as socket:
        await Client(socket).open()
        assert house.edge.revocations.statistics()["watched"] == 2
    async with await house.server.connect() as stream:
        head = "".join(f"{name}: {value}\r\n" for name, value in house.headers(ann, SSE).items())
        await stream.send_all(f"GET /xrpc/{SSE}?deviceId={phone} HTTP/1.1\r\nhost: x\r\n{head}\r\n".encode())
        await read_until(stream, b"\n\n")
    assert await knock(house, ROUTES[SSE], house.headers(ann, SSE), "?unheardOf=1") == (400, "InvalidRequest")
    with trio.fail_after(5):
        while house.edge.revocations.statistics()["watched"]:
            await trio.testing.wait_all_tasks_blocked(0.01)


async def test_a_device_s_credential_listens_as_itself_without_naming_it(house: House) -> None:
    ann = await house.account("ann")
    phone, _ = await house.device(ann, 1), await house.device(ann, 2)
    caller = Principal(ann.key.did, DeviceId(phone), "device", 2**40, b"id", None, None)
    with house.edge.revocations.watch(caller) as watch:
        assert await listening_device(house.edge, StreamCaller(caller, watch), None) == phone
        house.edge.revocations.revoke(device=DeviceId(phone))
        with pytest.raises(AuthError) as caught:
            StreamCaller(caller, watch).check()
        assert caught.value.fault is TokenFault.ACCESS_REVOKED


@pytest.mark.parametrize(("act", "reason"), ACTS[1:])
async def test_a_call_that_was_begun_before_ends_with_its_credential(
    house: House, act: Act, reason: str
) -> None:
    """Whoever lost the account holds back the end of a request, and would bring a device of theirs in."""
    ann, nsid = await house.account("ann"), f"{ROOKERY}.registerDevice"
    phone = await house.device(ann)
    body = json.dumps({"deviceName": "d", **house.new_key(ann, SigningKey(b"e" * 32))}).encode()

    async def slowly() -> AsyncIterator[bytes]:
        yield body[:10]
        await until(lambda: house.edge.revocations.statistics()["watched"] > 0)
        await act(house, ann, phone)
        yield body[10:]

    headers = {"content-type": "application/json", "content-length": str(len(body))}
    answer = await house.send("POST", nsid, ann, headers=headers, content=slowly())
    assert error_name(answer) == reason
    assert [device.id for device in await house.store.devices_of(ann.key.did)] == [phone]


async def test_a_call_that_a_device_s_old_key_began_is_not_done_after_another_key_came(house: House) -> None:
    """Else whoever had stolen the key kept the device: they only had to begin the next rotation in time."""
    ann, nsid = await house.account("ann"), f"{ROOKERY}.rotateDeviceKey"
    phone = await house.device(ann)
    mine, theirs = SigningKey(b"m" * 32), SigningKey(b"t" * 32)
    body = json.dumps({"deviceId": phone, **house.new_key(ann, theirs, phone)}).encode()

    async def slowly() -> AsyncIterator[bytes]:
        yield body[:10]
        await until(lambda: house.edge.revocations.statistics()["watched"] > 0)
        await house.post(ann, nsid, {"deviceId": phone, **house.new_key(ann, mine, phone)})
        yield body[10:]

    headers = {"content-type": "application/json", "content-length": str(len(body))}
    headers |= signed(house, ann, phone, nsid)
    answer = await house.http.post(f"/xrpc/{nsid}", headers=headers, content=slowly())
    assert error_name(answer) == "AccessRevoked"
    (device,) = await house.store.devices_of(ann.key.did)
    assert device.signature_key == bytes(mine.verify_key)


async def until(holds: Callable[[], bool]) -> None:
    with trio.fail_after(5):
        while not holds():
            await trio.lowlevel.checkpoint()
