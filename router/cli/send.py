"""`rookery send`: seal a text, or take bytes as they are, and append it to a conversation."""

import sys
from pathlib import Path

import click

from protocol import ConversationId, padded_size
from protocol import PaddingProfile as Profile
from router.cli.calls import account_client, read_key, run
from router.cli.console import Console
from router.cli.options import console_of, json_option, key_option, server_options
from router.client.client import new_msg_id
from router.client.sealing import GroupKey


@click.command("send", short_help="Send a message.")
@click.argument("text", required=False)
@key_option
@click.option(
    "--group-key",
    "group_key",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Seal under this group key file, made by `rookery convo create`.",
)
@click.option("--raw", is_flag=True, help="Send stdin as it is: bytes you have sealed and padded yourself.")
@click.option("--convo", help="The conversation's id, with --raw.  [default: the group key's]")
@click.option("--lines", is_flag=True, help="Send each line of stdin as a message of its own.")
@server_options
@json_option
def command(
    text: str | None,
    key_file: Path,
    group_key: Path | None,
    raw: bool,
    convo: str | None,
    lines: bool,
    url: str | None,
    aud: str | None,
    as_json: bool,
) -> None:
    """Send TEXT, or what comes on stdin, to a conversation.

    Prints the message's place in the conversation (seq) once the server has it on disk. While no
    answer comes the same bytes are sent again under the same msgId, so nothing is sent twice.

    \b
    Examples:
      rookery send --key alice.key.json --group-key rooks.group.json "Hello, rooks"
      date | rookery send --key alice.key.json --group-key rooks.group.json
      rookery send --key alice.key.json --raw --convo kq3x… < sealed.bin
    """
    if raw == (group_key is not None):
        raise click.UsageError("Give either --group-key FILE, to seal, or --raw with --convo ID.")
    if raw and (convo is None or text is not None or lines):
        raise click.UsageError("--raw wants --convo ID and the bytes on stdin.")
    if text is not None and lines:
        raise click.UsageError("--lines reads stdin; leave TEXT out.")
    if text is None and sys.stdin.isatty():
        raise click.UsageError("Give TEXT, or something on stdin.")
    console = console_of(as_json)
    if raw:
        run(_send_raw, key_file, ConversationId(convo or ""), sys.stdin.buffer.read(), url, aud, console)
    elif group_key is not None:
        run(_send_sealed, key_file, GroupKey.load(group_key), text, lines, url, aud, console)


async def _send_raw(
    key_file: Path, convo: ConversationId, body: bytes, url: str | None, aud: str | None, console: Console
) -> None:
    right = padded_size(max(1, len(body)), Profile.ROOKERY)
    if len(body) != right:
        raise click.UsageError(
            f"{len(body)} bytes is not a padded size; pad inside your sealing to {right} bytes."
        )
    async with account_client(read_key(key_file), url, aud) as client:
        sent = await client.chat.send_message(convo, body)
    _tell(console, convo, sent.message_id, sent.seq, sent.received_at)


async def _send_sealed(
    key_file: Path,
    group: GroupKey,
    text: str | None,
    lines: bool,
    url: str | None,
    aud: str | None,
    console: Console,
) -> None:
    key = read_key(key_file)
    author = key.did.removeprefix("did:web:").partition(".")[0]
    async with account_client(key, url, aud) as client:
        texts = iter([text]) if text is not None else _texts(lines)
        for each in texts:
            msg_id = new_msg_id()
            sent = await client.chat.send_message(
                group.convo, group.seal(msg_id, author, each), msg_id=msg_id
            )
            _tell(console, group.convo, sent.message_id, sent.seq, sent.received_at)


def _texts(lines: bool) -> "list[str] | map[str]":
    """What stdin holds: one text, or one a line as they come."""
    if not lines:
        return [sys.stdin.read().rstrip("\n")]
    return map(lambda line: line.rstrip("\n"), sys.stdin)  # noqa: C417 - lazy: a line is sent when it comes


def _tell(console: Console, convo: ConversationId, msg_id: str, seq: int, received_at: str) -> None:
    if console.json:
        console.data({"convoId": convo, "msgId": msg_id, "seq": seq, "receivedAt": received_at})
    else:
        console.line(f"{seq}  {msg_id}")
