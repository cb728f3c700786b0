"""From an exception to one sentence that says how to mend it, and an exit code.

    0  done        1  refused or failed        2  used wrongly (click's own)        130  interrupted

`--debug` shows the traceback instead. What is not named here is a fault of Rookery's own and says so.
"""

from collections.abc import Iterator

import click

from actors import RestartIntensityExceeded, StartFailed

FAILED = 1
INTERRUPTED = 130


class CannotDo(click.ClickException):
    """A command's own refusal: the message is the sentence, mend included."""

    exit_code = FAILED


def leaves(error: BaseException) -> Iterator[BaseException]:
    """What really went wrong: the members of groups, and why a supervisor gave up rather than that it did."""
    if isinstance(error, BaseExceptionGroup):
        for inner in error.exceptions:
            yield from leaves(inner)
    elif isinstance(error, StartFailed | RestartIntensityExceeded) and error.__cause__ is not None:
        yield from leaves(error.__cause__)
    else:
        yield error


def first_cause(error: BaseException) -> BaseException:
    """The exception to tell of: a user's mistake before a consequence, else the first."""
    found = list(leaves(error))
    for each in found:
        if isinstance(each, (click.ClickException, KeyboardInterrupt)):
            return each
    return next((each for each in found if sentence(each) is not None), found[0])


def sentence(error: BaseException) -> str | None:
    """What went wrong and how to mend it, or None for an exception that nobody foresaw."""
    # Imported here: a `--help` needs none of them.
    from router.admin import ControlError
    from router.client.errors import BadAnswer, ClientError, OutcomeUnknown, Refused, Unavailable
    from router.config import SettingsError
    from router.identity.errors import BadNameError, IdentityFileError
    from router.store.errors import DurabilityLost, StoreError

    match error:
        case SettingsError():
            return f"{error}\nMend the settings named here; `rookery config doc` explains each."
        case StoreError() | ControlError() | IdentityFileError():
            return f"{_capital(error)}."
        case DurabilityLost():
            return (
                f"{_capital(error)}. The process ends rather than answer for what may not be on the disk; "
                "look at the disk, then start it again: it recovers from what is there."
            )
        case BadNameError():
            return f"That name will not do: {error}."
        case Refused(error="ConvoNotFound"):
            return (
                "There is no such conversation for this account; `rookery convo list` shows those it is in."
            )
        case Refused(error="BadJwtAudience"):
            return f"The token names another service ({error.message}); give the server's DID with --aud."
        case Refused(error="JwtExpired" | "JwtNotYetValid"):
            return (
                f"The server refused the token's time ({error.message}); is the clock of this machine right?"
            )
        case Refused():
            return f"The server refused: {error}"
        case Unavailable(retry_after=wait):
            later = f"in {wait:g} s" if wait else "later"
            return f"The server cannot do this now ({error}); try again {later}."
        case OutcomeUnknown():
            mend = "Is the server running (`rookery serve`), and is the URL right?"
            return f"No answer came: {error}{_notes(error)}. {mend}"
        case BadAnswer():
            told = f"{error}{_notes(error)}. Is the URL right?"
            return f"What answered is not a Rookery server of this version: {told}"
        case ClientError():
            return f"{_capital(error)}."
        case FileNotFoundError(filename=name) if name is not None:
            return f"{name} does not exist."
        case PermissionError(filename=name) if name is not None:
            return f"{name} may not be read or written by this user."
        case OSError(strerror=reason) if reason:
            return f"{_capital(reason)}{f': {error.filename}' if error.filename else ''}."
        case _:
            return None


def _notes(error: BaseException) -> str:
    """What was added on the way up: the address that was tried."""
    notes: list[str] = getattr(error, "__notes__", [])  # there only once a note was added
    return f" ({'; '.join(notes)})" if notes else ""


def _capital(text: object) -> str:
    words = str(text).rstrip(".")
    return words[:1].upper() + words[1:]
