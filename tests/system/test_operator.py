"""An operator with a terminal: find what crashes, why and how often, and change its budget without a restart.

The fault is real: a row of the database is damaged behind the router's back, so the actor of that
conversation cannot load its state. All that follows goes through the commands a person would type.
"""

import json
import sqlite3

import httpx
import pytest

from router.client.errors import Unavailable
from tests.system.people import ONCE, eventually, new_convo, open_people, open_person, sealed
from tests.system.process import RouterProcess, running_router

pytestmark = pytest.mark.system

QUIET = {
    "ROOKERY_CONVERSATIONS__IDLE_TIMEOUT": "0.1",  # the actor forgets what it has in memory
    "ROOKERY_CONVERSATIONS__QUARANTINE_CRASHES": "1",
    "ROOKERY_CONVERSATIONS__QUARANTINE_TIME": "3600",
}


def damage(router: RouterProcess, kind: str) -> None:
    """Write another kind into the one conversation, as a failing disk or a careless hand would."""
    database = sqlite3.connect(router.data / "rookery.sqlite3", timeout=10)
    database.execute("PRAGMA ignore_check_constraints = ON")
    with database:
        database.execute("UPDATE conversations SET kind = ?", (kind,))
    database.close()


def facts(router: RouterProcess, path: str) -> dict[str, str]:
    """What `rookery tree` tells of one node."""
    nodes = [json.loads(router.rookery("tree", "--json"))]
    while nodes:
        node = nodes.pop()
        if node["path"] == path:
            return dict(node["facts"]) | {"state": node["state"], "restarts": str(node["restarts"])}
        nodes += node["children"]
    raise AssertionError(f"no node {path}")


async def test_a_crashing_conversation_is_found_explained_and_its_budget_changed_live() -> None:
    async with (
        running_router(QUIET) as router,
        open_people(router, "alice", "bob", "carol") as (alice, bob, carol),
    ):
        for person in (alice, bob, carol):
            await person.device("phone")
        convo = await new_convo(alice, bob)
        await alice.client.chat.send_message(convo, sealed("before"))
        await eventually(
            lambda: facts(router, "root/conversations")["active"].startswith("0/"), "the actor to be parked"
        )
        damage(router, "neither")
        async with open_person(router, alice.key, policy=ONCE) as hasty:
            for _ in range(3):
                with pytest.raises(Unavailable):
                    await hasty.client.chat.send_message(convo, sealed("x"))

        # which, how often, and that it is set aside
        registry = facts(router, "root/conversations")
        assert int(registry["crashes"]) >= 2
        assert registry["quarantined"] == "1"
        sick = facts(router, f"root/conversations/{convo}")
        assert sick["state"] == "quarantined"
        # why: the leaf of the crash, in the log, without an id
        lines = [json.loads(line) for line in router.log.read_text().splitlines()]
        crashes = [line for line in lines if line.get("actor") == "root/conversations/*"]
        assert {line["error"] for line in crashes if line["event"] == "exit"} == {"ValueError"}
        assert convo not in router.log.read_text()
        # how often and how full, for the one who looks at graphs
        async with httpx.AsyncClient() as client:
            metrics = (await client.get(f"http://127.0.0.1:{router.admin_port}/metrics")).text
        assert 'rookery_actor_quarantines_total{actor="root/conversations/*"} 1.0' in metrics
        assert 'rookery_queue_max_items{queue="conversations"}' in metrics

        # change the budgets while it runs; a wrong value changes nothing
        turned = json.loads(
            router.rookery("tune", "root/conversations", "quarantine=5/60", "quarantine_time=0", "--json")
        )
        assert {change["name"] for change in turned["changes"]} == {"quarantine", "quarantine_time"}
        with pytest.raises(RuntimeError, match="was not turned"):
            router.rookery("tune", "root/edge", "intensity=many")
        router.rookery("tune", "root/edge", "intensity=9/30")
        assert facts(router, "root/edge")["intensity"] == "9/30"
        knobs = [json.loads(line) for line in router.rookery("tune", "root/edge", "--json").splitlines()]
        assert next(knob["value"] for knob in knobs if knob["name"] == "intensity") == "9/30"

        # the rest of the house never noticed, and what was turned is on record
        elsewhere = await new_convo(carol)
        assert (await carol.client.chat.send_message(elsewhere, sealed("fine"))).seq == 2
        chain = sqlite3.connect(f"file:{router.data / 'rookery.sqlite3'}?mode=ro", uri=True)
        records = [json.loads(record) for (record,) in chain.execute("SELECT record FROM audit")]
        chain.close()
        assert [record["subject"] for record in records if record["action"] == "knob.turned"] == [
            "root/conversations quarantine",
            "root/conversations quarantine_time",
            "root/edge intensity",
        ]
