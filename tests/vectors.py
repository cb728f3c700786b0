"""Where test vectors lie: `$ROOKERY_VECTORS`, else `../shared/vectors` beside the checkout."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

VECTORS = Path(os.environ.get("ROOKERY_VECTORS", Path(__file__).parents[2] / "shared" / "vectors"))


def vector_path(name: str) -> Path:
    """The path of one vector file; skips the test, saying so, where the vectors are absent."""
    path = VECTORS / name
    if not path.exists():
        pytest.skip(f"test vectors are not here: {path} (set ROOKERY_VECTORS)")
    return path


def load_vectors(name: str) -> Any:
    """The parsed JSON of one vector file, or a skip."""
    return json.loads(vector_path(name).read_bytes())


def vector_lines(name: str) -> list[str]:
    """The cases of a one-per-line vector file: blank lines and `#` comments left out."""
    lines = vector_path(name).read_text(encoding="utf-8").splitlines()
    return [line for line in lines if line and not line.startswith("#")]
