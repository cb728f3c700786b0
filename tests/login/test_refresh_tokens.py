"""The form of refresh tokens: ours or not, told without a look anywhere."""

from hypothesis import given
from hypothesis import strategies as st

from router.login.refresh import RefreshToken, read_refresh_token
from router.login.secrets import LoginSecrets

OURS, THEIRS = LoginSecrets(b"s" * 32), LoginSecrets(b"t" * 32)
tokens = st.builds(RefreshToken, st.binary(min_size=16, max_size=16), st.binary(min_size=32, max_size=32))


@given(tokens)
def test_a_token_reads_back_and_leads_to_one_successor(token: RefreshToken) -> None:
    text = token.text(OURS)
    assert text.startswith("rr_")
    assert read_refresh_token(text, OURS) == token
    successor = token.successor(OURS)
    assert successor == token.successor(OURS)
    assert (successor.grant, successor.secret == token.secret) == (token.grant, False)
    assert (
        len(
            {token.at_rest(OURS), successor.at_rest(OURS), OURS.refresh_retry(token.grant, token.secret, "k")}
        )
        == 3
    )


@given(tokens)
def test_another_deployments_token_is_none_of_ours(token: RefreshToken) -> None:
    assert read_refresh_token(token.text(THEIRS), OURS) is None


@given(tokens, st.data())
def test_one_changed_character_makes_it_nobodys(token: RefreshToken, data: st.DataObject) -> None:
    text = token.text(OURS)
    place = data.draw(st.integers(0, len(text) - 1))
    other = data.draw(st.characters(codec="utf-8").filter(lambda character: character != text[place]))
    assert read_refresh_token(text[:place] + other + text[place + 1 :], OURS) is None


@given(st.text(max_size=200).map(lambda text: "rr_" + text) | st.text())
def test_no_text_is_one_by_chance(text: str) -> None:
    assert read_refresh_token(text, OURS) is None


@given(tokens)
def test_the_secret_does_not_show(token: RefreshToken) -> None:
    assert repr(token.secret) not in repr(token)
    assert token.secret not in token.at_rest(OURS)
