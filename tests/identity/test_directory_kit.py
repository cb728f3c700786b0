"""The test kit's directory, where a client found it to differ from the real one."""

import time

import httpx
import pytest

from router.testing import PlcAccount, open_did_directory


@pytest.mark.parametrize("colon", [":", "%3A", "%3a"])
async def test_the_colons_of_a_did_may_be_escaped_in_the_path(colon: str) -> None:
    """`@atproto/identity` sends `/did%3Aplc%3A…`; the directory behind plc.directory takes both."""
    account = PlcAccount.create("alice.example.com", now=time.time())
    async with open_did_directory() as directory, httpx.AsyncClient(trust_env=False) as client:
        directory.put(account)
        answer = await client.get(f"{directory.url}/{account.did.replace(':', colon)}")
        assert answer.json()["id"] == account.did
        assert directory.asked == [account.did]
