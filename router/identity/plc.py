"""did:plc: documents from the directory, taken on its word or proven from its audit log.

`GET <directory>/<did>` gives the document; 404 is unknown and 410 a tombstone, and both are «no such
account» here. With `verify_log` the signed log is fetched instead (`/<did>/log/audit`) and the document is
what the log proves (`plc_log.py`): then the directory cannot put a key of its own in the place of an
account's. It can still hold news back, which no verification shows.

*The directory is away.* Everybody depends on it, and each look at a dead one costs a time-out. After
`TRIES` silences in a row nobody is sent there for `PAUSE` seconds; callers are told so at once.
"""

from collections.abc import Callable
from typing import Final

import trio

from protocol import AccountDid
from router.config.origin import Origin
from router.identity.fetch import Fetcher, FetchFailed
from router.identity.lookup import Absent, Broken, Found, Outcome, Unreachable, outcome_of, read_document
from router.identity.plc_log import BadLogError, verify_log
from router.identity.strict_json import BadJsonError, read_json

DEFAULT_DIRECTORY: Final = "https://plc.directory"
MAX_LOG_BYTES: Final = 256 * 1024
"""Of an audit log: an operation takes about a kilobyte, and an account that moves often has dozens."""

TRIES: Final = 3
PAUSE: Final = 5.0


class PlcDirectory:
    """Looks for did:plc documents at one directory, on which everybody depends."""

    shared = True

    def __init__(
        self,
        fetcher: Fetcher,
        origin: Origin,
        *,
        verify_log: bool = False,
        clock: Callable[[], float] = trio.current_time,
    ) -> None:
        self._fetcher = fetcher
        self._origin = origin
        self._verify_log = verify_log
        self._clock = clock
        self._silences = 0
        self._silent_until = 0.0

    async def find(self, did: AccountDid, /) -> Outcome:
        """What the directory says of the DID."""
        if self._silences >= TRIES and self._clock() < self._silent_until:
            return Unreachable("paused", shared=self.shared, asked=False)
        answered = False
        try:
            outcome = await self._ask(did)
            answered = not isinstance(outcome, Unreachable)
            return outcome
        finally:  # a look that is cut off by its deadline is a silence too
            if answered:
                self._silences = 0
            else:
                self._silences += 1
                self._silent_until = self._clock() + PAUSE

    async def _ask(self, did: AccountDid) -> Outcome:
        try:
            if not self._verify_log:
                body = await self._fetcher.get(self._origin, f"/{did}")
                return Absent() if body is None else read_document(body, did)
            body = await self._fetcher.get(self._origin, f"/{did}/log/audit", max_bytes=MAX_LOG_BYTES)
        except FetchFailed as failed:
            return outcome_of(failed, shared=self.shared)
        if body is None:
            return Absent()
        # signatures by the dozen would hold the loop for tens of milliseconds
        return await trio.to_thread.run_sync(_proven, body, did, abandon_on_cancel=True)


def _proven(body: bytes, did: AccountDid) -> Outcome:
    try:
        state = verify_log(did, read_json(body))
    except (BadJsonError, BadLogError):
        return Broken("bad_log")
    return Absent() if state.tombstoned else Found(state.document(), len(body))
