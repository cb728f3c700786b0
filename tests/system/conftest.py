"""Servers for a whole file, where its tests do not get into each other's way."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import trio

from tests.system.process import RouterProcess
from tests.system.town import Town, build, everything

FAULTS = ("request_crashed", "connection_crashed", "application_crashed", "InternalServerError")


@pytest.fixture(scope="module")
def router() -> Iterator[RouterProcess]:
    """A running server, which must be alive at the end and have no fault of its own in its log."""
    with tempfile.TemporaryDirectory(prefix="rookery-") as folder, RouterProcess(Path(folder)) as router:
        trio.run(router.start)
        yield router
        assert router.alive, router.last_words()
        log = router.log.read_text()
        for fault in FAULTS:
            assert fault not in log


@pytest.fixture(scope="module")
def town(router: RouterProcess) -> Iterator[Town]:
    """A town that must be unharmed at the end: bad input leaves nothing behind."""
    town = trio.run(build, router)
    before = everything(router)
    yield town
    assert everything(router) == before, "something half-done is left behind"
