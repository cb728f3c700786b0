"""The lexicons of `schema/lexicons` as AT Protocol's own reader has them: a client is built from these."""

import copy
import json
from collections.abc import Callable
from typing import Any

import pytest

from schema.wire import METHODS
from tests.third_parties.atproto import TheirError
from tests.third_parties.stage import LEXICONS, Stage

pytestmark = pytest.mark.system

ONE = LEXICONS / "chat/rookery/sendMessage.json"


def test_every_document_was_taken_and_has_the_kind_that_we_read_in_it(stage: Stage) -> None:
    """The stage has added each with `parseLexiconDoc` and `Lexicons.add`, which throw."""
    theirs = stage.ask("methods")
    assert theirs == {nsid: method.kind for nsid, method in METHODS.items()}
    assert len(theirs) > 30


def test_every_reference_leads_somewhere(stage: Stage) -> None:
    """`Lexicons.add` does not ask; a client would find out when it validates its first answer."""
    assert stage.ask("danglingRefs") == []


SPOILED: dict[str, Callable[[dict[str, Any]], object]] = {
    "another version": lambda doc: doc.update(lexicon=2),
    "a name that is no NSID": lambda doc: doc.update(id="send message"),
    "no definitions": lambda doc: doc.pop("defs"),
    "a kind that there is not": lambda doc: doc["defs"]["main"].update(type="mutation"),
    "an input without an encoding": lambda doc: doc["defs"]["main"]["input"].pop("encoding"),
    "required, and not there": lambda doc: doc["defs"]["main"]["input"]["schema"]["required"].append("ghost"),
}


@pytest.mark.parametrize("spoil", SPOILED.values(), ids=SPOILED)
def test_their_reader_would_refuse_a_faulty_one(
    stage: Stage, spoil: Callable[[dict[str, Any]], object]
) -> None:
    """So that the first test says something."""
    document = copy.deepcopy(json.loads(ONE.read_bytes()))
    spoil(document)
    with pytest.raises(TheirError):
        stage.ask("addLexicon", document=document)
