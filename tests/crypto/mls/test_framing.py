"""MLSMessage framing: the official messages, labelled damage, and totality on any bytes."""

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from crypto import PaddingProfile, pad
from crypto.mls import (
    Commit,
    ContentType,
    FramingError,
    GroupInfo,
    KeyPackage,
    PrivateMessage,
    PublicMessage,
    Sender,
    SenderType,
    Welcome,
    read_message,
    read_padded_message,
)
from crypto.mls._reader import Reader
from tests.vectors import load_vectors

EPOCH_5 = (5).to_bytes(8, "big")


def vector(data: bytes) -> bytes:
    """`opaque<V>`: the length in its shortest form, then the bytes."""
    if len(data) < 0x40:
        return bytes([len(data)]) + data
    if len(data) < 0x4000:
        return (0x4000 | len(data)).to_bytes(2, "big") + data
    return (0x80000000 | len(data)).to_bytes(4, "big") + data


def private_message(
    group: bytes = b"group",
    epoch: bytes = EPOCH_5,
    kind: int = 1,
    data: bytes = b"",
    ciphertext: bytes = b"c",
) -> bytes:
    """A PrivateMessage as a client would make it, but for the ciphertexts."""
    head = b"\x00\x01\x00\x02" + vector(group) + epoch + bytes([kind]) + vector(data)
    return head + vector(b"sender data") + vector(ciphertext)


def public_message(sender: bytes, kind: int, content: bytes, tags: bytes) -> bytes:
    """A PublicMessage of the given parts."""
    head = b"\x00\x01\x00\x01" + vector(b"group") + EPOCH_5 + sender + vector(b"aad") + bytes([kind])
    return head + content + vector(b"signature") + tags


MEMBER_7 = b"\x01\x00\x00\x00\x07"
REMOVE_3 = b"\x00\x03\x00\x00\x00\x03"
EMPTY_COMMIT = b"\x00\x00"  # no proposals, no path


def test_a_private_message_shows_its_group_epoch_and_kind() -> None:
    expected = PrivateMessage(b"group", 5, ContentType.APPLICATION, b"shown", b"sender data", b"c")
    message = private_message(data=b"shown")
    assert read_message(message) == expected
    assert read_padded_message(pad(PaddingProfile.CATBIRD, message)) == expected
    exact = private_message(data=b"shown", ciphertext=bytes(512 - len(message)))
    assert read_padded_message(exact) == read_message(exact)


def test_a_public_commit_shows_its_sender_too() -> None:
    message = public_message(MEMBER_7, 3, EMPTY_COMMIT, vector(b"confirmation") + vector(b"membership"))
    read = read_message(message)
    assert isinstance(read, PublicMessage)
    assert (read.group_id, read.epoch, read.content_type) == (b"group", 5, ContentType.COMMIT)
    assert (read.sender, read.authenticated_data) == (Sender(SenderType.MEMBER, 7), b"aad")
    assert (read.content, read.signature) == (Commit((), None), b"signature")
    assert (read.confirmation_tag, read.membership_tag) == (b"confirmation", b"membership")


@pytest.mark.parametrize(
    ("sender", "kinds"),
    [
        (MEMBER_7, {2, 3}),
        (b"\x02\x00\x00\x00\x01", {2}),  # external
        (b"\x03", {2}),  # new_member_proposal
        (b"\x04", {3}),  # new_member_commit
    ],
)
def test_each_sender_may_send_its_kinds_only(sender: bytes, kinds: set[int]) -> None:
    accepted = set()
    for kind, content in [(1, vector(b"application data")), (2, REMOVE_3), (3, EMPTY_COMMIT)]:
        tags = vector(b"confirmation") * (kind == 3) + vector(b"membership") * (sender == MEMBER_7)
        try:
            read_message(public_message(sender, kind, content, tags))
        except FramingError:
            continue
        accepted.add(kind)
    assert accepted == kinds


def test_official_length_headers() -> None:
    for case in load_vectors("mls/deserialization.json"):
        header = bytes.fromhex(case["vlbytes_header"])
        reader = Reader(header)
        assert reader.length() == case["length"]
        assert reader.exhausted


@pytest.mark.parametrize("header", ["", "c0", "ff", "4000", "403f", "80000000", "80003fff", "40", "800040"])
def test_a_length_has_one_form(header: str) -> None:
    with pytest.raises(FramingError):
        Reader(bytes.fromhex(header)).length()


def test_official_messages() -> None:
    """messages.json: every MLSMessage of every suite, and the same with one byte more or less."""
    expected = {
        "mls_welcome": Welcome,
        "mls_group_info": GroupInfo,
        "mls_key_package": KeyPackage,
        "public_message_proposal": PublicMessage,
        "public_message_commit": PublicMessage,
        "private_message": PrivateMessage,
    }
    for case in load_vectors("mls/messages.json"):
        for name, kind in expected.items():
            message = bytes.fromhex(case[name])
            assert type(read_message(message)) is kind
            for damaged in (message[:-1], message + b"\0"):
                with pytest.raises(FramingError):
                    read_message(damaged)
        # RFC 9420 section 6: application data MUST be a PrivateMessage
        with pytest.raises(FramingError, match="open"):
            read_message(bytes.fromhex(case["public_message_application"]))


PROPOSALS = {
    "add_proposal": 1,
    "update_proposal": 2,
    "remove_proposal": 3,
    "pre_shared_key_proposal": 4,
    "re_init_proposal": 5,
    "external_init_proposal": 6,
    "group_context_extensions_proposal": 7,
}


def test_official_proposals_and_commits_end_where_they_should() -> None:
    """Each kind of proposal, alone and inside a commit; one byte less is refused."""
    reference = b"\x02" + vector(b"r" * 32)
    for case in load_vectors("mls/messages.json"):
        for name, kind in PROPOSALS.items():
            proposal = kind.to_bytes(2, "big") + bytes.fromhex(case[name])
            alone = public_message(MEMBER_7, 2, proposal, vector(b"membership"))
            assert isinstance(read_message(alone), PublicMessage), name
            commit = vector(b"\x01" + proposal + reference) + b"\x00"
            inside = public_message(MEMBER_7, 3, commit, vector(b"confirmation") + vector(b"membership"))
            assert isinstance(read_message(inside), PublicMessage), name
            for message in (alone, inside):
                with pytest.raises(FramingError):
                    read_message(message[:-1])


PSK_RESUMPTION = b"\x00\x04\x02" + b"%c" + vector(b"group") + EPOCH_5 + vector(b"nonce")
LEAF_KEYS = vector(b"encryption") + vector(b"signature")
CAPABILITIES = b"\x02\x00\x01" * 5


def update(
    credential: bytes, capabilities: bytes = CAPABILITIES, source: int = 2, extensions: bytes = b"\0"
) -> bytes:
    """An Update proposal with a leaf node of the given parts."""
    tail = bytes([source]) + (bytes(16) if source == 1 else b"") + extensions + vector(b"signature")
    return b"\x00\x02" + LEAF_KEYS + credential + capabilities + tail


X509 = b"\x00\x02" + vector(vector(b"certificate") + vector(b"issuer"))
BASIC = b"\x00\x01" + vector(b"did:web:alice.example.com")


@pytest.mark.parametrize(
    "proposal",
    [PSK_RESUMPTION % 1, PSK_RESUMPTION % 3, update(BASIC), update(X509), update(BASIC, b"\0" * 5)],
)
def test_proposals_of_good_form_are_read(proposal: bytes) -> None:
    header = read_message(public_message(MEMBER_7, 2, proposal, vector(b"membership")))
    assert isinstance(header, PublicMessage)


@pytest.mark.parametrize(
    "proposal",
    [
        PSK_RESUMPTION % 0,
        PSK_RESUMPTION % 4,
        b"\x00\x04\x03" + vector(b"id") + vector(b"nonce"),
        b"\x0a\x0a" + vector(b"a GREASE type has no length"),
        update(b"\x00\x03" + vector(b"a credential of unknown type")),
        update(BASIC, b"\x03\x00\x01\x00" + b"\0" * 4),  # a list of uint16 of three bytes
        update(BASIC, source=1),  # a leaf node from a key package in an update
        update(BASIC, extensions=vector(b"\x00\x0a\x00" * 2)),  # two extensions of one type
    ],
)
def test_proposals_of_bad_form_are_refused(proposal: bytes) -> None:
    with pytest.raises(FramingError):
        read_message(public_message(MEMBER_7, 2, proposal, vector(b"membership")))


@pytest.mark.parametrize(
    "commit", [vector(b"\x03" + REMOVE_3) + b"\0", b"\0\x02", vector(b"\x01\0\x03\0") + b"\0"]
)
def test_commits_of_bad_form_are_refused(commit: bytes) -> None:
    """Neither proposal nor reference; an optional octet of 2; a proposal that runs out of its vector."""
    tags = vector(b"confirmation") + vector(b"membership")
    with pytest.raises(FramingError):
        read_message(public_message(MEMBER_7, 3, commit, tags))


def test_labelled_messages() -> None:
    verdicts = {"accept": 0, "reject": 0}
    for case in load_vectors("mls/framing-labelled.json")["cases"]:
        verdicts[case["expect"]] += 1
        message = bytes.fromhex(case["message"])
        if case["expect"] == "reject":
            with pytest.raises(FramingError):
                read_message(message)
            continue
        header = read_message(message)
        assert _as_labelled(header) == {
            name: value for name, value in case.items() if name not in ("id", "expect", "message")
        }, case["id"]
    assert all(verdicts.values())


def _as_labelled(header: object) -> dict[str, object]:
    match header:
        case PrivateMessage():
            return {
                "wire_format": 2,
                "group_id": header.group_id.hex(),
                "epoch": header.epoch,
                "content_type": header.content_type,
            }
        case PublicMessage():
            return {
                "wire_format": 1,
                "group_id": header.group_id.hex(),
                "epoch": header.epoch,
                "content_type": header.content_type,
                "sender_type": header.sender.kind,
            }
        case Welcome():
            refs = [ref.hex() for ref in header.key_package_refs]
            return {"wire_format": 3, "suite": header.cipher_suite, "key_package_refs": refs}
        case GroupInfo():
            return {
                "wire_format": 4,
                "group_id": header.group_id.hex(),
                "epoch": header.epoch,
                "suite": header.cipher_suite,
            }
        case _:
            return {"wire_format": 5}


def test_labelled_key_packages_of_good_form_are_read() -> None:
    """Only the accepted ones: most of the others are damaged in what they mean, not in their form."""
    cases = load_vectors("mls/key-packages-labelled.json")["cases"]
    read = 0
    for case in cases:
        if case["expect"] == "accept":
            message = bytes.fromhex(case["message"])
            assert isinstance(read_message(message), KeyPackage), case["id"]
            read += 1
    assert read


def test_every_message_of_the_recorded_sessions_is_read() -> None:
    """ds-scenarios: what real clients sent; most refused steps are well-formed and out of place."""
    read = 0
    for name in ("suite1-private", "suite1-public"):
        for step in load_vectors(f"mls/ds-scenarios/{name}.json")["steps"]:
            for field in ("message", "welcome", "group_info"):
                if step.get(field) is None:
                    continue
                if (field, step["expect"]) == ("message", "malformed"):
                    with pytest.raises(FramingError):
                        read_message(bytes.fromhex(step[field]))
                else:
                    read_message(bytes.fromhex(step[field]))
                    read += 1
    assert read


def test_a_message_cut_anywhere_is_refused() -> None:
    message = private_message()
    for end in range(len(message)):
        with pytest.raises(FramingError):
            read_message(message[:end])


@given(data=st.binary(max_size=300))
@example(b"")
def test_any_bytes_are_a_message_or_the_one_error(data: bytes) -> None:
    for read in (read_message, read_padded_message):
        for prefix in (b"", *(bytes([0, 1, 0, n]) for n in range(1, 6))):
            try:
                read(prefix + data)
            except FramingError:
                pass


@given(
    position=st.integers(0, 10_000),
    change=st.integers(1, 255),
    name=st.sampled_from(
        ["mls_welcome", "mls_group_info", "mls_key_package", "public_message_commit", "private_message"]
    ),
)
def test_a_changed_byte_gives_a_header_or_the_one_error(position: int, change: int, name: str) -> None:
    data = bytearray.fromhex(load_vectors("mls/messages.json")[0][name])
    data[position % len(data)] ^= change
    try:
        read_message(bytes(data))
    except FramingError:
        pass


@given(
    group=st.binary(max_size=100),
    epoch=st.integers(0, 2**64 - 1),
    kind=st.sampled_from(ContentType),
    data=st.binary(max_size=100),
    ciphertext=st.binary(max_size=20_000),
)
def test_a_private_message_is_read_as_it_was_written(
    group: bytes, epoch: int, kind: ContentType, data: bytes, ciphertext: bytes
) -> None:
    message = private_message(group, epoch.to_bytes(8, "big"), kind, data, ciphertext)
    expected = PrivateMessage(group, epoch, kind, data, b"sender data", ciphertext)
    assert read_message(message) == expected
    assert read_padded_message(message) == expected
    assert read_padded_message(pad(PaddingProfile.CATBIRD, message)) == expected


def test_around_64_kib_an_envelope_begins_like_a_message_and_is_still_told_apart() -> None:
    """The envelopes of 65537 to 65541 bytes begin with 00 01 00 01 ... 00 01 00 05."""
    overhead = len(private_message(ciphertext=bytes(65000))) - 65000
    for length in range(65530, 65550):
        message = private_message(ciphertext=bytes(length - overhead))
        assert len(message) == length
        assert read_padded_message(pad(PaddingProfile.CATBIRD, message)) == read_message(message)


def test_bytes_that_are_a_message_and_an_envelope_at_once_are_refused() -> None:
    """An envelope of 65538 bytes reads as a PrivateMessage without a group id, in an epoch above 2^56.

    Its author chooses the inner group id so that the outer reading finds a content type, two empty
    vectors and a ciphertext that takes up all the rest.
    """
    outer_rest = 73_728 - 20
    forged = b"gggg" + b"\x01\x00\x00" + (0x80000000 | outer_rest).to_bytes(4, "big")
    overhead = len(private_message(group=forged, ciphertext=bytes(65000))) - 65000
    inner = private_message(group=forged, ciphertext=bytes(65538 - overhead))
    envelope = pad(PaddingProfile.CATBIRD, inner)
    assert read_message(inner) != read_message(envelope)  # both are messages
    with pytest.raises(FramingError, match="at once"):
        read_padded_message(envelope)


def test_the_rookery_envelope_is_not_for_mls_messages() -> None:
    with pytest.raises(FramingError):
        read_padded_message(pad(PaddingProfile.ROOKERY, private_message()))
