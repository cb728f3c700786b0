"""A device's memory survives its process, whole or as it was before."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol import ConversationId, DeviceId, MsgId
from router.client.errors import StateError
from router.client.outbox import Outgoing
from router.client.state import DeviceState, StateFile, decode_state, encode_state

names = st.text(st.characters(codec="ascii", categories=["L", "N"]), min_size=1, max_size=10)
states = st.builds(
    DeviceState,
    names.map(DeviceId),
    st.none() | names,
    st.dictionaries(names.map(ConversationId), st.integers(1, 2**53 - 1), max_size=4),
    st.lists(
        st.builds(
            Outgoing, names.map(ConversationId), names.map(MsgId), st.binary(max_size=50), st.integers(0, 9)
        ),
        max_size=4,
    ).map(tuple),
)


@given(states)
def test_what_is_written_is_read(state: DeviceState) -> None:
    assert decode_state(encode_state(state)) == state


def test_a_file_is_replaced_as_a_whole_and_private(tmp_path: Path) -> None:
    file = StateFile(tmp_path / "alice.state.json")
    assert file.load() is None
    file.save(DeviceState(DeviceId("one")))
    file.save(DeviceState(DeviceId("two")))
    assert file.load() == DeviceState(DeviceId("two"))
    assert file.path.stat().st_mode & 0o777 == 0o600
    assert list(tmp_path.iterdir()) == [file.path]


def test_a_write_that_fails_leaves_the_old_state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = StateFile(tmp_path / "alice.state.json")
    file.save(DeviceState(DeviceId("one")))

    def no_space(_descriptor: int) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", no_space)
    with pytest.raises(OSError, match="No space"):
        file.save(DeviceState(DeviceId("two")))
    assert file.load() == DeviceState(DeviceId("one"))
    assert list(tmp_path.iterdir()) == [file.path]


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b'{"version":1}', b"\xff\xfe"])
def test_a_damaged_state_is_not_guessed_at(content: bytes) -> None:
    with pytest.raises(StateError, match="not a device state"):
        decode_state(content)


def test_a_state_of_a_newer_client_is_refused() -> None:
    newer = encode_state(DeviceState(DeviceId("one"))).replace(b'"version":1', b'"version":2')
    with pytest.raises(StateError, match="version 2"):
        decode_state(newer)


def test_a_state_open_to_others_is_refused(tmp_path: Path) -> None:
    file = StateFile(tmp_path / "alice.state.json")
    file.save(DeviceState(DeviceId("one")))
    file.path.chmod(0o640)
    with pytest.raises(StateError, match="chmod 600"):
        file.load()
