"""The digest chain: members that compare one value know whether they were shown the same commits."""

from hypothesis import given
from hypothesis import strategies as st

from protocol import first_digest, next_digest


def digest_of(group_id: str, generation: int, commits: list[bytes]) -> bytes:
    """The digest after all of these."""
    digest = first_digest(group_id, generation)
    for commit in commits:
        digest = next_digest(digest, commit)
    return digest


HISTORIES = st.tuples(
    st.text("0f", max_size=3), st.integers(0, 2), st.lists(st.binary(max_size=3), max_size=3)
)


@given(mine=HISTORIES, theirs=HISTORIES)
def test_two_histories_have_one_digest_only_if_they_are_one(
    mine: tuple[str, int, list[bytes]], theirs: tuple[str, int, list[bytes]]
) -> None:
    """Another group or generation, another order, a commit left out, two that read as one: each shows."""
    assert (digest_of(*mine) == digest_of(*theirs)) == (mine == theirs)


def test_the_chain_is_the_documented_one() -> None:
    """Clients compute it too, in other languages: these bytes do not change."""
    group = b"group".hex()
    expected = [
        (0, [], "5d31a2788bc2c5367fda90c535c11e2ee7d0a204e2bc293d1a9c821f5f93b34c"),
        (0, [b"commit"], "2fdfcb86d2292ccf5ae96710fc129273c028e9ad9e5e58e22882c8922f9685e2"),
        (0, [b"commit", b"another"], "1b013449dc0249f32b9b425ec704e126d69985d17dad85aa5344368546d3e7b0"),
        (1, [b"commit"], "ab06c2ea996c5436d624f9a418d3fa3de3f90d24ea7fdd39c7fa58c996ac1e8f"),
    ]
    for generation, commits, digest in expected:
        assert digest_of(group, generation, commits).hex() == digest
