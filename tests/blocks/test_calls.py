"""Blocks over HTTP: nobody is brought together with who blocks them, and admins hear of conflicts."""

from __future__ import annotations

import hashlib
import uuid
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import attrs
import httpx
import pytest
import trio
import trio.testing

from protocol import (
    AccountDid,
    BlockConflict,
    ConversationKind,
    Create,
    CreateAnswer,
    DeviceId,
    EntryKind,
    LeafAdd,
    Leave,
    MemberDevice,
    WelcomeFor,
    conversation_id_from_bytes,
    decode_fact,
)
from router.config import Blocks as BlockSettings
from router.config import Settings
from router.edge.errors import Refusal
from router.edge.mls.blocks import check_cohabitation
from router.identity.resolver import HomeFirst, LocalResolver
from router.store.interface import Store
from router.store.memory import MemoryStore
from router.store.sqlite.store import SqliteOptions, open_sqlite
from router.store.values import Device
from router.testing import Fault, Garbage, Hang, Oversize, Redirect, Status
from tests.blocks.kit import World, open_world
from tests.edge.house import MLS, NOW, SERVICE, Account, House, error_name, open_house

CHECK, STATUS, CHANGE = (f"{MLS}.{name}" for name in ("checkBlocks", "getBlockStatus", "handleBlockChange"))
RECORD = "app.bsky.graph.block"


@attrs.define
class Town:
    """A house, accounts of elsewhere, and their PDS. Bob lives in the house; Alice and Carol do not."""

    house: House
    world: World
    bob: Account
    alice: AccountDid
    carol: AccountDid

    async def register(self, account: AccountDid) -> DeviceId:
        """A device of an account of elsewhere."""
        name = hashlib.blake2b(account.encode(), digest_size=32).digest()
        device = Device(DeviceId(str(uuid.UUID(bytes=name[:16], version=4))), account, "", name, 20_000)
        await self.house.store.register_device(device, now=int(NOW), max_devices=10)
        return device.id

    async def group(self, admin: AccountDid, *others: AccountDid, number: int = 0) -> str:
        """An MLS conversation of these accounts."""
        own, *members = [
            MemberDevice(account, (await self.house.store.devices_of(account))[0].id)
            for account in (admin, *others)
        ]
        adds = tuple(LeafAdd(member, leaf=leaf) for leaf, member in enumerate(members, 1))
        welcomes = tuple(WelcomeFor(each.account, each.device, None, b"w") for each in members)
        answer = await self.house.edge.conversations.ask(
            Create(
                conversation_id_from_bytes(bytes(15) + bytes((number,))), admin, ConversationKind.MLS,
                f"{number:02x}", "", None, None, (own,), 1, adds=adds, welcomes=welcomes,
            )
        )  # fmt: skip
        assert isinstance(answer, CreateAnswer), answer
        return answer.conversation.id

    async def check(self, *dids: str) -> httpx.Response:
        query = "&".join(f"dids={did}" for did in dids)
        headers = self.house.headers(self.bob, CHECK)
        return await self.house.http.get(f"/xrpc/{CHECK}?{query}", headers=headers)

    async def change(
        self, blocker: str, blocked: str, action: str = "created", *, by: Account | None = None, **more: Any
    ) -> httpx.Response:
        body = {"blockerDid": blocker, "blockedDid": blocked, "action": action, **more}
        return await self.house.send("POST", CHANGE, by or self.bob, json=body)

    def speaker(self, account: AccountDid) -> Account:
        """An account of elsewhere that speaks for itself."""
        return Account("", self.world.outside.hosts.accounts[account].key)

    async def notices(self, convo: str) -> list[BlockConflict]:
        entries = await self.house.store.entries_after(0, max_entries=1_000, max_bytes=1 << 30)
        facts = [
            decode_fact(entry.body)
            for entry in entries
            if entry.kind is EntryKind.NOTICE and entry.conversation == convo
        ]
        return [fact for fact in facts if isinstance(fact, BlockConflict)]


@asynccontextmanager
async def open_town(
    world: Mapping[str, Any] | None = None, *, store: Store | None = None, **blocks: Any
) -> AsyncIterator[Town]:
    """A town for the block, with these settings of `[blocks]`."""
    settings, store = Settings(blocks=BlockSettings(**blocks)), store or MemoryStore()
    async with open_world(**(world or {})) as outside:
        resolver = HomeFirst(SERVICE, LocalResolver(SERVICE, store), outside.outside.resolver)
        opened = open_house(store, settings=settings, blocks=outside.blocks, resolver=resolver)
        async with opened as house:
            yield await _settled(house, outside)


async def _settled(house: House, outside: World) -> Town:
    bob = await house.account("bob")
    await house.device(bob)
    alice, carol = outside.people("alice", "carol")
    town = Town(house, outside, bob, alice, carol)
    for account in (alice, carol):
        await town.register(account)
    return town


@pytest.fixture(params=["memory", "sqlite"])
async def town(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Town]:
    """On both stores: what admins are told goes through the log."""
    if request.param == "memory":
        async with open_town() as running:
            yield running
    else:
        async with (
            open_sqlite(tmp_path / "data", SqliteOptions(writer="inline")) as store,
            open_town(store=store) as running,
        ):
            yield running


DOWN: list[Fault] = [
    Status(503),
    Garbage(b"<html>"),
    Oversize(400_000),
    Redirect("https://elsewhere.example.net"),
]


# -- bringing people together -----------------------------------------------------------------------------


async def create(town: Town, *others: str) -> httpx.Response:
    body = {
        "groupId": "00ff",
        "cipherSuite": "MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519",
        "initialMembers": list(others),
        "idempotencyKey": "k",
    }
    return await town.house.send("POST", f"{MLS}.createConvo", town.bob, json=body)


@pytest.mark.parametrize("direction", ["blocks me", "blocks her"])
async def test_no_conversation_begins_between_who_blocks_and_who_is_blocked(
    town: Town, direction: str
) -> None:
    """Both directions, and also between two others than the creator."""
    if direction == "blocks me":
        town.world.pds.block(town.alice, town.bob.did)
    else:
        town.world.pds.block(town.carol, town.alice)
    refused = await create(town, town.alice, town.carol)
    assert error_name(refused) == "MutualBlockDetected"
    assert town.alice not in refused.text
    assert (await create(town, town.alice if direction == "blocks her" else town.carol)).is_success


@pytest.mark.parametrize("fault", DOWN)
async def test_while_a_pds_is_down_nobody_is_brought_together(fault: Fault) -> None:
    """Failure 27: the seed server let everybody in when it could not look. Here: not now, come again."""
    async with open_town() as town:
        town.world.pds.faults[town.alice] = fault
        refused = await create(town, town.alice)
        assert error_name(refused) == "UpstreamFailure"
        assert int(refused.headers["retry-after"]) == 30
        assert (await create(town, town.carol)).is_success


async def test_a_pds_that_hangs_is_waited_for_so_long() -> None:
    async with open_town({"request_seconds": 0.2}) as town:
        town.world.pds.faults[town.alice] = Hang()
        assert error_name(await create(town, town.alice)) == "UpstreamFailure"


async def test_an_operator_may_choose_to_let_the_unknown_in() -> None:
    """And what is known to be a block stays one."""
    async with open_town(when_unknown="allow") as town:
        town.world.pds.faults[town.alice] = Status(503)
        town.world.pds.block(town.carol, town.bob.did)
        assert error_name(await create(town, town.alice, town.carol)) == "MutualBlockDetected"
        assert (await create(town, town.alice)).is_success


async def test_an_operator_may_turn_it_off() -> None:
    async with open_town(enabled=False) as town:
        town.world.pds.block(town.alice, town.bob.did)
        assert (await create(town, town.alice)).is_success
        assert town.world.pds.asked == []
        assert error_name(await town.check(town.alice, town.bob.did)) == "MethodNotImplemented"


async def test_who_is_blocked_by_a_member_is_not_added(town: Town) -> None:
    """In both directions; a conflict between those who are in already keeps nobody else out."""
    present = (AccountDid(town.bob.did), town.alice)
    await check_cohabitation(town.house.edge, present, (town.carol,))
    town.world.pds.block(town.alice, town.bob.did)
    (dave,) = town.world.people("dave")
    town.world.pds.block(dave, town.alice)
    with pytest.raises(Refusal) as caught:
        await check_cohabitation(town.house.edge, present, (dave,))
    assert caught.value.error == "BlockedByMember"
    (eve,) = town.world.people("eve")
    await check_cohabitation(town.house.edge, present, (eve,))
    await check_cohabitation(town.house.edge, present, ())


# -- checkBlocks ------------------------------------------------------------------------------------------


async def test_blocks_are_told_with_their_records(town: Town) -> None:
    uri = town.world.pds.block(town.alice, town.bob.did, created="2026-02-03T04:05:06.789Z")
    answer = await town.check(town.bob.did, town.alice, town.carol)
    assert answer.json() == {
        "blocks": [
            {
                "blockerDid": town.alice,
                "blockedDid": town.bob.did,
                "createdAt": "2026-02-03T04:05:06.789Z",
                "blockUri": uri,
            }
        ],
        "checkedAt": "2026-05-28T20:26:40Z",
    }
    assert (await town.check(town.bob.did, town.carol)).json()["blocks"] == []


@pytest.mark.parametrize("when_unknown", ["refuse", "allow"])
async def test_what_cannot_be_looked_up_is_no_all_clear(when_unknown: str) -> None:
    async with open_town(when_unknown=when_unknown) as town:
        town.world.pds.faults[town.alice] = Status(503)
        answer = await town.check(town.alice, town.bob.did)
        if when_unknown == "refuse":
            assert error_name(answer) == "BlueskyServiceUnavailable"
        else:
            assert answer.json()["unknown"] == [town.alice]
        town.world.pds.block(town.carol, town.bob.did)
        both = (await town.check(town.alice, town.bob.did, town.carol)).json()
        assert (len(both["blocks"]), both["unknown"]) == (1, [town.alice])


async def test_two_to_a_hundred_accounts_are_held_against_each_other(town: Town) -> None:
    """And devices are none of them (failure 11): nobody blocks a device, so each would pass for clear."""
    many = [f"did:web:a{number}.chat.example.com" for number in range(101)]
    assert error_name(await town.check(*many)) == "TooManyDids"
    assert (await town.check(*many[:100])).is_success
    assert error_name(await town.check(many[0])) == "InvalidRequest"
    device = await town.house.device(town.bob)
    assert error_name(await town.check(town.alice, f"{town.bob.did}%23{device}")) == "InvalidRequest"


# -- getBlockStatus ---------------------------------------------------------------------------------------


async def status(town: Town, convo: str, who: Account) -> httpx.Response:
    return await town.house.send("GET", STATUS, who, params={"convoId": convo})


async def test_an_admin_sees_which_blocks_stand_in_its_conversation(town: Town) -> None:
    """Blocked while both are in: nobody is put out, and the admin can see and decide."""
    convo = await town.group(AccountDid(town.bob.did), town.alice, town.carol)
    clear = (await status(town, convo, town.bob)).json()
    assert (clear["hasConflicts"], clear["blocks"], clear["memberCount"]) == (False, [], 3)
    uri = town.world.pds.block(town.carol, town.alice)
    town.world.later(60)
    found = (await status(town, convo, town.bob)).json()
    assert (found["hasConflicts"], found["blocks"][0]["blockUri"]) == (True, uri)


async def test_only_admins_of_the_conversation_see_it(town: Town) -> None:
    """Who blocks whom is not the group's business, and whether a group exists is not a stranger's."""
    dave = await town.house.account("dave")
    await town.house.device(dave)
    eve = await town.house.account("eve")
    convo = await town.group(AccountDid(town.bob.did), AccountDid(dave.did), town.alice)
    assert error_name(await status(town, convo, dave)) == "NotAdmin"
    assert error_name(await status(town, convo, eve)) == "ConvoNotFound"
    await town.house.edge.conversations.ask(
        Leave(conversation_id_from_bytes(bytes(16)), AccountDid(dave.did))
    )
    assert error_name(await status(town, convo, dave)) == "NotMember"


@pytest.mark.parametrize("when_unknown", ["refuse", "allow"])
async def test_a_status_that_nobody_can_tell_is_not_told_as_clear(when_unknown: str) -> None:
    async with open_town(when_unknown=when_unknown) as town:
        convo = await town.group(AccountDid(town.bob.did), town.alice, town.carol)
        town.world.pds.faults[town.alice] = Status(503)
        answer = await status(town, convo, town.bob)
        if when_unknown == "refuse":
            assert error_name(answer) == "UpstreamFailure"
            assert answer.headers["retry-after"] == "30"
        else:
            assert (answer.json()["hasConflicts"], answer.json()["unknown"]) == (False, [town.alice])


# -- handleBlockChange ------------------------------------------------------------------------------------


async def test_the_admins_of_shared_conversations_are_told_once(town: Town) -> None:
    """And taken back once: whoever is in with them and no admin gets neither."""
    dave = await town.house.account("dave")
    admin = await town.house.device(dave)
    shared = await town.group(AccountDid(dave.did), town.alice, AccountDid(town.bob.did))
    await town.group(AccountDid(dave.did), AccountDid(town.bob.did), town.carol, number=1)
    uri = town.world.pds.block(town.alice, town.bob.did)

    told = (await town.change(town.alice, town.bob.did, blockUri=uri)).json()
    assert told == {
        "affectedConvos": [
            {
                "convoId": shared,
                "action": "admin_notified",
                "adminNotified": True,
                "notificationSentAt": "2026-05-28T20:26:40Z",
            }
        ]
    }
    town.world.later(5)
    assert (await town.change(town.alice, town.bob.did, blockUri=uri)).json() == told
    (notice,) = await town.notices(shared)
    assert (notice.blocker, notice.blocked, notice.audience) == (town.alice, town.bob.did, (admin,))

    town.world.pds.delete(uri)
    town.world.later(5)
    (gone,) = (await town.change(town.alice, town.bob.did, "removed")).json()["affectedConvos"]
    assert (gone["action"], gone["adminNotified"]) == ("admin_notified", True)
    town.world.later(5)
    (again,) = (await town.change(town.alice, town.bob.did, "removed")).json()["affectedConvos"]
    assert again == {"convoId": shared, "action": "no_action", "adminNotified": False}
    assert [each.stands for each in await town.notices(shared)] == [True, False]


async def test_a_live_stream_shows_a_conflict_to_admins_only(town: Town) -> None:
    dave = await town.house.account("dave")
    devices = [DeviceId(await town.house.device(who)) for who in (dave, town.bob)]
    shared = await town.group(AccountDid(dave.did), town.alice, AccountDid(town.bob.did))
    await trio.testing.wait_all_tasks_blocked()
    head = await town.house.store.head()
    async with (
        town.house.edge.devices.open_feed(devices[0], after=head) as admins,
        town.house.edge.devices.open_feed(devices[1], after=head) as members,
    ):
        uri = town.world.pds.block(town.alice, town.bob.did)
        assert (await town.change(town.alice, town.bob.did, blockUri=uri)).is_success
        with trio.fail_after(60):
            (published,) = await admins.take()
        event = published.event.session_json()
        assert all(part.encode() in event for part in ("blockConflict", town.alice, town.bob.did, shared))
        assert members.take_nowait() == []


async def test_a_claim_is_never_believed(town: Town) -> None:
    """Failure 27: told by one of the two, of records that say otherwise, are not theirs, or are none."""
    await town.group(AccountDid(town.bob.did), town.alice, town.carol)
    of_carol = town.world.pds.block(town.carol, town.bob.did)
    of_other = town.world.pds.block(town.alice, town.carol)
    for uri in (
        of_carol,
        of_other,
        f"at://{town.alice}/{RECORD}/3kabsent",
        f"at://alice.example.net/{RECORD}/3k",
    ):
        refused = await town.change(town.alice, town.bob.did, blockUri=uri)
        assert error_name(refused) == "BlockNotVerified", uri
        town.world.later(5)
    assert error_name(await town.change(town.carol, town.bob.did, "removed")) == "BlockNotVerified"
    assert error_name(await town.change(town.bob.did, town.alice)) == "BlockNotVerified"


async def test_only_one_of_the_two_may_tell(town: Town) -> None:
    town.world.pds.block(town.alice, town.carol)
    assert error_name(await town.change(town.alice, town.carol)) == "Forbidden"
    assert error_name(await town.change(town.bob.did, town.bob.did)) == "InvalidRequest"
    assert error_name(await town.change(town.alice, town.bob.did, "paused")) == "InvalidRequest"
    assert town.world.pds.asked == []


@pytest.mark.parametrize("when_unknown", ["refuse", "allow"])
async def test_a_claim_that_cannot_be_looked_into_waits(when_unknown: str) -> None:
    """Under either policy: to let the unknown in is one thing, to set admins on somebody another."""
    async with open_town(when_unknown=when_unknown) as town:
        town.world.pds.faults[town.alice] = Status(503)
        refused = await town.change(town.alice, town.bob.did)
        assert error_name(refused) == "UpstreamFailure"
        assert refused.headers["retry-after"] == "30"


async def test_the_same_claim_again_at_once_is_not_looked_into(town: Town) -> None:
    """A caller cannot make us knock on somebody's PDS as often as it can call us."""
    uri = town.world.pds.block(town.alice, town.bob.did)
    assert (await town.change(town.alice, town.bob.did, blockUri=uri)).is_success
    braked = await town.change(town.alice, town.bob.did, blockUri=uri)
    assert error_name(braked) == "RateLimitExceeded"
    assert 1 <= int(braked.headers["retry-after"]) <= 5
    assert len(town.world.pds.asked) == 1


async def test_who_has_left_is_in_nobodys_way(town: Town) -> None:
    convo = await town.group(AccountDid(town.bob.did), town.alice)
    await town.house.edge.conversations.ask(Leave(conversation_id_from_bytes(bytes(16)), town.alice))
    uri = town.world.pds.block(town.alice, town.bob.did)
    assert (await town.change(town.alice, town.bob.did, blockUri=uri)).json() == {"affectedConvos": []}
    assert await town.notices(convo) == []


async def test_the_blocker_is_heard_though_the_blocked_has_used_up_its_turn(town: Town) -> None:
    """Bob cannot keep Alice's block from the admins by telling of it himself, again and again."""
    convo = await town.group(AccountDid(town.bob.did), town.alice)
    uri = town.world.pds.block(town.alice, town.bob.did)
    for _ in range(3):
        await town.change(town.alice, town.bob.did, "removed")
    told = await town.change(town.alice, town.bob.did, by=town.speaker(town.alice), blockUri=uri)
    assert [each["action"] for each in told.json()["affectedConvos"]] == ["admin_notified"]
    (notice,) = await town.notices(convo)
    assert notice.by == town.alice
