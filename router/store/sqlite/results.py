"""Results under idempotency keys, for every page of the ledger that keeps some."""

from collections.abc import Sequence

from router.store.sqlite.database import SQL
from router.store.sqlite.execute import Execute
from router.store.values import AlreadyAnswered, StoredResult


def answered(execute: Execute, results: Sequence[StoredResult], now: int) -> AlreadyAnswered | None:
    """The result that another command with one of these keys has left, unless it has expired."""
    for result in results:
        row = execute(SQL["result"], (result.scope, now)).fetchone()
        if row is not None:
            return AlreadyAnswered(StoredResult(*row))
    return None


def keep(execute: Execute, results: Sequence[StoredResult]) -> None:
    """Store the results of what is being committed."""
    for result in results:
        execute(
            SQL["store_result"],
            (result.scope, result.fingerprint, result.status, result.expires, result.body),
        )
