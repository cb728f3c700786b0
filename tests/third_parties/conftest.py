"""One stage for all of these tests: everybody brings accounts of their own."""

from collections.abc import Iterator

import pytest

from tests.node.mls.clients import MlsClients, open_clients
from tests.third_parties.atproto import install
from tests.third_parties.mls_room import SUITES, Room, make_room
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


@pytest.fixture(scope="session")
def clients() -> Iterator[MlsClients]:
    """MLS clients of a third party, in a process of their own."""
    with open_clients() as clients:
        yield clients


@pytest.fixture(params=SUITES, ids=["suite 1", "suite 3"])
def room(stage: Stage, clients: MlsClients, request: pytest.FixtureRequest) -> Room:
    """A group of three people with two devices each."""
    return make_room(stage, clients, request.param)


@pytest.fixture(scope="session", autouse=True)
def familiar(stage: Stage) -> Person:
    """Somebody whose document the router has had for a while by the time that a test asks for him."""
    person = stage.person("familiar.example.com")
    person.call("chat.rookery.getConvos")
    return person
