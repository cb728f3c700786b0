"""The property of `test_privacy_of_any_run.py` for groups, and what their members are shown.

Hypothesis makes up what people do: commits, messages, Welcomes, reports, requests, invites, blocks, refused
or not. No line, metric or row outside the table of `scan.py` holds an id, token or key of theirs; no
application message that anybody is shown names anybody; every time in every answer is on a bucket's edge.
"""

import datetime as dt
import json
import re
import sqlite3
import time
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager, closing
from typing import Any

import attrs
import httpx
import pytest
import trio
from hypothesis import Phase, example, given, settings
from hypothesis import strategies as st

from crypto.mls import Add, Proposal, VerifiedProposal, encode_message
from protocol import AtMessage, decode_frame
from tests.edge.house import MLS, Account, House, sealed
from tests.edge.mls.circle import call
from tests.edge.mls.failures_process import RemoteHouse, remote_house
from tests.edge.mls.people import OURS, Phone, Room, claim, create, phone, publish
from tests.edge.test_session import Client
from tests.edge.test_sse import stream
from tests.system.checker import DATABASE
from tests.system.process import RouterProcess, running_router
from tests.system.scan import Secrets, search, search_tables, search_text
from tests.system.test_privacy_of_any_run import BUCKET, spelled

pytestmark = pytest.mark.system

SETTINGS = {
    "ROOKERY_LOG__RECEIVED_BUCKET_SECONDS": str(BUCKET),
    "ROOKERY_LOGGING__LEVEL": "debug",
    "ROOKERY_LOGGING__FORMAT": "json",
}
ACTS = (
    "say", "say", "commit", "late", "break", "add", "put out", "propose", "publish", "claim", "welcome",
    "reject", "report", "resolve", "invite", "revoke", "ask", "accept", "decline", "want", "moderate",
    "warn", "promote", "policy", "block", "mute", "device", "lost", "help", "look",
)  # fmt: skip
READS = (
    "getConvos", "getEpoch", "getMessages", "getGroupInfo", "getDigest", "getReports", "getAdminStats",
    "getPolicy", "listInvites", "listChatRequests", "getRequestCount", "getChatRequestSettings",
    "getConvoSettings", "getKeyPackageStats", "getKeyPackageHistory", "getKeyPackageStatus", "listDevices",
    "getPendingDeviceAdditions", "getBlockStatus",
)  # fmt: skip
NAMES = st.lists(st.integers(0, 99), min_size=4, max_size=4, unique=True)
STEPS = st.lists(
    st.tuples(st.integers(0, 2), st.sampled_from(ACTS), st.integers(0, 9)), min_size=10, max_size=40
)
DECLARED = 409
"""A size that nothing has: what a message declares is believed by nobody and kept nowhere."""
_PARTINGS = ("put out", "propose", "add", "lost", "help", "look")
EVERYTHING = [
    *((place, act, place) for place in (0, 1) for act in ACTS if act not in _PARTINGS),
    *((0, act, 4) for act in _PARTINGS),
]
"""Each act by the admin, who began the room, and by a member; then those after which somebody is out."""
TICKET_ENDS = f"{MLS}.getSubscriptionTicket.expiresAt"
"""Seconds ahead, for whoever asks, of nothing that is kept: no bucket could tell it."""
_TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)")


@attrs.define
class Heard:
    """Everything a run's people were told."""

    tokens: list[str] = attrs.field(factory=list)
    answers: list[tuple[str, Any]] = attrs.field(factory=list)
    frames: list[tuple[str, Any]] = attrs.field(factory=list)
    statuses: set[int] = attrs.field(factory=set)


class ListeningHouse(RemoteHouse):
    """A house that writes down its people's tokens and what they are answered."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.heard = Heard()

    def token(self, account: Account, nsid: str) -> str:
        """A token of this moment, written down."""
        self.heard.tokens.append(super().token(account, nsid))
        return self.heard.tokens[-1]

    async def send(self, method: str, nsid: str, account: Any = None, **request: Any) -> httpx.Response:
        """One request, its answer written down."""
        answer = await super().send(method, nsid, account, **request)
        self.heard.statuses.add(answer.status_code)
        self.heard.answers.append((nsid, answer.json()))
        return answer


@attrs.define
class Run:
    """A run as it happens. Three people are in a room; a fourth knocks."""

    router: RouterProcess
    house: House
    heard: Heard
    phones: list[Phone]
    outsider: Phone
    room: Room
    began: float
    laptops: dict[str, Phone] = attrs.field(factory=dict)
    """Second devices, of accounts by name. None of them gets a leaf."""
    messages: list[str] = attrs.field(factory=list)
    keys: list[str] = attrs.field(factory=list)
    reports: list[str] = attrs.field(factory=list)
    invites: list[str] = attrs.field(factory=list)
    requests: list[str] = attrs.field(factory=list)

    @property
    def everybody(self) -> list[Phone]:
        return [*self.phones, self.outsider, *self.laptops.values()]

    async def call(self, who: Phone, method: str, **given: Any) -> dict[str, Any]:
        """One call, refused or not."""
        if "idempotencyKey" in given:
            self.keys.append(given["idempotencyKey"])
        answer = await call(self.house, who.account.name, method, self.room.convo, **given)
        value: dict[str, Any] = answer.json()
        return value

    def inside(self, who: Phone) -> bool:
        """Whether a device has a leaf."""
        key = who.client.signing.public
        return any(member.signature_key == key for member in self.room.group.members)

    async def step(self, place: int, act: str, number: int) -> None:
        """One thing that somebody does."""
        who, other = self.phones[place], self.phones[(place + 1) % 3]
        if act in ("say", "commit", "late", "break", "add", "put out", "propose"):
            if self.inside(who):
                await self._in_the_group(who, other, act, number)
        elif act in ("publish", "claim", "welcome", "reject", "device", "lost", "help"):
            await self._about_devices(who, other, act)
        elif act in ("report", "resolve", "moderate", "warn", "promote", "policy"):
            await self._as_admins(who, other, act, number)
        else:
            await self._with_others(who, other, act, number)

    async def _in_the_group(self, who: Phone, other: Phone, act: str, number: int) -> None:
        match act:
            case "say":
                self.messages.append(spelled("message", number))
                body = self.room.message(who, self.messages[-1]) | {"declaredSize": DECLARED}
                await self.house.send("POST", f"{MLS}.sendMessage", who.account, json=body)
            case "commit":
                await self._commit(who, [])
            case "late":
                body = self.room.upload(who, who.client.commit(self.room.group))
                await self._commit(who, [])
                await self.room.submit(who, body)
            case "break":
                body = self.room.upload(who, who.client.commit(self.room.group))
                broken = bytearray(encode_message(who.client.commit(self.room.group).message))
                broken[-1] ^= 1
                await self.room.submit(who, body | {"commit": sealed(bytes(broken))})
                await self.room.submit(who, body | {"groupInfo": sealed(b"none")})
            case "add":
                absent = [each for each in (*self.phones, self.outsider) if not self.inside(each)]
                if absent:
                    await publish(self.house, absent[0], 1)
                    await self._commit(who, [Add(each) for each in await claim(self.house, who, absent[0])])
            case "put out":
                if self.inside(other):
                    await self._commit(who, self.room.remove(other))
            case "propose":
                if self.inside(other):
                    message, proposal = who.client.propose(self.room.group, self.room.remove(other)[0])
                    body = {
                        "convoId": self.room.convo,
                        "deviceId": who.id,
                        "proposal": sealed(encode_message(message)),
                    }
                    await self.house.send("POST", f"{OURS}.sendProposal", who.account, json=body)
                    await self._commit(who, [proposal])

    async def _commit(self, who: Phone, proposals: Sequence[Proposal | VerifiedProposal]) -> None:
        made = who.client.commit(self.room.group, proposals)
        if (await self.room.submit(who, self.room.upload(who, made))).is_success:
            self.room.group = made.group

    async def _about_devices(self, who: Phone, other: Phone, act: str) -> None:
        match act:
            case "publish":
                await publish(self.house, who, 2)
            case "claim":
                await self.house.get(who.account, f"{MLS}.getKeyPackages", dids=other.did)
            case "welcome":
                await self.call(who, "getWelcome", deviceId=who.id)
                await self.call(who, "confirmWelcome", deviceId=who.id, success=True)
            case "reject":
                await self.call(who, "invalidateWelcome", deviceId=who.id, reason="no key")
            case "device":
                if who.account.name not in self.laptops:
                    self.laptops[who.account.name] = await phone(self.house, who.account.name, 2)
            case "lost":
                await self.call(who, "readdition", deviceId=who.id)
                await self.call(who, "groupInfoRefresh")
            case "help":
                told = await self.call(who, "getPendingDeviceAdditions")
                for each in told.get("pendingAdditions", []):
                    named = {"pendingAdditionId": each["id"], "deviceId": who.id}
                    await self.call(who, "claimPendingDeviceAddition", **named)

    async def _as_admins(self, who: Phone, other: Phone, act: str, number: int) -> None:
        key = spelled("key", number)
        match act:
            case "report":
                told = await self.call(
                    who,
                    "reportMember",
                    reportedDid=other.did,
                    category="spam",
                    encryptedContent=sealed(b"sealed for the admins"),
                    messageIds=self.messages[-2:],
                )
                self.reports += [told["reportId"]] if "reportId" in told else []
            case "resolve":
                for report in self.reports[-1:]:
                    await self.call(who, "resolveReport", reportId=report, action="dismissed")
            case "promote":
                await self.call(who, "promoteAdmin", targetDid=other.did)
            case "moderate":
                await self.call(who, "promoteModerator", targetDid=other.did)
            case "warn":
                await self.call(who, "warnMember", memberDid=other.did, reason="loud", idempotencyKey=key)
            case "policy":
                await self.call(who, "updatePolicy", maxMembers=3 + number)

    async def _with_others(self, who: Phone, other: Phone, act: str, number: int) -> None:
        outsider = self.outsider
        match act:
            case "invite":
                told = await self.call(who, "createInvite", pskHash=f"{number:02x}" * 32)
                self.invites += [told["inviteId"]] if "inviteId" in told else []
            case "revoke":
                for invite in self.invites[-1:]:
                    await self.call(who, "revokeInvite", inviteId=invite)
            case "ask":
                told = await self.call(outsider, "sendChatRequest", recipientDid=who.did, previewText="hello")
                self.requests += [told["requestId"]] if "requestId" in told else []
            case "accept" | "decline":
                for request in self.requests[-1:]:
                    method = "acceptChatRequest" if act == "accept" else "declineChatRequest"
                    given = {} if act == "accept" else {"reportReason": "spam"}
                    await self.call(who, method, requestId=request, **given)
            case "want":
                await self.call(who, "optIn")
                await self.call(outsider, "getOptInStatus", dids=[who.did, other.did])
                await self.call(who, "blockChatSender", senderDid=outsider.did)
            case "block":
                named = {"blockerDid": who.did, "blockedDid": other.did}
                await self.call(who, "handleBlockChange", **named, action="created")
                await self.call(who, "checkBlocks", dids=[who.did, other.did])
            case "mute":
                await self.call(who, "updateConvoSettings", muted=number % 2 == 0)
            case "look":
                for method in READS:
                    await self.call(who, method)
                for method in ("getExpectedConversations", "getSubscriptionTicket", "validateDeviceState"):
                    await self.call(who, method, deviceId=who.id)
                await self.call(who, "getCommits", fromEpoch=0)

    async def listen(self) -> None:
        """Everything that the members who are left are given: pages, and the three kinds of streams."""
        members = [each for each in self.phones if self.inside(each)]
        last = spelled("message", 99)
        self.messages.append(last)
        await self.room.say(members[0], last)
        for each in members:
            await self._pages(each)
            async with stream(self.house, each.account, deviceId=each.id) as events:
                while True:
                    event = await events.next()
                    assert event is not None
                    self.heard.frames.append(("sse", event.event))
                    if _names(event.event, last):
                        break
            await self._session(each, last)
            nsid = f"{MLS}.subscribeConvoEvents"
            async with self.house.socket(each.account, nsid, query=f"?cursor=0&deviceId={each.id}") as socket:
                while True:
                    frame = decode_frame((await socket.receive())[1])
                    assert isinstance(frame, AtMessage), frame
                    self.heard.frames.append(("atproto", frame.payload))
                    if _names(frame.payload, last):
                        break

    async def _session(self, who: Phone, last: str) -> None:
        async with self.house.session(who.account) as socket:
            client = Client(socket)
            await client.open(deviceId=who.id, credit=1_000)
            while True:
                frame = await client.hear()
                self.heard.frames.append(("session", frame))
                if _names(frame, last):
                    return

    async def _pages(self, who: Phone) -> None:
        more: dict[str, Any] = {}
        while True:
            page = await self.house.get(
                who.account, f"{MLS}.getMessages", convoId=self.room.convo, limit=50, **more
            )
            for message in page["messages"]:
                self.heard.frames.append(("page", {"message": message}))
            if "cursor" not in page:
                return
            more = {"sinceMessage": page["cursor"]}

    def secrets(self) -> Secrets:
        """What must not be kept of it."""
        return Secrets.of(
            names=[each.account.name for each in self.everybody],
            devices=[each.id for each in self.everybody],
            messages=self.messages,
            tokens=self.heard.tokens,
            convos=[self.room.convo],
            keys=[key.encode() for key in self.keys],
            public_keys=[each.client.signing.public for each in self.everybody],
            began=self.began,
            ended=time.time(),
            bucket=BUCKET,
        )


def _names(frame: Any, msg_id: str) -> bool:
    """Whether a frame is the one of this message."""
    message = frame.get("message") or frame.get("event", {}).get("message") or {}
    return bool(message.get("id") == msg_id)


def spoken(heard: Heard) -> Iterator[tuple[str, Any]]:
    """Every application message that anybody was shown, with the way it came."""
    for way, frame in heard.frames:
        message = frame.get("message") or frame.get("event", {}).get("message")
        if message is not None and message.get("messageType", "app") == "app":
            yield way, frame


def times(value: Any, where: str) -> Iterator[tuple[str, dt.datetime]]:
    """Every time in an answer, with the way to it."""
    if isinstance(value, dict):
        for name, each in value.items():
            yield from times(each, f"{where}.{name}")
    elif isinstance(value, list | tuple):
        for each in value:
            yield from times(each, f"{where}[]")
    elif isinstance(value, str) and _TIME.fullmatch(value):
        yield where, dt.datetime.fromisoformat(value)


def fine_times(heard: Heard) -> list[str]:
    """Times that are on no bucket's edge, by where they stand."""
    told = [found for name, value in heard.answers + heard.frames for found in times(value, name)]
    return sorted({where for where, at in told if at.timestamp() % BUCKET and where != TICKET_ENDS})


@asynccontextmanager
async def running(names: list[int]) -> AsyncIterator[Run]:
    """People of these names on a server of their own."""
    began = time.time()
    async with running_router(SETTINGS) as router, remote_house(router, ListeningHouse) as house:
        assert isinstance(house, ListeningHouse)
        phones = [await phone(house, spelled("person", name)) for name in names]
        room = await create(house, *phones[:3])
        yield Run(router, house, house.heard, phones[:3], phones[3], room, began)


# Each example starts a server: few of them, and none to shrink, since what was found names itself.
@settings(max_examples=max(2, settings().max_examples // 25), phases=[Phase.explicit, Phase.generate])
@example(names=[0, 1, 2, 3], steps=EVERYTHING)
@given(names=NAMES, steps=STEPS)
async def test_nothing_of_any_group_is_kept_or_shown_where_it_has_no_place(
    names: list[int], steps: list[tuple[int, str, int]]
) -> None:
    async with running(names) as run:
        with trio.fail_after(120):
            for place, act, number in steps:
                await run.step(place, act, number)
            await run.listen()
        metrics = (await run.router.admin("/metrics"))[1]
        tree = (await run.router.admin("/tree"))[1]
        assert await run.router.terminate() == 0
        secrets = run.secrets()
        log = run.router.log.read_text()
        found = search_tables(run.router.data / DATABASE, secrets)
        for path in run.router.data.iterdir():
            if path.is_file():
                found += search(path.read_bytes(), secrets.tokens | secrets.keys, path.name)
        with closing(sqlite3.connect(f"file:{run.router.data / DATABASE}?mode=ro", uri=True)) as database:
            rows = database.execute("SELECT * FROM entries WHERE kind = 2").fetchall()
    assert found == []
    assert rows
    assert not [row for row in rows if DECLARED in row]
    assert search_text(log, secrets, "the log") == []
    assert search_text(metrics, secrets, "the metrics") == []
    assert search_text(tree, secrets, "the tree") == []
    assert 500 not in run.heard.statuses
    shown = list(spoken(run.heard))
    assert {way for way, _ in shown} == {"page", "sse", "session", "atproto"}
    for way, frame in shown:
        assert search(json.dumps(frame, default=repr).encode(), secrets.people, way) == []
        assert "sender" not in frame.get("message", {})
    assert fine_times(run.heard) == []
