"""The public kit draws what it says: every type, well-formed, and conversations that were really lived."""

import inspect
import subprocess
import sys
import tomllib
from pathlib import Path

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import protocol
from protocol import (
    AccountDid,
    Command,
    Conversation,
    ConversationId,
    ConversationKind,
    Cursor,
    DeviceId,
    Entry,
    EntryKind,
    Fact,
    InvalidCursor,
    MsgId,
    Nsid,
    decode_cursor,
    decode_dagcbor,
    decode_fact,
    decode_frame,
    encode_cursor,
    encode_dagcbor,
    error_frame,
    message_frame,
    parse_account_did,
    parse_conversation_id,
    parse_device_id,
    parse_msg_id,
    parse_nsid,
)
from protocol._atframes import AtError, AtMessage
from protocol._session_frames import Flaw, parse_frame
from protocol.testing import World, as_cbor, read_history, replay, strategies
from protocol.testing._register import register
from schema import wire as wire_types
from schema.wire import Wire, decode, encode

STRUCTS = [
    kind for kind in vars(protocol).values() if inspect.isclass(kind) and issubclass(kind, msgspec.Struct)
]
NAMED = (EntryKind.MESSAGE, EntryKind.COMMIT, EntryKind.PROPOSAL)
FEW = settings(max_examples=10)

register()  # as Hypothesis does by the entry point, where the package is installed


@pytest.mark.parametrize("kind", STRUCTS, ids=lambda kind: kind.__name__)
def test_every_value_of_the_protocol_is_drawn_by_its_type_and_survives_its_encoding(
    kind: type[msgspec.Struct],
) -> None:
    """A struct, or a field of one, that nobody thought of here is drawn as well: by its annotations."""

    @FEW
    @given(st.from_type(kind))
    def survives(value: msgspec.Struct) -> None:
        assert type(value) is kind
        if kind is not AtMessage:  # travels as DAG-CBOR, see below
            packed = msgspec.msgpack.encode(value)
            assert msgspec.msgpack.decode(packed, type=kind) == value

    survives()


def test_hypothesis_is_told_of_the_kit_by_an_entry_point() -> None:
    """So that a user's `st.from_type(Entry)` needs no import of the kit."""
    project = tomllib.loads((Path(__file__).parents[2] / "pyproject.toml").read_text())["project"]
    assert project["entry-points"]["hypothesis"]["protocol"] == f"{register.__module__}:register"


@pytest.mark.parametrize("first", ["protocol.testing", "actors.testing"])
def test_a_kit_may_be_the_first_import_of_a_script(first: str) -> None:
    """Hypothesis calls the entry points while it is imported, and a kit may be what imports it."""
    code = f"from {first} import strategies; import hypothesis.strategies, protocol"
    subprocess.run([sys.executable, "-c", code], check=True, timeout=60)


@given(
    st.from_type(AccountDid), st.from_type(DeviceId), st.from_type(ConversationId), st.from_type(MsgId),
    st.from_type(Nsid),
)  # fmt: skip
def test_ids_are_those_that_the_parsers_take(
    account: AccountDid, device: DeviceId, convo: ConversationId, msg_id: MsgId, nsid: Nsid
) -> None:
    assert parse_account_did(account) == account
    assert parse_device_id(device) == device
    assert parse_conversation_id(convo) == convo
    assert parse_msg_id(msg_id) == msg_id
    assert parse_nsid(nsid) == nsid


@given(st.from_type(Command), st.from_type(Fact))  # type: ignore[arg-type] # unions are what it takes, too
def test_unions_are_drawn_by_their_name(command: Command, fact: Fact) -> None:
    assert isinstance(command, Command)
    assert isinstance(fact, Fact)


@pytest.mark.parametrize("kind", EntryKind)
def test_entries_hold_a_fact_of_their_kind_and_the_hash_of_their_bytes(kind: EntryKind) -> None:
    """By the independent reader of histories: seqs aside, whatever is drawn keeps an entry's promises."""

    @FEW
    @given(strategies.entries(kind))
    def holds(entry: Entry) -> None:
        assert entry.kind is kind
        assert (entry.msg_id is None) is (
            kind not in (EntryKind.MESSAGE, EntryKind.COMMIT, EntryKind.PROPOSAL)
        )
        if kind is not EntryKind.MESSAGE:
            decode_fact(entry.body)

    holds()


@given(strategies.cursors(), strategies.cursor_bytes())
def test_cursors_are_good_and_cursor_bytes_are_both(cursor: Cursor, raw: bytes) -> None:
    assert decode_cursor(encode_cursor(cursor)) == cursor
    try:
        assert encode_cursor(decode_cursor(raw)) == raw
    except InvalidCursor:
        pass


@given(strategies.dagcbor_values())
def test_dagcbor_values_are_what_the_codec_takes(value: object) -> None:
    assert decode_dagcbor(encode_dagcbor(value)) == value


# -- what travels -----------------------------------------------------------------------------------------


def test_every_wire_type_has_a_strategy() -> None:
    modules = (wire_types.mls, wire_types.mls_chat, wire_types.rookery, wire_types.rookery_mls)
    kinds = {
        kind
        for module in modules
        for kind in vars(module).values()
        if inspect.isclass(kind) and issubclass(kind, Wire) and kind is not Wire
    }
    assert kinds == set(strategies.wire_definitions())


@settings(max_examples=200)
@given(st.data())
def test_wire_types_survive_their_encoding(data: st.DataObject) -> None:
    kind = data.draw(st.sampled_from(sorted(strategies.wire_definitions(), key=lambda each: each.__name__)))
    value = data.draw(strategies.wire(kind))
    assert decode(kind, encode(value)) == value


@pytest.mark.parametrize(
    "nsid", ["blue.catbird.mls.sendMessage", "chat.rookery.createConvo", "chat.rookery.mls.submitCommit"]
)
def test_a_method_is_named_by_its_nsid(nsid: str) -> None:
    method = wire_types.METHODS[nsid]

    @FEW
    @given(strategies.inputs(nsid), strategies.outputs(nsid))
    def fits(given_: Wire, answered: Wire) -> None:
        assert isinstance(given_, method.input or object)
        assert isinstance(answered, method.output or object)

    fits()
    with pytest.raises(KeyError):
        strategies.parameters(nsid)


@given(strategies.client_frames(), strategies.junk_frames())
def test_client_frames_are_understood_and_junk_is_answered(frame: str | bytes, junk: str | bytes) -> None:
    assert not isinstance(parse_frame(frame), Flaw)
    parse_frame(junk)  # returns, whatever it is


@given(strategies.server_frames(binary=True), strategies.server_frames(binary=False))
def test_server_frames_come_in_the_format_that_is_asked_for(binary: str | bytes, text: str | bytes) -> None:
    assert isinstance(binary, bytes)
    wire_types.convert_server_frame(decode_dagcbor(binary))
    assert isinstance(text, str)
    wire_types.decode_server_frame(text)


@given(strategies.at_frames())
def test_at_frames_survive_their_encoding(frame: AtMessage | AtError) -> None:
    if isinstance(frame, AtMessage):
        assert decode_frame(message_frame(frame.t, frame.payload)) == frame
    else:
        assert decode_frame(error_frame(frame.error, frame.message)) == frame


# -- what was lived ---------------------------------------------------------------------------------------


@given(strategies.conversations())
def test_conversations_are_what_their_logs_add_up_to(world: World) -> None:
    assert replay(world.log) == world.state
    assert world.now_at.admins


@given(strategies.conversations(ConversationKind.OPAQUE, such_that=lambda state: state.last_seq > 1))
def test_a_kind_and_a_condition_can_be_asked_for(world: World) -> None:
    assert world.now_at.kind is ConversationKind.OPAQUE
    assert len(world.log) > 1


def test_conversations_reach_every_kind_of_entry_and_the_corners_of_the_state() -> None:
    """A strategy that became shy would let every law pass that is asked of it."""
    kinds: set[EntryKind] = set()
    corners: set[str] = set()

    @settings(max_examples=150, derandomize=True)
    @given(strategies.conversations(ConversationKind.MLS, max_steps=20))
    def walk(world: World) -> None:
        state = world.now_at
        kinds.update(entry.kind for entry in world.log)
        seen = {
            "removed": state.removed, "left": state.left, "pending": state.group.pending,
            "stale": state.group.stale_leaves, "rejoin": state.group.needs_rejoin,
            "proposals": state.group.proposals, "group info": state.group.group_info_hash,
            "moderators": state.group.moderators, "conflicts": state.group.conflicts,
            "displaced": state.group.displaced, "two admins": len(state.admins) > 1,
        }  # fmt: skip
        corners.update(name for name, there in seen.items() if there)

    walk()
    assert kinds == set(EntryKind)
    assert corners == {
        "removed", "left", "pending", "stale", "rejoin", "proposals", "group info", "moderators", "conflicts",
        "displaced", "two admins",
    }  # fmt: skip


@given(st.from_type(Conversation))
def test_a_state_drawn_by_its_type_was_lived(state: Conversation) -> None:
    assert state.last_seq >= 1
    assert state.admins <= set(state.accounts())


@given(strategies.conversations())
def test_the_auditor_of_histories_agrees_with_what_was_lived(world: World) -> None:
    """Two readers of one log that share no code: who is in at the end."""
    log = [msgspec.structs.replace(entry, position=place) for place, entry in enumerate(world.log, 1)]
    inside = {stay.device for stay in read_history(log).stays if stay.last is None}
    assert inside == set(world.now_at.members)


def test_frames_of_the_kit_are_spelled_as_the_protocol_spells_them() -> None:
    assert as_cbor({"type": "ping"}) == encode_dagcbor({"type": "ping"})
