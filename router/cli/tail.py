"""`rookery tail`: what happens in the account's conversations, as it happens."""

import os
import stat
from pathlib import Path

import click
import msgspec
import trio

from router.cli.calls import account_client, beside, own_device, read_key, run
from router.cli.console import Console
from router.cli.options import console_of, json_option, key_option, server_options
from router.client.events import (
    ConvoEvent,
    Event,
    InfoEvent,
    MembershipEvent,
    MessageEvent,
    UnknownEvent,
)
from router.client.sealing import CannotOpen, GroupKey, Opened
from router.client.session import open_session
from router.client.state import DeviceState, StateFile

_STDOUT = 1


@click.command("tail", short_help="Follow conversations live.")
@key_option
@click.option(
    "--group-key",
    "group_keys",
    type=click.Path(path_type=Path, dir_okay=False),
    multiple=True,
    help="Open messages with this group key file. May be repeated, one for each conversation.",
)
@click.option("--from-start", is_flag=True, help="Show everything since the device joined, not only the new.")
@click.option(
    "--limit", type=click.IntRange(min=1), help="End after so many events.  [default: go on for ever]"
)
@server_options
@json_option
def command(
    key_file: Path,
    group_keys: tuple[Path, ...],
    from_start: bool,
    limit: int | None,
    url: str | None,
    aud: str | None,
    as_json: bool,
) -> None:
    """Follow the account's conversations live, each event once and in order.

    Shows the place in the conversation (seq) and, where a group key opens it, who wrote (as the writer
    says) and the text. Where this device stands is kept beside the key file, so the next tail goes on
    behind the last event shown. A lost connection is opened again by itself; end with Ctrl-C.

    \b
    Examples:
      rookery tail --key alice.key.json --group-key rooks.group.json
      rookery tail --key alice.key.json --group-key rooks.group.json --from-start --limit 10
      rookery tail --key alice.key.json --json | jq .seq
    """
    groups = {group.convo: group for group in map(GroupKey.load, group_keys)}
    run(_tail, key_file, groups, from_start, limit, url, aud, console_of(as_json))


async def _tail(
    key_file: Path,
    groups: dict[str, GroupKey],
    from_start: bool,
    limit: int | None,
    url: str | None,
    aud: str | None,
    console: Console,
) -> None:
    key = read_key(key_file)
    file = StateFile(beside(key_file, ".state.json"))
    async with account_client(key, url, aud) as client:
        device = await own_device(client, key_file, console, aud)
        state = None if from_start else file.load()
        if state is None or state.device != device.id:
            state = DeviceState(device.id)
        async with (
            trio.open_nursery() as watching,
            open_session(client, device.id, state=state, save=file.save) as session,
        ):
            watching.start_soon(_until_nobody_reads)
            shown = 0
            async for event in session:
                _show(console, event, _opened(event, groups))
                shown += 1
                if shown == limit:
                    watching.cancel_scope.cancel()
                    return


async def _until_nobody_reads() -> None:
    """End `rookery tail | head` when head ends, not when the next message comes, perhaps never."""
    if stat.S_ISFIFO(os.fstat(_STDOUT).st_mode):
        await trio.lowlevel.wait_readable(_STDOUT)  # its writing end wakes when its reader is gone
        raise BrokenPipeError


def _opened(event: Event, groups: dict[str, GroupKey]) -> Opened | None:
    if not isinstance(event, MessageEvent) or event.convo not in groups:
        return None
    try:
        return groups[event.convo].open(event.msg_id, event.ciphertext)
    except CannotOpen:
        return None


class _Line(msgspec.Struct, frozen=True, rename="camel", omit_defaults=True):
    """One event for a program."""

    kind: str
    convo_id: str | None = None
    seq: int = 0
    msg_id: str | None = None
    received_at: str | None = None
    size: int | None = None
    author: str | None = None
    text: str | None = None
    did: str | None = None
    action: str | None = None
    info: str | None = None


def _show(console: Console, event: Event, opened: Opened | None) -> None:
    if console.json:
        console.data(_line(event, opened))
        return
    place = f"{(event.convo or '-')[:8]} {event.seq:>6}"
    match event:
        case MessageEvent() if opened is not None:
            # What people wrote is shown as text: no markup, no escape sequence of theirs is obeyed.
            text = f"{opened.author}: {opened.text}"
            console.line(f"{place}  {printable(text)}")
        case MessageEvent():
            console.line(f"{place}  [sealed, {len(event.ciphertext)} bytes]")
        case MembershipEvent():
            by = f" by {event.actor}" if event.actor is not None else ""
            console.line(f"{place}  * {printable(event.did)} {printable(event.action)}{printable(by)}")
        case ConvoEvent():
            console.line(f"{place}  * conversation {printable(event.action)}")
        case InfoEvent():
            console.remark(f"server: {printable(event.info)}")
        case UnknownEvent():
            console.remark(f"an event of an unknown kind: {printable(event.kind)}")


def printable(text: str) -> str:
    """`text` with control characters replaced, so that a message cannot drive the terminal."""
    return "".join(c if c.isprintable() or c == "\t" else "\N{REPLACEMENT CHARACTER}" for c in text)


def _line(event: Event, opened: Opened | None) -> _Line:
    match event:
        case MessageEvent():
            return _Line(
                "message",
                event.convo,
                event.seq,
                msg_id=event.msg_id,
                received_at=event.created_at,
                size=len(event.ciphertext),
                author=opened.author if opened is not None else None,
                text=opened.text if opened is not None else None,
            )
        case MembershipEvent():
            return _Line("membership", event.convo, event.seq, did=event.did, action=event.action)
        case ConvoEvent():
            return _Line("convo", event.convo, event.seq, action=event.action)
        case InfoEvent():
            return _Line("info", info=event.info)
        case UnknownEvent():
            return _Line(event.kind)
