"""Every error that a lexicon of MLS declares is met by a real call, or it is said why it cannot be.

`PLAIN` are calls on one scene (`failures_scene.py`), which no refusal changes; `MADE` are those for which
something must be done before; `UNMET` are names that older contracts have for what is told otherwise here.
Answers are held against the lexicons by `House.send`, which fails for a name that is not declared.
"""

# ruff: noqa: E501 - a case is read as one line

from __future__ import annotations

import base64
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import attrs
import httpx
import pytest

from crypto.mls import (
    Add,
    Commit,
    FromUpdate,
    Lifetime,
    ProposalByReference,
    Sender,
    SenderType,
    Update,
    encode_message,
)
from crypto.mls.testing import Client, MadeCommit
from protocol import AccountDid, Nsid
from router.config import Limits, Mls, Settings
from router.identity.device_auth import mint_device_token
from router.testing import Status
from schema import LEXICONS
from tests import generous
from tests.blocks.test_calls import open_town
from tests.edge.house import SERVICE, Account, House, error_name, open_house, padded, sealed
from tests.edge.mls.failures_scene import COMMITTING, METHODS, Scene, scene, send
from tests.edge.mls.people import SUITE, Phone, claim, create, phone, text
from tests.edge.mls.stocks import DAY, device_token_key, item, registration
from tests.edge.mls.stocks import text as package_text

Pair = tuple[str, str]
Change = Callable[[Scene], dict[str, Any]]
Made = Callable[[Scene], Awaitable[httpx.Response]]

DECLARED: dict[str, frozenset[str]] = {
    name: LEXICONS[route.nsid].error_names for name, route in METHODS.items()
}

NOT_THERE = "ConvoNotFound is the contract's own name for it, and is what is said."
NOT_IN = "NotMember and ConvoNotFound are the contract's own names for it, and are what is said."
UNMET: dict[Pair, str] = {
    ("getExpectedConversations", "Unauthorized"): "Every account may ask for its own; a device not its own is DeviceNotFound.",
    ("getPendingDeviceAdditions", "Unauthorized"): "Every account may ask; conversations that are not its own have nothing to show.",
    ("getRequestCount", "Unauthorized"): "Every account may ask for its own count.",
    ("getKeyPackages", "InvalidDid"): "What is no DID breaks the lexicon, and is InvalidRequest.",
    ("readdition", "NotFound"): NOT_THERE,
    ("readdition", "Unauthorized"): NOT_IN,
    ("getGroupInfo", "NotFound"): NOT_THERE,
    ("getGroupInfo", "Unauthorized"): NOT_IN,
    ("invalidateWelcome", "NotFound"): "WelcomeNotFound is what is said.",
    ("invalidateWelcome", "Unauthorized"): NOT_IN,
    ("updateGroupInfo", "Unauthorized"): NOT_IN,
    ("groupInfoRefresh", "Unauthorized"): NOT_IN,
    ("groupInfoRefresh", "ConversationNotFound"): NOT_THERE,
    ("groupInfoRefresh", "GroupFrozen"): "A repeat within the pause is answered as the first one was.",
    ("resetGroup", "GroupFrozen"): "A reset is an admin's; it waits for nothing.",
    ("processExternalCommit", "CommitMissingReferences"): "A joiner cannot reference what members proposed (RFC 9420 section 12.4.3.2), so it owes nothing.",
    ("removeMember", "LastAdmin"): "Who removes is an admin who stays; nobody removes himself.",
    ("leaveConvo", "LastAdmin"): "When the last admin goes, who is in longest follows.",
    ("sendMessage", "MessageTooLarge"): "What is longer than the lexicon lets it be breaks the lexicon, and is InvalidRequest or PayloadTooLarge.",
    ("sendMessage", "InvalidMls"): "InvalidAsset is the seed's name for it, and is what is said.",
}  # fmt: skip


# -- refusals on one scene -------------------------------------------------------------------------------


def fixed(**change: Any) -> Change:
    """The same in every scene."""
    return lambda _: change


NOBODY = "did:web:ghost.chat.example.com"
_JUNK = sealed(b"\0")
_DEVICE = "00000000-0000-4000-8000-00000000dead"

PLAIN: list[tuple[str, str, str, Change]] = [
    # (method, error, who calls, what is changed of a body that is right)
    ("createConvo", "InvalidCipherSuite", "dave", fixed(cipherSuite="ROT13")),
    ("createConvo", "KeyPackageNotFound", "dave", fixed(initialMembers=[NOBODY])),
    ("createConvo", "ConvoAlreadyExists", "dave", lambda s: {"groupId": s.group_id.hex()}),
    ("createConvo", "InvalidGroupInfo", "dave", fixed(groupInfo="AAAA")),
    ("createConvo", "GroupInfoMismatch", "dave", fixed(currentEpoch=7)),
    ("createConvo", "InvalidWelcome", "dave", fixed(welcomeMessage="AAAA")),
    ("createConvo", "WelcomeMismatch", "dave", lambda s: {"welcomeMessage": text(s.phone("dave").client.welcome([s.package]))}),
    ("getConvos", "InvalidCursor", "alice", fixed(cursor="x")),
    ("addMembers", "KeyPackageNotFound", "alice", fixed(didList=[NOBODY])),
    ("addMembers", "AlreadyMember", "alice", lambda s: {"didList": [s.did("bob")]}),
    ("addMembers", "NotAdmin", "bob", lambda s: {"didList": [s.did("carol")]}),
    ("removeMember", "NotAdmin", "bob", lambda s: {"targetDid": s.did("alice")}),
    ("removeMember", "CannotRemoveSelf", "alice", lambda s: {"targetDid": s.did("alice")}),
    ("leaveConvo", "NotAdmin", "bob", lambda s: {"targetDid": s.did("alice")}),
    ("leaveConvo", "TargetNotMember", "alice", lambda s: {"targetDid": s.did("dave")}),
    ("sendMessage", "InvalidAsset", "alice", fixed(paddedSize=1_024)),
    ("sendMessage", "EpochMismatch", "alice", fixed(epoch=99)),
    ("getMessages", "InvalidCursor", "alice", fixed(sinceMessage="nobody-wrote-it")),
    ("getCommits", "InvalidEpochRange", "alice", fixed(fromEpoch=99)),
    ("updateCursor", "InvalidCursor", "alice", fixed(cursor="nobody-wrote-it")),
    ("getDigest", "InvalidEpochRange", "alice", fixed(epoch=99)),
    ("sendProposal", "InvalidProposal", "alice", fixed(proposal=_JUNK)),
    ("sendProposal", "EpochMismatch", "bob", lambda s: {"proposal": sealed(encode_message(s.phone("bob").client.propose(s.old, s.room.remove(s.phone("bob"))[0])[0]))}),
    ("resetGroup", "NotAdmin", "bob", fixed()),
    ("resetGroup", "GroupIdAlreadyExists", "alice", lambda s: {"newGroupId": s.group_id.hex()}),
    ("resetGroup", "InvalidCipherSuite", "alice", fixed(cipherSuite="ROT13")),
    ("resetGroup", "InvalidGroupInfo", "alice", fixed(groupInfo=_JUNK)),
    ("resetGroup", "GroupInfoMismatch", "alice", fixed(newGroupId=b"last".hex())),
    ("resetGroup", "GroupReset", "alice", fixed(generation=7)),
    ("deleteDevice", "DeviceNotFound", "alice", fixed(deviceId=_DEVICE)),
    ("publishKeyPackage", "InvalidKeyPackage", "dave", fixed(keyPackage="AAAA")),
    ("publishKeyPackage", "InvalidCipherSuite", "dave", fixed(cipherSuite="ROT13")),
    ("publishKeyPackage", "ExpirationTooFar", "dave", lambda s: {"keyPackage": package_text(_lasting(s, 400 * DAY))}),
    ("publishKeyPackages", "BatchTooLarge", "dave", lambda s: {"keyPackages": [item(s.house, s.phone("dave").client.key_package(int(s.house.now)))] * 101}),
    ("publishKeyPackages", "InvalidBatch", "dave", fixed(keyPackages=[])),
    ("reconcileKeyPackages", "DeviceNotFound", "dave", fixed(deviceId=_DEVICE)),
    ("invalidateKeyPackage", "KeyPackageNotFound", "dave", fixed()),
    ("invalidateKeyPackage", "Unauthorized", "dave", lambda s: {"deviceDid": f"{s.did('bob')}#{s.phone('bob').id}"}),
    ("getKeyPackageStats", "InvalidDid", "alice", lambda s: {"did": s.did("bob")}),
    ("getKeyPackageStatus", "InvalidCursor", "alice", fixed(cursor="x")),
    ("getKeyPackageHistory", "InvalidCursor", "alice", fixed(cursor="x")),
    ("getWelcome", "WelcomeNotFound", "alice", fixed()),
    ("confirmWelcome", "WelcomeNotFound", "alice", fixed()),
    ("validateWelcome", "InvalidWelcome", "bob", fixed(welcomeMessage=_JUNK)),
    ("validateWelcome", "KeyPackageNotFound", "bob", fixed()),
    ("validateWelcome", "RecipientMismatch", "bob", lambda s: {"welcomeMessage": sealed(encode_message(s.phone("alice").client.welcome([s.package])))}),
    ("validateWelcome", "KeyPackageReserved", "dave", lambda s: {"welcomeMessage": sealed(encode_message(s.phone("alice").client.welcome([s.package])))}),
    ("invalidateWelcome", "WelcomeNotFound", "alice", fixed()),
    ("reissueWelcome", "WelcomeNotFound", "alice", fixed()),
    ("reissueWelcomeRespond", "RequestNotFound", "alice", lambda _: {"convoId": None, "requestId": "x", "welcomeBlob": _JUNK}),
    ("claimPendingDeviceAddition", "PendingAdditionNotFound", "alice", lambda s: {"convoId": None, "pendingAdditionId": f"{s.room.convo}:{_DEVICE}"}),
    ("completePendingDeviceAddition", "PendingAdditionNotFound", "alice", lambda _: {"convoId": None, "pendingAdditionId": "x", "newEpoch": 2}),
    ("claimPendingDeviceAddition", "NotMember", "carol", lambda s: {"convoId": None, "pendingAdditionId": f"{s.room.convo}:{_DEVICE}"}),
    ("completePendingDeviceAddition", "NotMember", "carol", lambda s: {"convoId": None, "pendingAdditionId": f"{s.room.convo}:{_DEVICE}", "newEpoch": 2}),
    ("completePendingDeviceAddition", "NotClaimed", "alice", lambda s: {"convoId": None, "pendingAdditionId": f"{s.room.convo}:{_DEVICE}", "newEpoch": 2}),
    ("requestRejoin", "AlreadyMember", "bob", fixed()),
    ("rejoin", "AlreadyMember", "bob", fixed()),
    ("requestRejoin", "InvalidKeyPackage", "alice", fixed(keyPackage="AAAA")),
    ("rejoin", "InvalidKeyPackage", "alice", fixed(keyPackage="AAAA")),
    ("requestRejoin", "InvalidCipherSuite", "alice", lambda s: {"keyPackage": _foreign(s)}),
    ("rejoin", "InvalidCipherSuite", "alice", lambda s: {"keyPackage": _foreign(s)}),
    ("updateGroupInfo", "InvalidGroupInfo", "alice", fixed(groupInfo="AAAA")),
    ("updateGroupInfo", "EpochMismatch", "alice", fixed(epoch=99)),
    ("updateGroupInfo", "GroupInfoMismatch", "alice", lambda s: {"groupInfo": text(s.phone("alice").client.group_info(s.old))}),
    ("promoteAdmin", "NotAdmin", "bob", fixed()),
    ("promoteAdmin", "AlreadyAdmin", "alice", lambda s: {"targetDid": s.did("alice")}),
    ("demoteAdmin", "NotAdmin", "bob", lambda s: {"targetDid": s.did("alice")}),
    ("demoteAdmin", "NotAdminTarget", "alice", fixed()),
    ("demoteAdmin", "LastAdmin", "alice", lambda s: {"targetDid": s.did("alice")}),
    ("promoteModerator", "NotAdmin", "bob", fixed()),
    ("promoteModerator", "IsAdmin", "alice", lambda s: {"targetDid": s.did("alice")}),
    ("demoteModerator", "NotAdmin", "bob", lambda s: {"targetDid": s.did("alice")}),
    ("demoteModerator", "NotModerator", "alice", fixed()),
    ("updatePolicy", "Unauthorized", "bob", fixed()),
    ("updatePolicy", "NoFieldsProvided", "alice", fixed(allowInvites=None)),
    ("warnMember", "NotAdmin", "bob", lambda s: {"memberDid": s.did("alice")}),
    ("warnMember", "TargetNotMember", "alice", lambda s: {"memberDid": s.did("dave")}),
    ("warnMember", "CannotWarnAdmin", "alice", lambda s: {"memberDid": s.did("alice")}),
    ("reportMember", "TargetNotMember", "alice", lambda s: {"reportedDid": s.did("dave")}),
    ("reportMember", "CannotReportSelf", "bob", fixed()),
    ("getReports", "NotAdmin", "bob", fixed()),
    ("getReports", "InvalidCursor", "alice", fixed(cursor="x")),
    ("resolveReport", "ReportNotFound", "alice", fixed()),
    ("getAdminStats", "NotAuthorized", "bob", fixed()),
    ("createInvite", "InvalidPSKHash", "alice", fixed(pskHash="x")),
    ("listInvites", "Unauthorized", "bob", fixed()),
    ("revokeInvite", "InviteNotFound", "alice", fixed()),
    ("sendChatRequest", "RecipientNotFound", "dave", fixed(recipientDid=NOBODY)),
    ("sendChatRequest", "SelfRequest", "bob", fixed()),
    ("sendChatRequest", "MessageTooLarge", "dave", lambda _: {"heldMessages": [{"ciphertext": sealed(bytes(1_048_576 + 8_192)), "paddedSize": 1_048_576 + 8_192}]}),
    ("sendChatRequest", "InvalidAsset", "dave", lambda _: {"heldMessages": [{"ciphertext": padded(b"x"), "paddedSize": 1_024}]}),
    ("acceptChatRequest", "RequestNotFound", "bob", fixed()),
    ("declineChatRequest", "RequestNotFound", "bob", fixed()),
    ("listChatRequests", "InvalidCursor", "bob", fixed(cursor="x")),
    ("checkBlocks", "TooManyDids", "bob", lambda _: {"convoId": None, "dids": [f"did:web:p{number}.example" for number in range(101)]}),
    ("getBlockStatus", "NotAdmin", "bob", fixed()),
    ("submitCommit", "KeyPackageNotFound", "alice", lambda s: _submits(s, Add(s.phone("dave").client.key_package(int(s.house.now))))),
    ("submitCommit", "NotAdmin", "bob", lambda s: s.room.upload(s.phone("bob"), s.phone("bob").client.commit(s.room.group, s.room.remove(s.phone("alice"))))),
]  # fmt: skip


def _lasting(s: Scene, seconds: int) -> Any:
    dave, now = s.phone("dave").client, int(s.house.now)
    return dave.key_package(now, leaf=dave.leaf(Lifetime(now - 10, now + seconds)))


def _foreign(s: Scene) -> str:
    """A key package of a suite that the server does not take."""
    package = bytearray(encode_message(s.phone("alice").client.key_package(int(s.house.now))))
    package[6:8] = b"\x7a\x7a"
    return base64.b64encode(bytes(package)).decode()


def _submits(s: Scene, *proposals: Any) -> dict[str, Any]:
    alice = s.phone("alice")
    return s.room.upload(alice, alice.client.commit(s.room.group, proposals))


# -- what every method says to strangers and to who has gone ----------------------------------------------

OF_ONE_CONVERSATION = sorted(name for name, errors in DECLARED.items() if "ConvoNotFound" in errors)
OF_MEMBERS = sorted(
    name
    for name, errors in DECLARED.items()
    if "NotMember" in errors
    and name not in ("claimPendingDeviceAddition", "completePendingDeviceAddition", "resolveReport")
)


# -- what every method that takes a commit says ------------------------------------------------------------


async def _spoilt(s: Scene, name: str, field: str) -> httpx.Response:
    who, made = s.commit(name)
    body = s.upload(name, s.phone(who), made)
    field = "externalCommit" if (name, field) == ("processExternalCommit", "commit") else field
    junk: Any = _JUNK if isinstance(body[field], dict) else "AAAA"
    return await s.commits(name, who, made, **{field: junk})


async def _invalid_commit(s: Scene, name: str) -> httpx.Response:
    return await _spoilt(s, name, "commit")


async def _invalid_group_info(s: Scene, name: str) -> httpx.Response:
    return await _spoilt(s, name, "groupInfo")


async def _another_group_info(s: Scene, name: str) -> httpx.Response:
    who, made = s.commit(name)
    alice = s.phone("alice").client
    other = alice.commit(s.room.group).group_info
    field: Any = sealed(encode_message(other)) if name == "submitCommit" else text(other)
    return await s.commits(name, who, made, groupInfo=field)


async def _late(s: Scene, name: str) -> httpx.Response:
    return await s.commits(name, *s.commit(name, s.old))


async def _missing_proposal(s: Scene, name: str) -> httpx.Response:
    """It refers to what nobody has seen."""
    alice = s.phone("alice").client
    proposer = s.phone("bob").client if name in ("submitCommit", "addMembers") else alice
    leaf = proposer.leaf(FromUpdate(), s.room.group.group_id, proposer.leaf_index(s.room.group))
    _, unknown = proposer.propose(s.room.group, Update(leaf))
    if name in ("removeMember", "leaveConvo"):
        (remove,) = s.room.remove(s.phone("bob"))
        _, unknown = alice.propose(s.room.group, remove)
        return await s.commits(name, "alice", alice.commit(s.room.group, [unknown]))
    if name == "processExternalCommit":
        return await s.commits(name, "erin", _joins_by_reference(s, unknown.ref))
    return await s.commits(name, *s.commit(name, None, unknown))


def _joins_by_reference(s: Scene, ref: bytes) -> MadeCommit:
    """An external commit that refers to a proposal, which no honest joiner can."""
    erin = s.phone("erin").client
    good = erin.join(s.room.group)
    content = good.message.content
    assert isinstance(content, Commit)
    spoilt = Commit((*content.proposals, ProposalByReference(ref)), content.path)
    message = erin.sign(s.room.group, spoilt, Sender(SenderType.NEW_MEMBER_COMMIT))
    return MadeCommit(message, None, good.group_info, good.group)


async def _owing(s: Scene, name: str) -> httpx.Response:
    """A proposal waits that the commit does not take."""
    bob = s.phone("bob")
    leaf = bob.client.leaf(FromUpdate(), s.room.group.group_id, bob.client.leaf_index(s.room.group))
    message, _ = bob.client.propose(s.room.group, Update(leaf))
    waiting = await s.call("bob", "sendProposal", proposal=sealed(encode_message(message)))
    assert waiting.is_success
    return await s.commits(name, *s.commit(name))


async def _treeless(s: Scene, name: str) -> httpx.Response:
    await s.unknown_tree()
    return await s.commits(name, *s.commit(name))


async def _of_the_old_group(s: Scene, name: str) -> httpx.Response:
    await s.reset()
    return await s.commits(name, *s.commit(name))


COMMIT_FAULTS: dict[str, Callable[[Scene, str], Awaitable[httpx.Response]]] = {
    "InvalidCommit": _invalid_commit,
    "InvalidGroupInfo": _invalid_group_info,
    "GroupInfoMismatch": _another_group_info,
    "EpochMismatch": _late,
    "MissingProposal": _missing_proposal,
    "CommitMissingReferences": _owing,
    "GroupInfoUnavailable": _treeless,
    "GroupReset": _of_the_old_group,
}
COMMITS: list[Pair] = [
    (name, error)
    for name in COMMITTING
    for error in COMMIT_FAULTS
    if error in DECLARED[name] and (name, error) not in UNMET
]


# -- what takes some doing ---------------------------------------------------------------------------------

MADE: dict[Pair, Made] = {}
SMALL: dict[Pair, tuple[Settings, Made]] = {}
"""In a house with other settings."""


def made(name: str, error: str, *, settings: Settings | None = None) -> Callable[[Made], Made]:
    def register(case: Made) -> Made:
        if settings is None:
            MADE[name, error] = case
        else:
            SMALL[name, error] = (settings, case)
        return case

    return register


@made("submitCommit", "AlreadyMember")
async def _(s: Scene) -> httpx.Response:
    """Of an encrypted commit only what is said of it can be judged."""
    alice, bob = s.phone("alice"), s.phone("bob")
    (package,) = await claim(s.house, alice, bob)
    made_ = alice.client.commit(s.room.group)
    body = s.room.upload_sealed(alice, made_, adds=[(bob, package)], group_info=False)
    welcome = sealed(encode_message(alice.client.welcome([package])))
    return await s.call("alice", "submitCommit", **body | {"groupInfo": None, "welcome": welcome})


@made("submitCommit", "InvalidWelcome")
async def _(s: Scene) -> httpx.Response:
    return await s.call("alice", "submitCommit", **_submits(s, Add(s.package)) | {"welcome": _JUNK})


@made("submitCommit", "WelcomeMismatch")
async def _(s: Scene) -> httpx.Response:
    return await s.call("alice", "submitCommit", **_submits(s, Add(s.package)) | {"welcome": None})


@made("addMembers", "InvalidWelcome")
async def _(s: Scene) -> httpx.Response:
    return await s.commits("addMembers", *s.commit("addMembers"), welcomeMessage="AAAA")


@made("addMembers", "WelcomeMismatch")
async def _(s: Scene) -> httpx.Response:
    return await s.commits("addMembers", *s.commit("addMembers"), welcomeMessage=None)


FEW_MEMBERS = Settings(limits=Limits(max_members=4), rate=generous.RATES)


async def _fill(s: Scene, places: int) -> None:
    """As many more as fit beside Alice, Bob and Erin."""
    more = [(await phone(s.house, f"more{number}", stock=0)).did for number in range(places)]
    assert (await s.call("alice", "addMembers", didList=more, idempotencyKey="fill")).is_success


@made("createConvo", "TooManyMembers", settings=FEW_MEMBERS)
async def _(s: Scene) -> httpx.Response:
    named = [s.did(name) for name in ("alice", "bob", "carol", "erin")]
    return await s.call("dave", "createConvo", initialMembers=named)


@made("addMembers", "TooManyMembers", settings=FEW_MEMBERS)
async def _(s: Scene) -> httpx.Response:
    await _fill(s, 1)
    return await s.call("alice", "addMembers")


@made("submitCommit", "TooManyMembers", settings=FEW_MEMBERS)
async def _(s: Scene) -> httpx.Response:
    await _fill(s, 1)
    return await s.call("alice", "submitCommit", **_submits(s, Add(s.package)))


@made("updatePolicy", "InvalidMaxMembers", settings=FEW_MEMBERS)
async def _(s: Scene) -> httpx.Response:
    return await s.call("alice", "updatePolicy", maxMembers=9)


@made("publishKeyPackage", "KeyPackageReused")
async def _(s: Scene) -> httpx.Response:
    await s.room.commit(s.phone("alice"), [Add(s.package)])
    return await s.call("dave", "publishKeyPackage", keyPackage=package_text(s.package))


@made("leaveConvo", "LastMember")
async def _(s: Scene) -> httpx.Response:
    assert (await s.call("bob", "leaveConvo")).is_success
    return await s.call("alice", "leaveConvo")


@made("sendMessage", "GroupReset")
async def _(s: Scene) -> httpx.Response:
    before = s.body(s.phone("alice"), "sendMessage")
    await s.reset()
    return await s.call("alice", "sendMessage", **before)


@made("sendProposal", "GroupReset")
async def _(s: Scene) -> httpx.Response:
    before = s.body(s.phone("alice"), "sendProposal")
    await s.reset()
    return await s.call("alice", "sendProposal", **before)


@made("sendProposal", "GroupInfoUnavailable")
async def _(s: Scene) -> httpx.Response:
    await s.unknown_tree()
    return await s.call("bob", "sendProposal")


@made("getGroupInfo", "GroupInfoUnavailable")
async def _(s: Scene) -> httpx.Response:
    await s.unknown_tree()
    return await s.call("bob", "getGroupInfo")


@made("updateGroupInfo", "GroupReset")
async def _(s: Scene) -> httpx.Response:
    await s.reset()
    return await s.call("alice", "updateGroupInfo", epoch=0)


def _registration(s: Scene, client: Client, **more: Any) -> dict[str, Any]:
    did = s.did("dave")
    return registration(did, client, [client.key_package(int(s.house.now))]) | more


async def _registers(s: Scene, body: dict[str, Any], who: str = "dave") -> httpx.Response:
    return await send(s.house, s.phone(who), "registerDevice", body)


def _new(s: Scene, name: str = "new") -> Client:
    return Client(SUITE, s.did("dave").encode(), name)


@made("registerDevice", "InvalidKeyPackage")
async def _(s: Scene) -> httpx.Response:
    body = _registration(s, _new(s))
    body["keyPackages"][0]["keyPackage"] = "AAAA"
    return await _registers(s, body)


@made("registerDevice", "InvalidCipherSuite")
async def _(s: Scene) -> httpx.Response:
    body = _registration(s, _new(s))
    body["keyPackages"][0]["cipherSuite"] = "ROT13"
    return await _registers(s, body)


@made("registerDevice", "ExpirationTooFar")
async def _(s: Scene) -> httpx.Response:
    client, now = _new(s), int(s.house.now)
    leaf = client.leaf(Lifetime(now - 10, now + 400 * DAY))
    return await _registers(s, registration(s.did("dave"), client, [client.key_package(now, leaf=leaf)]))


@made("registerDevice", "KeyPackageReused")
async def _(s: Scene) -> httpx.Response:
    """The package of a device that is gone."""
    client = _new(s)
    body = _registration(s, client)
    made_ = (await _registers(s, body)).json()
    assert (await s.call("dave", "deleteDevice", deviceId=made_["deviceId"])).is_success
    return await _registers(s, body)


@made("registerDevice", "DuplicatePublicKey")
async def _(s: Scene) -> httpx.Response:
    """A key that another account's device has; its holder proves it for this account, too."""
    bob = s.phone("bob")
    key = device_token_key(bob.client)
    body = _registration(s, Client(SUITE, s.did("dave").encode(), "x"))
    client = Client(SUITE, s.did("dave").encode(), "x")
    client.signing = bob.client.signing
    body = registration(s.did("dave"), client, [client.key_package(int(s.house.now))])
    return await _registers(s, body | s.house.new_key(s.phone("dave").account, key))


@made("registerDevice", "InvalidKeyProof")
async def _(s: Scene) -> httpx.Response:
    proof = s.house.new_key(s.phone("bob").account, device_token_key(s.phone("bob").client))["proof"]
    return await _registers(s, _registration(s, _new(s), proof=proof))


FEW_DEVICES = Settings(
    limits=Limits(max_devices=1), mls=Mls(max_key_packages=3, low_stock=1), rate=generous.RATES
)


@made("registerDevice", "TooManyDevices", settings=FEW_DEVICES)
async def _(s: Scene) -> httpx.Response:
    return await _registers(s, _registration(s, _new(s)))


@made("registerDevice", "TooManyKeyPackages", settings=FEW_DEVICES)
async def _(s: Scene) -> httpx.Response:
    client = s.phone("dave").client
    return await _registers(s, _registration(s, client))


@made("publishKeyPackage", "TooManyKeyPackages", settings=FEW_DEVICES)
async def _(s: Scene) -> httpx.Response:
    return await s.call("dave", "publishKeyPackage")


@made("requestRejoin", "TooManyKeyPackages", settings=FEW_DEVICES)
async def _(s: Scene) -> httpx.Response:
    return await s.call("alice", "requestRejoin")


@made("rejoin", "TooManyKeyPackages", settings=FEW_DEVICES)
async def _(s: Scene) -> httpx.Response:
    return await s.call("alice", "rejoin")


async def _as_device(s: Scene, who: str, name: str, body: dict[str, Any]) -> httpx.Response:
    """A call with a token that the device itself has made."""
    by, nsid = s.phone(who), Nsid(METHODS[name].nsid)
    key = device_token_key(by.client)
    token = mint_device_token(key, AccountDid(by.did), by.id, SERVICE.audience, nsid, s.house.now)
    return await s.house.send("POST", nsid, headers={"authorization": f"Bearer {token}"}, json=body)


@made("deleteDevice", "Unauthorized")
async def _(s: Scene) -> httpx.Response:
    return await _as_device(s, "bob", "deleteDevice", {"deviceId": s.phone("alice").id})


@made("reconcileKeyPackages", "Unauthorized")
async def _(s: Scene) -> httpx.Response:
    body = s.body(s.phone("alice"), "reconcileKeyPackages")
    return await _as_device(s, "bob", "reconcileKeyPackages", body)


@made("getKeyPackages", "TooManyDids", settings=Settings(mls=Mls(max_targets=1), rate=generous.RATES))
async def _(s: Scene) -> httpx.Response:
    return await s.call("alice", "getKeyPackages", dids=[s.did("bob"), s.did("dave")])


@made("validateWelcome", "KeyPackageAlreadyConsumed")
async def _(s: Scene) -> httpx.Response:
    welcome = (await s.call("bob", "getWelcome")).json()["welcome"]
    return await s.call("bob", "validateWelcome", welcomeMessage=sealed(base64.b64decode(welcome)))


@made("reissueWelcome", "NoAdminToReissue")
async def _(s: Scene) -> httpx.Response:
    assert (await s.call("alice", "leaveConvo")).is_success
    return await s.call("bob", "reissueWelcome")


@made(
    "reissueWelcome",
    "RateLimited",
    settings=Settings(rate=attrs.evolve(generous.RATES, reissue_welcome=1)),
)
async def _(s: Scene) -> httpx.Response:
    assert (await s.call("bob", "reissueWelcome")).is_success
    await _added_again(s)
    return await s.call("bob", "reissueWelcome")


async def _added_again(s: Scene) -> None:
    """Bob gets another leaf, and his requests are over."""
    (package,) = await claim(s.house, s.phone("alice"), s.phone("bob"))
    await s.room.commit(s.phone("alice"), [*s.room.remove(s.phone("bob")), Add(package)])


async def _asked(s: Scene) -> dict[str, Any]:
    """The body of an answer to Bob, who has asked for another Welcome."""
    asked = (await s.call("bob", "reissueWelcome")).json()
    welcome = (await s.call("bob", "getWelcome")).json()["welcome"]
    return {
        "convoId": None,
        "requestId": asked["requestId"],
        "welcomeBlob": sealed(base64.b64decode(welcome)),
    }


@made("reissueWelcomeRespond", "Unauthorized")
async def _(s: Scene) -> httpx.Response:
    return await s.call("carol", "reissueWelcomeRespond", **await _asked(s))


@made("reissueWelcomeRespond", "InvalidWelcome")
async def _(s: Scene) -> httpx.Response:
    return await s.call("alice", "reissueWelcomeRespond", **await _asked(s) | {"welcomeBlob": _JUNK})


@made("reissueWelcomeRespond", "KeyPackageNotFound")
async def _(s: Scene) -> httpx.Response:
    return await s.call("alice", "reissueWelcomeRespond", **await _asked(s), keyPackageHash="zz")


@made("reissueWelcomeRespond", "WelcomeMismatch")
async def _(s: Scene) -> httpx.Response:
    other = sealed(encode_message(s.phone("alice").client.welcome([s.package])))
    return await s.call("alice", "reissueWelcomeRespond", **await _asked(s) | {"welcomeBlob": other})


async def _waits(s: Scene, *, stock: int) -> str:
    """Bob has a second device, which waits to be added."""
    tablet = await phone(s.house, "bob", 2, stock=stock)
    return f"{s.room.convo}:{tablet.id}"


@made("claimPendingDeviceAddition", "KeyPackageNotFound")
async def _(s: Scene) -> httpx.Response:
    """Its only one was claimed, and no commit followed."""
    given = {"convoId": None, "pendingAdditionId": await _waits(s, stock=1)}
    assert (await s.call("alice", "claimPendingDeviceAddition", **given)).is_success
    s.house.now += s.house.edge.settings.mls.addition_lease + 2
    return await s.call("alice", "claimPendingDeviceAddition", **given)


@made("requestRejoin", "RateLimitExceeded", settings=Settings(rate=attrs.evolve(generous.RATES, rejoin=1)))
async def _(s: Scene) -> httpx.Response:
    return await _asks_too_often(s, "requestRejoin")


@made("rejoin", "RateLimitExceeded", settings=Settings(rate=attrs.evolve(generous.RATES, rejoin=1)))
async def _(s: Scene) -> httpx.Response:
    return await _asks_too_often(s, "rejoin")


async def _asks_too_often(s: Scene, name: str) -> httpx.Response:
    await s.call("bob", "getWelcome")
    assert (await s.call("bob", name)).is_success
    await _added_again(s)
    await s.call("bob", "getWelcome")
    s.house.now += 120
    return await s.call("bob", name)


@made("requestRejoin", "KeyPackageReused")
async def _(s: Scene) -> httpx.Response:
    return await _reuses(s, "requestRejoin")


@made("rejoin", "KeyPackageReused")
async def _(s: Scene) -> httpx.Response:
    return await _reuses(s, "rejoin")


async def _reuses(s: Scene, name: str) -> httpx.Response:
    """The key package that Bob was added by the second time."""
    (package,) = await claim(s.house, s.phone("alice"), s.phone("bob"))
    await s.room.commit(s.phone("alice"), [*s.room.remove(s.phone("bob")), Add(package)])
    await s.call("bob", "getWelcome")
    return await s.call("bob", name, keyPackage=package_text(package))


@made("requestRejoin", "GroupFrozen")
async def _(s: Scene) -> httpx.Response:
    return await _has_just_come_back(s, "requestRejoin")


@made("rejoin", "GroupFrozen")
async def _(s: Scene) -> httpx.Response:
    return await _has_just_come_back(s, "rejoin")


@made("readdition", "GroupFrozen")
async def _(s: Scene) -> httpx.Response:
    return await _has_just_come_back(s, "readdition")


async def _has_just_come_back(s: Scene, name: str) -> httpx.Response:
    assert (await s.call("bob", "readdition")).is_success
    await _added_again(s)
    await s.call("bob", "getWelcome")
    return await s.call("bob", name)


@made("readdition", "NoActiveMembers")
async def _(s: Scene) -> httpx.Response:
    assert (await s.call("alice", "leaveConvo")).is_success
    return await s.call("bob", "readdition")


@made("processExternalCommit", "Unauthorized", settings=FEW_MEMBERS)
async def _(s: Scene) -> httpx.Response:
    """Bob goes, others come, and there is no room for Bob any more."""
    bob = s.phone("bob")
    assert (await s.call("bob", "leaveConvo")).is_success
    await _fill(s, 2)
    back = bob.client.join(s.room.group, replacing=bob.client.leaf_index(s.room.group))
    return await s.commits("processExternalCommit", "bob", back)


@made("processExternalCommit", "GroupFrozen")
async def _(s: Scene) -> httpx.Response:
    who, commit = s.commit("processExternalCommit")
    assert (await s.commits("processExternalCommit", who, commit)).is_success
    s.room.group = commit.group
    again = s.phone(who).client.join(commit.group, replacing=s.phone(who).client.leaf_index(commit.group))
    return await s.commits("processExternalCommit", who, again)


@made("promoteModerator", "AlreadyModerator")
async def _(s: Scene) -> httpx.Response:
    assert (await s.call("alice", "promoteModerator")).is_success
    return await s.call("alice", "promoteModerator")


async def _reported(s: Scene) -> str:
    report = await s.call("bob", "reportMember", reportedDid=s.did("alice"))
    return str(report.json()["reportId"])


@made("resolveReport", "NotAdmin")
async def _(s: Scene) -> httpx.Response:
    return await s.call("bob", "resolveReport", reportId=await _reported(s))


@made("resolveReport", "NotMember")
async def _(s: Scene) -> httpx.Response:
    return await s.call("carol", "resolveReport", reportId=await _reported(s))


@made("resolveReport", "AlreadyResolved")
async def _(s: Scene) -> httpx.Response:
    report = await _reported(s)
    assert (await s.call("alice", "resolveReport", reportId=report)).is_success
    return await s.call("alice", "resolveReport", reportId=report)


@made("createInvite", "Unauthorized")
async def _(s: Scene) -> httpx.Response:
    assert (await s.call("alice", "updatePolicy", adminOnlyInvites=True, allowInvites=None)).is_success
    return await s.call("bob", "createInvite")


@made("createInvite", "TooManyInvites")
async def _(s: Scene) -> httpx.Response:
    while (answer := await s.call("alice", "createInvite")).is_success:
        pass
    return answer


async def _invited(s: Scene) -> str:
    return str((await s.call("alice", "createInvite")).json()["inviteId"])


@made("revokeInvite", "Unauthorized")
async def _(s: Scene) -> httpx.Response:
    return await s.call("bob", "revokeInvite", inviteId=await _invited(s))


@made("revokeInvite", "AlreadyRevoked")
async def _(s: Scene) -> httpx.Response:
    invite = await _invited(s)
    assert (await s.call("alice", "revokeInvite", inviteId=invite)).is_success
    return await s.call("alice", "revokeInvite", inviteId=invite)


async def _requested(s: Scene, who: str = "dave") -> str:
    return str((await s.call(who, "sendChatRequest")).json()["requestId"])


@made("sendChatRequest", "DuplicateRequest")
async def _(s: Scene) -> httpx.Response:
    await _requested(s)
    return await s.call("dave", "sendChatRequest")


@made("sendChatRequest", "BlockedByRecipient")
async def _(s: Scene) -> httpx.Response:
    blocked = {"senderDid": s.did("dave"), "convoId": None}
    assert (await s.call("bob", "blockChatSender", **blocked)).is_success
    return await s.call("dave", "sendChatRequest")


@made("sendChatRequest", "RateLimited")
async def _(s: Scene) -> httpx.Response:
    number = 0
    while True:
        sender = await phone(s.house, f"sender{number}", stock=0)
        answer = await send(s.house, sender, "sendChatRequest", {"recipientDid": s.did("bob")})
        if not answer.is_success:
            return answer
        number += 1


@made("acceptChatRequest", "AlreadyProcessed")
async def _(s: Scene) -> httpx.Response:
    request = await _requested(s)
    assert (await s.call("bob", "declineChatRequest", requestId=request)).is_success
    return await s.call("bob", "acceptChatRequest", requestId=request)


@made("acceptChatRequest", "RequestExpired")
async def _(s: Scene) -> httpx.Response:
    request = await _requested(s)
    s.house.now += 8 * DAY
    return await s.call("bob", "acceptChatRequest", requestId=request)


@made("declineChatRequest", "AlreadyProcessed")
async def _(s: Scene) -> httpx.Response:
    request = await _requested(s)
    assert (await s.call("bob", "acceptChatRequest", requestId=request)).is_success
    return await s.call("bob", "declineChatRequest", requestId=request)


# -- with accounts of elsewhere ----------------------------------------------------------------------------

BLOCKS = {
    ("createConvo", "MutualBlockDetected"),
    ("addMembers", "BlockedByMember"),
    ("submitCommit", "BlockedByMember"),
    ("checkBlocks", "BlueskyServiceUnavailable"),
    ("handleBlockChange", "BlockNotVerified"),
}


@asynccontextmanager
async def neighbours(*, blocked: bool) -> AsyncIterator[tuple[Any, House, Phone, Phone]]:
    """Bob, who lives here, and somebody of elsewhere, who blocks him or does not."""
    async with open_town() as town:
        if blocked:
            town.world.pds.block(town.alice, town.bob.did)
        town.house.accounts["far"] = Account("far", town.speaker(town.alice).key)
        bob, far = await phone(town.house, "bob", 2), await phone(town.house, "far", 2)
        yield town, town.house, bob, far


async def test_what_blocks_of_elsewhere_make_refused() -> None:
    met = set()
    async with neighbours(blocked=True) as (town, house, bob, far):
        room = await create(house, bob, group_id=b"room")
        body = {"groupId": "00", "cipherSuite": "MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519"}
        body |= {"idempotencyKey": "k", "deviceId": bob.id}
        body |= {"groupInfo": text(bob.client.create_group(b"\0").group_info)}
        named: dict[str, Any] = {"didList": [far.did], "idempotencyKey": "k"}
        (package,) = await claim(house, bob, far)
        commit = room.upload(bob, bob.client.commit(room.group, [Add(package)]))
        change = {"blockerDid": bob.did, "blockedDid": far.did, "action": "created"}
        for name, given in (
            ("createConvo", body | {"initialMembers": [far.did]}),
            ("addMembers", {"convoId": room.convo, **named}),
            ("submitCommit", commit),
            ("handleBlockChange", change),
        ):
            met.add((name, error_name(await send(house, bob, name, given))))
        town.world.pds.faults[town.carol] = Status(503)
        asked = {"dids": [town.carol, bob.did]}
        met.add(("checkBlocks", error_name(await send(house, bob, "checkBlocks", asked))))
    assert met == BLOCKS


# -- the tests ---------------------------------------------------------------------------------------------


def test_every_declared_error_has_a_call_that_meets_it() -> None:
    """None is forgotten, none is met and excused at once, and no case is about what nobody declared."""
    declared = {(name, error) for name, errors in DECLARED.items() for error in errors}
    met = {(name, error) for name, error, _, _ in PLAIN} | set(COMMITS) | MADE.keys() | SMALL.keys() | BLOCKS
    met |= {(name, "ConvoNotFound") for name in OF_ONE_CONVERSATION}
    met |= {(name, "NotMember") for name in OF_MEMBERS}
    assert declared - met == UNMET.keys()
    assert met <= declared
    assert len(UNMET) < len(declared) / 10


@pytest.fixture
async def shown() -> AsyncIterator[Scene]:
    async with open_house() as house:
        yield await scene(house)


async def test_a_stranger_is_told_of_no_conversation(shown: Scene) -> None:
    for name in OF_ONE_CONVERSATION:
        assert error_name(await shown.call("dave", name)) == "ConvoNotFound", name


async def test_who_was_put_out_is_told_so(shown: Scene) -> None:
    for name in OF_MEMBERS:
        assert error_name(await shown.call("carol", name)) == "NotMember", name


async def test_refusals_of_one_scene_have_their_names_and_change_nothing(shown: Scene) -> None:
    waiting = await _waits(shown, stock=1)
    head = await shown.house.store.head()
    for name, error, who, change in PLAIN:
        given = change(shown)
        if error == "NotClaimed":
            given["pendingAdditionId"] = waiting
        answer = await shown.call(who, name, **given)
        assert not answer.is_success, (name, error)
        assert error_name(answer) == error, (name, answer.text)
    assert await shown.house.store.head() == head


@pytest.mark.parametrize(("name", "error"), COMMITS, ids=lambda text: text)
async def test_a_commit_is_refused_by_the_same_names_everywhere(shown: Scene, name: str, error: str) -> None:
    answer = await COMMIT_FAULTS[error](shown, name)
    assert error_name(answer) == error, answer.text


@pytest.mark.parametrize(("name", "error"), sorted(MADE), ids=lambda text: text)
async def test_what_takes_some_doing_is_refused_by_its_name(shown: Scene, name: str, error: str) -> None:
    answer = await MADE[name, error](shown)
    assert error_name(answer) == error, answer.text


@pytest.mark.parametrize(("name", "error"), sorted(SMALL), ids=lambda text: text)
async def test_what_other_settings_refuse_has_its_name(name: str, error: str) -> None:
    settings, case = SMALL[name, error]
    async with open_house(settings=settings) as house:
        answer = await case(await scene(house))
        assert error_name(answer) == error, answer.text
