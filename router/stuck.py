"""Welcomes that nobody has acknowledged, as the operator sees them.

A device whose Welcome lies here was added to a group and is not in it: it is switched off for good, its
client loses Welcomes, or its key package was not its own. Nobody's content shows, and no key.
"""

from __future__ import annotations

import attrs
import msgspec

from protocol import bucket_text
from router.admin import CommandFailed
from router.store.interface import Store
from router.store.welcomes import Welcome

_MOST = 1_000


class Unanswered(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Those that wait for longer than `older_than` seconds (None: as the settings say), `limit` at most."""

    older_than: int | None = None
    limit: int = 100


class WelcomeRow(msgspec.Struct, frozen=True, rename="camel"):
    """One Welcome that waits."""

    conversation: str
    account: str
    device: str
    epoch: int
    generation: int
    created: str
    waiting_seconds: int
    fetched: str | None
    """When the device asked for it last; None if it never did."""
    error: str | None
    """What the device said of its last attempt."""
    key_package: str | None


@attrs.frozen
class Stuck:
    """The command, over one store. `now` is a bucket in Unix seconds."""

    store: Store
    older_than: int

    async def list(self, asked: Unanswered, now: int) -> list[WelcomeRow]:
        """The oldest first."""
        older_than = self.older_than if asked.older_than is None else asked.older_than
        if older_than < 0 or not 1 <= asked.limit <= _MOST:
            message = f"times are not negative, and {_MOST} Welcomes are shown at most"
            raise CommandFailed("InvalidRequest", message)
        found = await self.store.stuck_welcomes(before=now - older_than, limit=asked.limit)
        return [welcome_row(each, now) for each in found]


def welcome_row(welcome: Welcome, now: int) -> WelcomeRow:
    """What an operator may know of a Welcome."""
    return WelcomeRow(
        conversation=welcome.conversation,
        account=welcome.account,
        device=welcome.device,
        epoch=welcome.epoch,
        generation=welcome.generation,
        created=bucket_text(welcome.created),
        waiting_seconds=max(0, now - welcome.created),
        fetched=None if welcome.fetched is None else bucket_text(welcome.fetched),
        error=welcome.reason,
        key_package=None if welcome.key_package is None else welcome.key_package.hex(),
    )
