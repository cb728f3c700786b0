"""One value, one encoding: what is written is read as it was, and what is read is written back the same."""

from hypothesis import given

from crypto.mls import (
    FramingError,
    GroupSecrets,
    Message,
    RatchetTree,
    encode_message,
    read_group_secrets,
    read_message,
    read_ratchet_tree,
)
from crypto.mls._reader import read_whole
from crypto.mls.testing import group_secrets, messages, ratchet_trees
from tests.crypto.mls.damage import damaged


@given(message=messages())
def test_a_message_is_read_as_it_was_written(message: Message) -> None:
    """Nothing of a structure is lost between its bytes and its value."""
    data = encode_message(message)
    again = read_message(data)
    assert again == message
    assert encode_message(again) == data
    assert hash(again) == hash(message)


@given(tree=ratchet_trees())
def test_a_tree_is_read_as_it_was_written(tree: RatchetTree) -> None:
    """Blanks at the end are left out on the wire, and come back."""
    assert read_ratchet_tree(tree.encode()) == tree


@given(secrets=group_secrets())
def test_group_secrets_are_read_as_they_were_written(secrets: GroupSecrets) -> None:
    """For clients: a server never sees any."""
    assert read_whole(secrets.encode(), read_group_secrets) == secrets


@given(data=messages().map(encode_message).flatmap(damaged))
def test_damaged_bytes_are_refused_or_mean_exactly_themselves(data: bytes) -> None:
    """Were there a second encoding of one value, its signature would fit bytes that nobody signed."""
    try:
        message = read_message(data)
    except FramingError:
        return
    assert encode_message(message) == data
