"""Sealed values, keyed hashes and log pseudonyms."""

import ast
from pathlib import Path

import nacl.secret
import pytest
from hypothesis import given
from hypothesis import strategies as st

import crypto
from crypto import Pseudonyms, SealError, derive_key, keyed_hash, open_sealed, seal

KEY = b"k" * 32
OTHER = b"o" * 32
DAY = 86_400


def test_a_sealed_value_opens_with_its_key_and_context_only() -> None:
    sealed = seal(KEY, b"position 17", context=b"device-1")
    assert open_sealed(KEY, sealed, context=b"device-1") == b"position 17"
    for key, context in [(OTHER, b"device-1"), (KEY, b"device-2"), (KEY, b"")]:
        with pytest.raises(SealError):
            open_sealed(key, sealed, context=context)


@given(message=st.binary(max_size=300), context=st.binary(max_size=20))
def test_sealing_is_undone_and_hides_equality(message: bytes, context: bytes) -> None:
    sealed = seal(KEY, message, context=context)
    assert open_sealed(KEY, sealed, context=context) == message
    assert len(sealed) == len(message) + crypto.SEAL_OVERHEAD_BYTES
    assert seal(KEY, message, context=context) != sealed


@given(message=st.binary(max_size=60), position=st.integers(0, 200), change=st.integers(1, 255))
def test_a_changed_byte_breaks_the_seal(message: bytes, position: int, change: int) -> None:
    sealed = bytearray(seal(KEY, message))
    sealed[position % len(sealed)] ^= change
    with pytest.raises(SealError):
        open_sealed(KEY, bytes(sealed))


@given(data=st.binary(max_size=100))
def test_bytes_that_were_never_sealed_do_not_open(data: bytes) -> None:
    with pytest.raises(SealError):
        open_sealed(KEY, data)


def test_the_layout_is_version_nonce_and_secretbox() -> None:
    sealed = seal(KEY, b"m", context=b"c", entropy=lambda count: b"n" * count)
    assert sealed[:25] == b"\x01" + b"n" * 24
    box = nacl.secret.SecretBox(keyed_hash(KEY, "seal", b"c"))
    assert box.decrypt(sealed[25:], b"n" * 24) == b"m"


@given(left=st.lists(st.binary(max_size=4), max_size=4), right=st.lists(st.binary(max_size=4), max_size=4))
def test_a_keyed_hash_binds_where_its_parts_end(left: list[bytes], right: list[bytes]) -> None:
    assert (keyed_hash(KEY, "p", *left) == keyed_hash(KEY, "p", *right)) is (left == right)


def test_key_and_purpose_separate_hashes() -> None:
    assert (
        len({keyed_hash(KEY, "a"), keyed_hash(KEY, "b"), keyed_hash(OTHER, "a"), derive_key(KEY, "a")}) == 4
    )
    assert len(keyed_hash(KEY, "a", size=8)) == 8
    with pytest.raises(ValueError, match="16 to 64"):
        keyed_hash(b"short", "a")


class TestPseudonyms:
    def test_one_account_has_one_name_for_a_day_and_another_the_next(self) -> None:
        ring = Pseudonyms()
        morning = ring.of("account", "did:plc:a", now=10 * DAY)
        assert ring.of("account", "did:plc:a", now=11 * DAY - 1) == morning
        next_day = ring.of("account", "did:plc:a", now=11 * DAY)
        assert next_day != morning
        assert ring.lookup("account", "did:plc:a", now=11 * DAY) == [next_day, morning]
        assert morning not in ring.lookup("account", "did:plc:a", now=12 * DAY)

    def test_kinds_do_not_share_names(self) -> None:
        ring = Pseudonyms()
        assert len({ring.of(kind, "x", now=0) for kind in ("account", "device", "address")}) == 3

    def test_a_gap_of_days_forgets_both_keys(self) -> None:
        ring = Pseudonyms()
        before = ring.of("account", "x", now=0)
        assert len(names := ring.lookup("account", "x", now=5 * DAY)) == 1
        assert before not in names

    def test_a_clock_that_goes_back_changes_nothing(self) -> None:
        ring = Pseudonyms()
        name = ring.of("account", "x", now=3 * DAY)
        assert ring.of("account", "x", now=0) == name

    def test_two_processes_give_unrelated_names(self) -> None:
        assert Pseudonyms().of("account", "x", now=0) != Pseudonyms().of("account", "x", now=0)

    def test_a_name_is_a_key_id_and_64_bits(self) -> None:
        key_id, name = Pseudonyms().of("account", "x", now=0).split(".")
        assert (len(key_id), len(name)) == (6, 16)

    @given(identifier=st.text(st.characters(), max_size=30), now=st.floats(0, 1e11))
    def test_any_text_has_a_name(self, identifier: str, now: float) -> None:
        ring = Pseudonyms()
        assert ring.of("account", identifier, now) in ring.lookup("account", identifier, now)

    def test_a_period_is_at_least_a_second(self) -> None:
        with pytest.raises(ValueError, match="period"):
            Pseudonyms(period=0)


def test_randomness_enters_by_one_module() -> None:
    """No other module of the package imports a source of randomness or lets a library draw for it."""
    sources = {"secrets", "random", "os", "uuid", "nacl.utils"}
    package = Path(crypto.__file__).parent
    importers = set()
    for path in package.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            names: list[str] = []
            if isinstance(node, ast.Import):
                names = [alias.name for alias in node.names]
            elif isinstance(node, ast.ImportFrom):
                names = [node.module or ""]
            if sources & set(names):
                importers.add(path.name)
    assert importers == {"_entropy.py"}
