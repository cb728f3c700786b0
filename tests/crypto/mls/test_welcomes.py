"""Welcomes: whom they are for, and a copy for each alone."""

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from crypto.mls import (
    STANDARD_SUITES,
    Add,
    Welcome,
    cut_welcome,
    encode_message,
    key_package_ref,
    read_key_package,
    read_welcome,
    verify_commit,
)
from crypto.mls.testing import welcomes
from tests.crypto.mls.opening import open_welcome
from tests.crypto.mls.people import client, group_of
from tests.vectors import load_vectors


def test_a_welcome_answers_exactly_the_key_packages_of_its_commit() -> None:
    """A server holds the one against the other before it delivers."""
    alice = client("alice")
    group = group_of(alice)
    packages = [client(name).key_package() for name in ("bob", "carol")]
    made = alice.commit(group, [Add(package) for package in packages])
    assert made.welcome is not None
    refs = [key_package_ref(package, group.suite) for package in packages]
    assert list(made.welcome.key_package_refs) == refs
    assert [added.key_package_ref for added in verify_commit(group, made.message).added] == refs


@given(welcome=welcomes(), choice=st.integers(0, 3))
def test_a_cut_welcome_has_the_one_entry_and_all_else(welcome: Welcome, choice: int) -> None:
    """It is a Welcome like any other, shorter, and names nobody else."""
    assume(welcome.secrets)
    ref = welcome.key_package_refs[choice % len(welcome.secrets)]
    cut = read_welcome(encode_message(cut_welcome(welcome, ref)))
    assert set(cut.key_package_refs) == {ref}
    assert set(cut.secrets) <= set(welcome.secrets)
    assert (cut.cipher_suite, cut.encrypted_group_info) == (
        welcome.cipher_suite,
        welcome.encrypted_group_info,
    )
    assert read_welcome(welcome.encode()) == welcome  # bare, as some clients send it


def test_nobody_gets_a_welcome_that_is_not_for_him() -> None:
    """The caller's mistake, and an error rather than an empty Welcome."""
    made = client("alice").welcome([client("bob").key_package()])
    with pytest.raises(KeyError):
        cut_welcome(made, bytes(32))


def test_a_joiner_opens_the_copy_that_was_cut_for_him() -> None:
    """Official Welcomes, opened with the joiner's key after the cut: the list of entries is not signed."""
    opened = 0
    for case in load_vectors("mls/passive/welcome_join.json"):
        suite = STANDARD_SUITES[case["cipher_suite"]]
        ref = key_package_ref(read_key_package(bytes.fromhex(case["key_package"])), suite)
        whole = read_welcome(bytes.fromhex(case["welcome"]))
        psks = {bytes.fromhex(psk["psk_id"]): bytes.fromhex(psk["psk"]) for psk in case["external_psks"]}
        key = bytes.fromhex(case["init_priv"])
        assert open_welcome(cut_welcome(whole, ref), ref, key, psks) == open_welcome(whole, ref, key, psks)
        opened += 1
    assert opened
