"""What is heard live and after a break, over every transport; and what a busy server answers."""

import trio

from router.testing.conformance.bench import MLS, ROOKERY, Bench, base64_text, octets
from router.testing.conformance.checks_messages import nameless, pair
from router.testing.conformance.listening import events, next_at_message, session, websocket
from router.testing.conformance.people import Phone, phones
from router.testing.conformance.registry import check
from router.testing.conformance.verdicts import Skipped, demand, demand_equal
from schema.wire.rookery import (
    SessionAck,
    SessionCursor,
    SessionError,
    SessionEvent,
    SessionPong,
    SessionWelcome,
)

SSE, AT = f"{MLS}.streamConvoEvents", f"{MLS}.subscribeConvoEvents"


@check("streams", "server-sent events come in order, and resume after the cursor of any of them")
async def resume(bench: Bench) -> None:
    """After a break a client goes on where it was, by `Last-Event-ID` as a browser or by `cursor`: nothing is
    lost, nothing comes twice."""
    room, alice, bob = await pair(bench)
    async with events(bob, SSE) as stream:
        await room.say(alice, "m0")
        cursor, message = await stream.next_message()
        demand_equal(message["id"], "m0", "the first message heard")
        nameless(message, alice, bob)
    for number in range(1, 4):
        await room.say(alice, f"m{number}")
    for given in ({"last_event_id": cursor}, {"cursor": cursor}):
        async with events(bob, SSE, **given) as stream:
            heard = [(await stream.next_message())[1]["id"] for _ in range(3)]
            demand_equal(heard, ["m1", "m2", "m3"], f"messages heard after resuming by {next(iter(given))}")
            demand_equal(await stream.quiet(), [], "events beyond the end of the log")


@check("streams", "who was removed hears of it, and nothing after it")
async def removed_listener(bench: Bench) -> None:
    """An open stream is no way around a removal."""
    room, alice, bob = await pair(bench)
    async with events(bob, SSE) as stream:
        await room.say(alice, "before")
        await stream.next_message()
        await room.remove(alice, bob)
        await room.say(alice, "after")
        heard = await stream.quiet()
        demand("messageEvent" not in heard[1:], f"events after the removal: {heard}")
    async with events(bob, SSE) as stream:
        ids = []
        with trio.move_on_after(2):
            while True:
                ids.append((await stream.next_message())[1]["id"])
        demand("after" not in ids, f"messages heard again: {ids}")


@check("streams", "a cursor that is none, or another device's, is refused")
async def foreign_cursor(bench: Bench) -> None:
    """A cursor is bound to its device: it is no capability to read what another one may."""
    room, alice, bob = await pair(bench)
    async with events(alice, SSE) as stream:
        await room.say(alice, "m0")
        cursor, _ = await stream.next_message()
    for wrong in ("x", cursor[:-2], cursor):
        target = f"{SSE}?deviceId={bob.id}&cursor={wrong}"
        answer = await bench.raw("GET", target, token=bench.token(bob.key, SSE), what="wrong cursor")
        demand(400 <= answer.status_code < 500, f"the cursor {wrong!r} was answered {answer.status_code}")
        demand(answer.json().get("error") in ("InvalidCursor", "FutureCursor"), f"by {answer.text}")


@check("streams", "a WebSocket opened by a ticket hears the same in DAG-CBOR, and a ticket opens once")
async def subscription(bench: Bench) -> None:
    """A browser cannot set headers on a WebSocket; what it puts in the URL instead must be worth little."""
    room, alice, bob = await pair(bench)
    made = await bob.ok(f"{MLS}.getSubscriptionTicket", {})
    target = f"/xrpc/{AT}?deviceId={bob.id}&ticket={made['ticket']}"
    async with websocket(bench, target) as socket:
        await room.say(alice, "m0")
        while True:
            name, fields = await next_at_message(socket, AT)
            message = fields.get("message")
            if name == "#messageEvent" and isinstance(message, dict) and message["id"] == "m0":
                nameless(fields, alice, bob)
                break
    ticket = f"{AT}?deviceId={bob.id}&ticket={made['ticket']}"
    upgrade = {"connection": "upgrade", "upgrade": "websocket", "sec-websocket-version": "13",
               "sec-websocket-key": base64_text(bytes(16))}  # fmt: skip
    again = await bench.raw("GET", ticket, headers=upgrade, what="the same ticket")
    demand(again.status_code in (401, 403), f"the same ticket again was answered {again.status_code}")


@check("streams", "a rookery.v1 session sends, hears, counts credit and answers each send by its id")
async def a_session(bench: Bench) -> None:
    """One WebSocket both ways: what is sent again gets the first answer, no event comes without credit."""
    alice, bob = await phones(bench, "alice", "bob")
    convo = await opaque(alice, bob)
    async with session(bench, bob) as listener, session(bench, alice) as talker:
        for talk in (listener, talker):
            await talk.send(type="hello", credit=1, deviceId=(bob if talk is listener else alice).id)
            await talk.next(SessionWelcome)
        body = {"convoId": convo, "msgId": "m0", "ciphertext": octets(bytes(512))}
        for request in (1, 2):
            await talker.send(type="send", id=request, **body)
        acks = [await talker.next(SessionAck, SessionError) for _ in range(2)]
        demand(all(isinstance(ack, SessionAck) for ack in acks), f"a send was refused: {acks}")
        places = {(ack.seq, ack.received_at) for ack in acks if isinstance(ack, SessionAck)}
        demand_equal(len(places), 1, "places of one message that was sent twice")
        first = await listener.next(SessionEvent)
        await talker.send(type="send", id=3, **{**body, "msgId": "m1"})
        await talker.next(SessionAck)
        await listener.send(type="ping", id=7)
        frame = await listener.next(SessionPong, SessionEvent)
        demand(isinstance(frame, SessionPong), "an event came without credit")
        await listener.send(type="credit", n=5)
        second = await listener.next(SessionEvent)
        demand(first != second, "an event came twice")
        nameless(second, alice, bob)
        await listener.send(type="send", id=4, convoId=convo, msgId="bad id!", ciphertext=octets(b"x"))
        error = await listener.next(SessionError)
        demand(isinstance(error, SessionError) and error.id == 4, "a bad send is answered by its id")


@check("streams", "a rookery.v1 session resumes where its last cursor stood")
async def resumed_session(bench: Bench) -> None:
    """Cursor and seen marks: nothing twice, nothing lost."""
    alice, bob = await phones(bench, "alice", "bob")
    convo = await opaque(alice, bob)
    await say(alice, convo, "m0")
    async with session(bench, bob) as talk:
        await talk.send(type="hello", credit=100, deviceId=bob.id)
        await talk.next(SessionWelcome)
        while "m0" not in str(await talk.next(SessionEvent)):
            pass
        cursor = await talk.next(SessionCursor)
    await say(alice, convo, "m1")
    async with session(bench, bob) as talk:
        told = cursor.cursor if isinstance(cursor, SessionCursor) else ""
        await talk.send(type="hello", credit=100, deviceId=bob.id, cursor=told)
        await talk.next(SessionWelcome)
        text = str(await talk.next(SessionEvent))
        demand(
            "m1" in text and "m0" not in text, "the first event after resuming is the first that was missed"
        )


async def opaque(creator: Phone, *others: Phone) -> str:
    """A conversation of `chat.rookery`, whose bytes nobody here reads."""
    body = {
        "idempotencyKey": f"opaque {creator.bench.tag}",
        "initialMembers": [each.did for each in others],
    }  # fmt: skip
    return str((await creator.ok(f"{ROOKERY}.createConvo", body))["id"])


async def say(by: Phone, convo: str, msg_id: str) -> None:
    """One message of an opaque conversation."""
    body = {"convoId": convo, "msgId": msg_id, "ciphertext": octets(bytes(512)), "deviceId": by.id}
    await by.ok(f"{ROOKERY}.sendMessage", body)


# -- limits -----------------------------------------------------------------------------------------------


@check("limits", "who asks too often is told when to come back, and nobody else is slowed down")
async def rate(bench: Bench) -> None:
    """`RateLimit-*` says what is left; 429 comes with `Retry-After`; the limit is the account's own."""
    alice, bob = bench.take("alice", "bob")
    nsid = f"{MLS}.getConvos"
    told = (await bench.ask(alice, nsid, patient=False)).headers.get("ratelimit-remaining")
    if told is None:
        raise Skipped("the server tells no RateLimit-Remaining")
    left = int(told)
    if left > bench.manners.most_calls:
        raise Skipped(f"{left} calls are left, more than --most-calls allows to try")
    refused = None
    for _ in range(left + bench.manners.most_calls // 10):
        answer = await bench.ask(alice, nsid, patient=False)
        if answer.status == 429:
            refused = answer
            break
    if refused is None:
        raise Skipped("the limit fills faster than this client asks")
    refused.refused("RateLimitExceeded")
    wait = refused.headers.get("retry-after", "")
    demand(wait.isdigit() and int(wait) >= 1, f"Retry-After is {wait!r}, not whole seconds")
    (await bench.ask(bob, nsid, patient=False)).ok()


@check("limits", "a body that is too large is refused, and the server goes on")
async def too_large(bench: Bench) -> None:
    """Before it is read, if its length is told: nobody fills the server's memory with one request."""
    room, alice, _ = await pair(bench)
    nsid = f"{MLS}.sendMessage"
    body = {**room.message(alice, "large"), "ciphertext": octets(bytes(16 * 1024 * 1024))}
    try:
        answer = await bench.raw("POST", nsid, token=bench.token(alice.key, nsid), what="16 MiB", json=body)
    except OSError:
        pass  # it hung up on us, which is an answer as well
    else:
        demand(answer.status_code in (400, 413), f"16 MiB were answered with {answer.status_code}")
    await room.say(alice, "small")
