"""A conformance suite for servers of this contract, whoever wrote them, over HTTP, SSE and WebSocket only.

    python -m router.testing.conformance --base-url http://127.0.0.1:8080 --plc 2582

`python -m router.testing.conformance --help` says how the server has to be set up. In a test of your own:

    verdicts = await run(await find_service(http, url, None), accounts, CHECKS)
    assert exit_code(verdicts) == 0, verdicts

Needs Hypothesis, as the MLS clients it plays with do.
"""

from router.testing.conformance.accounts import Accounts, Directory, KeyFiles, open_directory
from router.testing.conformance.bench import Bench, Manners, Service, find_service
from router.testing.conformance.registry import CHECKS, Check, check
from router.testing.conformance.report import exit_code
from router.testing.conformance.runner import chosen, run
from router.testing.conformance.verdicts import Nonconformity, Skipped, Verdict

__all__ = [
    "CHECKS",
    "Accounts",
    "Bench",
    "Check",
    "Directory",
    "KeyFiles",
    "Manners",
    "Nonconformity",
    "Service",
    "Skipped",
    "Verdict",
    "check",
    "chosen",
    "exit_code",
    "find_service",
    "open_directory",
    "run",
]
