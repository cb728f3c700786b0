"""`rookery convo`: conversations of the account, made and shown."""

from pathlib import Path

import click
from rich.table import Table

from protocol import AccountDid, ConversationId
from router.cli.calls import account_client, own_device, read_key, run
from router.cli.console import Console
from router.cli.failures import CannotDo
from router.cli.options import console_of, json_option, key_option, server_options
from router.client.errors import Refused
from router.client.home import neighbour
from router.client.sealing import GroupKey
from router.client.views import ConvoView
from router.identity.keys import AccountKey


@click.group("convo")
def command() -> None:
    """Make conversations and see those the account is in.

    These are conversations of chat.rookery.*: the server carries sealed bytes and reads none of them.

    \b
    Examples:
      rookery convo create --key alice.key.json --member bob --group-key rooks.group.json
      rookery convo list --key alice.key.json
    """


def _members(key: AccountKey, names: tuple[str, ...]) -> list[AccountDid]:
    return [neighbour(key.did, name) for name in names]


def _no_device(error: Refused) -> CannotDo:
    return CannotDo(
        f"The server refused: {error.message} A member needs a device first: let each of them run "
        "`rookery convo list --key NAME.key.json` once, which registers one."
    )


@command.command("create")
@key_option
@click.option("--member", "members", multiple=True, help="NAME or DID of a member. May be repeated.")
@click.option("--name", help="A name on the cover; the server can read it.")
@click.option(
    "--group-key",
    "group_key",
    type=click.Path(path_type=Path, dir_okay=False),
    required=True,
    help="Where to write the new group key file, for `rookery send` and `rookery tail`.",
)
@server_options
@json_option
def create(
    key_file: Path,
    members: tuple[str, ...],
    name: str | None,
    group_key: Path,
    url: str | None,
    aud: str | None,
    as_json: bool,
) -> None:
    """Create a conversation and the group key that its messages are sealed under.

    The group key never goes to the server: give the file to the members by a way you trust. It is one
    key for all and for ever, so it has no forward secrecy and a removed member still has it; ratchets
    come later.

    \b
    Examples:
      rookery convo create --key alice.key.json --group-key notes.group.json
      rookery convo create --key alice.key.json --member bob --member carol --group-key rooks.group.json
    """
    if group_key.exists():
        raise click.BadParameter(f"{group_key} exists already.", param_hint="--group-key")
    run(_create, key_file, members, name, group_key, url, aud, console_of(as_json))


async def _create(
    key_file: Path,
    members: tuple[str, ...],
    name: str | None,
    group_key: Path,
    url: str | None,
    aud: str | None,
    console: Console,
) -> None:
    key = read_key(key_file)
    async with account_client(key, url, aud) as client:
        await own_device(client, key_file, console, aud)
        try:
            view = await client.chat.create_convo(_members(key, members), name=name)
        except Refused as error:
            raise (_no_device(error) if error.error == "MemberNotFound" else error) from error
    GroupKey.create(ConversationId(view.id)).save(group_key)
    if console.json:
        console.data({"convoId": view.id, "groupKey": str(group_key), "members": sorted(_accounts(view))})
    else:
        console.line(view.id)
        console.remark(f"The group key is in {group_key}; give it to the members by a way you trust.")


@command.command("list")
@key_option
@server_options
@json_option
def list_command(key_file: Path, url: str | None, aud: str | None, as_json: bool) -> None:
    """Show the conversations that the account is in.

    Registers this machine as a device of the account if it is none yet.

    \b
    Examples:
      rookery convo list --key alice.key.json
      rookery convo list --key alice.key.json --json | jq -r .id
    """
    run(_list, key_file, url, aud, console_of(as_json))


async def _list(key_file: Path, url: str | None, aud: str | None, console: Console) -> None:
    key = read_key(key_file)
    views: list[ConvoView] = []
    async with account_client(key, url, aud) as client:
        await own_device(client, key_file, console, aud)
        cursor: str | None = None
        while True:
            page = await client.chat.get_convos(limit=100, cursor=cursor)
            views += page.conversations
            cursor = page.cursor
            if cursor is None:
                break
    if console.json:
        for view in views:
            console.data(view)
        return
    if not views:
        console.remark("No conversations yet; make one with: rookery convo create")
        return
    table = Table("conversation", "name", "members", "devices", "last seq", "unread", box=None)
    for view in views:
        cover = view.metadata.name if view.metadata is not None else None
        unread = "" if view.unread_count is None else str(view.unread_count)
        table.add_row(
            view.id,
            cover or "",
            str(len(_accounts(view))),
            str(len(view.members)),
            str(view.last_seq),
            unread,
        )
    console.show(table)


@command.command("add")
@key_option
@click.option("--convo", required=True, help="The conversation's id.")
@click.argument("members", nargs=-1, required=True)
@server_options
@json_option
def add(
    key_file: Path, convo: str, members: tuple[str, ...], url: str | None, aud: str | None, as_json: bool
) -> None:
    """Add MEMBERS (names or DIDs) with all their devices. They also need the group key file.

    \b
    Example:
      rookery convo add --key alice.key.json --convo kq3x… carol
    """
    run(_add, key_file, convo, members, url, aud, console_of(as_json))


async def _add(
    key_file: Path, convo: str, members: tuple[str, ...], url: str | None, aud: str | None, console: Console
) -> None:
    key = read_key(key_file)
    async with account_client(key, url, aud) as client:
        try:
            changed = await client.chat.add_members(ConversationId(convo), _members(key, members))
        except Refused as error:
            raise (_no_device(error) if error.error == "MemberNotFound" else error) from error
    if console.json:
        console.data({"convoId": convo, "seq": changed.seq})
    else:
        console.remark(f"Added at seq {changed.seq}.")


def _accounts(view: ConvoView) -> set[str]:
    return {member.did for member in view.members}
