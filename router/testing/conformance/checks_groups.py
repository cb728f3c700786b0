"""Conversations, commits, Welcomes: the life of a group."""

import base64
import dataclasses
import hashlib
from typing import Any

import trio

from crypto.mls import (
    Add,
    GroupPolicy,
    encode_message,
    open_group,
    read_group_info,
    read_welcome,
)
from router.testing.conformance.bench import MLS, OURS, Answer, Bench, bytes_in, octets
from router.testing.conformance.people import SUITE, Phone, Room, found, invitation, phone, phones, ref
from router.testing.conformance.registry import check
from router.testing.conformance.verdicts import demand, demand_equal

CREATE, WELCOME, CONFIRM = f"{MLS}.createConvo", f"{MLS}.getWelcome", f"{MLS}.confirmWelcome"
SUBMIT, EXTERNAL = f"{OURS}.submitCommit", f"{MLS}.processExternalCommit"


# -- conversations ----------------------------------------------------------------------------------------


@check("conversations", "a group is created at the epoch its creator stands at, with those it has added")
async def created(bench: Bench) -> None:
    """The creator has committed the first members before: they are in, at epoch 1, and nobody else is."""
    alice, bob = await phones(bench, "alice", "bob")
    room = await found(bench, alice, bob)
    demand_equal(room.view["epoch"], 1, "the epoch of the new conversation")
    demand_equal({each["did"] for each in room.view["members"]}, {alice.did, bob.did}, "its members")
    told = await bob.ok(f"{MLS}.getConvos")
    demand(room.id in {each["id"] for each in told["conversations"]}, "its members find it in getConvos")


@check("conversations", "the same creation again gets the first answer, another one under its key is refused")
async def created_twice(bench: Bench) -> None:
    """A client whose connection broke must not make two conversations."""
    alice, bob = await phones(bench, "alice", "bob")
    body, _ = await invitation(alice, bob)
    first = await alice.ok(CREATE, body)
    demand_equal((await alice.ok(CREATE, body))["id"], first["id"], "the conversation of the same creation")
    other = {**body, "metadata": {"name": "another one"}}
    (await alice.ask(CREATE, other)).refused("IdempotencyConflict")


@check("conversations", "a Welcome that is not for those who are added is refused, and consumes nothing")
async def mismatched_welcome(bench: Bench) -> None:
    """Who was added without a Welcome of its own can never read, and nobody would know."""
    alice, bob, carol = await phones(bench, "alice", "bob", "carol", stock=1)
    body, _ = await invitation(alice, bob)
    wrong, _ = await invitation(alice, carol)
    (await alice.ask(CREATE, {**body, "welcomeMessage": wrong["welcomeMessage"]})).refused(
        "WelcomeMismatch", "InvalidWelcome"
    )
    view = await alice.ok(CREATE, {**body, "idempotencyKey": f"again {bench.tag}"})
    demand_equal(view["epoch"], 1, "the epoch, once it is sent with the right Welcome")


@check("conversations", "a stranger cannot tell a conversation that is there from one that is not")
async def strangers(bench: Bench) -> None:
    """Whether two people talk is nobody else's business: the refusals are equal to the byte."""
    alice, bob, eve = await phones(bench, "alice", "bob", "eve")
    room = await found(bench, alice, bob)
    nowhere = base64.b32encode(hashlib.sha256(bench.tag.encode()).digest()[:16]).decode().rstrip("=").lower()
    for nsid in ("getEpoch", "getMessages", "getWelcome", "getGroupInfo", "getPolicy", "leaveConvo"):
        there, absent = [await eve.ask(f"{MLS}.{nsid}", convoId=convo) for convo in (room.id, nowhere)]
        there.refused("ConvoNotFound")
        demand_equal((there.status, there.body), (absent.status, absent.body), f"the refusals of {nsid}")


# -- commits ----------------------------------------------------------------------------------------------


@check("commits", "of two commits of one epoch one is taken, and the other is told the epoch")
async def race(bench: Bench) -> None:
    """RFC 9420 leaves it to the delivery service to choose; two winners fork the group for ever."""
    alice, bob = await phones(bench, "alice", "bob")
    room = await found(bench, alice, bob)
    made = [by.client.commit(room.group) for by in (alice, bob)]
    answers: list[Answer] = []

    async def submit(by: Phone, body: dict[str, Any]) -> None:
        answers.append(await by.ask(SUBMIT, body))

    async with trio.open_nursery() as nursery:
        for by, each in zip((alice, bob), made, strict=True):
            nursery.start_soon(submit, by, room.upload(by, each))
    lost = [answer for answer in answers if answer.status >= 400]
    demand_equal(len(lost), 1, "commits of one epoch that are refused, of two")
    lost[0].refused("EpochMismatch")
    await room.stands_at(alice, 2, "the race")


@check("commits", "the same bytes again get the first answer, also when the group has moved on")
async def resent_commit(bench: Bench) -> None:
    """The committer whose answer was lost would else believe that it lost the race, and fork itself off."""
    alice, bob = await phones(bench, "alice", "bob")
    room = await found(bench, alice, bob)
    made = alice.client.commit(room.group)
    first = await alice.ok(SUBMIT, room.upload(alice, made))
    room.group = made.group
    await room.commit(bob)
    again = await alice.ok(SUBMIT, room.upload(alice, made))
    demand_equal(again, first, "the answer to the same commit")
    await room.stands_at(alice, 3, "a commit that was sent twice")


@check("commits", "one whose public parts do not verify is refused, and changes nothing")
async def forged_commit(bench: Bench) -> None:
    """Everybody who takes such a commit falls out of the group; the server can see it first."""
    alice, bob = await phones(bench, "alice", "bob")
    room = await found(bench, alice, bob)
    made = alice.client.commit(room.group)
    forged = dataclasses.replace(made.message, signature=bytes(len(made.message.signature)))
    body = {**room.upload(alice, made), "commit": octets(encode_message(forged))}
    (await alice.ask(SUBMIT, body)).refused("InvalidCommit", "InvalidMls")
    (await alice.ask(SUBMIT, {**body, "commit": octets(b"\x00\x01\x00\x01 no commit")})).refused(
        "InvalidCommit", "InvalidMls"
    )
    await room.stands_at(bob, 1, "commits that do not verify")
    await room.commit(alice)


@check("commits", "a GroupInfo that is not of the epoch the commit makes is refused")
async def wrong_group_info(bench: Bench) -> None:
    """Whoever joins by it would be in a group of its own."""
    alice, bob = await phones(bench, "alice", "bob")
    room = await found(bench, alice, bob)
    made = alice.client.commit(room.group)
    stale = octets(encode_message(alice.client.group_info(room.group)))
    (await alice.ask(SUBMIT, {**room.upload(alice, made), "groupInfo": stale})).refused(
        "GroupInfoMismatch", "InvalidGroupInfo"
    )
    await room.stands_at(bob, 1, "a GroupInfo of another epoch")


@check("commits", "members read the commits in order, and the chain over them is the one they compute")
async def commit_history(bench: Bench) -> None:
    """A server that shows two members two histories is found out by comparing one digest."""
    alice, bob = await phones(bench, "alice", "bob")
    room = await found(bench, alice, bob)
    sent = []
    for by in (alice, bob, alice):
        made = by.client.commit(room.group)
        await by.ok(SUBMIT, room.upload(by, made))
        room.group = made.group
        sent.append(encode_message(made.message))
    told = await bob.ok(f"{MLS}.getCommits", convoId=room.id, fromEpoch=0, deviceId=bob.id)
    kept = [each for each in told["commits"] if bytes_in(each["commitData"]) in sent]
    demand_equal([bytes_in(each["commitData"]) for each in kept], sent, "the commits, in order")
    epochs = [each["epoch"] for each in kept]
    demand_equal(epochs, sorted(set(epochs)), "their epochs, rising")
    chains = []
    for by in (alice, bob):
        answer = await by.ok(f"{OURS}.getDigest", convoId=room.id)
        chains.append(bytes_in(answer["digest"]))
    demand_equal(chains[0], chains[1], "the digest that two members are told")


@check("commits", "the GroupInfo that is given out opens, and is of the current epoch")
async def group_info(bench: Bench) -> None:
    """By it a device that lost everything comes back."""
    alice, bob = await phones(bench, "alice", "bob")
    room = await found(bench, alice, bob)
    await room.commit(bob)
    told = await alice.ok(f"{MLS}.getGroupInfo", convoId=room.id)
    opened = open_group(read_group_info(_decoded(told["groupInfo"])), GroupPolicy({SUITE.number: SUITE}))
    demand_equal((opened.group_id, opened.epoch), (room.group.group_id, 2), "(group, epoch) of the GroupInfo")


@check("commits", "who is a member comes in with another device by itself; a stranger does not")
async def external(bench: Bench) -> None:
    """External commits (RFC 9420 section 12.4.3.2) are for accounts that are in."""
    alice, bob, eve = await phones(bench, "alice", "bob", "eve")
    tablet = await phone(bench, bob.key, 2)
    room = await found(bench, alice, bob)
    body, _ = room.external(eve)
    (await eve.ask(EXTERNAL, body)).refused("ConvoNotFound", "NotMember")
    body, made = room.external(tablet)
    await tablet.ok(EXTERNAL, body)
    room.group = made.group
    await room.stands_at(tablet, 2, "an external commit")
    await room.say(tablet, "from-the-tablet")


# -- Welcomes ---------------------------------------------------------------------------------------------


@check("welcomes", "one is there until it is confirmed, however often it was fetched")
async def fetched(bench: Bench) -> None:
    """A client that died after it fetched its Welcome would else be shut out for good."""
    alice, bob = await phones(bench, "alice", "bob")
    room = await found(bench, alice, bob)
    first = await bob.ok(WELCOME, convoId=room.id, deviceId=bob.id)
    second = await bob.ok(WELCOME, convoId=room.id, deviceId=bob.id)
    demand_equal(second["welcome"], first["welcome"], "the Welcome at the second fetch")
    failed = {"convoId": room.id, "deviceId": bob.id, "success": False, "errorDetails": "no memory"}
    await bob.ok(CONFIRM, failed)
    await bob.ok(WELCOME, convoId=room.id, deviceId=bob.id)
    await bob.ok(CONFIRM, {"convoId": room.id, "deviceId": bob.id, "success": True})
    gone = await bob.ask(WELCOME, convoId=room.id, deviceId=bob.id)
    gone.refused("WelcomeNotFound")


@check("welcomes", "each device gets the one that is for its key package, and nobody gets another's")
async def cut(bench: Bench) -> None:
    """Two devices of one account: what one confirms, the other still needs."""
    alice, bob, eve = await phones(bench, "alice", "bob", "eve")
    tablet = await phone(bench, bob.key, 2)
    room = await found(bench, alice)
    packages = await room.add(alice, bob, tablet)
    for device, package in zip((bob, tablet), packages, strict=True):
        told = await device.ok(WELCOME, convoId=room.id, deviceId=device.id)
        refs = [each.hex() for each in read_welcome(_decoded(told["welcome"])).key_package_refs]
        demand(ref(package) in refs, "the Welcome of a device is for its key package")
    await bob.ok(CONFIRM, {"convoId": room.id, "deviceId": bob.id, "success": True})
    await tablet.ok(WELCOME, convoId=room.id, deviceId=tablet.id)
    (await alice.ask(WELCOME, convoId=room.id, deviceId=alice.id)).refused("WelcomeNotFound")
    (await eve.ask(WELCOME, convoId=room.id, deviceId=eve.id)).refused("ConvoNotFound")


@check("welcomes", "one that its device rejects is not given again")
async def rejected(bench: Bench) -> None:
    """It may be that the key for it is lost; another one has to be made."""
    alice, bob = await phones(bench, "alice", "bob")
    room = await found(bench, alice, bob)
    nack = {"convoId": room.id, "deviceId": bob.id, "reason": "noMatchingKeyPackage"}
    await bob.ok(f"{MLS}.invalidateWelcome", nack)
    (await bob.ask(WELCOME, convoId=room.id, deviceId=bob.id)).refused("WelcomeNotFound")


@check("welcomes", "a newer one takes the place of the one before")
async def superseded(bench: Bench) -> None:
    """After a removal and another add the old Welcome opens an epoch in which its device is not."""
    alice, bob = await phones(bench, "alice", "bob")
    room = await found(bench, alice, bob)
    await room.remove(alice, bob)
    await room.add(alice, bob)
    told = await bob.ok(WELCOME, convoId=room.id, deviceId=bob.id)
    demand_equal(told.get("epoch", 3), 3, "the epoch of the Welcome that is given")


@check("commits", "somebody is added with the commit that adds it, or not at all")
async def added_by_commit(bench: Bench) -> None:
    """Named is not in: who is in has a leaf, a Welcome, and its key package is used up."""
    alice, bob, carol = await phones(bench, "alice", "bob", "carol")
    room = await found(bench, alice, bob)
    stale, _ = room.group, None
    packages = await room.add(bob, carol)
    told = await carol.ok(f"{MLS}.getConvos")
    demand(room.id in {each["id"] for each in told["conversations"]}, "who was added finds the conversation")
    made = alice.client.commit(stale, [Add(packages[0])])
    late = Room(bench, room.id, stale)
    (await alice.ask(SUBMIT, late.upload(alice, made))).refused("EpochMismatch")


def _decoded(text: str) -> bytes:
    return base64.b64decode(text + "=" * (-len(text) % 4))
