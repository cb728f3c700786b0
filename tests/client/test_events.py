"""The client reads exactly what the server's own encoders write, and is not put off by what is new."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol import (
    AccountDid,
    ConversationId,
    ConversationKind,
    Created,
    DeviceId,
    EncodedEvent,
    Entry,
    EntryKind,
    Fact,
    MemberDevice,
    MemberRemoved,
    MembersAdded,
    MsgId,
    Nsid,
    body_hash,
    encode_fact,
)
from router.client.errors import BadAnswer
from router.client.events import (
    ConvoEvent,
    Event,
    InfoEvent,
    LexBytes,
    MembershipEvent,
    MessageEvent,
    UnknownEvent,
    read_event,
)

CONVO = ConversationId("aaaaaaaaaaaaaaaaaaaaaaaaaa")
ALICE, BOB = AccountDid("did:web:alice.test"), AccountDid("did:web:bob.test")
DEVICE = MemberDevice(BOB, DeviceId("5f0c5a8e-8a0e-4f43-9d1a-0c6f5f1f1a01"))
STREAM = Nsid("chat.rookery.streamEvents")


def entry(kind: EntryKind, body: bytes, msg_id: MsgId | None = None) -> Entry:
    return Entry(CONVO, 7, kind, 0, msg_id, body, body_hash(body), 1, 1_700_000_000, 9)


FACTS: list[tuple[EntryKind, Fact, Event]] = [
    (
        EntryKind.CREATED,
        Created(ALICE, ConversationKind.OPAQUE, "", "", None, None, (DEVICE,)),
        ConvoEvent(CONVO, 7, "created"),
    ),
    (
        EntryKind.MEMBERS_ADDED,
        MembersAdded(ALICE, (DEVICE,)),
        MembershipEvent(CONVO, 7, BOB, "joined", 0, actor=ALICE),
    ),
    (
        EntryKind.MEMBER_REMOVED,
        MemberRemoved(BOB, ALICE, "removed", "noise", (DEVICE.device,)),
        MembershipEvent(CONVO, 7, BOB, "removed", 0, actor=ALICE, reason="noise"),
    ),
    (
        EntryKind.MEMBER_REMOVED,
        MemberRemoved(BOB, None, "left", None, ()),
        MembershipEvent(CONVO, 7, BOB, "left", 0),
    ),
]


@pytest.mark.parametrize(("kind", "fact", "expected"), FACTS)
def test_facts_are_read_as_they_were_written(kind: EntryKind, fact: Fact, expected: Event) -> None:
    encoded = EncodedEvent(entry(kind, encode_fact(fact)))
    assert read_event(encoded.json(STREAM).fill("c1")) == (expected, "c1")
    assert read_event(json.dumps(json.loads(encoded.session_json())["event"])) == (expected, None)


@given(st.binary(min_size=1, max_size=2_000))
def test_a_message_comes_with_its_bytes_on_every_way(ciphertext: bytes) -> None:
    encoded = EncodedEvent(entry(EntryKind.MESSAGE, ciphertext, MsgId("m")))
    expected = MessageEvent(CONVO, 7, MsgId("m"), ciphertext, 0, "2023-11-14T22:13:20Z")
    assert read_event(encoded.json(STREAM).fill("c1")) == (expected, "c1")
    assert read_event(json.dumps(json.loads(encoded.session_json())["event"])) == (expected, None)


@given(st.binary(max_size=50), st.booleans())
def test_bytes_are_read_with_and_without_padding(data: bytes, padded: bool) -> None:
    form = LexBytes.of(data).value
    assert LexBytes(form + "=" * (-len(form) % 4) if padded else form).read() == data


def test_a_kind_from_the_future_is_passed_on_by_name() -> None:
    assert read_event(b'{"$type":"chat.rookery.streamEvents#wingEvent","flaps":3}') == (
        UnknownEvent("wingEvent"),
        None,
    )


def test_an_info_belongs_to_no_conversation() -> None:
    event, cursor = read_event(b'{"event":{"$type":"x#infoEvent","cursor":"c","info":"hello"}}')
    assert (event, cursor) == (InfoEvent("hello"), "c")


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"{}",
        b'{"$type":"x#messageEvent"}',
        b'{"$type":"x#membershipChangeEvent","convoId":"c"}',
        b'{"$type":"x#convoEvent","convoId":"c","seq":0}',
        b'{"$type":"x#messageEvent","message":{"id":"m","convoId":"c"}}',
    ],
)
def test_what_is_no_event_is_the_servers_fault(data: bytes) -> None:
    with pytest.raises(BadAnswer):
        read_event(data)
