"""The `rookery` group: what is said before, around and after every command."""

import os
import sys
from importlib import import_module
from importlib.metadata import version
from typing import NoReturn

import click

from router.cli.failures import FAILED, INTERRUPTED, first_cause, sentence

_COMMANDS = {
    "serve": "router.cli.serve",
    "demo": "router.cli.demo",
    "account": "router.cli.account",
    "resolve": "router.cli.resolve",
    "convo": "router.cli.convo",
    "token": "router.cli.token",
    "send": "router.cli.send",
    "tail": "router.cli.tail",
    "migrate": "router.cli.migrate",
    "config": "router.cli.config",
    "tree": "router.cli.tree",
    "statistics": "router.cli.statistics",
    "tune": "router.cli.tune",
    "keys": "router.cli.keys",
    "group": "router.cli.group",
    "welcomes": "router.cli.welcomes",
    "complaints": "router.cli.complaints",
    "doctor": "router.cli.doctor",
}
"""Command → module that has it as `command`; in the order of the help, which is the order of a first day."""


class Rookery(click.Group):
    """Loads a command when it is named, and turns what it raises into a sentence."""

    def list_commands(self, _ctx: click.Context) -> list[str]:
        """Every command, in the order of a first day."""
        return list(_COMMANDS)

    def get_command(self, _ctx: click.Context, cmd_name: str) -> click.Command | None:
        """The command of this name, or None."""
        if cmd_name not in _COMMANDS:
            return None
        command = import_module(_COMMANDS[cmd_name]).command
        assert isinstance(command, click.Command)  # noqa: S101 - each module's promise, checked by a test
        return command

    def invoke(self, ctx: click.Context) -> object:
        """Run the command; raises only what click itself prints well."""
        try:
            return super().invoke(ctx)
        except (click.exceptions.Exit, click.Abort):
            raise
        except BaseException as error:
            # The last place: everything becomes a sentence here.
            if ctx.params.get("debug") and not isinstance(first_cause(error), BrokenPipeError):
                raise
            self._tell(ctx, error)

    def _tell(self, ctx: click.Context, error: BaseException) -> NoReturn:
        cause = first_cause(error)
        if isinstance(cause, (click.ClickException, SystemExit)):
            raise cause
        if isinstance(cause, KeyboardInterrupt):
            ctx.exit(INTERRUPTED)
        if isinstance(cause, BrokenPipeError):
            # Whoever read us has gone (`rookery tail | head`): not a failure, and nobody to tell. What
            # Python would still flush at exit goes nowhere.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            ctx.exit(0)
        told = sentence(cause)
        if told is None:
            name = f"{type(cause).__name__}: {cause}".rstrip(": ")
            told = f"Rookery has a fault of its own here ({name}). Run it again with --debug and report it."
        click.echo(f"Error: {told}", err=True)
        ctx.exit(FAILED)


@click.group(
    cls=Rookery,
    context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100},
    epilog="Examples: `rookery COMMAND --help`. Exit codes: 0 done, 1 refused or failed, 2 used wrongly.",
)
@click.version_option(version("rookery"), prog_name="rookery")
@click.option("--debug", is_flag=True, help="Show a traceback where a command fails.")
def cli(debug: bool) -> None:
    """Route end-to-end encrypted messages between people's devices.

    \b
    Look at it:         rookery demo
    Run it:             rookery serve
    Make an account:    rookery account create alice
    Start to talk:      rookery convo create --key alice.key.json --group-key rooks.group.json
                        echo Hello | rookery send --key alice.key.json --group-key rooks.group.json
                        rookery tail --key alice.key.json --group-key rooks.group.json --from-start
    """
    del debug  # read by Rookery.invoke, where failures are told


def main() -> None:
    """The console script."""
    cli(prog_name="rookery")
