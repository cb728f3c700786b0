"""Runs checks against a server, one after the other, and says how each ended."""

import traceback
from collections.abc import Callable, Sequence

import httpx
import trio

from router.testing.conformance import (
    checks_devices,
    checks_groups,
    checks_messages,
    checks_streams,
    checks_wire,
)
from router.testing.conformance.accounts import Accounts
from router.testing.conformance.bench import MLS, Bench, Manners, Service
from router.testing.conformance.registry import AREAS, CHECKS, Check
from router.testing.conformance.verdicts import Nonconformity, Result, Skipped, Verdict

MODULES = (checks_wire, checks_devices, checks_groups, checks_messages, checks_streams)
"""Those whose import has filled `CHECKS`."""

CHECK_SECONDS = 300.0


def chosen(words: Sequence[str], checks: Sequence[Check] = CHECKS) -> list[Check]:
    """The checks that have all of these words in their area or name, area by area; without a word all."""
    found = [
        each for each in checks if all(word.lower() in f"{each.area} {each.name}".lower() for word in words)
    ]
    return sorted(found, key=lambda each: AREAS.index(each.area))


async def run(
    service: Service,
    accounts: Accounts,
    checks: Sequence[Check],
    manners: Manners | None = None,
    told: Callable[[Verdict], None] = lambda _verdict: None,
) -> list[Verdict]:
    """All verdicts, each `told` as its check ends. Devices that a check registered are deleted after it."""
    verdicts: list[Verdict] = []
    limits = httpx.Limits(max_connections=32)
    async with httpx.AsyncClient(trust_env=False, timeout=60.0, limits=limits) as http:
        for each in checks:
            verdicts.append(await run_one(Bench(service, http, accounts, manners or Manners()), each))
            told(verdicts[-1])
    return verdicts


async def run_one(bench: Bench, each: Check) -> Verdict:
    """One check. What is not the server's answer but our own mistake, or no server at all, is an `error`."""
    begun = trio.current_time()
    result: Result = "passed"
    detail = ""
    try:
        with trio.fail_after(CHECK_SECONDS):
            await each.run(bench)
    except* Nonconformity as group:
        result, detail = "failed", _first(group)
    except* Skipped as group:
        result, detail = "skipped", _first(group)
    except* (httpx.TransportError, OSError) as group:
        result, detail = "error", f"the server cannot be reached: {_first(group)}"
    except* trio.TooSlowError:
        result, detail = "failed", f"not done within {CHECK_SECONDS:g} s"
    except* Exception as group:  # noqa: BLE001 -- one check that breaks must not end the others
        result, detail = "error", "".join(traceback.format_exception(_leaf(group)))
    exchanges = tuple(bench.exchanges) if result in ("failed", "error") else ()
    await _clean(bench)
    seconds = round(trio.current_time() - begun, 2)
    return Verdict(each.name, each.area, result, seconds, detail, exchanges)


async def _clean(bench: Bench) -> None:
    """Delete what was registered; a server that cannot is left as it is."""
    for key, device in bench.cleanup:
        nsid = f"{MLS}.deleteDevice"
        try:
            await bench.raw("POST", nsid, token=bench.token(key, nsid), json={"deviceId": device})
        except (httpx.TransportError, OSError):
            return


def _leaf(error: BaseException) -> BaseException:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return error


def _first(error: BaseException) -> str:
    leaf = _leaf(error)
    return str(leaf) or type(leaf).__name__
