"""What is asked of an authenticator, and what of its answers is believed (WebAuthn level 3, section 7). Pure.

Asked: a discoverable credential, the user verified (a finger, a face, a PIN: possession alone is one factor),
no attestation: which maker's authenticator it is does not matter here, and would tell people apart.

A login is asked without a list of credentials, whatever name was typed. So the question is the same for a
name that nobody has, and nobody learns which credentials a name has (14.6.2, 14.6.3).

The counter is not judged here but where it is kept, after the signature: whoever could have it judged before
could have anybody's passkey set aside. The library would judge it first, so it is told a count of 0.
"""

import hmac
from collections.abc import Sequence
from typing import Any, Final

import attrs
import msgspec
from cryptography.hazmat.primitives.asymmetric.ec import SECP256R1, EllipticCurvePublicKey
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey
from webauthn import (
    generate_authentication_options,
    generate_registration_options,
    verify_authentication_response,
    verify_registration_response,
)
from webauthn.helpers import (
    decode_credential_public_key,
    decoded_public_key_to_cryptography,
    parse_attestation_object,
)
from webauthn.helpers.cose import COSEAlgorithmIdentifier
from webauthn.helpers.options_to_json_dict import options_to_json_dict
from webauthn.helpers.structs import (
    AttestationConveyancePreference,
    AttestationFormat,
    AuthenticationCredential,
    AuthenticatorAssertionResponse,
    AuthenticatorAttestationResponse,
    AuthenticatorSelectionCriteria,
    CredentialDeviceType,
    PublicKeyCredentialDescriptor,
    RegistrationCredential,
    ResidentKeyRequirement,
    UserVerificationRequirement,
)

from protocol import AccountDid
from router.identity.compact import encode_part
from router.login.errors import LoginError, LoginFault
from router.store.passkeys import Passkey

HANDLE_BYTES: Final = 32
MAX_CREDENTIAL_BYTES: Final = 1023
"""WebAuthn 7.1 step 25."""

_ALGORITHMS: Final = [
    COSEAlgorithmIdentifier.EDDSA,
    COSEAlgorithmIdentifier.ECDSA_SHA_256,
    COSEAlgorithmIdentifier.RSASSA_PKCS1_v1_5_SHA_256,
]
_RSA_BITS: Final = range(2048, 4097)  # above, a stranger could choose how long this server works
_FORMATS: Final = (AttestationFormat.NONE, AttestationFormat.PACKED)
"""None was asked for; a browser may leave self attestation, which is `packed`, as it is (5.1.3)."""

_NOT_HERE: Final = "This passkey opens no account here."
_NOT_KEPT: Final = "This passkey was not made as this server asks for it."


@attrs.frozen
class RelyingParty:
    """Who asks: the domain that passkeys are bound to, and the one origin whose pages may use them."""

    id: str
    name: str
    origin: str


@attrs.frozen
class NewCredential:
    """What a registration has proven."""

    credential: bytes
    public_key: bytes
    sign_count: int
    synced: bool


@attrs.frozen
class CreationAnswer:
    """An authenticator's answer to `creation_options`."""

    client_data: bytes
    attestation: bytes


@attrs.frozen
class AssertionAnswer:
    """An authenticator's answer to `request_options`."""

    credential: bytes
    client_data: bytes
    authenticator_data: bytes
    signature: bytes
    handle: bytes


class _ClientData(msgspec.Struct, frozen=True, rename="camel"):
    """What the browser says of the ceremony; members that are not read may be there (5.8.1)."""

    type: str
    challenge: str
    origin: str
    cross_origin: bool = False
    top_origin: str | None = None


# -- asking --------------------------------------------------------------------------------------------


def creation_options(
    party: RelyingParty,
    *,
    challenge: bytes,
    handle: bytes,
    name: str,
    known: Sequence[bytes],
    seconds: int,
) -> dict[str, Any]:
    """`PublicKeyCredentialCreationOptionsJSON`. `known`: credentials whose authenticators make no second."""
    options = generate_registration_options(
        rp_id=party.id,
        rp_name=party.name,
        user_id=handle,
        user_name=name,
        challenge=challenge,
        timeout=seconds * 1000,
        attestation=AttestationConveyancePreference.NONE,
        authenticator_selection=AuthenticatorSelectionCriteria(
            resident_key=ResidentKeyRequirement.REQUIRED,
            user_verification=UserVerificationRequirement.REQUIRED,
        ),
        exclude_credentials=[PublicKeyCredentialDescriptor(id=each) for each in known],
        supported_pub_key_algs=_ALGORITHMS,
    )
    return options_to_json_dict(options)


def request_options(party: RelyingParty, *, challenge: bytes, seconds: int) -> dict[str, Any]:
    """`PublicKeyCredentialRequestOptionsJSON`."""
    options = generate_authentication_options(
        rp_id=party.id,
        challenge=challenge,
        timeout=seconds * 1000,
        user_verification=UserVerificationRequirement.REQUIRED,
    )
    return options_to_json_dict(options)


# -- believing -----------------------------------------------------------------------------------------


def challenge_of(client_data: bytes) -> str | None:
    """The challenge that an answer is to, as base64url; None if it says none. Nothing is believed yet."""
    try:
        return msgspec.json.decode(client_data, type=_ClientData).challenge
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None


def judge_creation(answer: CreationAnswer, *, challenge: bytes, party: RelyingParty) -> NewCredential:
    """The new credential, or `LoginError` (REFUSED). Total on bytes."""
    try:
        return _created(answer, challenge, party)
    except Exception as error:  # noqa: BLE001 - the library reads a stranger's bytes: what it says is no
        raise LoginError(LoginFault.REFUSED, _NOT_KEPT, detail=f"new passkey: {_rule(error)}") from None


def judge_assertion(
    answer: AssertionAnswer,
    passkey: Passkey | None,
    *,
    challenge: bytes,
    party: RelyingParty,
    account: AccountDid | None,
) -> int:
    """The count that the authenticator says, once it has proven the passkey; else `LoginError` (REFUSED).

    `passkey` is the one with the answer's credential id; `account` who the person said to be, if so. Total.
    """
    try:
        return _proven(answer, passkey, challenge, party, account)
    except Exception as error:  # noqa: BLE001 - the library reads a stranger's bytes: what it says is no
        raise LoginError(LoginFault.REFUSED, _NOT_HERE, detail=f"passkey: {_rule(error)}") from None


def _created(answer: CreationAnswer, challenge: bytes, party: RelyingParty) -> NewCredential:
    _check_client_data(answer.client_data, "webauthn.create", challenge, party)
    if parse_attestation_object(answer.attestation).fmt not in _FORMATS:
        raise _Wrong("an attestation that nobody asked for")
    verified = verify_registration_response(
        credential=RegistrationCredential(
            id="",  # what the browser repeats of the attestation: the attestation's is taken
            raw_id=b"",
            response=AuthenticatorAttestationResponse(answer.client_data, answer.attestation),
        ),
        expected_challenge=challenge,
        expected_rp_id=party.id,
        expected_origin=party.origin,
        require_user_verification=True,
        supported_pub_key_algs=_ALGORITHMS,
    )
    if not 1 <= len(verified.credential_id) <= MAX_CREDENTIAL_BYTES:
        raise _Wrong("a credential id of a length that none has")
    _check_key(verified.credential_public_key)
    return NewCredential(
        verified.credential_id,
        verified.credential_public_key,
        verified.sign_count,
        verified.credential_device_type is CredentialDeviceType.MULTI_DEVICE,
    )


def _proven(
    answer: AssertionAnswer,
    passkey: Passkey | None,
    challenge: bytes,
    party: RelyingParty,
    account: AccountDid | None,
) -> int:
    _check_client_data(answer.client_data, "webauthn.get", challenge, party)
    if passkey is None or passkey.credential != answer.credential:
        raise _Wrong("not one of this server")
    verified = verify_authentication_response(
        credential=AuthenticationCredential(
            id=encode_part(answer.credential),
            raw_id=answer.credential,
            response=AuthenticatorAssertionResponse(
                answer.client_data, answer.authenticator_data, answer.signature, answer.handle
            ),
        ),
        expected_challenge=challenge,
        expected_rp_id=party.id,
        expected_origin=party.origin,
        credential_public_key=passkey.public_key,
        credential_current_sign_count=0,
        require_user_verification=True,
    )
    synced = verified.credential_device_type is CredentialDeviceType.MULTI_DEVICE
    if synced is not passkey.synced:
        raise _Wrong("it may be copied now, or no longer, which never changes")
    if not hmac.compare_digest(answer.handle, passkey.handle):
        raise _Wrong("the user handle of another account")
    if account is not None and account != passkey.account:
        raise _Wrong("of another account than the name that was typed")
    return verified.new_sign_count


class _Wrong(Exception):
    """A rule of ours that an answer breaks: the text is fixed, so it may be logged."""


def _rule(error: Exception) -> str:
    """For the operator. What the library says may hold what was received; its class does not."""
    return str(error) if isinstance(error, _Wrong) else type(error).__name__


def _check_client_data(data: bytes, kind: str, challenge: bytes, party: RelyingParty) -> None:
    said = msgspec.json.decode(data, type=_ClientData)
    if said.type != kind:
        raise _Wrong("an answer to the other kind of ceremony")
    if not hmac.compare_digest(said.challenge.encode(), encode_part(challenge).encode()):
        raise _Wrong("another challenge")
    if said.origin != party.origin:
        raise _Wrong("used on another origin")
    if said.cross_origin or said.top_origin is not None:
        raise _Wrong("used in a frame of another origin")


def _check_key(cose: bytes) -> None:
    """It is a key of the algorithm it names: else it could be registered and never used."""
    decoded = decode_credential_public_key(cose)
    key = decoded_public_key_to_cryptography(decoded)
    match decoded.alg, key:
        case COSEAlgorithmIdentifier.EDDSA, Ed25519PublicKey():
            fits = True
        case COSEAlgorithmIdentifier.ECDSA_SHA_256, EllipticCurvePublicKey():
            fits = isinstance(key.curve, SECP256R1)
        case COSEAlgorithmIdentifier.RSASSA_PKCS1_v1_5_SHA_256, RSAPublicKey():
            fits = key.key_size in _RSA_BITS
        case _:
            fits = False
    if not fits:
        raise _Wrong("a key that does not fit its algorithm")
