"""The extensions a server reads: their content, and content of bad form."""

from collections.abc import Callable

import pytest

from crypto.mls import (
    BasicCredential,
    Extension,
    Extensions,
    ExtensionType,
    ExternalSender,
    FramingError,
    RequiredCapabilities,
    app_data_dictionary,
    application_id,
    encode_app_data_dictionary,
    external_pub,
    external_senders,
    is_grease,
    required_capabilities,
)


def one(kind: int, data: bytes) -> Extensions:
    """A list with one extension, behind one that nobody knows."""
    return (Extension(0x0A0A, b"?"), Extension(kind, data))


def test_known_extensions_are_read() -> None:
    """Each from its own bytes."""
    required = RequiredCapabilities((6,), (10,), (1, 2))
    assert required_capabilities(one(ExtensionType.REQUIRED_CAPABILITIES, required.encode())) == required
    sender = ExternalSender(b"key", BasicCredential(b"did:web:bot.example"))
    entry = sender.encode()
    listed = one(ExtensionType.EXTERNAL_SENDERS, bytes([2 * len(entry)]) + entry * 2)
    assert external_senders(listed) == (sender, sender)
    assert external_pub(one(ExtensionType.EXTERNAL_PUB, b"\x03key")) == b"key"
    assert application_id(one(ExtensionType.APPLICATION_ID, b"\x02id")) == b"id"
    data = encode_app_data_dictionary([(4, b""), (9, b"nine")])
    assert app_data_dictionary(one(ExtensionType.APP_DATA_DICTIONARY, data)) == {4: b"", 9: b"nine"}


def test_what_is_not_there_says_nothing() -> None:
    """None, or the empty thing."""
    assert required_capabilities(()) == RequiredCapabilities()
    assert (external_senders(()), app_data_dictionary(())) == ((), {})
    assert (external_pub(()), application_id(())) == (None, None)


@pytest.mark.parametrize(
    ("kind", "read"),
    [
        (ExtensionType.REQUIRED_CAPABILITIES, required_capabilities),
        (ExtensionType.EXTERNAL_SENDERS, external_senders),
        (ExtensionType.EXTERNAL_PUB, external_pub),
        (ExtensionType.APPLICATION_ID, application_id),
        (ExtensionType.APP_DATA_DICTIONARY, app_data_dictionary),
    ],
)
@pytest.mark.parametrize("data", [b"", b"\x05\x00", b"\x40\x00", b"\xc0", bytes(5)])
def test_content_of_bad_form_is_an_error(
    kind: int, read: Callable[[Extensions], object], data: bytes
) -> None:
    """Cut, too long, with a length of a second form."""
    with pytest.raises(FramingError):
        read(one(kind, data))


def test_grease_is_fifteen_numbers() -> None:
    """RFC 9420 section 13.5."""
    found = [number for number in range(2**16) if is_grease(number)]
    assert [f"{number:04x}" for number in found] == [f"{digit:x}a{digit:x}a" for digit in range(15)]
