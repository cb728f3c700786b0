"""Pseudonyms in debug lines: comparable for a day, one kind at a time, findable only by who has the name."""

import attrs

from router.observe import Aliases, Metrics, Observer, Vocabulary
from tests.observe.helpers import Captured

DAY = 86_400
DID = "did:plc:z72i7hdynmk6r22z27h6tvur"


@attrs.define
class Clock:
    now: float = 20_000.0 * DAY

    def __call__(self) -> float:
        return self.now


def test_two_lines_of_a_day_can_be_compared_and_of_two_days_not() -> None:
    clock = Clock()
    aliases = Aliases(clock)
    morning = aliases.of("account", DID)
    clock.now += DAY - 1
    assert aliases.of("account", DID) == morning
    clock.now += 1
    assert aliases.of("account", DID) != morning
    assert morning in aliases.lookup("account", DID), "who has the name finds yesterday's lines"
    clock.now += DAY
    assert morning not in aliases.lookup("account", DID), "and those before belong to nobody any more"


def test_a_kind_of_identifier_tells_nothing_of_another_and_a_process_nothing_of_the_next() -> None:
    clock = Clock()
    aliases = Aliases(clock)
    assert len({aliases.of(kind, DID) for kind in ("account", "device", "conversation", "address")}) == 4
    assert Aliases(clock).of("account", DID) != aliases.of("account", DID)
    assert "z72i" not in aliases.of("account", DID)


def test_above_debug_no_line_tells_who_was_limited_and_the_metric_still_counts() -> None:
    captured, metrics = Captured(), Metrics(version="test")
    observer = Observer(captured.logs, metrics, Vocabulary((), ()))
    observer.rate_limited("send", "account", DID)
    observer.refused_token("BadJwt", "192.0.2.1")
    assert captured.lines() == []
    assert b'rookery_rate_limited_total{quota="send"} 1.0' in metrics.text()
