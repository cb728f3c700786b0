"""What people tell the operator is read by the operator: from the store, over the socket, on screen."""

from io import StringIO
from pathlib import Path

import pytest
import trio
from rich.console import Console

from protocol import AccountDid
from router.admin import Command, CommandFailed, ControlClient
from router.cli.complaints import table_of
from router.complaints import ComplaintRow, Complaints, ComplaintsAsked, ComplaintsTold
from router.store.contacts import Complaint
from router.store.memory import MemoryStore
from tests.admin.test_control import running

ANN, BEN, CAT = (AccountDid(f"did:web:{name}.example") for name in ("ann", "ben", "cat"))
NOW = 1_780_000_000
SPAM = ComplaintRow("2026-05-28T20:26:40Z", BEN, ANN, "spam", "again")
OTHER = ComplaintRow("2026-05-28T20:26:42Z", BEN, CAT, "other", None)


async def told() -> Complaints:
    store = MemoryStore()
    await store.block_sender(ANN, BEN, complaint=Complaint(ANN, BEN, "spam", "again", NOW), now=NOW)
    await store.block_sender(CAT, BEN, complaint=Complaint(CAT, BEN, "other", None, NOW + 2), now=NOW + 2)
    return Complaints(store)


async def test_the_newest_come_first_and_the_rest_on_request() -> None:
    complaints = await told()
    first = await complaints.list(ComplaintsAsked(limit=1))
    assert first.complaints == [OTHER]
    assert await complaints.list(ComplaintsAsked(first.next, 1)) == ComplaintsTold([SPAM], None)
    for limit in (0, 1_001):
        with pytest.raises(CommandFailed):
            await complaints.list(ComplaintsAsked(limit=limit))


async def test_they_travel_over_the_socket_of_the_operator(tmp_path: Path) -> None:
    command = Command("complaints.list", ComplaintsAsked, (await told()).list)
    async with running(tmp_path, command):
        with trio.fail_after(5):
            answer = await ControlClient(tmp_path).ask(
                "complaints.list", ComplaintsAsked(), answer=ComplaintsTold
            )
    assert answer == ComplaintsTold([OTHER, SPAM], None)


def test_what_strangers_write_moves_no_cursor_and_is_no_markup() -> None:
    """The details are anybody's: an escape sequence in them must not rewrite the operator's screen."""
    nasty = ComplaintRow(SPAM.made, BEN, ANN, "spam", "\x1b[2J\x9b1A[red]gone[/red]\r\u202eyes")
    out = StringIO()
    Console(file=out, width=200, force_terminal=False).print(table_of(ComplaintsTold([nasty], None)))
    text = out.getvalue()
    assert "[red]gone[/red]" in text
    assert all(character.isprintable() or character == "\n" for character in text)
