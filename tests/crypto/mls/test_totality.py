"""No bytes make the readers and checks do anything but answer or raise the one error of their kind."""

import time
from collections.abc import Callable, Iterator
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st

from crypto.mls import (
    STANDARD_SUITES,
    Add,
    Content,
    FramingError,
    FramingFault,
    GroupFault,
    GroupInfo,
    InvalidGroupInfo,
    InvalidHandshake,
    InvalidKeyPackage,
    KeyPackage,
    LeafNode,
    PublicMessage,
    RatchetTree,
    Sender,
    SenderType,
    admit_key_package,
    encode_message,
    open_group,
    read_group_info,
    read_key_package,
    read_message,
    read_padded_message,
    read_ratchet_tree,
    read_welcome,
    validate_key_package,
    verify_commit,
    verify_proposal,
)
from crypto.mls.testing import Client, commits, leaf_nodes, messages, proposals, ratchet_trees
from tests.crypto.mls.damage import damaged
from tests.vectors import load_vectors

SUITE = STANDARD_SUITES[1]
ALICE, BOB = Client(SUITE, b"did:web:alice.example"), Client(SUITE, b"did:web:bob.example")
GROUP = ALICE.create_group(b"group").group
READERS: list[Callable[[bytes], object]] = [
    read_message,
    read_padded_message,
    read_key_package,
    read_group_info,
    read_welcome,
    read_ratchet_tree,
]


def try_everything(data: bytes) -> None:
    """Reads the bytes in every way, and judges whatever came out."""
    for read in READERS:
        try:
            read(data)
        except FramingError:
            pass
    try:
        admit_key_package(data, 0)
    except InvalidKeyPackage:
        pass
    try:
        message = read_message(data)
    except FramingError:
        return
    try:
        judge(message)
    except (InvalidKeyPackage, InvalidGroupInfo, InvalidHandshake):
        pass


def judge(message: object) -> None:
    """The check that a server would do with this message."""
    match message:
        case KeyPackage():
            validate_key_package(message, 0)
        case GroupInfo():
            open_group(message)
        case PublicMessage():
            for check in (verify_commit, verify_proposal):
                try:
                    check(GROUP, message)
                except InvalidHandshake:
                    pass


def honest() -> Iterator[bytes]:
    """Messages that mean something, so that damage gets behind the first check."""
    commit = ALICE.commit(GROUP, [Add(BOB.key_package())], with_path=True)
    joined = BOB.join(GROUP)
    proposal, _ = ALICE.propose(GROUP, Add(BOB.key_package()))
    yield encode_message(commit.message)
    yield encode_message(commit.group_info)
    yield encode_message(BOB.key_package(last_resort=True))
    yield encode_message(joined.message)
    yield encode_message(joined.group_info)
    yield encode_message(proposal)


HONEST = list(honest())
SENDERS = [None, Sender(SenderType.EXTERNAL, 0), Sender(SenderType.NEW_MEMBER_PROPOSAL)]
SENDERS += [Sender(SenderType.NEW_MEMBER_COMMIT), Sender(SenderType.MEMBER, 7)]
ANY_BYTES = st.one_of(
    st.binary(max_size=400),
    st.sampled_from([1, 2, 3, 4, 5]).flatmap(
        lambda kind: st.binary(max_size=400).map(lambda rest: bytes([0, 1, 0, kind]) + rest)
    ),
    st.sampled_from(HONEST).flatmap(damaged),
    messages().map(encode_message).flatmap(damaged),
)


@given(data=ANY_BYTES)
def test_any_bytes_get_an_answer(data: bytes) -> None:
    """A stranger's bytes reach these functions; anything but their own errors would be a crash."""
    try_everything(data)


@given(content=commits() | proposals(), sender=st.sampled_from(SENDERS))
def test_anything_that_a_member_signs_gets_an_answer(content: Content, sender: Sender | None) -> None:
    """A member can sign what it likes, so no check behind the signature may trust what it reads."""
    message = ALICE.sign(GROUP, content, sender)
    judge(read_message(encode_message(message)) if sender is None else message)


@given(tree=ratchet_trees(), place=st.integers(0, 7), leaf=leaf_nodes())
def test_any_tree_that_somebody_vouches_for_gets_an_answer(
    tree: RatchetTree, place: int, leaf: LeafNode
) -> None:
    """The author of a GroupInfo chooses every node of its tree, and the hash and signature are his too."""
    index = 2 * (place % tree.leaf_count)
    mine = replace(leaf, signature_key=ALICE.signing.public)
    nodes = (*tree.nodes[:index], mine, *tree.nodes[index + 1 :])
    tree = RatchetTree(nodes)
    group_info = ALICE.group_info_of(b"group", 3, tree, place % tree.leaf_count)
    with pytest.raises(InvalidGroupInfo) as refused:
        open_group(group_info)
    assert refused.value.fault is GroupFault.TREE  # it got behind hash and signature


@pytest.mark.parametrize(
    "name", ["mls_group_info", "mls_key_package", "public_message_commit", "mls_welcome"]
)
def test_every_cut_and_every_changed_byte_of_an_official_message_gets_an_answer(name: str) -> None:
    """All of them, not a sample."""
    data = bytes.fromhex(load_vectors("mls/messages.json")[0][name])
    for at in range(len(data)):
        with pytest.raises(FramingError):
            read_message(data[:at])
        for value in (0x00, 0x01, 0x40, 0x80, 0xC0, 0xFF, data[at] ^ 0x01):
            try_everything(data[:at] + bytes([value]) + data[at + 1 :])


def test_a_tree_of_blanks_is_refused_before_it_costs_anything() -> None:
    """Ten megabytes of zeros are ten million blank nodes."""
    blanks = bytes(10_000_000)
    with pytest.raises(FramingError) as refused:
        read_ratchet_tree((0x80000000 | len(blanks)).to_bytes(4, "big") + blanks)
    assert refused.value.fault is FramingFault.TOO_LARGE


@pytest.mark.parametrize("tree", ["00", "0100", "020000", "0301", "020102", "0101"])
def test_trees_of_no_shape_are_refused(tree: str) -> None:
    """Empty, blank, ending in a blank; a parent where a leaf belongs."""
    with pytest.raises(FramingError):
        read_ratchet_tree(bytes.fromhex(tree))


def test_a_length_of_a_gigabyte_allocates_nothing() -> None:
    """The length is held against what is there before anything is made of it."""
    for head in ("000100020000000000000000000100bfffffff", "00010003000180", "0001000300013fff"):
        with pytest.raises(FramingError):
            read_message(bytes.fromhex(head))


@pytest.mark.nightly
def test_ten_minutes_of_fuzzing_find_nothing() -> None:
    """Run by `make nightly`: as many examples as ten minutes hold."""
    deadline = time.monotonic() + 600

    @settings(
        max_examples=10_000,
        deadline=None,
        database=None,
        phases=[Phase.generate, Phase.shrink],
        suppress_health_check=list(HealthCheck),
    )
    @given(data=ANY_BYTES)
    def round_of_examples(data: bytes) -> None:
        if time.monotonic() < deadline:
            try_everything(data)

    while time.monotonic() < deadline:
        round_of_examples()
