"""`rookery migrate`: bring a data folder's database to the newest schema."""

from pathlib import Path

import click

from router.cli.options import console_of, json_option, read_settings, settings_options


@click.command("migrate", short_help="Bring the database to the newest schema.")
@settings_options
@json_option
def command(config: Path | None, data: Path | None, settings: tuple[str, ...], as_json: bool) -> None:
    """Apply the store's migrations to the data folder, which no server may be using.

    `rookery serve` does the same at its start; this is for those who want to see it happen first.
    Each migration is one transaction: it is done or it is not.

    \b
    Examples:
      rookery migrate
      rookery migrate --data /var/lib/rookery
    """
    from router.store.sqlite.database import VERSION, prepare
    from router.store.sqlite.folder import FolderLock, database_path

    folder = read_settings(config, data, settings).settings.store.path
    with FolderLock(folder):
        identity = prepare(database_path(folder))
    console = console_of(as_json)
    if as_json:
        console.data({"path": str(database_path(folder)), "version": identity.version, "known": VERSION})
    else:
        console.line(
            f"{database_path(folder)} has schema version {identity.version}; this Rookery knows {VERSION}."
        )
