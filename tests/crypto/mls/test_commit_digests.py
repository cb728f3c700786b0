"""The digest chain: clients that compare one value know whether they were shown the same commits."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto.mls import COMMIT_DIGEST_BYTES, commit_digest, first_commit_digest


def digest_of(group_id: bytes, commits: list[bytes]) -> bytes:
    """The digest after all of these."""
    digest = first_commit_digest(group_id)
    for commit in commits:
        digest = commit_digest(digest, commit)
    return digest


HISTORIES = st.tuples(st.binary(max_size=3), st.lists(st.binary(max_size=3), max_size=3))


@given(mine=HISTORIES, theirs=HISTORIES)
def test_two_histories_have_one_digest_only_if_they_are_one(
    mine: tuple[bytes, list[bytes]], theirs: tuple[bytes, list[bytes]]
) -> None:
    """Another group, another order, a commit left out, two commits that read as one: each shows."""
    assert (digest_of(*mine) == digest_of(*theirs)) == (mine == theirs)


def test_the_chain_is_the_documented_one() -> None:
    """Clients compute it too, in other languages: these bytes do not change."""
    assert digest_of(b"group", []).hex() == "6566244d652db7ae02997ef1ae74280d4dc8a50323de5ba7f5241c20ee18cd27"
    assert (
        digest_of(b"group", [b"commit", b"another"]).hex()
        == "cf942436b3bea813ad1fda4364c7a3a8a07a2b3e36bca86873b5de14dcec4159"
    )


def test_a_digest_has_its_length() -> None:
    """Anything else is the caller's mistake."""
    assert len(first_commit_digest(b"")) == COMMIT_DIGEST_BYTES
    with pytest.raises(ValueError, match="digest"):
        commit_digest(b"short", b"commit")
