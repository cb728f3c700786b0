"""The chain as a pure thing: any change of any byte is found, and where."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from protocol import AccountDid
from router.store import audit, rules
from router.store.audit import AuditFact, AuditHead, AuditLink, ChainBroken

START = audit.genesis(bytes(range(8)), 0)

facts = st.builds(
    AuditFact,
    action=st.sampled_from(["member.added", "member.removed", "knob.changed"]),
    actor=st.none() | st.just(AccountDid("did:web:ann.example")),
    subject=st.none() | st.text(max_size=20),
    seq=st.none() | st.integers(1, 2**53),
    detail=st.none() | st.text(max_size=20),
)


def chained(acts: list[AuditFact], head: AuditHead = START) -> list[AuditLink]:
    """A chain of these acts."""
    links = []
    for number, fact in enumerate(acts):
        links.append(audit.link(head, fact, 1_800_000_000 + 2 * number))
        head = audit.head_of(links[-1])
    return links


def test_an_example_a_person_can_check_with_sha256sum() -> None:
    """The first link of a chain, byte by byte: the format leaves the house."""
    first = audit.link(START, AuditFact("knob.changed", detail="é"), 1_800_000_000)
    assert first.record.decode() == (
        '{"number":1,"at":1800000000,"action":"knob.changed","actor":null,"subject":null,'
        '"conversation":null,"seq":null,"detail":"é"}'
    )
    assert START.hash.hex() == "6564b37fe6ab379d6a7524ef76c1b8495d39447f8e6410e032522e944eb897f5"
    # printf 'rookery-audit-v1' | cat - genesis.bin record.json | sha256sum
    assert first.hash.hex() == "93165fe2b45e43681ec6281e202280b524de106d0bae192c6f2ed24d813c7374"


@given(acts=st.lists(facts, max_size=8))
def test_a_chain_verifies_and_reads_back_as_what_was_done(acts: list[AuditFact]) -> None:
    links = chained(acts)
    head = audit.verify(links, after=START)
    assert head.number == len(acts)
    read = [one.read() for one in links]
    assert [(one.action, one.actor, one.subject, one.seq, one.detail) for one in read] == [
        (act.action, act.actor, act.subject, act.seq, act.detail) for act in acts
    ]


@given(acts=st.lists(facts, min_size=1, max_size=6), data=st.data())
def test_any_change_of_any_byte_is_found_at_its_record(acts: list[AuditFact], data: st.DataObject) -> None:
    links = chained(acts)
    index = data.draw(st.integers(0, len(links) - 1))
    field = data.draw(st.sampled_from(["previous", "record", "hash"]))
    old: bytes = getattr(links[index], field)
    place = data.draw(st.integers(0, len(old) - 1))
    flipped = data.draw(st.integers(1, 255))
    new = old[:place] + bytes([old[place] ^ flipped]) + old[place + 1 :]
    links[index] = replace(links[index], **{field: new})
    with pytest.raises(ChainBroken) as found:
        audit.verify(links, after=START)
    assert found.value.number == index + 1


@given(acts=st.lists(facts, min_size=2, max_size=6), data=st.data())
def test_a_tail_that_was_cut_off_is_found_by_the_head_that_was_kept(
    acts: list[AuditFact], data: st.DataObject
) -> None:
    links = chained(acts)
    head = audit.head_of(links[-1])
    kept = links[: data.draw(st.integers(0, len(links) - 1))]
    audit.verify(kept, after=START)
    with pytest.raises(ChainBroken, match="cut off"):
        audit.verify(kept, after=START, expected=head)


@given(acts=st.lists(facts, min_size=1, max_size=6), data=st.data())
def test_a_chain_written_anew_by_somebody_is_found_by_any_head_that_was_kept(
    acts: list[AuditFact], data: st.DataObject
) -> None:
    """Whoever can write the file can compute hashes; what he cannot do is meet a head kept elsewhere."""
    links = chained(acts)
    number = data.draw(st.integers(1, len(links)))
    attested = audit.head_of(links[number - 1])
    forged = chained([replace(acts[0], detail="forged"), *acts[1:]])
    with pytest.raises(ChainBroken, match="attested"):
        audit.verify(forged, after=START, expected=attested)
    assert audit.verify(links, after=START, expected=attested) == audit.head_of(links[-1])


def test_a_record_has_one_spelling() -> None:
    """A second JSON text of the same act, correctly hashed, is refused: two readers could differ on it."""
    first = audit.link(START, AuditFact("knob.changed"), 2)
    spaced = first.record.replace(b",", b", ")
    forged = AuditLink(1, START.hash, spaced, audit._hash(START.hash, spaced))
    with pytest.raises(ChainBroken, match="canonical"):
        audit.verify([forged], after=START)


@given(expires=st.integers(0, 2**40))
def test_a_token_is_remembered_at_least_as_long_as_it_lives_and_told_no_finer_than_a_minute(
    expires: int,
) -> None:
    kept = rules.replay_expiry(expires)
    assert kept % rules.REPLAY_GRAIN == 0
    assert expires <= kept < expires + rules.REPLAY_GRAIN
