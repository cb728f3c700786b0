"""`rookery account`: accounts of this router, made, shown, disabled, enabled, recovered."""

import contextlib
from pathlib import Path

import click
from rich.table import Table

from crypto import Curve
from router.admin import ControlRefused
from router.cli.calls import run
from router.cli.console import Console
from router.cli.failures import CannotDo
from router.cli.options import console_of, json_option, read_settings, settings_options
from router.client.directory import (
    AccountChanged,
    AccountRow,
    NameIsTaken,
    NoSuchAccount,
    open_directory,
)
from router.config import Settings
from router.identity.accounts import new_account
from router.identity.keys import write_account_key

_PERHAPS_DONE = frozenset({"OutcomeUnknown", "CommandTimeout", "InternalServerError"})
"""Answers of the running server after which the account may be there."""


@click.group("account")
def command() -> None:
    """Make accounts of this router, look at them, suspend them.

    Speaks to the server that runs on the data folder, or, if none does, opens the folder itself. An
    account is a did:web below the server's name; its DID document is served by the server.

    \b
    Examples:
      rookery account create alice
      rookery account list
      rookery account show alice
      rookery account disable did:plc:abcdefghijklmnopqrstuvwx
      rookery account recover alice --out alice.new.key.json
    """


@command.command("create")
@click.argument("name")
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Where to write the key file.  [default: NAME.key.json]",
)
@click.option(
    "--curve",
    type=click.Choice(["k256", "p256"]),
    default="k256",
    show_default=True,
    help="secp256k1 (ES256K), as nearly all of AT Protocol has it, or P-256 (ES256).",
)
@settings_options
@json_option
def create(
    name: str,
    out: Path | None,
    curve: str,
    config: Path | None,
    data: Path | None,
    settings: tuple[str, ...],
    as_json: bool,
) -> None:
    """Make the account NAME, write its key file (mode 0600) and print its DID.

    The private key is made here and never leaves the file; whoever has the file is the account.

    \b
    Examples:
      rookery account create alice
      rookery account create alice --data /var/lib/rookery --out ~/.rookery/alice.key.json
    """
    loaded = read_settings(config, data, settings)
    place = out or Path(f"{name}.key.json")
    run(
        _create,
        loaded.settings,
        name,
        place,
        Curve.K256 if curve == "k256" else Curve.P256,
        console_of(as_json),
    )


async def _create(settings: Settings, name: str, place: Path, curve: Curve, console: Console) -> None:
    async with open_directory(settings) as directory:
        account = new_account(name, directory.service, curve=curve)
        try:
            # Before the account: one whose key was lost could never be used, nor its name.
            write_account_key(place, account.key)
        except FileExistsError:
            raise CannotDo(f"{place} exists already; name another file with --out.") from None
        try:
            row = await directory.create(name, account.verification_key)
        except NameIsTaken:
            _forget(place)
            raise
        except ControlRefused as refused:
            if refused.error not in _PERHAPS_DONE:  # else the key may be an account's by now and must stay
                _forget(place)
            raise
    if row.did != account.did:
        raise CannotDo(f"The server made {row.did}, but the key file {place} says {account.did}.")
    if console.json:
        console.data({"did": row.did, "name": row.name, "keyFile": str(place)})
    else:
        console.line(row.did)
        console.remark(f"The key is in {place}. Keep it secret and keep it safe: it is the account.")


def _forget(place: Path) -> None:
    with contextlib.suppress(FileNotFoundError):
        place.unlink()


@command.command("list")
@settings_options
@json_option
def list_command(config: Path | None, data: Path | None, settings: tuple[str, ...], as_json: bool) -> None:
    """Show all accounts of this router, and those of elsewhere that are disabled here.

    \b
    Examples:
      rookery account list
      rookery account list --json | jq -r .did
    """
    rows = run(_rows, read_settings(config, data, settings).settings)
    console = console_of(as_json)
    if as_json:
        for row in rows:
            console.data(row)
    elif rows:
        table = Table("name", "status", "passkeys", "DID", box=None)
        for row in rows:
            table.add_row(row.name or "(elsewhere)", row.status, str(row.passkeys or ""), row.did)
        console.show(table)
    else:
        console.remark("No accounts yet; make one with: rookery account create NAME")


@command.command("show")
@click.argument("name")
@settings_options
@json_option
def show(name: str, config: Path | None, data: Path | None, settings: tuple[str, ...], as_json: bool) -> None:
    """Show the account NAME (or DID): its DID and its public key.

    \b
    Example:
      rookery account show alice --json | jq -r .verificationKey
    """
    rows = run(_rows, read_settings(config, data, settings).settings)
    row = next((row for row in rows if name in (row.name, row.did)), None)
    if row is None:
        raise CannotDo(f"There is no account {name} here; `rookery account list` shows those there are.")
    console = console_of(as_json)
    if as_json:
        console.data(row)
    else:
        console.line(
            f"name      {row.name}\nDID       {row.did}\nkey       {row.verification_key}\n"
            f"status    {row.status}\npasskeys  {row.passkeys}"
        )


@command.command("disable")
@click.argument("account")
@settings_options
@json_option
def disable(
    account: str, config: Path | None, data: Path | None, settings: tuple[str, ...], as_json: bool
) -> None:
    """Let ACCOUNT, a name or any DID, speak no more on this server.

    Its tokens are refused and what it has open ends at once. Nothing of it is deleted: it stays in its
    conversations, and what is sent there waits for it. The act is in the audit log.

    \b
    Examples:
      rookery account disable alice
      rookery account disable did:plc:abcdefghijklmnopqrstuvwx
    """
    _switch(read_settings(config, data, settings).settings, account, console_of(as_json), on=False)


@command.command("enable")
@click.argument("account")
@settings_options
@json_option
def enable(
    account: str, config: Path | None, data: Path | None, settings: tuple[str, ...], as_json: bool
) -> None:
    """Let ACCOUNT, a name or any DID, speak again.

    \b
    Example:
      rookery account enable alice
    """
    _switch(read_settings(config, data, settings).settings, account, console_of(as_json), on=True)


def _switch(settings: Settings, account: str, console: Console, *, on: bool) -> None:
    async def switch() -> AccountChanged:
        async with open_directory(settings) as directory:
            return await (directory.enable(account) if on else directory.disable(account))

    changed = run(switch)
    if console.json:
        console.data(changed)
    else:
        state = "enabled" if on else "disabled"
        console.line(f"{changed.did} is {state}" + ("." if changed.changed else ", as it was before."))


@command.command("recover")
@click.argument("account")
@click.option(
    "--out",
    type=click.Path(path_type=Path, dir_okay=False),
    help="Where to write the new key file.  [default: NAME.key.json]",
)
@click.option(
    "--curve",
    type=click.Choice(["k256", "p256"]),
    default="k256",
    show_default=True,
    help="secp256k1 (ES256K), as nearly all of AT Protocol has it, or P-256 (ES256).",
)
@click.option(
    "--keep-devices",
    is_flag=True,
    help="Leave devices and API keys as they are; without it all of them are revoked. Passkeys always are.",
)
@settings_options
@json_option
def recover(
    account: str,
    out: Path | None,
    curve: str,
    keep_devices: bool,
    config: Path | None,
    data: Path | None,
    settings: tuple[str, ...],
    as_json: bool,
) -> None:
    """Give ACCOUNT, which lives here, a new key: for who has lost the last device or key.

    Make sure that it is its owner who asks: whoever gets the new key file is the account from now on. The
    old key is void, every login and connection ends, and passkeys, devices and API keys are revoked. What
    was sent stays sealed for the devices that are gone. The act is in the audit log.

    \b
    Examples:
      rookery account recover alice --out alice.new.key.json
      rookery account recover alice --keep-devices
    """
    loaded = read_settings(config, data, settings)
    made_curve = Curve.K256 if curve == "k256" else Curve.P256
    run(_recover, loaded.settings, account, out, made_curve, keep_devices, console_of(as_json))


async def _recover(
    settings: Settings, account: str, out: Path | None, curve: Curve, keep_devices: bool, console: Console
) -> None:
    async with open_directory(settings) as directory:
        name = directory.service.name_of(account) if ":" in account else account
        if name is None:
            raise CannotDo(f"{account} does not live here: its key is changed where it lives.")
        made = new_account(name, directory.service, curve=curve)
        place = out or Path(f"{name}.key.json")
        try:
            # Before the act, as in `create`: a new key that was lost would need another recovery.
            write_account_key(place, made.key)
        except FileExistsError:
            raise CannotDo(f"{place} exists already; name another file with --out.") from None
        try:
            done = await directory.recover(name, made.verification_key, keep_devices=keep_devices)
        except (NoSuchAccount, ControlRefused):
            _forget(place)
            raise
    if console.json:
        fields = {"did": done.did, "keyFile": str(place), "devices": done.devices, "apiKeys": done.api_keys}
        console.data(fields)
    else:
        console.line(done.did)
        console.remark(f"The new key is in {place}; the old one is void.")
        if not keep_devices:
            console.remark(f"Revoked: {done.devices} devices, {done.api_keys} API keys.")


async def _rows(settings: Settings) -> list[AccountRow]:
    async with open_directory(settings) as directory:
        return await directory.accounts()
