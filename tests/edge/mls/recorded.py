"""Sessions of a real MLS client, recorded: what each of its steps sends, and how that has to be answered.

The bytes are of ts-mls (`../shared/vectors/mls/ds-scenarios`): key packages, Welcomes, GroupInfos, commits in
clear and encrypted, proposals and external commits. So no byte that a server verifies here was made by code
of ours. `Recording` drives any server that it is given a way to call.
"""

from __future__ import annotations

import base64
from collections.abc import Awaitable, Callable
from typing import Any

import attrs
import httpx

from crypto import PaddingProfile, pad
from crypto.mls import read_key_package
from tests.edge.house import MLS, sealed
from tests.edge.mls.people import OURS

SCENARIOS = ("suite1-public", "suite1-private")

Call = Callable[[str, str, str, dict[str, Any]], Awaitable[httpx.Response]]
"""Account, GET or POST, NSID, and the parameters or the body."""


def text(data: str) -> str:
    """Bytes of the recording as the contract's base64 texts have them."""
    return base64.b64encode(bytes.fromhex(data)).decode()


def octets(data: str) -> dict[str, str]:
    """Bytes of the recording as lexicon bytes."""
    return sealed(bytes.fromhex(data))


def told(answer: httpx.Response) -> dict[str, Any]:
    """The answer to a call that succeeds."""
    assert answer.status_code == 200, answer.text
    value: dict[str, Any] = answer.json()
    return value


@attrs.define
class Recording:
    """The recording's accounts before a server that has nothing of them yet."""

    scenario: dict[str, Any]
    call: Call
    devices: dict[str, str] = attrs.field(factory=dict)
    packages: dict[str, str] = attrs.field(factory=dict)
    convo: str = ""
    answers: dict[str, Any] = attrs.field(factory=dict)
    """The answer to each commit that was accepted, by its bytes."""

    @property
    def creator(self) -> str:
        """The account that makes the group."""
        return str(self.scenario["members"][0])

    async def play(self, step: dict[str, Any]) -> None:
        """Send what the step sends; fails unless it is answered as the step demands."""
        match step["op"]:
            case "publish_key_package":
                await self.publish_key_package(step)
            case "create_group":
                await self.create_group(step)
            case "commit":
                await self.commit(step)
            case "external_commit":
                await self.external_commit(step)
            case "proposal":
                await self.proposal(step)
            case "application":
                await self.application(step)
            case other:
                raise AssertionError(f"the recording does {other}, which nobody here knows")

    async def read(self, method: str, **params: Any) -> dict[str, Any]:
        """What the creator is told of the conversation."""
        given = {"convoId": self.convo, **params}
        return told(await self.call(self.creator, "GET", f"{MLS}.{method}", given))

    async def post(self, did: str, nsid: str, body: dict[str, Any]) -> httpx.Response:
        return await self.call(did, "POST", nsid, body)

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
                taken = told(await self.call(step["by"], "GET", f"{MLS}.getKeyPackages", {"dids": did}))
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
                assert answer.json()["error"] == "EpochMismatch"
                assert f"current epoch is {step['current_epoch']}" in answer.json()["message"]
            case "not-a-member":
                assert answer.json()["error"] == "NotMember"
            case "malformed":
                assert answer.json()["error"] == "InvalidCommit"
            case other:
                raise AssertionError(f"the recording demands {other}, which nobody here knows")
