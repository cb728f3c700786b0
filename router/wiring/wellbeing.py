"""Whether the node is well: the health checks, and what `rookery status` and `rookery top` are told."""

import os
from collections.abc import Callable

import attrs

from actors import TreeNode
from router.control import Numbers, Status
from router.observe import CallCheck, Health, Verdict
from router.wiring.parts import VERSION, Parts

_TAIL_LAG_ENTRIES = 10_000


@attrs.frozen
class Wellbeing:
    """Looks at the parts and at the tree they run in; changes nothing."""

    parts: Parts
    tree: Callable[[], TreeNode]

    def health(self) -> Health:
        """The checks of this node; made once."""
        return Health(
            (
                CallCheck("store", self._examine_store),
                CallCheck("bus", self._examine_bus),
                CallCheck("tails", self._examine_tree),
            ),
            self.parts.observation.metrics,
            timeout=self.parts.settings.observe.health_timeout,
        )

    async def status(self, health: Health) -> Status:
        """Who runs here, and how it is."""
        report, service = await health.report(), self.parts.identity.service
        return Status(
            did=service.did,
            public_url=service.endpoint,
            version=VERSION,
            pid=os.getpid(),
            ready=report.ready,
            checks={
                name: "ok" if verdict.ok else verdict.detail for name, verdict in report.verdicts.items()
            },
        )

    async def numbers(self) -> Numbers:
        """Counters of the moment."""
        messages = self.parts.messages
        tail, devices = messages.tail, messages.devices
        return Numbers(
            store=messages.store.statistics(),
            connections=devices.connections,
            connected_devices=devices.connected,
            active_conversations=messages.conversation_actors.statistics().active,
            queued_bytes=devices.queued_bytes,
            head=await messages.store.head(),
            tail_position=tail.position,
            tail_pending=tail.pending[0],
            tail_reads=tail.reads,
            tail_failed_reads=tail.failed_reads,
            delivered=tail.delivered,
            fell_behind=tail.fell_behind,
            bus_failures=messages.bus.failures,
        )

    async def _examine_store(self) -> Verdict:
        health = await self.parts.messages.store.health()
        return Verdict(ok=health.ok, detail=health.detail)

    async def _examine_bus(self) -> Verdict:
        """The local bus is up with the process; it is behind when the tail is."""
        messages = self.parts.messages
        behind = await messages.store.head() - messages.tail.position
        return Verdict(ok=behind < _TAIL_LAG_ENTRIES, detail=f"the tail is {behind} entries behind")

    async def _examine_tree(self) -> Verdict:
        sick = [node.path for node in self.tree().walk() if not node.healthy and node.kind == "child"]
        return Verdict(ok=not sick, detail=", ".join(sick) or "all parts run")
