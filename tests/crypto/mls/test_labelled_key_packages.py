"""Key packages with the verdict a strict server gives, from the labelled vectors."""

from typing import Any

import pytest

from crypto.mls import STANDARD_SUITES as SUITES
from crypto.mls import (
    X_WING_SUITE,
    BasicCredential,
    InvalidKeyPackage,
    KeyPackagePolicy,
    admit_key_package,
    key_package_ref,
    read_key_package,
)
from tests.vectors import load_vectors


def labelled() -> Any:
    """The file, whose policy holds for all cases."""
    return load_vectors("mls/key-packages-labelled.json")


def test_labelled_key_packages_get_their_verdict_and_reason() -> None:
    """One accepted in spite of its fault would be handed to people who then cannot add its owner."""
    file = labelled()
    rules = file["policy"]
    policy = KeyPackagePolicy(
        suites={number: SUITES[number] for number in rules["suites"]},
        max_lifetime=rules["max_lifetime"],
        clock_skew=rules["clock_skew"],
    )
    seen = set()
    for case in file["cases"]:
        found = verdict(bytes.fromhex(case["message"]), policy, rules["now"], rules["identity"].encode())
        assert found == (case["expect"], case.get("reason")), case["id"]
        seen.add(found)
    assert len(seen) == 11, "an acceptance and ten reasons"


def verdict(data: bytes, policy: KeyPackagePolicy, now: int, identity: bytes) -> tuple[str, str | None]:
    """What the vectors say of a case."""
    try:
        admit_key_package(data, now, policy, identities=[identity])
    except InvalidKeyPackage as error:
        return "reject", error.reason.value
    return "accept", None


def test_what_is_read_from_accepted_key_packages() -> None:
    """The reference is what a Welcome names; the mark of a last resort decides how it is handed out."""
    for case in labelled()["cases"]:
        if case["expect"] == "accept":
            found = read_key_package(bytes.fromhex(case["message"]))
            assert found.cipher_suite == case["suite"]
            assert found.last_resort == case["last_resort"]
            assert found.leaf_node.credential == BasicCredential(case["identity"].encode())
            assert key_package_ref(found, SUITES[case["suite"]]).hex() == case["key_package_ref"]


def test_a_suite_that_is_not_allowed_is_refused() -> None:
    """The suite is read from the bytes, and the table of suites is configuration."""
    file = labelled()
    data = bytes.fromhex(file["cases"][0]["message"])
    policy = KeyPackagePolicy(suites={X_WING_SUITE.number: X_WING_SUITE})
    with pytest.raises(InvalidKeyPackage, match="suite"):
        admit_key_package(data, file["policy"]["now"], policy)


def test_the_registered_key_is_compared_where_it_is_given() -> None:
    """A device signs with the key it registered; another key is another device."""
    file = labelled()
    data = bytes.fromhex(file["cases"][0]["message"])
    now = file["policy"]["now"]
    key = read_key_package(data).leaf_node.signature_key
    admit_key_package(data, now, signature_key=key)
    with pytest.raises(InvalidKeyPackage, match="unregistered-key"):
        admit_key_package(data, now, signature_key=bytes(32))


def test_a_bare_key_package_is_the_same_as_one_in_a_message() -> None:
    """Clients of the old contract upload it without the head of an MLSMessage."""
    data = bytes.fromhex(labelled()["cases"][0]["message"])
    assert read_key_package(data[4:]) == read_key_package(data)
