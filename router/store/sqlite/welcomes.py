"""The ledger's and the reader's page for Welcomes: each public function is one request or one read."""

from typing import Any

from msgspec.structs import replace

from protocol import ConversationId, DeviceId, PutWelcome
from router.store.sqlite.database import SQL
from router.store.sqlite.execute import Execute, Record
from router.store.sqlite.mls_requests import FetchWelcome, SettleWelcome, WelcomeFetched
from router.store.values import Retention
from router.store.welcomes import (
    Welcome,
    WelcomeEnded,
    WelcomeSettled,
    WelcomeUnknown,
    settled_state,
)


def put(execute: Execute, effect: PutWelcome, conversation: int) -> None:
    """Carry the effect out: what was pending for the device is superseded."""
    supersede(execute, conversation, effect.device, effect.now)
    execute(
        SQL["insert_welcome"],
        (
            conversation,
            effect.device,
            effect.account,
            effect.key_package,
            effect.epoch,
            effect.generation,
            effect.now,
            effect.body,
        ),
    )


def supersede(execute: Execute, conversation: int, device: DeviceId, now: int) -> None:
    """End what is pending for a device in a conversation."""
    execute(SQL["supersede_welcome"], (now, conversation, device))


def supersede_all(execute: Execute, conversation: int, now: int) -> None:
    """End what is pending for anybody in a conversation."""
    execute(SQL["supersede_welcomes"], (now, conversation))


def fetch(execute: Execute, _: Record, request: FetchWelcome) -> WelcomeFetched:
    found = _newest(execute, request.conversation, request.device)
    if found is None:
        return WelcomeFetched(None)
    key, welcome = found
    if welcome.state == "pending":
        execute(SQL["fetch_welcome"], (request.now, key))
        welcome = replace(welcome, fetched=request.now)
    return WelcomeFetched(welcome)


def settle(
    execute: Execute, _: Record, request: SettleWelcome
) -> WelcomeSettled | WelcomeEnded | WelcomeUnknown:
    found = _newest(execute, request.conversation, request.device)
    if found is None:
        return WelcomeUnknown()
    key, welcome = found
    if request.key_package is not None and welcome.key_package != request.key_package:
        return WelcomeUnknown()
    state = settled_state(welcome.state, request.verdict)
    if state is None:
        return WelcomeEnded(welcome)
    if welcome.state != "pending":
        return WelcomeSettled(welcome, changed=False)
    if state == "pending":
        execute(SQL["note_welcome_failure"], (request.reason, key))
        return WelcomeSettled(replace(welcome, reason=request.reason, body=b""), changed=True)
    execute(SQL["settle_welcome"], (state, request.now, request.reason, key))
    reason = welcome.reason if request.reason is None else request.reason
    ended = replace(welcome, state=state, settled=request.now, reason=reason, body=b"")
    return WelcomeSettled(ended, changed=True)


def expire(execute: Execute, now: int, limit: int, retention: Retention) -> tuple[int, int]:
    """End what nobody fetched in time, delete what ended long ago; how many of each."""
    late = execute(SQL["expire_welcomes"], (now, now - retention.welcome, limit)).rowcount
    old = execute(SQL["sweep_welcomes"], (now - retention.ended, limit)).rowcount
    return late, old


def read_newest(execute: Execute, conversation: ConversationId, device: DeviceId) -> Welcome | None:
    """See `Store.welcome`."""
    found = _newest(execute, conversation, device)
    return None if found is None else found[1]


def read_pending(execute: Execute, device: DeviceId) -> list[Welcome]:
    """See `Store.pending_welcomes`."""
    return [_welcome(row)[1] for row in execute(SQL["pending_welcomes"], (device,)).fetchall()]


def read_stuck(execute: Execute, before: int, limit: int) -> list[Welcome]:
    """See `Store.stuck_welcomes`."""
    return [_welcome(row)[1] for row in execute(SQL["stuck_welcomes"], (before, limit)).fetchall()]


def _newest(execute: Execute, conversation: str, device: str) -> tuple[int, Welcome] | None:
    row = execute(SQL["newest_welcome"], (conversation, device)).fetchone()
    return None if row is None else _welcome(row)


def _welcome(row: tuple[Any, ...]) -> tuple[int, Welcome]:
    fields = (*row[1:-1], row[-1] or b"")
    return row[0], Welcome(*fields)
