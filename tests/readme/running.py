"""Runs a block as its reader would: a fresh process in a fresh folder, ended for certain afterwards."""

import doctest
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

TIMEOUT = 60.0
_SERVER_IS_UP = "rookery-data/control.sock"
_AFTER_BACKGROUND = (
    f"for _ in $(seq 200); do test -S {_SERVER_IS_UP} && break; sleep 0.1; done; test -S {_SERVER_IS_UP}"
)
_MARK = "\x1e"  # ASCII's record separator: between the outputs of two commands


class BlockFailed(AssertionError):
    """The block did not do what the README says."""


def run_python(code: str, folder: Path) -> None:
    """Run a `python` block as a script; raises `BlockFailed` with what it printed."""
    script = folder / "block.py"
    script.write_text(code, encoding="utf-8")
    _run([sys.executable, str(script)], folder)


def run_shell(code: str, folder: Path, *, not_run: Mapping[str, str]) -> None:
    """Run the commands of a `sh` block in one shell that stops at the first failure.

    After a command sent to the background (a server), the next one waits until the server is up, as a
    reader's fingers would.
    """
    lines: list[str] = []
    for command in shell_commands(code):
        if command in not_run:
            continue
        lines.append(command)
        if command.endswith("&"):
            lines.append(_AFTER_BACKGROUND)
    if lines:
        _run(["sh", "-eu", "-c", "\n".join(lines)], folder)


def run_console(code: str, folder: Path, *, not_run: Mapping[str, str]) -> None:
    """Run the `$ ` lines of a `console` block and compare the output; `...` stands for anything."""
    steps = [step for step in console_steps(code) if step[0] not in not_run]
    if not steps:
        return
    output = _run(["sh", "-eu", "-c", f"\nprintf '{_MARK}'\n".join(command for command, _ in steps)], folder)
    checker = doctest.OutputChecker()
    for (command, wanted), got in zip(steps, output.split(_MARK), strict=True):
        if not checker.check_output(wanted, got, doctest.ELLIPSIS | doctest.NORMALIZE_WHITESPACE):
            raise BlockFailed(f"$ {command}\nprinted\n{got}\nand the README says\n{wanted}")


def shell_commands(code: str) -> Iterator[str]:
    """The commands of a `sh` block, one a line, comments and blank lines left out, `\\` lines joined."""
    for line in re.sub(r"\\\n\s*", "", code).splitlines():
        command = re.sub(r"(^|\s)#.*", "", line).strip()
        if command:
            yield command


def console_steps(code: str) -> list[tuple[str, str]]:
    """The commands of a `console` block, each with the output shown under it."""
    steps: list[tuple[str, str]] = []
    for line in code.splitlines(keepends=True):
        if line.startswith("$ "):
            steps.append((line[2:].strip(), ""))
        elif steps:
            command, output = steps[-1]
            steps[-1] = (command, output + line)
        elif line.strip():
            raise BlockFailed(f"a console block begins with a command after `$ `, not with {line!r}")
    return steps


def _run(command: list[str], folder: Path) -> str:
    # a reader stands in the checkout, where .venv is; ports of our own keep runs apart
    venv = Path(sys.prefix)
    (folder / ".venv").symlink_to(venv)
    environ = {
        "PATH": f"{venv / 'bin'}{os.pathsep}{os.environ['PATH']}",
        "HOME": str(folder),
        "LANG": "C.UTF-8",
        "ROOKERY_SERVER__PORT": "0",
        "ROOKERY_ADMIN__PORT": "0",
    }
    with (folder / "output").open("wb+") as output:
        # a file and not a pipe: a server left in the background would hold a pipe open
        process = subprocess.Popen(
            command,
            cwd=folder,
            env=environ,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )
        try:
            status: int | str = process.wait(TIMEOUT)
        except subprocess.TimeoutExpired:
            status = f"no end within {TIMEOUT:g} s"
        finally:
            _end_group(process.pid)
            process.wait()
        output.seek(0)
        text = output.read().decode(errors="replace")
    if status != 0:
        raise BlockFailed(f"it ended with {status} and printed\n{text}")
    return text


def _end_group(group: int) -> None:
    try:
        os.killpg(group, signal.SIGKILL)
    except ProcessLookupError:
        pass  # nothing was left behind
