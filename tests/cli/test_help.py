"""The help teaches: every command says what it does, shows an example and names its options."""

from collections.abc import Iterator

import click
import pytest
from click.testing import CliRunner

from router.cli import cli


def commands(
    group: click.Group, path: tuple[str, ...] = ()
) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    for name in group.list_commands(click.Context(group)):
        command = group.get_command(click.Context(group), name)
        assert command is not None
        yield (*path, name), command
        if isinstance(command, click.Group):
            yield from commands(command, (*path, name))


COMMANDS = dict(commands(cli))


def help_of(*path: str) -> str:
    result = CliRunner().invoke(cli, [*path, "--help"], terminal_width=100)
    assert result.exit_code == 0
    return result.output


def test_the_commands_of_the_issue_are_there() -> None:
    wanted = {"serve", "demo", "account", "token", "send", "tail", "migrate", "config", "tree"}
    assert wanted <= {path[0] for path in COMMANDS}
    for pair in [("account", "create"), ("account", "list"), ("account", "show")]:
        assert pair in COMMANDS
    for pair in [("config", "show"), ("config", "check"), ("config", "doc")]:
        assert pair in COMMANDS


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_every_help_has_an_example_of_the_command(path: tuple[str, ...]) -> None:
    text = help_of(*path)
    assert "Example" in text
    assert f"rookery {' '.join(path)}" in text.partition("Example")[2]


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_every_option_is_explained_and_every_argument_is_named_in_the_text(path: tuple[str, ...]) -> None:
    text = help_of(*path)
    for parameter in COMMANDS[path].params:
        if isinstance(parameter, click.Option):
            assert parameter.help, parameter.name
            assert max(parameter.opts, key=len) in text
        else:
            assert (
                parameter.human_readable_name.strip("[].")
                in text.partition("Options:")[0].partition("\n\n")[2]
            )


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_an_option_that_may_be_left_out_shows_what_it_is_then(path: tuple[str, ...]) -> None:
    for parameter in COMMANDS[path].params:
        if (
            isinstance(parameter, click.Option)
            and isinstance(parameter.default, str | int)
            and not parameter.is_flag
        ):
            assert parameter.show_default or "[default:" in (parameter.help or ""), parameter.name


@pytest.mark.parametrize("path", [path for path in COMMANDS if len(path) == 1], ids=" ".join)
def test_the_overview_says_each_command_whole(path: tuple[str, ...]) -> None:
    """No line of the list ends in dots at 80 columns."""
    result = CliRunner().invoke(cli, ["--help"], terminal_width=80)
    (line,) = [line for line in result.output.splitlines() if line.startswith(f"  {path[0]} ")]
    assert not line.endswith("...")


def test_used_wrongly_is_exit_code_two_and_says_how_to_go_on() -> None:
    for wrong in (["nonsense"], ["account", "create"], ["send", "--nonsense"], ["token"]):
        result = CliRunner().invoke(cli, wrong)
        assert result.exit_code == 2
        assert "--help" in result.output
