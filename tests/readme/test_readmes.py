"""Every code block of every README runs as it is written.

`python` blocks are scripts, `sh` and `console` blocks are typed into a shell, `toml` blocks with our
sections are settings that load, `json` is JSON. Any other language fails here, so that nothing escapes; a
block without a language is a picture and must not look like code.
"""

import json
import tomllib
from pathlib import Path

import pytest

from router.config import SECTIONS, resolve
from tests.readme.blocks import Block, find_readmes, looks_like_code, read_blocks
from tests.readme.exceptions import NOT_RUN
from tests.readme.running import console_steps, run_console, run_python, run_shell, shell_commands

ROOT = Path(__file__).parents[2]
BLOCKS = [
    block
    for readme in find_readmes(ROOT)
    for block in read_blocks(readme, (ROOT / readme).read_text("utf-8"))
]


@pytest.mark.parametrize("block", BLOCKS, ids=lambda block: block.name)
def test_a_block_does_what_its_readme_says(block: Block, tmp_path: Path) -> None:
    match block.language:
        case "python":
            run_python(block.code, tmp_path)
        case "sh":
            run_shell(block.code, tmp_path, not_run=NOT_RUN)
        case "console":
            run_console(block.code, tmp_path, not_run=NOT_RUN)
        case "toml":
            document = tomllib.loads(block.code)
            if document.keys() & SECTIONS.keys():
                resolve(document, environ={}, overrides={}, file_name=block.name)
        case "json":
            json.loads(block.code)
        case "text" | "mermaid":
            pass
        case "":
            assert not looks_like_code(block.code), f"{block.name}: give this block its language"
        case unknown:
            pytest.fail(f"{block.name}: nothing here runs a block in {unknown!r}")


def test_every_exception_is_still_needed() -> None:
    shown = {
        command
        for block in BLOCKS
        for command in (
            shell_commands(block.code)
            if block.language == "sh"
            else [command for command, _ in console_steps(block.code)]
            if block.language == "console"
            else []
        )
    }

    assert set(NOT_RUN) - shown == set()
