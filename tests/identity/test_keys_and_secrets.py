"""Key files and the server's secret: made once, mode 0600, refused when others can read them."""

import json
import os
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto import Curve, InvalidKeyError, PrivateKey, SealError
from protocol import DeviceId
from router.identity.accounts import new_account
from router.identity.compact import decode_part
from router.identity.errors import IdentityFileError
from router.identity.jws import SigningKey, parse_verification_key, sign_compact, verifies
from router.identity.keys import AccountKey, load_account_key, write_account_key
from router.identity.secrets import FILE_NAME, ServerSecrets, load_or_create_secrets
from tests.identity.kit import SERVICE

PHONE = DeviceId("2f1e0d3c-0000-4000-8000-000000000001")
LAPTOP = DeviceId("2f1e0d3c-0000-4000-8000-000000000002")


@pytest.mark.parametrize("curve", Curve)
def test_a_new_account_has_a_did_and_a_key_file_that_only_its_owner_reads(
    tmp_path: Path, curve: Curve
) -> None:
    account = new_account("alice", SERVICE, curve=curve)
    path = tmp_path / "alice.key"
    write_account_key(path, account.key)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert [entry.name for entry in tmp_path.iterdir()] == ["alice.key"]
    loaded = load_account_key(path)
    assert loaded == account.key
    assert loaded.did == account.did == "did:web:alice.chat.example.com"
    assert loaded.verification_key == account.verification_key


def test_a_key_file_is_not_written_over(tmp_path: Path) -> None:
    path = tmp_path / "alice.key"
    key = new_account("alice", SERVICE).key
    write_account_key(path, key)
    with pytest.raises(FileExistsError):
        write_account_key(path, new_account("alice", SERVICE).key)
    assert load_account_key(path) == key
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.parametrize("mode", [0o644, 0o640, 0o604, 0o660])
def test_a_file_that_others_can_read_is_refused_with_the_remedy(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "alice.key"
    write_account_key(path, new_account("alice", SERVICE).key)
    path.chmod(mode)
    with pytest.raises(IdentityFileError, match="chmod 600"):
        load_account_key(path)


def damage(content: dict[str, object], **changes: object) -> bytes:
    return json.dumps({**content, **changes}).encode()


def test_a_damaged_key_file_is_refused_without_showing_it(tmp_path: Path) -> None:
    path = tmp_path / "alice.key"
    write_account_key(path, new_account("alice", SERVICE).key)
    content = json.loads(path.read_bytes())
    secret = content["privateKeyMultibase"]
    for data in (
        b"",
        b"null",
        b"[]",
        b"\xff",
        b"x" * 20_000,
        damage(content, version=2),
        damage(content, did="alice"),
        damage(content, did=5),
        damage(content, privateKeyMultibase=secret[:-1]),
        damage(content, privateKeyMultibase=None),
        damage(content, publicKeyMultibase=new_account("bob", SERVICE).verification_key),
    ):
        path.write_bytes(data)
        with pytest.raises(IdentityFileError) as caught:
            load_account_key(path)
        assert secret not in str(caught.value)


def test_a_folder_or_a_pipe_is_not_a_key_file_and_an_absent_one_is_said_so(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe", 0o600)
    for path in (tmp_path, tmp_path / "pipe"):
        with pytest.raises(IdentityFileError, match="regular file"):
            load_account_key(path)
    with pytest.raises(FileNotFoundError):
        load_account_key(tmp_path / "absent")


@given(data=st.binary(max_size=200))
def test_any_content_is_a_key_or_the_one_error(tmp_path_factory: pytest.TempPathFactory, data: bytes) -> None:
    path = tmp_path_factory.mktemp("keys") / "key"
    path.touch(0o600)
    path.write_bytes(data)
    with pytest.raises(IdentityFileError):
        load_account_key(path)


def test_no_representation_shows_a_secret(tmp_path: Path) -> None:
    key = new_account("alice", SERVICE).key
    write_account_key(tmp_path / "k", key)
    assert json.loads((tmp_path / "k").read_bytes())["privateKeyMultibase"] not in repr(key)
    assert repr(key.private.secret) not in repr(key)
    assert "=b'" not in repr(ServerSecrets(b"s" * 32))


def test_a_signing_key_of_another_curve_is_a_mistake_and_a_foreign_key_no_verifier() -> None:
    keys: list[PrivateKey] = [AccountKey.generate(SERVICE.account_did("a"), curve).private for curve in Curve]
    for key in keys:
        token = sign_compact({}, b"{}", SigningKey(key))
        signed, signature = token.rpartition(".")[0].encode(), decode_part(token.rpartition(".")[2])
        for other in keys:
            kind = parse_verification_key(
                "Multikey", AccountKey(SERVICE.account_did("a"), other).verification_key
            )
            for curve in Curve:
                assert verifies(curve, signed, signature, kind) is (other is key and curve is key.curve)
    with pytest.raises(InvalidKeyError):
        parse_verification_key("JsonWebKey2020", "z")


class TestServerSecrets:
    def test_made_at_the_first_start_and_the_same_ever_after(self, tmp_path: Path) -> None:
        first = load_or_create_secrets(tmp_path)
        assert stat.S_IMODE((tmp_path / FILE_NAME).stat().st_mode) == 0o600
        assert load_or_create_secrets(tmp_path) == first
        assert len(list(tmp_path.iterdir())) == 1

    def test_the_loser_of_a_race_takes_the_winners_secret(self, tmp_path: Path) -> None:
        winner: list[ServerSecrets] = []

        def while_another_is_faster(count: int) -> bytes:
            if not winner:
                winner.append(load_or_create_secrets(tmp_path, entropy=lambda n: b"w" * n))
            return b"l" * count

        assert load_or_create_secrets(tmp_path, entropy=while_another_is_faster) == winner[0]

    @pytest.mark.parametrize(
        "data", [b"", b"{}", b"[]", b'{"version":1,"secret":"AA=="}', b'{"version":2,"secret":""}']
    )
    def test_a_damaged_file_is_never_replaced(self, tmp_path: Path, data: bytes) -> None:
        path = tmp_path / FILE_NAME
        path.touch(0o600)
        path.write_bytes(data)
        with pytest.raises(IdentityFileError):
            load_or_create_secrets(tmp_path)
        assert path.read_bytes() == data

    def test_a_file_that_others_can_read_is_refused(self, tmp_path: Path) -> None:
        load_or_create_secrets(tmp_path)
        (tmp_path / FILE_NAME).chmod(0o644)
        with pytest.raises(IdentityFileError, match="chmod 600"):
            load_or_create_secrets(tmp_path)

    def test_a_secret_has_32_bytes(self) -> None:
        with pytest.raises(ValueError, match="32 bytes"):
            ServerSecrets(b"short")

    def test_purposes_and_deployments_do_not_share_values(self) -> None:
        here, there = ServerSecrets(b"h" * 32), ServerSecrets(b"t" * 32)
        values = [
            value
            for secrets in (here, there)
            for value in (
                secrets.token_hash("a", "b"),
                secrets.conversation_id(b"ab"),
                secrets.idempotency_scope("a", "b", "")[:16],
            )
        ]
        assert len(set(values)) == len(values)
        assert here.token_hash("a", "b") == ServerSecrets(b"h" * 32).token_hash("a", "b")

    @given(
        left=st.tuples(st.text(max_size=3), st.text(max_size=3)),
        right=st.tuples(st.text(max_size=3), st.text(max_size=3)),
    )
    def test_a_token_hash_binds_issuer_and_nonce(self, left: tuple[str, str], right: tuple[str, str]) -> None:
        secrets = ServerSecrets(b"s" * 32)
        assert (secrets.token_hash(*left) == secrets.token_hash(*right)) is (left == right)

    def test_a_cursor_opens_for_its_device_only(self) -> None:
        secrets = ServerSecrets(b"s" * 32)
        sealed = secrets.seal_cursor(b"17", PHONE)
        assert secrets.open_cursor(sealed, PHONE) == b"17"
        for device, value in [(LAPTOP, sealed), (PHONE, sealed[:-1]), (PHONE, b"")]:
            with pytest.raises(SealError):
                secrets.open_cursor(value, device)
        with pytest.raises(SealError):
            ServerSecrets(b"t" * 32).open_cursor(sealed, PHONE)
