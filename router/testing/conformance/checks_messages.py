"""Messages, and who may see them: order, once, coarse times, no sender, membership."""

import datetime as dt
import re
from typing import Any

import trio

from crypto.mls import Add
from protocol import ConversationId, DeviceId
from protocol.testing import BrokenHistory, Heard, check_agreement
from router.testing.conformance.bench import MLS, Answer, Bench, bytes_in, octets
from router.testing.conformance.people import Phone, Room, claim, found, phone, phones
from router.testing.conformance.registry import check
from router.testing.conformance.verdicts import Nonconformity, demand, demand_equal

SEND = f"{MLS}.sendMessage"
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.0+)?Z")


async def pair(bench: Bench) -> tuple[Room, Phone, Phone]:
    """Alice's group with Bob."""
    alice, bob = await phones(bench, "alice", "bob")
    return await found(bench, alice, bob), alice, bob


# -- messages ---------------------------------------------------------------------------------------------


@check("messages", "all members are shown the same messages in the same order, without a gap")
async def order(bench: Bench) -> None:
    """Two senders at once: whatever order the server chose, it is one, and seqs count by one."""
    room, alice, bob = await pair(bench)

    async def talk(by: Phone, name: str) -> None:
        for number in range(4):
            await room.say(by, f"{name}{number}")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(talk, alice, "a")
        nursery.start_soon(talk, bob, "b")
    shown = {by.id: [each for each in await room.messages(by) if app(each)] for by in (alice, bob)}
    demand_equal(len(shown[alice.id]), 8, "messages shown")
    try:
        check_agreement({DeviceId(of): [heard(each) for each in views] for of, views in shown.items()})
    except BrokenHistory as broken:
        raise Nonconformity(str(broken)) from None
    demand_equal(shown[alice.id], shown[bob.id], "what two members are shown")
    seqs = [each["seq"] for each in shown[alice.id]]
    demand_equal(seqs, list(range(seqs[0], seqs[0] + 8)), "their seqs")
    for name in "ab":
        own = [each["id"] for each in shown[alice.id] if each["id"].startswith(name)]
        demand_equal(own, [f"{name}{number}" for number in range(4)], "the order of one sender")


@check("messages", "the same bytes again get the first answer and are there once, also when sent at once")
async def resent(bench: Bench) -> None:
    """A client whose connection broke cannot know whether its message was taken, so it sends it again."""
    room, alice, bob = await pair(bench)
    body = room.message(alice, "m1")
    answers: list[Answer] = []

    async def send() -> None:
        answers.append(await alice.ask(SEND, body))

    async with trio.open_nursery() as nursery:
        for _ in range(4):
            nursery.start_soon(send)
    await room.say(bob, "m2")
    answers.append(await alice.ask(SEND, body))
    for answer in answers:
        demand_equal(answer.ok(), answers[0].body, "the answer to the same message")
    other = {**body, "ciphertext": room.message(alice, "m1")["ciphertext"]}
    (await alice.ask(SEND, other)).refused("IdempotencyConflict")
    shown = [each["id"] for each in await room.messages(bob) if app(each)]
    demand_equal(shown, ["m1", "m2"], "messages shown")


@check("messages", "one of the current epoch is taken, one of an epoch to come is not")
async def epochs(bench: Bench) -> None:
    """What nobody can decrypt yet is a bug of its sender, or a lie; what was on its way is neither."""
    room, alice, bob = await pair(bench)
    late = room.message(bob, "late")
    await room.commit(alice)
    await bob.ok(SEND, late)
    await room.say(alice, "now")
    (await alice.ask(SEND, room.message(alice, "soon", epoch=9))).refused("EpochMismatch")
    lying = {**room.message(alice, "lying"), "epoch": 1}
    (await alice.ask(SEND, lying)).refused("EpochMismatch", "InvalidAsset", "InvalidMls")


@check("messages", "a ciphertext has one of the sizes of the contract")
async def sizes(bench: Bench) -> None:
    """Its length would else tell what is in it. It is the bytes that count, not what is declared."""
    room, alice, _ = await pair(bench)
    body = room.message(alice, "m1")
    data = bytes_in(body["ciphertext"])
    for wrong in (data[:-1], data + b"\0"):
        told = {**body, "ciphertext": octets(wrong)}
        (await alice.ask(SEND, told)).refused("InvalidAsset", "InvalidMls", "InvalidRequest")
    (await alice.ask(SEND, body)).ok()


@check("messages", "nothing that is shown of a message names its sender, or what its size was declared to be")
async def no_sender(bench: Bench) -> None:
    """MLS seals the sender; a server that shows it beside the message undoes that."""
    room, alice, bob = await pair(bench)
    body = room.message(alice, "m1")
    await alice.ok(SEND, {**body, "declaredSize": 77})
    for by in (alice, bob):
        told = await by.ok(f"{MLS}.getMessages", convoId=room.id, deviceId=by.id, type="app")
        nameless(told, alice, bob)
        (view,) = told["messages"]
        demand(77 not in view.values(), "the declared size is shown")


@check("messages", "no time is finer than the server's bucket")
async def coarse_times(bench: Bench) -> None:
    """Two servers that compare notes could else find the sender by the moment."""
    room, alice, _ = await pair(bench)
    sent = await room.say(alice, "m1")
    views = await room.messages(alice)
    convos = (await alice.ok(f"{MLS}.getConvos"))["conversations"]
    for text in [sent["receivedAt"], *(view["createdAt"] for view in views), *_times(convos)]:
        demand(_TIME.fullmatch(text), f"{text} is finer than a second")
        second = int(dt.datetime.fromisoformat(text).timestamp())
        demand(second % bench.manners.bucket == 0, f"{text} is finer than {bench.manners.bucket} s")


@check("messages", "pages follow one another without a gap or a repeat")
async def pages(bench: Bench) -> None:
    """A client that was away reads on from the last seq it has."""
    room, alice, bob = await pair(bench)
    for number in range(5):
        await room.say(alice, f"m{number}")
    seen: list[str] = []
    since = 0
    for _ in range(9):
        page = await room.messages(bob, limit=2, sinceSeq=since, type="app")
        if not page:
            break
        demand(len(page) <= 2, "a page longer than asked for")
        seen += [each["id"] for each in page]
        since = page[-1]["seq"]
    demand_equal(seen, [f"m{number}" for number in range(5)], "messages over all pages")


# -- membership -------------------------------------------------------------------------------------------


@check("membership", "who was removed neither reads nor writes nor comes back by itself")
async def removed(bench: Bench) -> None:
    """Removal is a tombstone: only an admin brings the account back."""
    room, alice, bob = await pair(bench)
    await room.say(alice, "before")
    await room.remove(alice, bob)
    await room.say(alice, "after")
    (await bob.ask(SEND, room.message(alice, "from-bob") | {"deviceId": bob.id})).refused("NotMember")
    (await bob.ask(f"{MLS}.getEpoch", convoId=room.id)).refused("NotMember")
    told = await bob.ask(f"{MLS}.getMessages", convoId=room.id, deviceId=bob.id)
    if told.status < 400:
        demand("after" not in [each["id"] for each in told.body["messages"]], "it reads what came after")
    body, _ = room.external(bob)
    (await bob.ask(f"{MLS}.processExternalCommit", body)).refused("NotMember", "Unauthorized")
    await room.add(alice, bob)
    await room.say(bob, "back")


@check("membership", "who comes in later is shown nothing from before")
async def joined_later(bench: Bench) -> None:
    """Not even sealed: what was there before says who talked when."""
    room, alice, _ = await pair(bench)
    await room.say(alice, "before")
    carol = await phone(bench, bench.take("alice", "bob", "carol")[2])
    await room.add(alice, carol)
    await room.say(alice, "after")
    shown = [each["id"] for each in await room.messages(carol) if app(each)]
    demand_equal(shown, ["after"], "messages shown to who came later")


@check("membership", "an admin puts out others, a member does not, and nobody puts out itself")
async def who_removes(bench: Bench) -> None:
    """Roles belong to accounts; the creator is the first admin."""
    alice, bob, carol = await phones(bench, "alice", "bob", "carol")
    room = await found(bench, alice, bob, carol)
    nsid = f"{MLS}.removeMember"

    def asking(target: Phone) -> dict[str, Any]:
        key = f"{bench.tag}{target.id[:8]}"
        return {"convoId": room.id, "targetDid": target.did, "idempotencyKey": key}

    (await bob.ask(nsid, asking(carol))).refused("NotAdmin")
    (await alice.ask(nsid, asking(alice))).refused("CannotRemoveSelf")
    await alice.ok(nsid, asking(carol))
    (await carol.ask(f"{MLS}.getEpoch", convoId=room.id)).refused("NotMember")


@check("membership", "a conversation always has an admin, also when two admins demote each other at once")
async def last_admin(bench: Bench) -> None:
    """Each of the two demotions is right by itself; both together would leave nobody."""
    room, alice, bob = await pair(bench)
    demote = f"{MLS}.demoteAdmin"
    await alice.ok(f"{MLS}.promoteAdmin", {"convoId": room.id, "targetDid": bob.did})
    answers: list[Answer] = []

    async def put_down(by: Phone, target: Phone) -> None:
        answers.append(await by.ask(demote, {"convoId": room.id, "targetDid": target.did}))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(put_down, alice, bob)
        nursery.start_soon(put_down, bob, alice)
    demand_equal(sum(answer.status < 400 for answer in answers), 1, "demotions that were taken, of two")
    views = (await alice.ok(f"{MLS}.getConvos"))["conversations"]
    (view,) = [each for each in views if each["id"] == room.id]
    admins = {each["did"] for each in view["members"] if each.get("isAdmin")}
    demand(len(admins) == 1, f"the admins that are left: {len(admins)}")


@check("membership", "who leaves is out, and the last one who is in cannot leave")
async def leaving(bench: Bench) -> None:
    """The last admin that goes is followed by another; a conversation without anybody is a leak."""
    room, alice, bob = await pair(bench)
    await alice.ok(f"{MLS}.leaveConvo", {"convoId": room.id})
    (await alice.ask(f"{MLS}.getEpoch", convoId=room.id)).refused("NotMember")
    (await bob.ask(f"{MLS}.leaveConvo", {"convoId": room.id})).refused("LastMember")


@check("membership", "who is in cannot be added once more")
async def added_twice(bench: Bench) -> None:
    """A second leaf of one device is a ghost that nobody removes."""
    room, alice, bob = await pair(bench)
    (package,) = await claim(alice, bob)
    try:
        made = alice.client.commit(room.group, [Add(package)])
    except Exception:  # noqa: BLE001 -- a client that refuses to author it has nothing to send
        return
    answer = await alice.ask("chat.rookery.mls.submitCommit", room.upload(alice, made))
    answer.refused("AlreadyMember", "InvalidCommit", "InvalidMls")
    await room.stands_at(bob, 1, "a second leaf of one device")


# -- small things -----------------------------------------------------------------------------------------


def app(view: dict[str, Any]) -> bool:
    """Whether a view is of an application message."""
    return bool(view.get("messageType", "app") == "app")


def heard(view: dict[str, Any]) -> Heard:
    """A view as an event of a listener."""
    return Heard(ConversationId(view["convoId"]), view["seq"], bytes_in(view["ciphertext"]))


def nameless(told: object, *people: Phone) -> None:
    """Nothing in it names one of these, or a device of theirs."""
    text = repr(told)
    for each in people:
        demand(each.did not in text, f"an account stands beside a message: {text[:400]}")
        demand(each.id not in text, f"a device stands beside a message: {text[:400]}")


def _times(convos: list[dict[str, Any]]) -> list[str]:
    found_: list[str] = []

    def walk(value: Any) -> None:
        if isinstance(value, dict):
            for name, each in value.items():
                if name.endswith("At") and isinstance(each, str):
                    found_.append(each)
                walk(each)
        elif isinstance(value, list):
            for each in value:
                walk(each)

    walk(convos)
    return found_
