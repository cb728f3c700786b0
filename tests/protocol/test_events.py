"""Events: the lexicons' shapes in each format, one encoding for all receivers, no sender, no fine time."""

import re

import pytest
from hypothesis import given
from msgspec.structs import replace

from protocol import (
    SSE_KEEP_ALIVE,
    AccountNamed,
    AtMessage,
    BrokenLog,
    Command,
    CommitMade,
    ConversationKind,
    Create,
    EncodedEvent,
    Entry,
    EntryKind,
    Fact,
    GroupInfoKept,
    GroupInfoRefreshRequested,
    GroupReset,
    LeafReplaced,
    MemberDevice,
    MemberRemoved,
    MembersAdded,
    MsgId,
    NewDevice,
    Nsid,
    Policy,
    PolicyChanged,
    ProposalMade,
    ReadditionRequested,
    RoleChanged,
    Warned,
    WelcomeReissueRequested,
    decode_dagcbor,
    decode_fact,
    decode_frame,
    encode_fact,
    info_at_frame,
    info_json,
    proposal_id,
    sse_event,
)
from schema.wire import (
    METHODS,
    Octets,
    convert,
    convert_server_frame,
    decode,
    decode_server_frame,
    mls,
    rookery,
)
from schema.wire import given as or_none
from tests.protocol.worlds import (
    ALICE,
    BOB,
    CONVO,
    began,
    ciphertext,
    commit_entry,
    device,
    devices,
    play,
    starts,
    stories,
)

MLS_STREAM = Nsid("blue.catbird.mls.streamConvoEvents")
DEVICE = device(BOB)
OUR_STREAM = Nsid("chat.rookery.streamEvents")
MESSAGE = Entry(CONVO, 2, EntryKind.MESSAGE, 0, MsgId("m"), ciphertext(), bytes(16), 1, 1_000_000, 9)


def fact_event(fact: MembersAdded | MemberRemoved) -> EncodedEvent:
    kind = EntryKind.MEMBERS_ADDED if isinstance(fact, MembersAdded) else EntryKind.MEMBER_REMOVED
    return EncodedEvent(Entry(CONVO, 3, kind, 4, None, encode_fact(fact), bytes(16), 0, 1_000_000))


def test_a_message_is_shown_with_its_place_its_bytes_and_its_bucket() -> None:
    wrapper = decode(mls.StreamConvoEventsEventWrapper, EncodedEvent(MESSAGE).json(MLS_STREAM).fill("c-1"))
    event = wrapper.event
    assert isinstance(event, mls.StreamConvoEventsMessageEvent)
    assert event.cursor == "c-1"
    assert event.message == mls.MessageView(
        id="m",
        convo_id=CONVO,
        ciphertext=event.message.ciphertext,
        epoch=0,
        seq=2,
        created_at="1970-01-12T13:46:40Z",
    )
    assert event.message.ciphertext == MESSAGE.body


def test_the_json_of_an_event_is_one_line_with_the_type_first() -> None:
    text = EncodedEvent(MESSAGE).json(OUR_STREAM).fill("7")
    assert text.startswith(
        b'{"event":{"$type":"chat.rookery.streamEvents#messageEvent","cursor":"7","message":{"id":"m",'
    )
    assert b"\n" not in text


@pytest.mark.parametrize("cursor", ["", 'quo"te', "new\nline", "späce"])
def test_a_cursor_that_would_need_escaping_is_refused(cursor: str) -> None:
    with pytest.raises(ValueError, match="a cursor is made of"):
        EncodedEvent(MESSAGE).json(OUR_STREAM).fill(cursor)


@pytest.mark.parametrize(
    ("fact", "did", "action", "actor", "reason"),
    [
        (MembersAdded(ALICE, devices(BOB)), BOB, "joined", ALICE, None),
        (MembersAdded(BOB, (MemberDevice(BOB, device(BOB, 2)),)), BOB, "joined", None, None),
        (MemberRemoved(BOB, ALICE, "removed", "spam", (device(BOB),)), BOB, "removed", ALICE, "spam"),
        (MemberRemoved(BOB, None, "left", None, (device(BOB),)), BOB, "left", None, None),
    ],
)
def test_a_membership_change_names_whom_it_is_about_and_who_else_did_it(
    fact: MembersAdded | MemberRemoved, did: str, action: str, actor: str | None, reason: str | None
) -> None:
    wrapper = decode(mls.StreamConvoEventsEventWrapper, fact_event(fact).json(MLS_STREAM).fill("1"))
    event = wrapper.event
    assert isinstance(event, mls.StreamConvoEventsMembershipChangeEvent)
    assert (event.convo_id, event.did, event.action) == (CONVO, did, action)
    assert (or_none(event.actor), or_none(event.reason)) == (actor, reason)
    assert (event.epoch, event.seq) == (4, 3)


def test_an_entry_that_no_event_shows_is_damage() -> None:
    for entry in (replace(MESSAGE, kind=EntryKind.NOTICE), replace(MESSAGE, msg_id=None)):
        with pytest.raises(BrokenLog):
            EncodedEvent(entry)


@given(starts, stories)
def test_every_entry_is_shown_alike_in_every_format_as_its_lexicon_says(
    start: Create, story: list[Command | str]
) -> None:
    world, _ = play(start, story)
    for entry in world.log:
        check_shown_alike(entry)


WHAT_A_GROUP_TELLS: list[tuple[Fact, EntryKind, str]] = [
    (MemberRemoved(BOB, ALICE, "device", None, (DEVICE,)), EntryKind.MEMBER_REMOVED, "membershipChangeEvent"),
    (LeafReplaced(ALICE, BOB, DEVICE, 3), EntryKind.NOTICE, "membershipChangeEvent"),
    (RoleChanged(ALICE, BOB, "moderator"), EntryKind.ROLE_CHANGED, "convoEvent"),
    (PolicyChanged(ALICE, Policy(rejoin=False)), EntryKind.POLICY_CHANGED, "convoEvent"),
    (GroupReset(ALICE, "g", "suite", 1, reason="jammed"), EntryKind.GROUP_RESET, "groupResetEvent"),
    (GroupReset(ALICE, "g", "suite", 1), EntryKind.GROUP_RESET, "groupResetEvent"),
    (GroupInfoKept(BOB, b"h" * 16), EntryKind.NOTICE, "treeChangedEvent"),
    (NewDevice(BOB, DEVICE, "tablet", "a-1"), EntryKind.NOTICE, "newDeviceEvent"),
    (GroupInfoRefreshRequested(BOB), EntryKind.NOTICE, "groupInfoRefreshRequestedEvent"),
    (ReadditionRequested(BOB, DEVICE, 1), EntryKind.NOTICE, "readditionRequestedEvent"),
    (ReadditionRequested(BOB, DEVICE, 2, DEVICE), EntryKind.NOTICE, "readditionRequestedEvent"),
    (WelcomeReissueRequested(BOB, DEVICE, 1), EntryKind.NOTICE, "welcomeReissueRequestedEvent"),
    (AccountNamed(ALICE, BOB), EntryKind.NOTICE, "noticeEvent"),
    (Warned(ALICE, BOB, "w-1", b"hash", 1_700_000_000), EntryKind.NOTICE, "noticeEvent"),
]


@pytest.mark.parametrize(("fact", "kind", "name"), WHAT_A_GROUP_TELLS)
def test_what_a_group_tells_has_an_event_in_every_format(fact: Fact, kind: EntryKind, name: str) -> None:
    """Failure 18: events that only some streams had, so that a client on another one never heard."""
    entry = replace(MESSAGE, kind=kind, msg_id=None, body=encode_fact(fact))
    check_shown_alike(entry)
    assert EncodedEvent(entry).name == name


def test_a_commit_is_shown_as_a_message_of_its_kind_with_the_digest_and_without_its_sender() -> None:
    state = began(kind=ConversationKind.MLS)
    entry = commit_entry(state)
    check_shown_alike(entry)
    shown = EncodedEvent(entry).json(OUR_STREAM).fill("c")
    event = decode(rookery.StreamEventsEventWrapper, shown).event
    assert isinstance(event, rookery.StreamEventsMessageEvent)
    fact = decode_fact(entry.body)
    assert isinstance(fact, CommitMade)
    assert event.message.message_type == "commit"
    assert event.message.ciphertext == Octets(fact.commit)
    assert event.message.digest == Octets(fact.digest)
    assert fact.committer.encode() not in shown


def test_a_proposal_is_shown_as_a_message_of_its_kind() -> None:
    fact = ProposalMade(b"proposal", b"ref", BOB)
    entry = replace(MESSAGE, kind=EntryKind.PROPOSAL, msg_id=proposal_id(b"proposal"), body=encode_fact(fact))
    check_shown_alike(entry)
    assert b'"messageType":"proposal"' in EncodedEvent(entry).json(OUR_STREAM).fill("c")


def check_shown_alike(entry: Entry) -> None:
    """One event in every format, and each is what its lexicon says."""
    event = EncodedEvent(entry)
    ours = decode(rookery.StreamEventsEventWrapper, event.json(OUR_STREAM).fill("c")).event
    theirs = decode(mls.StreamConvoEventsEventWrapper, event.json(MLS_STREAM).fill("c")).event
    frame = decode_frame(event.at_frame().fill("c"))
    assert isinstance(frame, AtMessage)
    for nsid in ("blue.catbird.mls.subscribeConvoEvents", "chat.rookery.subscribeEvents"):
        convert(METHODS[nsid].messages[frame.t], frame.payload)
    in_json = decode_server_frame(event.session_json())
    assert in_json == convert_server_frame(decode_dagcbor(event.session_cbor()))
    assert isinstance(in_json, rookery.SessionEvent)
    assert replace(ours, cursor=in_json.event.cursor) == in_json.event
    assert type(ours).__name__ == type(theirs).__name__.replace("Convo", "", 1) or "ConvoEvent" in event.name
    assert frame.t == f"#{event.name}"
    assert "$type" not in frame.payload
    assert frame.payload["cursor"] == "c"


def test_each_form_is_made_once_and_shared() -> None:
    event = EncodedEvent(MESSAGE)
    assert event.json(OUR_STREAM) is event.json(OUR_STREAM)
    assert event.json(OUR_STREAM) is not event.json(MLS_STREAM)
    assert event.at_frame() is event.at_frame()
    assert event.session_json() is event.session_json()
    assert event.session_cbor() is event.session_cbor()
    assert repr(event) == "<EncodedEvent messageEvent seq=2 position=9>"


def test_a_stream_can_speak_about_itself() -> None:
    wrapper = decode(mls.StreamConvoEventsEventWrapper, info_json(MLS_STREAM, "5", "hello"))
    assert wrapper.event == mls.StreamConvoEventsInfoEvent(cursor="5", info="hello")
    assert decode_frame(info_at_frame("5", "hello")) == AtMessage(
        "#infoEvent", {"cursor": "5", "info": "hello"}
    )


def test_a_server_sent_event_has_an_id_to_resume_from_a_name_and_one_line_of_data() -> None:
    event = EncodedEvent(MESSAGE)
    block = sse_event(event.name, "c-1", event.json(OUR_STREAM).fill("c-1"))
    match = re.fullmatch(rb"id: (.*)\nevent: (.*)\ndata: (.*)\n\n", block)
    assert match is not None
    assert match.group(1, 2) == (b"c-1", b"messageEvent")
    assert match.group(3) == event.json(OUR_STREAM).fill("c-1")
    assert SSE_KEEP_ALIVE.startswith(b":")
