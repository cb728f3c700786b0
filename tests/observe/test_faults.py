"""An exception as facts: the leaf of a group, its type and code, its way through our code, not its words."""

import sqlite3

import pytest
import trio

from router.observe import fault_of


def raised(error: BaseException) -> BaseException:
    """The exception after it was raised and caught."""
    with pytest.raises(type(error)) as caught:
        raise error
    return caught.value


def test_a_group_is_told_by_its_first_leaf_that_is_not_a_cancellation() -> None:
    async def main() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.sleep_forever)
            raise ExceptionGroup("inner", [KeyError("did:plc:x"), ValueError("y")])

    with pytest.raises(ExceptionGroup) as caught:
        trio.run(main)

    fault = fault_of(caught.value)
    assert (fault.error, fault.leaves) == ("KeyError", 2)


def test_causes_are_types_and_a_knot_in_them_ends() -> None:
    first, second = ValueError("a"), TypeError("b")
    first.__cause__, second.__cause__ = second, first

    assert fault_of(raised(first)).causes == ("TypeError",)


def test_a_cause_that_was_hidden_on_purpose_stays_hidden() -> None:
    error = ValueError()
    error.__context__ = KeyError("k")
    error.__suppress_context__ = True

    assert fault_of(error).causes == ()


def test_errors_of_the_system_and_of_sqlite_carry_their_code() -> None:
    with pytest.raises(FileNotFoundError) as missing:
        open("/nonexistent/did:plc:x")  # noqa: PTH123, SIM115 - it is not there
    with pytest.raises(sqlite3.Error) as broken:
        sqlite3.connect(":memory:").execute("select 'did:plc:x' from nowhere")

    assert fault_of(missing.value).error == "FileNotFoundError(ENOENT)"
    assert fault_of(broken.value).error == "sqlite3.OperationalError(SQLITE_ERROR)"
    assert fault_of(OSError("no number")).error == "OSError"


def test_the_place_is_the_innermost_of_our_own_code() -> None:
    from router.config import parse_origin

    with pytest.raises(ValueError, match="must be") as caught:
        parse_origin("gopher://x")

    fault = fault_of(caught.value)
    assert fault.where.startswith("router.config.origin:parse_origin:")
    assert fault.trace[-1] == fault.where
    assert fault_of(ValueError("never raised")).where == "?"


def test_words_are_one_line_and_short() -> None:
    assert fault_of(ValueError("a\nb" + "c" * 500)).text == "a b" + "c" * 197
