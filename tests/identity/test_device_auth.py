"""Device-signed tokens: who is let in, and that nothing else of the same look is."""

import base64
import json
from collections.abc import Callable
from typing import Any

import attrs
import pytest
from hypothesis import given
from hypothesis import strategies as st
from nacl.signing import SigningKey

from protocol import AccountDid, DeviceId, Nsid
from router.identity.authenticator import Authenticator, Look, look_of
from router.identity.device_auth import (
    DeviceTokens,
    check_device_token,
    is_signature_key,
    mint_device_token,
    verifies,
)
from router.identity.errors import AuthError, TokenFault
from router.identity.secrets import ServerSecrets
from router.identity.service_auth import TokenPolicy
from tests.identity.kit import LIST, NOW, SEND, SERVICE, World

ANN = AccountDid("did:web:ann.chat.example.com")
BEN = AccountDid("did:web:ben.chat.example.com")
PHONE = DeviceId("00000000-0000-4000-8000-000000000001")
WATCH = DeviceId("00000000-0000-4000-8000-000000000002")
OTHER = DeviceId("00000000-0000-4000-8000-000000000003")
KEY = SigningKey(b"p" * 32)
POLICY = TokenPolicy(SERVICE)

# Order 1, 2, 4, 8 and their spellings that are not canonical: (y, sign) of the eight torsion points.
SMALL = [
    (1).to_bytes(32, "little"),
    (2**255 - 20).to_bytes(32, "little"),
    bytes(32),
    (1 << 255).to_bytes(32, "little"),
    bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"),
    bytes.fromhex("c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a"),
    (2**255 - 19).to_bytes(32, "little"),
    (2**255 - 18).to_bytes(32, "little"),
    ((1 << 255) + 1).to_bytes(32, "little"),
]


@attrs.define
class Record:
    account: AccountDid
    signature_key: bytes


class Devices:
    """The store's directory as identity sees it."""

    def __init__(self) -> None:
        self.records = {
            PHONE: Record(ANN, bytes(KEY.verify_key)),
            WATCH: Record(ANN, bytes(SigningKey(b"w" * 32).verify_key)),
            OTHER: Record(BEN, bytes(SigningKey(b"o" * 32).verify_key)),
        }

    async def device(self, device: DeviceId, /) -> Record | None:
        return self.records.get(device)


def door(world: World, devices: Devices) -> Authenticator:
    """An authenticator that knows accounts and devices."""
    tokens = DeviceTokens(
        policy=POLICY,
        devices=devices,
        clock=lambda: world.now,
        token_hash=ServerSecrets(b"s" * 32).token_hash,
    )
    return Authenticator(
        {Look.SERVICE: world.service_tokens, Look.DEVICE: tokens},
        clock=lambda: world.now,
        replay=world.replay,
        remember=lambda token, until: world.remembered.append((token, until)),
        revocations=world.revocations,
    )


def mint(key: SigningKey = KEY, account: AccountDid = ANN, device: DeviceId = PHONE, lxm: Nsid = SEND) -> str:
    return mint_device_token(key, account, device, SERVICE.audience, lxm, NOW)


def forge(header: dict[str, Any] | None = None, key: SigningKey = KEY, **claims: Any) -> str:
    """A token signed by `key` that differs from a good one; None leaves something out."""
    heads = {"alg": "EdDSA", "kid": f"#{PHONE}", "typ": "JWT", **(header or {})}
    good = {
        "iss": ANN,
        "aud": SERVICE.audience,
        "lxm": SEND,
        "iat": NOW,
        "exp": NOW + 60,
        "jti": "n",
    } | claims
    parts = [
        json.dumps({name: value for name, value in part.items() if value is not None}).encode()
        for part in (heads, good | claims)
    ]
    signed = b".".join(base64.urlsafe_b64encode(part).rstrip(b"=") for part in parts)
    signature = base64.urlsafe_b64encode(key.sign(signed).signature).rstrip(b"=")
    return (signed + b"." + signature).decode()


async def fault(token: str, *, lxm: Nsid = SEND, devices: Devices | None = None) -> TokenFault:
    with pytest.raises(AuthError) as caught:
        await door(World(), devices or Devices()).authenticate(f"Bearer {token}", lxm=lxm, single_use=True)
    return caught.value.fault


async def test_an_example_of_a_device_that_speaks_for_its_account_once() -> None:
    world = World()
    authenticator = door(world, Devices())
    token = mint()
    caller = await authenticator.authenticate(f"Bearer {token}", lxm=SEND, single_use=True)
    assert (caller.account, caller.device, caller.kind, caller.expires) == (ANN, PHONE, "device", NOW + 60)
    with pytest.raises(AuthError) as caught:
        await authenticator.authenticate(f"Bearer {token}", lxm=SEND, single_use=True)
    assert caught.value.fault is TokenFault.NOT_UNIQUE
    assert [until for _, until in world.remembered] == [NOW + 60]


async def test_an_account_and_its_devices_number_their_tokens_without_asking_each_other() -> None:
    authenticator = door(World(), Devices())
    watch = forge({"kid": f"#{WATCH}"}, SigningKey(b"w" * 32), jti="n")
    for token in (forge(jti="n"), watch):
        await authenticator.authenticate(f"Bearer {token}", lxm=SEND, single_use=True)


@pytest.mark.parametrize(
    ("token", "expected"),
    [
        (mint(device=WATCH), TokenFault.BAD_SIGNATURE),
        (mint(device=OTHER), TokenFault.UNTRUSTED_ISSUER),
        (mint(SigningKey(b"o" * 32), device=OTHER), TokenFault.UNTRUSTED_ISSUER),
        (mint(account=BEN), TokenFault.UNTRUSTED_ISSUER),
        (mint(device=DeviceId("00000000-0000-4000-8000-00000000000f")), TokenFault.UNTRUSTED_ISSUER),
        (mint(SigningKey(b"x" * 32)), TokenFault.BAD_SIGNATURE),
        (forge({"kid": None}), TokenFault.BAD_JWT),
        (forge({"kid": "#atproto"}), TokenFault.BAD_JWT),
        (forge({"kid": PHONE}), TokenFault.BAD_JWT),
        (forge({"kid": f"#{PHONE.upper()[:-1]}A"}), TokenFault.BAD_JWT),
        (forge({"kid": f"{ANN}#{PHONE}"}), TokenFault.BAD_JWT),
        (forge({"kid": 7}), TokenFault.BAD_JWT),
        (forge({"crit": ["exp"]}), TokenFault.BAD_JWT),
        (forge({"typ": "dpop+jwt"}), TokenFault.BAD_TYPE),
        (forge({"typ": 1}), TokenFault.BAD_JWT),
        (forge({"alg": "ES256"}), TokenFault.BAD_JWT),
        (forge({"alg": "ES256", "kid": "#atproto"}), TokenFault.UNTRUSTED_ISSUER),
        (forge({"alg": "none"}), TokenFault.BAD_JWT),
        (forge({"alg": "HS256", "kid": "#atproto"}), TokenFault.BAD_JWT),
        (forge({"alg": ["EdDSA"]}), TokenFault.BAD_JWT),
        (forge(iss=f"{ANN}#{PHONE}"), TokenFault.BAD_ISSUER),
        (forge(aud="did:web:elsewhere.example.com#atproto_mls"), TokenFault.BAD_AUDIENCE),
        (forge(lxm=LIST), TokenFault.BAD_METHOD),
        (forge(lxm=None), TokenFault.BAD_METHOD),
        (forge(exp=NOW), TokenFault.BAD_JWT),
        (forge(iat=NOW - 60, exp=NOW), TokenFault.EXPIRED),
        (forge(exp=NOW + 3601), TokenFault.TOO_OLD),
        (forge(jti=None), TokenFault.BAD_JWT),
        (forge(exp=True), TokenFault.BAD_JWT),
    ],
)
async def test_a_token_that_differs_from_a_good_one_is_refused(token: str, expected: TokenFault) -> None:
    world = World()
    with pytest.raises(AuthError) as caught:
        await door(world, Devices()).authenticate(f"Bearer {token}", lxm=SEND, single_use=True)
    # An account that is not in the dictionary cannot be resolved; the kind was the right one.
    assert caught.value.fault in (expected, TokenFault.NOT_RESOLVED)
    if caught.value.fault is TokenFault.NOT_RESOLVED:
        assert look_of(token) is Look.SERVICE
    assert world.remembered == []


async def test_a_revoked_and_a_rotated_key_are_refused_from_the_next_token_on() -> None:
    devices, world = Devices(), World()
    authenticator = door(world, devices)
    await authenticator.authenticate(f"Bearer {mint()}", lxm=SEND, single_use=True)
    new = SigningKey(b"n" * 32)
    devices.records[PHONE] = Record(ANN, bytes(new.verify_key))
    assert await fault(mint(), devices=devices) is TokenFault.BAD_SIGNATURE
    await authenticator.authenticate(f"Bearer {mint(new)}", lxm=SEND, single_use=True)
    del devices.records[PHONE]
    assert await fault(mint(new), devices=devices) is TokenFault.UNTRUSTED_ISSUER


@pytest.mark.parametrize("key", SMALL, ids=lambda key: key.hex()[:8])
async def test_a_key_under_which_one_signature_fits_every_text_is_no_key(key: bytes) -> None:
    assert not is_signature_key(key)
    devices = Devices()
    devices.records[PHONE] = Record(ANN, key)
    signed, _, _ = mint().rpartition(".")
    for trick in (key + bytes(32), SMALL[0] + bytes(32), bytes(64)):
        assert not verifies(signed.encode(), trick, key)
        token = f"{signed}.{base64.urlsafe_b64encode(trick).rstrip(b'=').decode()}"
        assert await fault(token, devices=devices) is TokenFault.BAD_SIGNATURE


def test_what_is_a_signature_key() -> None:
    assert is_signature_key(bytes(KEY.verify_key))
    for wrong in (b"", bytes(KEY.verify_key)[:31], bytes(KEY.verify_key) + b"\0", b"\xff" * 32):
        assert not is_signature_key(wrong)


def test_a_signature_whose_scalar_is_not_reduced_is_refused() -> None:
    """S + L verifies wherever nobody looks: a second token with the same meaning and another text."""
    order = 2**252 + 27742317777372353535851937790883648493
    signed, _, text = mint().rpartition(".")
    signature = base64.urlsafe_b64decode(text + "==")
    scalar = int.from_bytes(signature[32:], "little")
    assert verifies(signed.encode(), signature, bytes(KEY.verify_key))
    for more in (order, 2 * order):
        malleable = signature[:32] + (scalar + more).to_bytes(32, "little")
        assert not verifies(signed.encode(), malleable, bytes(KEY.verify_key))


TOKEN = mint()


@given(st.integers(0, len(TOKEN) - 1), st.characters(min_codepoint=1, max_codepoint=0x17F))
async def test_a_token_of_which_any_character_was_changed_is_refused(place: int, character: str) -> None:
    if TOKEN[place] == character:
        return
    changed = TOKEN[:place] + character + TOKEN[place + 1 :]
    world = World()
    with pytest.raises(AuthError):
        await door(world, Devices()).authenticate(f"Bearer {changed}", lxm=SEND, single_use=True)
    assert world.remembered == []


@given(st.text(max_size=200) | st.binary(max_size=200).map(lambda raw: raw.decode("latin-1")))
def test_the_check_and_the_look_are_total_on_texts(text: str) -> None:
    look_of(text)
    with pytest.raises(AuthError):
        check_device_token(text, lxm=SEND, now=NOW, policy=POLICY)


@pytest.mark.parametrize(
    ("make", "look"),
    [
        (lambda: mint(), Look.DEVICE),
        (lambda: forge({"typ": "at+jwt"}), Look.ACCESS),
        (lambda: forge({"typ": "application/AT+JWT"}), Look.ACCESS),
        (lambda: forge({"alg": "ES256K"}), Look.SERVICE),
        (lambda: "rk_abc", Look.KEY),
        (lambda: "." * 3, Look.SERVICE),
        (lambda: "W10.e30.", Look.SERVICE),
        (lambda: "é.é.é", Look.SERVICE),
    ],
)
def test_the_look_of_a_token(make: Callable[[], str], look: Look) -> None:
    assert look_of(make()) is look
