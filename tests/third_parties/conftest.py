"""One stage for all of these tests: everybody brings accounts of their own."""

from collections.abc import Iterator

import pytest

from tests.third_parties.atproto import install
from tests.third_parties.stage import Person, Stage, open_stage

FAULTS = ("request_crashed", "connection_crashed", "application_crashed", "InternalServerError")


@pytest.fixture(scope="session")
def stage() -> Iterator[Stage]:
    """A running server, which must be alive at the end and have no fault of its own in its log."""
    install()
    with open_stage() as stage:
        yield stage
        assert stage.router.alive, stage.router.last_words()
        log = stage.router.log.read_text()
        for fault in FAULTS:
            assert fault not in log


@pytest.fixture(scope="session", autouse=True)
def familiar(stage: Stage) -> Person:
    """Somebody whose document the router has had for a while by the time that a test asks for him."""
    person = stage.person("familiar.example.com")
    person.call("chat.rookery.getConvos")
    return person
