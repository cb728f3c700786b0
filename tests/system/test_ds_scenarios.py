"""Recorded sessions of a real MLS client against a router in a process of its own, whose clock is theirs.

Key packages live for a month: so the process is told that it is the day on which these were made.
"""

import time
from typing import Any

import httpx
import pytest

from protocol import AccountDid, Nsid
from router.identity.document import ATPROTO_KEY, DidDocument, VerificationMethod
from router.identity.keys import AccountKey
from router.testing import PlcAccount
from tests.attacks.stage import Stage, open_stage
from tests.edge.mls.recorded import SCENARIOS, Recording
from tests.vectors import load_vectors

pytestmark = pytest.mark.system


class Recorded(PlcAccount):
    """An account with the DID of the recording, of which nobody has a log."""

    @property
    def tombstoned(self) -> bool:
        """It stands."""
        return False

    def document(self) -> DidDocument:
        """Its DID and its key."""
        name, key = self.did + ATPROTO_KEY, self.key.verification_key
        return DidDocument(self.did, (VerificationMethod(name, "Multikey", self.did, key),))


def accounts(stage: Stage, dids: list[str]) -> dict[str, AccountKey]:
    """Put the recording's accounts into the directory; their keys."""
    keys = {did: AccountKey.generate(AccountDid(did)) for did in dids}
    for did, key in keys.items():
        stage.directory.put(Recorded(AccountDid(did), "recorded.example.com", key, [], []))
    return keys


@pytest.mark.parametrize("name", SCENARIOS)
async def test_a_recorded_session_is_answered_as_it_demands(name: str) -> None:
    scenario = load_vectors(f"mls/ds-scenarios/{name}.json")
    # without a repository of theirs nobody can tell whom these accounts block
    async with open_stage({"ROOKERY_BLOCKS__ENABLED": "false"}) as stage:
        stage.set_clock(scenario["recorded_at"] - time.time())
        keys = accounts(stage, scenario["members"])

        async def call(did: str, method: str, nsid: str, given: dict[str, Any]) -> httpx.Response:
            headers = {"authorization": f"Bearer {stage.mint(keys[did], Nsid(nsid))}"}
            if method == "GET":
                return await stage.http.get(f"/xrpc/{nsid}", params=given, headers=headers)
            return await stage.http.post(f"/xrpc/{nsid}", json=given, headers=headers)

        recording = Recording(scenario, call)
        for step in scenario["steps"]:
            await recording.play(step)
        assert (await recording.read("getEpoch"))["currentEpoch"] == 4
