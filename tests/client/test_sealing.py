"""What a group key seals: the size class and nothing finer, bound to conversation and msgId."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol import ConversationId, MsgId, PaddingProfile, is_size_class
from router.client.errors import StateError
from router.client.sealing import CannotOpen, GroupKey, Opened

CONVO = ConversationId("aaaaaaaaaaaaaaaaaaaaaaaaaa")
KEY = GroupKey(CONVO, bytes(range(32)))
M = MsgId("m1")


def test_a_sealed_message_opens_under_its_key() -> None:
    assert KEY.open(M, KEY.seal(M, "alice", "Hello")) == Opened("alice", "Hello")


@given(st.text(max_size=6_000), st.text(max_size=20))
def test_any_text_comes_back_and_has_a_size_class(text: str, author: str) -> None:
    sealed = KEY.seal(M, author, text)
    assert KEY.open(M, sealed) == Opened(author, text)
    assert is_size_class(len(sealed), PaddingProfile.ROOKERY)


@given(st.integers(0, 300))
def test_the_router_sees_the_class_and_not_the_length(length: int) -> None:
    """Also the length in the envelope's head, which anybody can read, is that of the class."""
    one, two = KEY.seal(M, "a", ""), KEY.seal(M, "a", "x" * length)
    assert len(one) == len(two)
    assert one[:4] == two[:4]


@given(st.integers(0, 511), st.integers(1, 255))
def test_a_changed_byte_does_not_open(place: int, change: int) -> None:
    sealed = bytearray(KEY.seal(M, "alice", "Hello"))
    sealed[place] ^= change
    with pytest.raises(CannotOpen):
        KEY.open(M, bytes(sealed))


def test_a_message_cannot_be_moved_or_renamed() -> None:
    sealed = KEY.seal(M, "alice", "Hello")
    with pytest.raises(CannotOpen, match="another msgId"):
        KEY.open(MsgId("m2"), sealed)
    with pytest.raises(CannotOpen):
        GroupKey(ConversationId("baaaaaaaaaaaaaaaaaaaaaaaaa"), KEY.secret).open(M, sealed)


def test_the_secret_is_not_in_its_repr() -> None:
    assert "secret" not in repr(KEY)


def test_a_key_file_is_private_and_never_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "rooks.group.json"
    KEY.save(path)
    assert path.stat().st_mode & 0o777 == 0o600
    assert GroupKey.load(path) == KEY
    with pytest.raises(FileExistsError):
        KEY.save(path)


@pytest.mark.parametrize("content", [b"", b"{}", b'{"version":2,"convoId":"x","key":"AA=="}', b"\xff"])
def test_a_damaged_key_file_is_told_by_its_name(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "bad.group.json"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(StateError, match=r"bad\.group\.json"):
        GroupKey.load(path)


def test_a_key_file_open_to_others_is_refused_with_the_remedy(tmp_path: Path) -> None:
    path = tmp_path / "open.group.json"
    KEY.save(path)
    path.chmod(0o644)
    with pytest.raises(StateError, match="chmod 600"):
        GroupKey.load(path)
