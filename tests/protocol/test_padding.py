"""Size classes: exactly the contract's, judged from the real length."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from protocol import (
    MAX_BODY_BYTES,
    ConversationKind,
    PaddingProfile,
    is_size_class,
    padded_size,
    profile_of,
    sizes,
)

profiles = st.sampled_from(PaddingProfile)
lengths = st.integers(0, MAX_BODY_BYTES)


def test_the_contracts_sizes_are_five_and_then_every_eight_kibibytes() -> None:
    catbird = sizes(PaddingProfile.CATBIRD)
    assert catbird[:7] == (512, 1024, 2048, 4096, 8192, 16384, 24576)
    assert len(catbird) == 1284
    assert catbird[-1] == 10_485_760


def test_our_sizes_are_powers_of_two_and_then_four_for_each_doubling() -> None:
    rookery = sizes(PaddingProfile.ROOKERY)
    assert rookery[:9] == (512, 1024, 2048, 4096, 5120, 6144, 7168, 8192, 10240)
    assert len(rookery) == 49
    assert rookery[-1] == 10_485_760


def test_each_kind_of_conversation_has_its_profile() -> None:
    assert profile_of(ConversationKind.MLS) is PaddingProfile.CATBIRD
    assert profile_of(ConversationKind.OPAQUE) is PaddingProfile.ROOKERY


@given(profiles, lengths)
def test_a_padded_length_is_the_smallest_class_that_holds_the_bytes(
    profile: PaddingProfile, length: int
) -> None:
    size = padded_size(length, profile)
    assert is_size_class(size, profile)
    assert size >= length
    assert not any(length <= smaller < size for smaller in sizes(profile))


@given(profiles, lengths)
def test_padding_is_idempotent_and_monotonic(profile: PaddingProfile, length: int) -> None:
    size = padded_size(length, profile)
    assert padded_size(size, profile) == size
    assert padded_size(min(length + 1, MAX_BODY_BYTES), profile) >= size


@given(st.integers(4097, MAX_BODY_BYTES))
def test_above_four_kibibytes_our_padding_costs_at_most_a_quarter(length: int) -> None:
    assert padded_size(length, PaddingProfile.ROOKERY) <= length * 1.25


@given(profiles, lengths)
def test_only_classes_are_classes(profile: PaddingProfile, length: int) -> None:
    assert is_size_class(length, profile) is (length in sizes(profile))


@pytest.mark.parametrize("length", [-1, MAX_BODY_BYTES + 1])
def test_what_no_class_holds_is_refused(length: int) -> None:
    assert not is_size_class(length, PaddingProfile.ROOKERY)
    with pytest.raises(ValueError, match="no size class"):
        padded_size(length, PaddingProfile.ROOKERY)
