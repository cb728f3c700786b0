"""A town for a whole file: bad input leaves nothing behind, so its tests can share one server."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import trio

from tests.system.process import RouterProcess
from tests.system.town import Town, build, everything


@pytest.fixture(scope="module")
def town() -> Iterator[Town]:
    """A town that must be unharmed at the end: alive, unchanged, and with no fault in its log."""
    with tempfile.TemporaryDirectory(prefix="rookery-") as folder, RouterProcess(Path(folder)) as router:
        town = trio.run(build, router)
        before = everything(router)
        yield town
        assert router.alive, router.last_words()
        assert everything(router) == before, "something half-done is left behind"
        log = router.log.read_text()
        for fault in ("request_crashed", "connection_crashed", "application_crashed", "InternalServerError"):
            assert fault not in log
