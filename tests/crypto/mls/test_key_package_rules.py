"""Key packages: each check by itself, in every suite."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto.mls import (
    LAST_RESORT_COMPONENT,
    STANDARD_SUITES,
    X_WING_SUITE,
    BasicCredential,
    Capabilities,
    CipherSuite,
    Extension,
    ExtensionType,
    FromUpdate,
    InvalidKeyPackage,
    KeyPackage,
    KeyPackagePolicy,
    KeyPackageReason,
    Lifetime,
    X509Credential,
    admit_key_package,
    encode_app_data_dictionary,
    encode_message,
    read_key_package,
    suites,
    validate_key_package,
)
from crypto.mls.testing import Client

NOW = 1_800_000_000
HOUR, DAY = 3_600, 86_400
ALL = suites(*STANDARD_SUITES.values(), X_WING_SUITE)
POLICY = KeyPackagePolicy(suites=ALL)


def bob(suite: CipherSuite = STANDARD_SUITES[1]) -> Client:
    """Somebody with key packages."""
    return Client(suite, b"did:web:bob.example")


def refusal(key_package: KeyPackage, policy: KeyPackagePolicy = POLICY, now: int = NOW) -> KeyPackageReason:
    """Why it is refused."""
    with pytest.raises(InvalidKeyPackage) as refused:
        validate_key_package(key_package, now, policy)
    return refused.value.reason


@pytest.mark.parametrize("suite", ALL.values(), ids=lambda suite: str(suite.number))
def test_a_key_package_of_every_suite_is_accepted(suite: CipherSuite) -> None:
    """And any changed byte of what was signed is noticed."""
    data = encode_message(bob(suite).key_package(NOW))
    assert admit_key_package(data, NOW, POLICY).cipher_suite == suite.number
    for at in (-1, -40, len(data) // 2):
        changed = bytearray(data)
        changed[at] ^= 1
        with pytest.raises(InvalidKeyPackage):
            admit_key_package(bytes(changed), NOW, POLICY)


def test_both_marks_of_a_last_resort_are_known() -> None:
    """All deployed clients use an extension of its own; the draft has moved the mark into a dictionary."""
    made = bob()
    dictionary = encode_app_data_dictionary([(LAST_RESORT_COMPONENT, b"")])
    marked = made.key_package(NOW, extensions=(Extension(ExtensionType.APP_DATA_DICTIONARY, dictionary),))
    other = made.key_package(
        NOW,
        extensions=(Extension(ExtensionType.APP_DATA_DICTIONARY, encode_app_data_dictionary([(5, b"x")])),),
    )
    for key_package in (made.key_package(NOW, last_resort=True), marked, other, made.key_package(NOW)):
        validate_key_package(key_package, NOW, POLICY)
    assert made.key_package(NOW, last_resort=True).last_resort
    assert marked.last_resort
    assert not other.last_resort
    assert not made.key_package(NOW).last_resort


@pytest.mark.parametrize("data", [b"", b"\x05\x00\x04", b"\x06" + b"\x00\x04\x00" * 2])
def test_a_dictionary_of_bad_form_is_malformed(data: bytes) -> None:
    """It would have to be read to know how to hand the package out. The last has one component twice."""
    extension = Extension(ExtensionType.APP_DATA_DICTIONARY, data)
    assert refusal(bob().key_package(NOW, extensions=(extension,))) is KeyPackageReason.MALFORMED


@given(
    begin=st.integers(-100 * DAY, 100 * DAY), length=st.integers(-DAY, 200 * DAY), skew=st.integers(0, DAY)
)
def test_a_lifetime_has_begun_is_not_over_and_is_not_too_long(begin: int, length: int, skew: int) -> None:
    """A package that is over cannot be added by anybody; one that never ends outlives its owner."""
    end = max(NOW + begin + length, 0)
    made = bob()
    key_package = made.key_package(leaf=made.leaf(Lifetime(NOW + begin, end)))
    policy = KeyPackagePolicy(clock_skew=skew)
    valid = begin <= skew and end > NOW and end - (NOW + begin) <= 90 * DAY
    if valid:
        validate_key_package(key_package, NOW, policy)
    else:
        assert refusal(key_package, policy) is KeyPackageReason.LIFETIME


def test_one_key_for_two_uses_is_refused() -> None:
    """The init key is deleted when it is used; the encryption key lives on."""
    made = bob()
    leaf = made.leaf(Lifetime(NOW - HOUR, NOW + DAY))
    assert (
        refusal(made.key_package(NOW, leaf=leaf, init_key=leaf.encryption_key)) is KeyPackageReason.KEY_REUSE
    )


@pytest.mark.parametrize(
    "change",
    [
        lambda able: replace(able, versions=()),
        lambda able: replace(able, cipher_suites=(2, 3)),
        lambda able: replace(able, credentials=(2,)),
    ],
)
def test_a_client_lists_what_it_uses(change: object) -> None:
    """Others decide by these lists whether they may add it to a group."""
    assert callable(change)
    made = bob()
    made.capabilities = change(made.capabilities)
    assert refusal(made.key_package(NOW)) is KeyPackageReason.CAPABILITIES


def test_extensions_are_listed_but_for_defaults_and_grease() -> None:
    """Of the leaf strictly; of the package itself GREASE is forgiven, which deployed clients do not list."""
    made = bob()
    life = Lifetime(NOW - HOUR, NOW + DAY)
    unlisted, application_id = Extension(0xF001, b""), Extension(ExtensionType.APPLICATION_ID, b"\x00")
    grease = Extension(0x9A9A, b"")
    assert refusal(made.key_package(NOW, extensions=(unlisted,))) is KeyPackageReason.CAPABILITIES
    for extension in (unlisted, grease):
        leaf = made.leaf(life, extensions=(extension,))
        assert refusal(made.key_package(NOW, leaf=leaf)) is KeyPackageReason.CAPABILITIES
    validate_key_package(made.key_package(NOW, extensions=(grease,)), NOW)
    validate_key_package(made.key_package(NOW, leaf=made.leaf(life, extensions=(application_id,))), NOW)


def test_numbers_nobody_knows_are_normal_in_capabilities() -> None:
    """GREASE is there so that servers do not come to choke on what is new."""
    made = bob()
    made.capabilities = Capabilities((1, 2), (1, 0x0A0A), (0x1A1A,), (0x2A2A, 0xF000), (1, 0x3A3A))
    validate_key_package(made.key_package(NOW), NOW)


def test_the_credential_is_one_of_the_identities_that_the_caller_may_stand_for() -> None:
    """A bare DID or one with a device, as the server's policy has it; a certificate is none of them."""
    key_package = bob().key_package(NOW)
    mine = [b"did:web:bob.example", b"did:web:bob.example#phone"]
    validate_key_package(key_package, NOW, identities=mine)
    for identities in ([], [b"did:web:bob.example#phone"], [b"did:web:bob.exampl"]):
        with pytest.raises(InvalidKeyPackage, match="identity"):
            validate_key_package(key_package, NOW, identities=identities)
    certified = bob()
    certified.credential = X509Credential((b"a certificate",))
    validate_key_package(certified.key_package(NOW), NOW)
    with pytest.raises(InvalidKeyPackage, match="identity"):
        validate_key_package(certified.key_package(NOW), NOW, identities=mine)


def test_another_persons_signature_does_not_do() -> None:
    """Both signatures are by the key in the leaf: neither leaf nor package can be lifted from another."""
    mine, theirs = bob(), Client(STANDARD_SUITES[1], b"did:web:mallory.example")
    stolen = theirs.key_package(NOW, leaf=mine.leaf(Lifetime(NOW - HOUR, NOW + DAY)))
    assert refusal(stolen) is KeyPackageReason.SIGNATURE
    renamed = replace(
        mine.leaf(Lifetime(NOW - HOUR, NOW + DAY)), credential=BasicCredential(b"did:web:alice.example")
    )
    assert refusal(mine.key_package(NOW, leaf=renamed)) is KeyPackageReason.SIGNATURE


def test_a_leaf_of_another_source_is_named_as_such() -> None:
    """By the reader, and by the check for a value that was made in code."""
    made = bob()
    key_package = made.key_package(NOW, leaf=made.leaf(FromUpdate()))
    assert refusal(key_package) is KeyPackageReason.LEAF_SOURCE
    with pytest.raises(InvalidKeyPackage, match="leaf-source"):
        admit_key_package(encode_message(key_package), NOW)


def test_what_was_read_shares_nothing_that_can_change() -> None:
    """A value may be kept and hashed: it is frozen all the way down."""
    data = bytearray(encode_message(bob().key_package(NOW)))
    key_package = read_key_package(bytes(data))
    before = hash(key_package)
    data[:] = bytes(len(data))
    assert hash(key_package) == before
    with pytest.raises(AttributeError):
        key_package.init_key = b""  # type: ignore[misc]  # that is the point


def test_two_suites_of_one_number_are_refused() -> None:
    """A table of suites is made once, at start-up."""
    with pytest.raises(ValueError, match="one number"):
        suites(X_WING_SUITE, replace(X_WING_SUITE, hash_name="sha512"))
