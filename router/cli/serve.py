"""`rookery serve`: run the router in this process until it is told to stop."""

from functools import partial
from pathlib import Path

import click
import trio

from router.cli.options import console_of, judge, read_settings, settings_options


@click.command("serve", short_help="Run the router.")
@click.option("--host", help="Address to listen on.  [default: server.host of the settings, 127.0.0.1]")
@click.option("--port", type=int, help="Port to listen on; 0: any free one.  [default: server.port, 3000]")
@click.option("--public-url", metavar="URL", help="How clients reach it.  [default: http://localhost:PORT]")
@settings_options
def command(
    host: str | None,
    port: int | None,
    public_url: str | None,
    config: Path | None,
    data: Path | None,
    settings: tuple[str, ...],
) -> None:
    """Run the router until SIGTERM or Ctrl-C, then drain it.

    Accounts, messages and the control socket live in the data folder; one server owns it at a time.
    An answered send is on the disk. Stopping takes no longer than server.graceful_timeout.

    \b
    Examples:
      rookery serve
      rookery serve --port 3001 --data /var/lib/rookery
      rookery serve --config /etc/rookery.toml --set logging.level=debug
      ROOKERY_SERVER__PORT=3001 rookery serve
    """
    given = {"server.host": host, "server.port": port, "server.public_url": public_url}
    extra = {key: str(value) for key, value in given.items() if value is not None}
    loaded = judge(read_settings(config, data, settings, extra), console_of(False))
    from router.app import run

    trio.run(partial(run, loaded))
