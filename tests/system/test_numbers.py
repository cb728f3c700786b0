"""The numbers an operator looks at, from a real server: /metrics and `rookery statistics` tell the same."""

import json
import time

import httpx
import pytest

from protocol import Nsid
from router.identity.tokens import mint_token
from tests.system.people import CHAT, new_convo, open_people, sealed
from tests.system.process import RouterProcess

pytestmark = pytest.mark.system


async def metrics_of(router: RouterProcess) -> dict[str, float]:
    """Every series of the server and its value."""
    status, text = await router.admin("/metrics")
    assert status == 200
    pairs = (line.rpartition(" ") for line in text.splitlines() if line.startswith("rookery_"))
    return {name: float(value) for name, _, value in pairs}


async def test_a_token_without_a_fragment_in_its_audience_is_counted(router: RouterProcess) -> None:
    async with open_people(router, "agnes") as (agnes,), httpx.AsyncClient(trust_env=False) as http:
        await agnes.device("phone")
        before = (await metrics_of(router))["rookery_bare_audience_total"]
        method = Nsid(f"{CHAT}.getConvos")
        service = (await router.status()).did
        for audience in (service, f"{service}#atproto_mls"):
            token = mint_token(agnes.key, agnes.did, audience, method, int(time.time()))
            await http.get(f"{router.url}/xrpc/{method}", headers={"authorization": f"Bearer {token}"})

        assert (await metrics_of(router))["rookery_bare_audience_total"] == before + 1


async def test_every_bound_is_told_beside_what_it_bounds(router: RouterProcess) -> None:
    found = await metrics_of(router)

    queues = {
        name.partition('queue="')[2].rstrip('"}') for name in found if name.startswith("rookery_queue_")
    }
    assert queues >= {"store", "tail", "feeds", "connections", "used_tokens", "conversations", "devices"}
    for queue in queues - {"feeds"}:
        assert (
            found[f'rookery_queue_items{{queue="{queue}"}}']
            <= found[f'rookery_queue_max_items{{queue="{queue}"}}']
        )
    for queue in ("store", "tail", "feeds"):
        assert (
            found[f'rookery_queue_bytes{{queue="{queue}"}}']
            <= found[f'rookery_queue_max_bytes{{queue="{queue}"}}']
        )


async def test_the_command_and_the_metrics_tell_the_same(router: RouterProcess) -> None:
    async with open_people(router, "berta") as (berta,):
        await berta.device("phone")
        convo = await new_convo(berta)
        await berta.client.chat.send_message(convo, sealed("counted"))
        numbers = json.loads(router.rookery("statistics", "--json"))
        found = await metrics_of(router)
        shown = dict(line.split()[:2] for line in router.rookery("statistics").splitlines())

    assert numbers["head"] >= 2
    assert numbers["store"]["entries"] == found["rookery_store_entries_total"]
    assert numbers["fellBehind"] == found["rookery_tail_fell_behind_total"] == 0
    assert numbers["delivered"] == found["rookery_tail_delivered_total"]
    assert numbers["busFailures"] == found["rookery_bus_failures_total"] == 0
    assert numbers["tailFailedReads"] == found["rookery_tail_failed_reads_total"] == 0
    assert found["rookery_store_writer_restarts_total"] == 0
    assert found["rookery_store_wal_pages"] >= 0
    assert found["rookery_tail_reads_total"] >= numbers["tailReads"]
    assert shown["head"] == str(numbers["head"])
    assert shown["store.entries"] == str(numbers["store"]["entries"])
