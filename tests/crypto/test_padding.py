"""Padding: one envelope for each message, one message for each envelope, in the sizes of the contract."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto import MAX_MESSAGE_BYTES, MAX_PADDED_BYTES, PaddingError, PaddingProfile, pad, size_class, unpad

profiles = st.sampled_from(PaddingProfile)


def classes(profile: PaddingProfile) -> list[int]:
    """All sizes of a profile, written down from the contract."""
    if profile is PaddingProfile.CATBIRD:
        return [512, 1024, 2048, 4096, *range(8192, MAX_PADDED_BYTES + 1, 8192)]
    sizes = [512, 1024, 2048, 4096]
    while sizes[-1] < MAX_PADDED_BYTES:
        octave = sizes[-1]
        sizes += [octave + quarter * octave // 4 for quarter in (1, 2, 3, 4)]
    return [size for size in sizes if size <= MAX_PADDED_BYTES]


def test_a_short_message_fills_512_bytes() -> None:
    envelope = pad(PaddingProfile.CATBIRD, b"hi")
    assert envelope == b"\x00\x00\x00\x02hi" + bytes(506)
    assert pad(PaddingProfile.ROOKERY, b"hi") == b"\x01\x00\x00\x02hi" + bytes(506)
    assert unpad(PaddingProfile.CATBIRD, envelope) == b"hi"


@pytest.mark.parametrize("profile", PaddingProfile)
def test_the_size_is_the_smallest_class_that_holds_the_length(profile: PaddingProfile) -> None:
    sizes = classes(profile)
    assert sizes[-1] == MAX_PADDED_BYTES
    for smaller, size in zip([0, *sizes], sizes, strict=False):
        assert {size_class(profile, n) for n in (smaller + 1, (smaller + 1 + size) // 2, size)} == {size}
    assert size_class(profile, 0) == 512
    for length in (-1, MAX_PADDED_BYTES + 1):
        with pytest.raises(PaddingError):
            size_class(profile, length)


def test_the_numbers_of_classes_are_those_of_the_table() -> None:
    assert len(classes(PaddingProfile.CATBIRD)) == 1284
    assert len(classes(PaddingProfile.ROOKERY)) == 49


def test_the_protocol_package_has_the_same_classes() -> None:
    """`protocol` checks what `crypto` makes, and the two do not import each other."""
    protocol = pytest.importorskip("protocol")
    if not hasattr(protocol, "padded_size"):
        pytest.skip("protocol has no padding profiles yet")
    for profile in PaddingProfile:
        theirs = protocol.PaddingProfile[profile.name]
        for size in classes(profile):
            assert protocol.is_size_class(size, theirs)
            assert not protocol.is_size_class(size + 1, theirs)
            assert not protocol.is_size_class(size - 1, theirs)
            assert protocol.padded_size(size - 1, theirs) == protocol.padded_size(size, theirs) == size


@given(profile=profiles, message=st.binary(max_size=20_000))
def test_unpad_gives_back_what_was_padded(profile: PaddingProfile, message: bytes) -> None:
    envelope = pad(profile, message)
    assert len(envelope) in classes(profile)
    assert unpad(profile, envelope) == message
    other = next(p for p in PaddingProfile if p is not profile)
    with pytest.raises(PaddingError):
        unpad(other, envelope)


@given(
    profile=profiles,
    message=st.binary(max_size=600),
    position=st.integers(0, 2047),
    value=st.integers(1, 255),
)
def test_a_changed_byte_is_refused_or_is_in_the_message(
    profile: PaddingProfile, message: bytes, position: int, value: int
) -> None:
    """No byte of an envelope is free: header and fill have one form."""
    envelope = bytearray(pad(profile, message))
    position %= len(envelope)
    envelope[position] ^= value
    try:
        read = unpad(profile, bytes(envelope))
    except PaddingError:
        return
    assert pad(profile, read) == envelope
    assert read != message


@given(profile=profiles, data=st.binary(max_size=600) | st.binary(min_size=512, max_size=512))
def test_whatever_unpad_accepts_is_what_pad_makes(profile: PaddingProfile, data: bytes) -> None:
    try:
        message = unpad(profile, data)
    except PaddingError:
        return
    assert pad(profile, message) == data


@pytest.mark.parametrize("profile", PaddingProfile)
def test_a_larger_class_than_needed_is_not_canonical(profile: PaddingProfile) -> None:
    with pytest.raises(PaddingError):
        unpad(profile, pad(profile, b"hi") + bytes(512))


@pytest.mark.parametrize("profile", PaddingProfile)
def test_the_longest_message_fits_and_one_byte_more_does_not(profile: PaddingProfile) -> None:
    longest = b"x" * MAX_MESSAGE_BYTES
    assert len(pad(profile, longest)) == MAX_PADDED_BYTES
    assert unpad(profile, pad(profile, longest)) == longest
    with pytest.raises(PaddingError):
        pad(profile, longest + b"x")


def test_the_version_of_the_envelope_is_checked() -> None:
    envelope = pad(PaddingProfile.ROOKERY, b"hi")
    with pytest.raises(PaddingError):
        unpad(PaddingProfile.ROOKERY, b"\x02" + envelope[1:])
