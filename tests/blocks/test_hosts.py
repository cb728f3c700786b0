"""The brakes of one host: what looks at many accounts cost whoever hosts them."""

from router.blocks.hosts import PAUSE, TRIES, Hosts


def hosts(most: int = 4) -> Hosts:
    return Hosts(at_once=2, per_minute=60, most=most, clock=lambda: 0.0)


def test_a_host_is_asked_so_often_whoever_is_asked_about() -> None:
    host = hosts().named("pds.example.net")
    assert [host.refuses(0.0) for _ in range(61)] == [None] * 60 + ["braked"]
    assert host.refuses(1.0) is None
    assert host.refuses(1.0) == "braked"


def test_a_host_that_hangs_is_left_alone_for_a_while() -> None:
    """Each look at a silent host holds its slots for seconds: three tell as much as three thousand."""
    host = hosts().named("pds.example.net")
    for _ in range(TRIES):
        assert host.refuses(0.0) is None
        host.was_silent(0.0)
    assert host.refuses(PAUSE - 0.1) == "paused"
    assert host.refuses(PAUSE) is None
    host.was_silent(PAUSE)
    assert host.refuses(PAUSE) == "paused"
    host.spoke()
    assert host.refuses(PAUSE) is None


def test_an_answer_in_between_is_no_silence() -> None:
    """A busy host fails now and then; and nobody can set it aside by naming accounts it has not."""
    host = hosts().named("pds.example.net")
    for _ in range(TRIES * 2):
        host.was_silent(0.0)
        assert host.refuses(0.0) in (None, "paused")
        host.spoke()
    assert host.refuses(0.0) is None


async def test_the_oldest_hosts_that_nobody_uses_are_forgotten() -> None:
    """One in use keeps its slots, or twice as many could be taken."""
    known = hosts(most=2)
    used = known.named("a")
    async with used.turns:
        for name in "bcd":
            known.named(name)
        assert known.named("a") is used
        assert known.statistics() == {"items": 2, "capacity": 2}
    known.named("e")
    known.named("f")
    assert known.named("a") is not used
