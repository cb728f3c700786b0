"""Sessions of a real MLS client, recorded, and driven over HTTP in the order in which they arrived.

The bytes are of ts-mls (`../shared/vectors/mls/ds-scenarios`): key packages, Welcomes, GroupInfos, commits in
clear and encrypted, proposals and external commits, of which each step says how it has to be answered. So no
byte that the server verifies here was made by code of ours.
"""

from __future__ import annotations

import base64
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import attrs
import httpx
import pytest

from crypto import PaddingProfile, pad
from crypto.mls import read_key_package
from protocol import AccountDid
from router.config import Settings
from router.config.sections import Blocks as BlockSettings
from router.identity.document import ATPROTO_KEY, DidDocument, VerificationMethod
from router.identity.errors import ResolutionError
from router.identity.keys import AccountKey
from router.store.interface import Store
from router.store.memory import MemoryStore
from router.store.sqlite.store import SqliteOptions, open_sqlite
from tests.edge.house import MLS, Account, House, error_name, open_house, sealed
from tests.edge.mls.people import OURS
from tests.vectors import load_vectors

_SCENARIOS = ("suite1-public", "suite1-private")
_NOBODY_BLOCKS = Settings(blocks=BlockSettings(enabled=False))
"""The recording's accounts have no repository in which blocks could be read."""


@attrs.define
class Directory:
    """The accounts of the recording, which are not of this router."""

    keys: dict[AccountDid, AccountKey]

    async def resolve(self, did: AccountDid, /, *, refresh: bool = False) -> DidDocument:
        if did not in self.keys:
            raise ResolutionError("no such account")
        method = VerificationMethod(did + ATPROTO_KEY, "Multikey", did, self.keys[did].verification_key)
        return DidDocument(did, verification_methods=(method,))


@asynccontextmanager
async def a_store(kind: str, folder: Path) -> AsyncIterator[Store]:
    if kind == "memory":
        yield MemoryStore()
    else:
        async with open_sqlite(folder, SqliteOptions(writer="inline")) as store:
            yield store


def text(data: str) -> str:
    return base64.b64encode(bytes.fromhex(data)).decode()


def octets(data: str) -> dict[str, str]:
    return sealed(bytes.fromhex(data))


@attrs.define
class Stage:
    """The recording's accounts before a server."""

    house: House
    scenario: dict[str, Any]
    people: dict[str, Account]
    devices: dict[str, str] = attrs.field(factory=dict)
    packages: dict[str, str] = attrs.field(factory=dict)
    convo: str = ""
    answers: dict[str, Any] = attrs.field(factory=dict)
    """The answer to each commit that was accepted, by its bytes."""

    async def post(self, did: str, nsid: str, body: dict[str, Any]) -> httpx.Response:
        return await self.house.send("POST", nsid, self.people[did], json=body)

    async def publish_key_package(self, step: dict[str, Any]) -> None:
        """The device comes with its key package, whose signature shows that its key is in its hands."""
        did, package = step["by"], read_key_package(bytes.fromhex(step["message"]))
        body = {
            "deviceName": "phone",
            "signaturePublicKey": sealed(package.leaf_node.signature_key),
            "keyPackages": [
                {"did": did, "keyPackage": text(step["message"]), "cipherSuite": self.scenario["suite"]}
            ],
        }
        answer = await self.post(did, f"{MLS}.registerDevice", body)
        assert answer.status_code == 200, answer.text
        self.devices[did] = answer.json()["deviceId"]

    async def create_group(self, step: dict[str, Any]) -> None:
        body = {
            "groupId": step["group_id"],
            "cipherSuite": self.scenario["suite"],
            "idempotencyKey": "create",
            "initialMembers": [did for did in self.scenario["members"] if did != step["by"]],
            "groupInfo": text(step["group_info"]),
        }
        answer = await self.post(step["by"], f"{MLS}.createConvo", body)
        assert answer.status_code == 200, answer.text
        assert answer.json()["epoch"] == step["epoch"]
        self.convo = answer.json()["id"]

    async def commit(self, step: dict[str, Any]) -> None:
        body: dict[str, Any] = {
            "convoId": self.convo,
            "commit": octets(step["message"]),
            "groupInfo": octets(step["group_info"]),
        }
        adds: list[dict[str, str]] = []
        for did in step.get("welcome_to", ()):
            if did not in self.packages:
                claimer = self.people[step["by"]]
                taken = await self.house.get(claimer, f"{MLS}.getKeyPackages", dids=did)
                self.packages[did] = taken["keyPackages"][0]["keyPackageHash"]
            adds.append({"did": did, "keyPackageHash": self.packages[did]})
        if "welcome" in step:
            body["welcome"] = octets(step["welcome"])
        if self.scenario["handshake"] == "private":
            removes = [{"did": did, "deviceId": self.devices[did]} for did in step.get("removes", ())]
            body["adds"], body["removes"] = adds, removes
        await self.judge(step, await self.post(step["by"], f"{OURS}.submitCommit", body), "newEpoch")

    async def external_commit(self, step: dict[str, Any]) -> None:
        body = {
            "convoId": self.convo,
            "externalCommit": text(step["message"]),
            "groupInfo": text(step["group_info"]),
        }
        await self.judge(step, await self.post(step["by"], f"{MLS}.processExternalCommit", body), "epoch")

    async def proposal(self, step: dict[str, Any]) -> None:
        body = {"convoId": self.convo, "proposal": octets(step["message"])}
        await self.judge(step, await self.post(step["by"], f"{OURS}.sendProposal", body))

    async def application(self, step: dict[str, Any]) -> None:
        padded = pad(PaddingProfile.CATBIRD, bytes.fromhex(step["message"]))
        body = {
            "convoId": self.convo,
            "msgId": str(len(self.answers) + len(step["message"])) + step["message"][-8:],
            "ciphertext": sealed(padded),
            "epoch": step["epoch"],
            "declaredSize": len(padded),
            "paddedSize": len(padded),
        }
        await self.judge(step, await self.post(step["by"], f"{MLS}.sendMessage", body))

    async def judge(self, step: dict[str, Any], answer: httpx.Response, epoch: str | None = None) -> None:
        """Hold an answer against what the recording demands."""
        match step["expect"]:
            case "accept":
                assert answer.status_code == 200, answer.text
                if epoch is not None:
                    assert answer.json()[epoch] == step["new_epoch"]
                self.answers[step["message"]] = answer.json()
            case "duplicate-of-accepted":
                assert answer.status_code == 200, answer.text
                assert answer.json() == self.answers[step["message"]]
            case "conflict" | "future-epoch":
                assert error_name(answer) == "EpochMismatch"
                assert f"current epoch is {step['current_epoch']}" in answer.json()["message"]
            case "not-a-member":
                assert error_name(answer) == "NotMember"
            case "malformed":
                assert error_name(answer) == "InvalidCommit"
            case other:
                raise AssertionError(f"the recording demands {other}, which nobody here knows")


@pytest.mark.parametrize("kind", ["memory", "sqlite"])
@pytest.mark.parametrize("name", _SCENARIOS)
async def test_a_recorded_session_is_answered_as_it_demands(name: str, kind: str, tmp_path: Path) -> None:
    scenario = load_vectors(f"mls/ds-scenarios/{name}.json")
    keys = {did: AccountKey.generate(AccountDid(did)) for did in scenario["members"]}
    async with (
        a_store(kind, tmp_path / "data") as store,
        open_house(store, settings=_NOBODY_BLOCKS, resolver=Directory(keys)) as house,
    ):
        house.now = float(scenario["recorded_at"])
        people = {did: Account(did, key) for did, key in keys.items()}
        stage = Stage(house, scenario, people)
        steps = {
            "publish_key_package": stage.publish_key_package,
            "create_group": stage.create_group,
            "commit": stage.commit,
            "external_commit": stage.external_commit,
            "proposal": stage.proposal,
            "application": stage.application,
        }
        for step in scenario["steps"]:
            before = await house.store.head()
            await steps[step["op"]](step)
            if step["expect"] != "accept":
                assert await house.store.head() == before
        creator = stage.people[scenario["members"][0]]
        told = await house.get(creator, f"{MLS}.getEpoch", convoId=stage.convo)
        page = await house.get(creator, f"{MLS}.getCommits", convoId=stage.convo, fromEpoch=0)
        assert told["currentEpoch"] == page["commits"][-1]["epoch"] == 4
        assert told["digest"] == page["commits"][-1]["digest"]
