"""What of an authenticator's answer is believed: an example, every rule broken once, and garbage."""

import json
import os
from typing import Any

import attrs
import cbor2
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from protocol import AccountDid
from router.login.errors import LoginError, LoginFault
from router.login.passkey.ceremony import (
    AssertionAnswer,
    CreationAnswer,
    NewCredential,
    RelyingParty,
    challenge_of,
    creation_options,
    judge_assertion,
    judge_creation,
    request_options,
)
from router.store.passkeys import (
    LastWayIn,
    Passkey,
    PasskeyCloned,
    PasskeyRevoked,
    PasskeySuspended,
    PasskeyUnknown,
    PasskeyUsed,
    judge_revocation,
    judge_use,
)
from tests.login.authenticator import (
    BACKED_UP,
    ELIGIBLE,
    PRESENT,
    VERIFIED,
    Algorithm,
    Authenticator,
    cose_key,
    text,
)

PARTY = RelyingParty("chat.example.com", "Example", "https://chat.example.com")
CHALLENGE = bytes(range(32))
HANDLE = b"h" * 32
ANN = AccountDid("did:web:ann.chat.example.com")


def authenticator(**wrong: Any) -> Authenticator:
    return Authenticator(PARTY.origin, **wrong)


def to_create(party: RelyingParty = PARTY) -> dict[str, Any]:
    return creation_options(
        party, challenge=CHALLENGE, handle=HANDLE, name="ann.chat.example.com", known=[b"old"], seconds=60
    )


def to_get() -> dict[str, Any]:
    return request_options(PARTY, challenge=CHALLENGE, seconds=60)


def created(maker: Authenticator, challenge: bytes = CHALLENGE) -> NewCredential:
    return judge_creation(maker.create(to_create()), challenge=challenge, party=PARTY)


def passkey_of(maker: Authenticator, account: AccountDid = ANN) -> Passkey:
    """What is kept of a registration."""
    new = created(maker)
    return Passkey("p", account, new.credential, HANDLE, new.public_key, new.sign_count, new.synced, "key", 1)


def proven(
    answer: AssertionAnswer,
    passkey: Passkey | None,
    challenge: bytes = CHALLENGE,
    account: AccountDid | None = None,
) -> int:
    return judge_assertion(answer, passkey, challenge=challenge, party=PARTY, account=account)


def refused(call: Any, *given: Any) -> LoginError:
    with pytest.raises(LoginError) as error:
        call(*given)
    assert error.value.fault is LoginFault.REFUSED
    return error.value


# -- asking ----------------------------------------------------------------------------------------------


def test_a_passkey_is_asked_for_that_is_found_without_a_name_and_unlocked_by_its_owner() -> None:
    options = to_create()
    assert options["rp"] == {"id": "chat.example.com", "name": "Example"}
    assert options["challenge"] == text(CHALLENGE)
    assert options["user"] == {
        "id": text(HANDLE),
        "name": "ann.chat.example.com",
        "displayName": "ann.chat.example.com",
    }
    assert options["attestation"] == "none"
    assert options["authenticatorSelection"] == {
        "residentKey": "required",
        "requireResidentKey": True,
        "userVerification": "required",
    }
    assert options["excludeCredentials"] == [{"id": text(b"old"), "type": "public-key"}]
    assert [each["alg"] for each in options["pubKeyCredParams"]] == [-8, -7, -257]


def test_a_login_names_no_credential() -> None:
    assert to_get() == {
        "challenge": text(CHALLENGE),
        "timeout": 60_000,
        "rpId": "chat.example.com",
        "allowCredentials": [],
        "userVerification": "required",
    }


# -- believing -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("algorithm", ["ES256", "EdDSA", "RS256"])
def test_what_was_made_is_what_proves_itself_later(algorithm: Algorithm) -> None:
    mine = authenticator(algorithm=algorithm)
    passkey = passkey_of(mine)
    assert (passkey.credential, passkey.sign_count, passkey.synced) == (mine.credential, 1, False)
    assert proven(mine.get(to_get()), passkey) == 2
    assert proven(mine.get(to_get()), passkey, account=ANN) == 3


def test_one_that_attests_itself_is_taken_too() -> None:
    """Browsers leave that as it is, also where no attestation was asked for: it names no maker."""
    mine = authenticator(fmt="packed", attests_itself=True)
    passkey = passkey_of(mine)
    assert proven(mine.get(to_get()), passkey) == 2


def test_one_that_may_be_copied_is_known_as_such() -> None:
    assert created(authenticator(flags=PRESENT | VERIFIED | ELIGIBLE | BACKED_UP)).synced


@pytest.mark.parametrize(
    ("wrong", "rule"),
    [
        ({"client": {"type": "webauthn.get"}}, "the other kind of ceremony"),
        ({"client": {"type": "payment.get"}}, "the other kind of ceremony"),
        ({"client": {"challenge": text(b"x" * 32)}}, "another challenge"),
        ({"client": {"origin": "https://evil.example.com"}}, "another origin"),
        ({"client": {"origin": "https://ann.chat.example.com"}}, "another origin"),
        ({"client": {"origin": "http://chat.example.com"}}, "another origin"),
        ({"client": {"origin": "https://chat.example.com:8443"}}, "another origin"),
        ({"client": {"crossOrigin": True}}, "a frame of another origin"),
        ({"client": {"topOrigin": "https://evil.example.com"}}, "a frame of another origin"),
        ({"client": {"crossOrigin": 0}}, "ValidationError"),
        ({"client": {"origin": None}}, "ValidationError"),
        ({"party": "evil.example.com"}, "InvalidRegistrationResponse"),
        ({"party": "example.com"}, "InvalidRegistrationResponse"),
        ({"flags": PRESENT}, "InvalidRegistrationResponse"),
        ({"flags": VERIFIED}, "InvalidRegistrationResponse"),
        ({"flags": PRESENT | VERIFIED | BACKED_UP}, "InvalidBackupFlags"),
        ({"fmt": "none", "statement": {"sig": b"x"}}, "InvalidRegistrationResponse"),
        ({"fmt": "packed", "statement": {"alg": -7, "sig": b"x"}}, "InvalidRegistrationResponse"),
        ({"fmt": "fido-u2f"}, "an attestation that nobody asked for"),
        ({"fmt": "android-safetynet"}, "an attestation that nobody asked for"),
        ({"credential": b""}, "InvalidRegistrationResponse"),
        ({"credential": b"c" * 1024}, "of a length that none has"),
        ({"cose": {1: 2, 3: -7, -1: 1, -2: b"\1" * 32, -3: b"\2" * 32}}, "ValueError"),
        ({"cose": {1: 1, 3: -7, -1: 6, -2: b"\1" * 32}}, "UnsupportedPublicKey"),
        ({"cose": {1: 2, 3: -8, -1: 1, -2: b"\1" * 32, -3: b"\2" * 32}}, "ValueError"),
        ({"cose": {}}, "KeyError"),
        ({"cose": {1: 7, 3: -48, -1: b"x"}}, "InvalidRegistrationResponse"),
    ],
)
def test_a_passkey_that_was_not_made_as_it_was_asked_for_is_refused(wrong: dict[str, Any], rule: str) -> None:
    """The person hears that it will not do, the operator which rule; neither hears what was sent."""
    error = refused(created, authenticator(**wrong))
    assert rule in error.detail
    assert "evil" not in error.detail + error.message


def test_a_key_that_does_not_fit_its_algorithm_is_refused_at_once() -> None:
    """Registered it could never be used: an account would be locked from its first day."""
    other_curve = {**cose_key(ec.generate_private_key(ec.SECP384R1())), 3: -7, -1: 2}
    assert "does not fit" in refused(created, authenticator(cose=other_curve)).detail
    for bits in (1024, 4104):
        key = rsa.generate_private_key(65537, bits)
        assert "does not fit" in refused(created, authenticator(cose=cose_key(key))).detail


@pytest.mark.parametrize(
    ("wrong", "rule"),
    [
        ({"client": {"type": "webauthn.create"}}, "the other kind of ceremony"),
        ({"client": {"challenge": text(b"x" * 32)}}, "another challenge"),
        ({"client": {"challenge": text(CHALLENGE) + "="}}, "another challenge"),
        ({"client": {"origin": "https://evil.example.com"}}, "another origin"),
        ({"client": {"origin": ["https://chat.example.com"]}}, "ValidationError"),
        ({"client": {"crossOrigin": True}}, "a frame of another origin"),
        ({"party": "evil.example.com"}, "InvalidAuthenticationResponse"),
        ({"flags": PRESENT}, "InvalidAuthenticationResponse"),
        ({"flags": VERIFIED}, "InvalidAuthenticationResponse"),
        ({"flags": PRESENT | VERIFIED | ELIGIBLE}, "which never changes"),
        ({"handle": b"H" * 32}, "the user handle of another account"),
        ({"handle": b""}, "the user handle of another account"),
    ],
)
def test_a_login_that_was_not_made_as_it_was_asked_for_is_refused(wrong: dict[str, Any], rule: str) -> None:
    mine = authenticator()
    passkey = passkey_of(mine)
    for name, value in wrong.items():
        setattr(mine, name, value)
    error = refused(proven, mine.get(to_get()), passkey)
    assert rule in error.detail
    assert error.message == "This passkey opens no account here."


def test_another_key_another_credential_another_name_or_none_at_all() -> None:
    """All refused in the same words: what is wrong is nothing for whoever tries."""
    mine, theirs = authenticator(), authenticator()
    passkey, other = passkey_of(mine), passkey_of(theirs)
    answer = mine.get(to_get())
    forged = attrs.evolve(theirs.get(to_get()), credential=mine.credential)
    said = {
        refused(proven, forged, passkey).message,
        refused(proven, answer, other).message,
        refused(proven, answer, None).message,
        refused(proven, answer, passkey, os.urandom(32)).message,
        refused(proven, answer, passkey, CHALLENGE, AccountDid("did:web:ben.chat.example.com")).message,
    }
    assert said == {"This passkey opens no account here."}


def test_the_counter_is_not_looked_at_before_the_signature() -> None:
    """Else anybody who knows a credential id could have it set aside, without its key."""
    mine = authenticator()
    passkey = passkey_of(mine)
    mine.count = -1
    answer = mine.get(to_get())
    assert proven(answer, passkey) == 0, "the count is told, and judged where it is kept"
    refused(proven, attrs.evolve(answer, signature=b"x" * 70), passkey)


@given(st.binary(max_size=300), st.binary(max_size=300), st.binary(max_size=80))
def test_garbage_is_refused_and_nothing_else_comes_of_it(one: bytes, two: bytes, three: bytes) -> None:
    refused(lambda: judge_creation(CreationAnswer(one, two), challenge=CHALLENGE, party=PARTY))
    challenge_of(one)


_CBOR = st.recursive(
    st.none() | st.booleans() | st.integers(-300, 300) | st.binary(max_size=40) | st.text(max_size=9),
    lambda some: (
        st.lists(some, max_size=3)
        | st.dictionaries(st.integers(-4, 7) | st.text(max_size=5), some, max_size=4)
    ),
    max_leaves=8,
)


@given(_CBOR, _CBOR, st.binary(max_size=20))
def test_what_has_the_form_of_an_attestation_and_no_sense_is_refused(
    statement: Any, key: Any, tail: bytes
) -> None:
    """The readers below are given a stranger's bytes: whatever they raise, it is a refusal and no fault."""
    mine = authenticator()
    answer = mine.create(to_create())
    whole = cbor2.loads(answer.attestation)
    head = whole["authData"][: 37 + 16 + 2 + len(mine.credential)]
    data = head + cbor2.dumps(key) + tail
    spoilt = cbor2.dumps({**whole, "fmt": "packed", "attStmt": statement, "authData": data})
    changed = attrs.evolve(answer, attestation=spoilt)
    refused(lambda: judge_creation(changed, challenge=CHALLENGE, party=PARTY))


MINE = authenticator()
MY_PASSKEY = passkey_of(MINE)
MY_ANSWER = MINE.get(to_get())
_PARTS = ("client_data", "authenticator_data", "signature", "handle", "credential")


@given(st.sampled_from(_PARTS), st.data())
def test_no_bit_of_an_answer_can_be_another(part: str, data: st.DataObject) -> None:
    """Each part is signed, or compared, or finds the passkey."""
    right: bytes = getattr(MY_ANSWER, part)
    bit = data.draw(st.integers(0, 8 * len(right) - 1))
    flipped = bytearray(right)
    flipped[bit // 8] ^= 1 << bit % 8
    refused(proven, attrs.evolve(MY_ANSWER, **{part: bytes(flipped)}), MY_PASSKEY)
    assert proven(MY_ANSWER, MY_PASSKEY) == MINE.count


def test_the_challenge_is_read_from_the_answer_and_from_nothing_else() -> None:
    assert challenge_of(MY_ANSWER.client_data) == text(CHALLENGE)
    for other in (b"", b"{}", b"[]", b"\xff", json.dumps({"challenge": 7}).encode()):
        assert challenge_of(other) is None


# -- the counter, and the last way in --------------------------------------------------------------------

COUNTS = st.integers(0, 2**32 - 1)


@given(st.lists(COUNTS, min_size=1, max_size=12))
def test_counts_are_taken_while_they_rise_and_never_after_they_did_not(counts: list[int]) -> None:
    """The law of the counter: a prefix that rises (or is all zero), then one alarm, then silence."""
    passkey, alarms = after(MY_PASSKEY, 0), 0
    for count in counts:
        outcome = judge_use(passkey, count)
        match outcome:
            case PasskeyUsed():
                assert alarms == 0
                assert count > passkey.sign_count or count == passkey.sign_count == 0
                passkey = after(passkey, count)
            case PasskeyCloned():
                assert alarms == 0
                assert count <= passkey.sign_count
                alarms += 1
                passkey = after(passkey, passkey.sign_count, suspended=True)
            case _:
                assert outcome == PasskeySuspended()
                assert alarms == 1
    assert judge_use(None, counts[0]) == PasskeyUnknown()


def after(passkey: Passkey, count: int, *, suspended: bool = False) -> Passkey:
    """The same passkey as it stands after a use."""
    return replace(passkey, sign_count=count, suspended=suspended)


@given(st.lists(st.booleans(), max_size=5), st.integers(0, 5), st.booleans(), st.booleans())
def test_an_account_keeps_a_way_in_unless_its_owner_insists(
    aside: list[bool], which: int, another: bool, insists: bool
) -> None:
    passkeys = [replace(MY_PASSKEY, id=f"p{n}", suspended=each) for n, each in enumerate(aside)]
    outcome = judge_revocation(passkeys, f"p{which}", another_way=another, even_if_last=insists)
    left = [each for each in passkeys if each.id != f"p{which}"]
    if which >= len(aside):
        assert outcome == PasskeyUnknown()
    elif outcome == PasskeyRevoked():
        had_one = another or not all(aside)
        has_one = another or any(not each.suspended for each in left)
        assert has_one or insists or not had_one
    else:
        assert outcome == LastWayIn()
        assert not insists
        assert not another
        assert all(each.suspended for each in left)
