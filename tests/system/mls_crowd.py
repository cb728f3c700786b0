"""People whose groups change while their server is killed: they repeat what was not answered, byte for byte.

    rivals    alice adds and removes guests, with Welcome and GroupInfo, and bob commits for the same epoch
    founders  erin begins one conversation after another, with a guest in each
    taker     dave takes key packages that he does not use

Every commit that was ever sent is written down with what follows from it, the losers' too; `mls_judge.py`
compares that with the database.
"""

from __future__ import annotations

import random
from typing import Any

import attrs
import httpx
import trio

from crypto.mls import Add, KeyPackage, Proposal, encode_message, key_package_ref
from crypto.mls.testing import MadeCommit
from protocol import MsgId, commit_id
from tests.edge.house import MLS, error_name
from tests.edge.mls.failures_process import RemoteHouse
from tests.edge.mls.people import OURS, Phone, Room, claim, create, creation, hashes, phone, publish

SUBMIT, CREATE = f"{OURS}.submitCommit", f"{MLS}.createConvo"
_LOW = 4
_SUPPLY = 12


class PatientHouse(RemoteHouse):
    """A house whose people repeat a request until they are answered."""

    async def send(self, method: str, nsid: str, account: Any = None, **request: Any) -> httpx.Response:
        """The first answer that says how the request ended; each repeat has a token of its own."""
        with trio.fail_after(60):
            while True:
                try:
                    answer = await super().send(method, nsid, account, **request)
                except httpx.TransportError:
                    await trio.sleep(0.02)
                    continue
                if answer.status_code != 503:
                    return answer
                await trio.sleep(0.02)


@attrs.frozen
class Meant:
    """What goes with a commit, or with the beginning of a conversation; written down before it is sent."""

    epoch: int
    """The one it begins."""
    group_info: bytes
    guest: str | None = None
    """The device that is welcomed."""
    package: bytes | None = None
    """The ref of the key package that is used up."""


@attrs.frozen
class Answered:
    """A request that changes a group, and the first answer to it."""

    by: Phone
    nsid: str
    body: dict[str, Any]
    status: int
    answer: dict[str, Any]


@attrs.define
class MlsCrowd:
    """Everybody. `stop` ends what they do, after the last answer."""

    house: RemoteHouse
    dice: random.Random
    room: Room
    alice: Phone
    bob: Phone
    guests: list[Phone]
    erin: Phone
    dave: Phone
    meant: dict[MsgId, Meant] = attrs.field(factory=dict)
    """Commits for the room that were sent, whatever became of them."""
    begun: dict[str, Meant] = attrs.field(factory=dict)
    """Conversations that were to begin, by their group."""
    answered: list[Answered] = attrs.field(factory=list)
    given: list[bytes] = attrs.field(factory=list)
    """Refs of all key packages that anybody was given."""
    inside: set[str] = attrs.field(factory=set)
    """Devices of guests with a leaf."""
    stop: bool = False

    async def live(self) -> None:
        """All of them at once, until `stop`."""
        async with trio.open_nursery() as nursery:
            nursery.start_soon(self._rivals)
            nursery.start_soon(self._founders)
            nursery.start_soon(self._taker)

    async def take(self, by: Phone, guest: Phone) -> KeyPackage:
        """A key package of this guest. What a lost answer gave away is lost, so there is a supply."""
        while True:
            stock = await self.house.get(guest.account, f"{MLS}.getKeyPackageStats")
            if stock["available"] < _LOW:
                await publish(self.house, guest, _SUPPLY)
            try:
                (package,) = await claim(self.house, by, guest)
            except KeyError:
                continue
            self.given.append(ref_of(guest, package))
            return package

    async def _rivals(self) -> None:
        spare: dict[str, KeyPackage] = {}  # taken for a commit that lost: still alice's to use
        while not self.stop:
            guest = self.dice.choice(self.guests)
            proposals: list[Proposal] = []
            added, package = None, None
            if guest.id in self.inside:
                proposals = list(self.room.remove(guest))
            else:
                added = guest
                package = spare.pop(guest.id, None) or await self.take(self.alice, guest)
                proposals = [Add(package)]
            mine = self.alice.client.commit(self.room.group, proposals)
            theirs = self.bob.client.commit(self.room.group)
            results: dict[str, Answered] = {}
            async with trio.open_nursery() as nursery:
                for by, made, joins, used in (
                    (self.alice, mine, added, package),
                    (self.bob, theirs, None, None),
                ):
                    nursery.start_soon(self._submit, results, by, made, joins, used)
            first, second = results[self.alice.id], results[self.bob.id]
            assert sorted((first.status, second.status)) == [200, 409], (first.answer, second.answer)
            if first.status == 200:
                self.room.group = mine.group
                if added is not None:
                    self.inside.add(added.id)
                    await self._welcomed(added, mine)
                else:
                    self.inside.remove(guest.id)
            else:
                self.room.group = theirs.group
                if added is not None and package is not None:
                    spare[added.id] = package

    async def _submit(
        self,
        results: dict[str, Answered],
        by: Phone,
        made: MadeCommit,
        added: Phone | None,
        package: KeyPackage | None,
    ) -> None:
        body = self.room.upload(by, made)
        self.meant[commit_id(encode_message(made.message))] = Meant(
            made.group.epoch,
            encode_message(made.group_info),
            None if added is None else added.id,
            None if added is None or package is None else ref_of(added, package),
        )
        await trio.sleep(self.dice.uniform(0, 0.02))
        answer = await self.room.submit(by, body)
        if not answer.is_success:
            assert error_name(answer) == "EpochMismatch", answer.text
        results[by.id] = self.note(by, SUBMIT, body, answer)

    def note(self, by: Phone, nsid: str, body: dict[str, Any], answer: httpx.Response) -> Answered:
        """Write down what was answered."""
        self.answered.append(Answered(by, nsid, body, answer.status_code, answer.json()))
        return self.answered[-1]

    async def _welcomed(self, guest: Phone, made: MadeCommit) -> None:
        """Who was added by an answered commit has its Welcome, as often as it asks until it says so."""
        params = {"convoId": self.room.convo, "deviceId": guest.id}
        first = await self.house.get(guest.account, f"{MLS}.getWelcome", **params)
        assert first["epoch"] == made.group.epoch
        assert await self.house.get(guest.account, f"{MLS}.getWelcome", **params) == first
        if self.dice.random() < 0.5:
            body = {"convoId": self.room.convo, "deviceId": guest.id, "success": True}
            await self.house.post(guest.account, f"{MLS}.confirmWelcome", body)

    async def _founders(self) -> None:
        number = 0
        while not self.stop:
            guest, number = self.dice.choice(self.guests), number + 1
            package = await self.take(self.erin, guest)
            group = self.erin.client.create_group(b"found %d" % number).group
            made = self.erin.client.commit(group, [Add(package)])
            body = creation(self.erin, made, group.group_id, initialMembers=[guest.did])
            body["keyPackageHashes"] = hashes([guest], [package])
            self.begun[body["groupId"]] = Meant(
                1, encode_message(made.group_info), guest.id, ref_of(guest, package)
            )
            answer = await self.house.send("POST", CREATE, self.erin.account, json=body)
            assert answer.is_success, answer.text
            self.note(self.erin, CREATE, body, answer)
            await trio.sleep(self.dice.uniform(0, 0.2))

    async def _taker(self) -> None:
        while not self.stop:
            await self.take(self.dave, self.dice.choice(self.guests))
            await trio.sleep(self.dice.uniform(0, 0.1))


def ref_of(device: Phone, package: KeyPackage) -> bytes:
    """The hash reference by which everybody names a key package."""
    return key_package_ref(package, device.client.suite)


async def gather_crowd(house: RemoteHouse, dice: random.Random) -> MlsCrowd:
    """Everybody registered, alice and bob in a group."""
    alice, bob, erin, dave = [await phone(house, name) for name in ("alice", "bob", "erin", "dave")]
    guests = [await phone(house, f"guest{number}", stock=_SUPPLY) for number in range(3)]
    crowd = MlsCrowd(house, dice, await create(house, alice, bob), alice, bob, guests, erin, dave)
    told = await house.get(bob.account, f"{MLS}.getWelcome", convoId=crowd.room.convo)
    assert told["epoch"] == 1
    return crowd
