"""The error catalogue: complete, consistent, and without the two names that log people out."""

import pytest

import schema


def test_an_error_says_its_status_whose_fault_it_is_and_whether_to_try_again() -> None:
    error = schema.ERRORS["EpochMismatch"]
    assert (error.status, error.fault, error.retryable) == (409, "caller", False)
    assert schema.ERRORS["NotEnoughResources"].retryable


def test_every_declared_error_is_in_the_catalogue_and_every_entry_can_be_answered() -> None:
    declared = {name for lex in schema.LEXICONS.values() for name in lex.error_names}
    assert declared <= set(schema.ERRORS)
    assert declared | schema.GENERIC_ERRORS == set(schema.ERRORS)


def test_a_method_may_answer_its_declared_errors_and_the_generic_ones() -> None:
    names = schema.error_names("blue.catbird.mls.getEpoch")
    assert {"ConvoNotFound", "NotMember", "InvalidRequest", "RateLimitExceeded"} <= names
    assert "TooManyMembers" not in names


@pytest.mark.parametrize("name", ["ExpiredToken", "InvalidToken"])
def test_names_that_sdks_take_for_the_end_of_the_session_are_not_used(name: str) -> None:
    assert name not in schema.ERRORS


def test_fault_and_status_agree() -> None:
    for error in schema.ERRORS.values():
        if error.fault == "server":
            assert error.status >= 500, error.name
        if error.status >= 500:
            assert error.fault != "caller" or error.name == "MethodNotImplemented", error.name
        if error.status in {408, 429, 500, 502, 503, 504}:
            assert error.retryable, error.name
        assert error.meaning.endswith("."), error.name


def test_an_error_answer_is_checked_by_name_and_status() -> None:
    check = schema.VALIDATOR.error
    nsid = "blue.catbird.mls.sendMessage"
    check(nsid, 409, {"error": "EpochMismatch", "message": "current epoch 7"})
    for status, body in [
        (400, {"error": "EpochMismatch", "message": "wrong status"}),
        (403, {"error": "NotAdmin", "message": "not declared by this method"}),
        (409, {"error": "EpochMismatch"}),
        (400, {"error": "epoch mismatch", "message": "prose in the name"}),
        (400, "bare"),
    ]:
        with pytest.raises(schema.InvalidData):
            check(nsid, status, body)
