"""The mechanism that runs the READMEs: it finds every block, and a block that fails is a failing test."""

import os
import select
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.readme.blocks import Block, UnclosedBlock, find_readmes, looks_like_code, read_blocks
from tests.readme.running import (
    BlockFailed,
    console_steps,
    run_console,
    run_python,
    run_shell,
    shell_commands,
)

README = Path("README.md")


def test_blocks_are_found_with_their_language_and_line() -> None:
    python = "# A\n\n```python title=x\nprint(1)\n```\n\n"
    shell_in_a_list = "- item\n\n  ~~~~ sh\n  ls\n  ~~~\n  ~~~~\n"
    picture = "```\n-->\n```\n"
    text = python + shell_in_a_list + picture

    assert list(read_blocks(README, text)) == [
        Block(README, 4, "python", "print(1)\n"),
        Block(README, 10, "sh", "ls\n~~~\n"),
        Block(README, 14, "", "-->\n"),
    ]


def test_a_block_that_is_never_closed_is_an_error() -> None:
    with pytest.raises(UnclosedBlock, match=r"README\.md:2"):
        list(read_blocks(README, "text\n```sh\nls\n"))


_CODE = st.lists(st.text(st.characters(codec="ascii", exclude_categories=["C"]), max_size=12), max_size=5)


@given(blocks=st.lists(st.tuples(st.sampled_from(["python", "sh", ""]), _CODE)), prose=st.booleans())
def test_whatever_was_fenced_is_found_again(blocks: list[tuple[str, list[str]]], prose: bool) -> None:
    fence = "`" * 20  # longer than any line of the code
    between = "Some words.\n\n" if prose else ""
    fenced = ("".join(f"{line}\n" for line in (fence + language, *code, fence)) for language, code in blocks)
    text = between.join(fenced)

    found = [(block.language, block.code.splitlines()) for block in read_blocks(README, text)]

    assert found == blocks


def test_hidden_and_fetched_folders_are_not_ours(tmp_path: Path) -> None:
    for folder in ("", "actors", ".venv/lib", "deploy/node_modules/x", "build"):
        (tmp_path / folder).mkdir(parents=True, exist_ok=True)
        (tmp_path / folder / "README.md").touch()

    assert find_readmes(tmp_path) == [Path("README.md"), Path("actors/README.md")]


@pytest.mark.parametrize("code", ["$ ls\n", ">>> 1\n", "import trio\n", "  from x import y\n", "make test\n"])
def test_a_picture_must_not_look_like_code(code: str) -> None:
    assert looks_like_code(code)
    assert not looks_like_code("edge ──▶ store   from here to there\n")


def test_commands_lose_their_comments_and_long_ones_are_joined() -> None:
    code = "# first\nrookery serve &   # in the background\n\necho a#b \\\n    c\n"

    assert list(shell_commands(code)) == ["rookery serve &", "echo a#b c"]


def test_a_python_block_that_raises_fails_with_what_it_printed(tmp_path: Path) -> None:
    with pytest.raises(BlockFailed, match="ZeroDivisionError"):
        run_python("print('before')\n1 / 0\n", tmp_path)


def test_a_shell_block_stops_at_its_first_failure_and_leaves_exceptions_out(tmp_path: Path) -> None:
    run_shell("make test  # all\n", tmp_path, not_run={"make test": "reason"})

    with pytest.raises(BlockFailed) as failed:
        run_shell("make test\necho one\nfalse\necho two\n", tmp_path, not_run={"make test": "reason"})

    assert "one" in str(failed.value)
    assert "two" not in str(failed.value)


def test_a_console_block_is_held_to_the_output_it_shows(tmp_path: Path) -> None:
    code = "$ echo good day\ngood ...\n$ true\n$ printf 'a\\nb\\n'\na\nb\n"
    assert console_steps(code) == [
        ("echo good day", "good ...\n"),
        ("true", ""),
        ("printf 'a\\nb\\n'", "a\nb\n"),
    ]
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()

    run_console(code, tmp_path / "one", not_run={})

    with pytest.raises(BlockFailed, match="and the README says\nbad"):
        run_console("$ echo good\nbad\n", tmp_path / "two", not_run={})
    with pytest.raises(BlockFailed, match="begins with a command"):
        console_steps("output of nothing\n")


def test_what_a_block_left_in_the_background_is_ended_with_it(tmp_path: Path) -> None:
    server = "import socket; socket.socket(socket.AF_UNIX).bind('rookery-data/control.sock')"
    commands = ["mkdir rookery-data", f'python3 -c "{server}"', "sleep 1000 &", "echo $! > pid"]

    run_shell("\n".join(commands), tmp_path, not_run={})

    try:
        process = os.pidfd_open(int((tmp_path / "pid").read_text()))
    except ProcessLookupError:
        return  # it has ended and was buried
    try:
        assert select.select([process], [], [], 30)[0]
    finally:
        os.close(process)
