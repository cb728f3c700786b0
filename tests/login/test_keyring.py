"""The key ring: what signs, what still verifies, and how both follow from files and time alone."""

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.identity.errors import IdentityFileError
from router.login.keyring import OVERLAP_SECONDS, KeyRing, TokenKey, living

NOW = 1_780_000_000


class Clock:
    """A clock that the test moves."""

    def __init__(self) -> None:
        self.now = float(NOW)

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_a_key_signs_a_rotation_brings_another_and_the_first_verifies_until_its_tokens_are_gone(
    tmp_path: Path, clock: Clock
) -> None:
    ring = KeyRing(tmp_path, clock)
    first = ring.signing
    signature = first.sign(b"hello")

    second = ring.rotate()

    assert ring.signing == second != first
    assert [key["kid"] for key in ring.jwks()["keys"]] == [second.kid, first.kid]
    clock.now += OVERLAP_SECONDS - 1
    found = ring.find(first.kid)
    assert found is not None
    assert found.verifies(b"hello", signature)
    clock.now += 1
    assert ring.find(first.kid) is None
    assert [path.name for path in tmp_path.iterdir()] == ["token-key-0002.json"]


def test_the_published_keys_hold_no_secret_and_the_files_are_their_owners_alone(
    tmp_path: Path, clock: Clock
) -> None:
    ring = KeyRing(tmp_path, clock)
    (jwk,) = ring.jwks()["keys"]
    assert set(jwk) == {"kty", "crv", "x", "kid", "alg", "use"}
    (file,) = tmp_path.iterdir()
    assert file.stat().st_mode & 0o777 == 0o600
    assert json.loads(file.read_text())["seed"] not in repr(ring.signing)


def test_the_kid_is_the_thumbprint_of_rfc_8037() -> None:
    """RFC 8037 appendix A.2 and A.3."""
    seed = bytes.fromhex("9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60")
    key = TokenKey.of(1, NOW, seed)
    assert key.to_jwk()["x"] == "11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo"
    assert key.kid == "kPrK_qmxVWaYVA9wwBF6Iuo3vVzz7TxHCTwXBygrS4k"


def test_another_node_finds_the_new_key_when_a_token_of_its_comes(tmp_path: Path, clock: Clock) -> None:
    one, other = KeyRing(tmp_path, clock), KeyRing(tmp_path, clock)
    assert one.signing == other.signing
    clock.now += 60
    fresh = one.rotate()
    assert other.find(fresh.kid) == fresh
    assert other.signing == fresh


def test_unknown_kids_do_not_make_it_read_the_folder_again_and_again(tmp_path: Path, clock: Clock) -> None:
    one, other = KeyRing(tmp_path, clock), KeyRing(tmp_path, clock)
    fresh = one.rotate()
    assert other.find("made up") is None
    assert other.find(fresh.kid) is None, "it has just looked"
    clock.now += 1
    assert other.find(fresh.kid) == fresh


def test_two_that_rotate_at_the_same_time_make_one_key(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch
) -> None:
    one, other = KeyRing(tmp_path, clock), KeyRing(tmp_path, clock)
    real = other.reload

    def reload_then_lose_the_race() -> None:
        real()
        monkeypatch.setattr(other, "reload", real)
        one.rotate()

    monkeypatch.setattr(other, "reload", reload_then_lose_the_race)
    assert other.rotate() == one.signing
    assert len(list(tmp_path.iterdir())) == 2


def test_a_key_that_may_be_out_is_forgotten_at_once(tmp_path: Path, clock: Clock) -> None:
    ring = KeyRing(tmp_path, clock)
    old = ring.signing
    fresh = ring.rotate(at_once=True)
    assert ring.keys() == (fresh,)
    assert ring.find(old.kid) is None
    assert KeyRing(tmp_path, clock).keys() == (fresh,)


def test_a_clock_that_was_set_back_ends_no_key_early(tmp_path: Path, clock: Clock) -> None:
    ring = KeyRing(tmp_path, clock)
    first = ring.signing
    clock.now -= 10 * OVERLAP_SECONDS
    second = ring.rotate()
    assert second.created >= first.created
    assert ring.find(first.kid) == first


@pytest.mark.parametrize(
    "damage", ["{", "[]", '{"version": 1}', '{"version": 1, "created": 1, "seed": "AA=="}']
)
def test_a_damaged_file_is_told_with_what_to_do(tmp_path: Path, clock: Clock, damage: str) -> None:
    ring = KeyRing(tmp_path, clock)
    path = tmp_path / "token-key-0002.json"
    path.write_text(damage)
    path.chmod(0o600)
    with pytest.raises(IdentityFileError, match="damaged"):
        KeyRing(tmp_path, clock)
    clock.now += 5
    assert ring.find("unknown") is None, "the keys it has stay good"
    assert ring.find(ring.signing.kid) is not None
    path.chmod(0o644)
    with pytest.raises(IdentityFileError, match="chmod 600"):
        KeyRing(tmp_path, clock)


@given(
    ages=st.lists(st.integers(0, 3 * OVERLAP_SECONDS), min_size=1, max_size=8),
    seconds=st.integers(0, 3 * OVERLAP_SECONDS),
)
def test_a_token_signed_at_any_moment_verifies_for_its_whole_life(ages: list[int], seconds: int) -> None:
    """The law of the ring: who signed is alive until the longest-lived token of that moment is gone."""
    births = [NOW + age for age in sorted(ages)]
    keys = [TokenKey.of(number, born, bytes([number]) * 32) for number, born in enumerate(births, 1)]
    then = births[0] + seconds
    signer = [key for key in keys if key.created <= then][-1]
    for later in (then, then + OVERLAP_SECONDS // 2, then + OVERLAP_SECONDS - 1):
        assert signer in living(keys, later)
    assert living(keys, births[-1] + 10 * OVERLAP_SECONDS) == (keys[-1],)
