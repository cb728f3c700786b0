"""The rule by which a login lives from refresh token to refresh token."""

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from protocol import AccountDid
from router.store.logins import Grant, GrantReused, GrantRotated, GrantUnknown, judge_rotation

NOW = 1_780_000_000
END = NOW + 30 * 86_400
ANN = AccountDid("did:web:ann.chat.example.com")


def key(number: int) -> bytes:
    """32 bytes."""
    return bytes((number,)) * 32


@given(
    steps=st.lists(st.tuples(st.integers(0, 6), st.none() | st.integers(100, 103)), max_size=12),
)
def test_at_most_one_chain_of_tokens_lives_whatever_is_presented(
    steps: list[tuple[int, int | None]],
) -> None:
    """The law of rotation. The model: a chain 0, 1, 2 …; presenting `n` with a retry key or without.

    Whoever was answered holds the newest token; everybody else was refused, and after a refusal nobody
    is answered any more.
    """
    grant, newest, last = Grant("g", ANN, key(0), None, END), 0, None
    for presented, word in steps:
        retry = None if word is None else bytes((presented, word)) * 16
        outcome = judge_rotation(grant, presented=key(presented), retry=retry, now=NOW)
        if grant.ended:
            assert isinstance(outcome, GrantUnknown)
        elif presented == newest:
            assert isinstance(outcome, GrantRotated)
            newest, last = newest + 1, retry
            grant = replace(grant, current=key(newest), retry=retry)
        elif retry is not None and retry == last:
            assert isinstance(outcome, GrantRotated)
            assert presented == newest - 1
        else:
            assert isinstance(outcome, GrantReused)
            grant = replace(grant, ended=True)
