"""A process whose wall clock is ahead by what a file says; Python imports this at start, from PYTHONPATH.

Tokens, logins and memories end by the wall clock. A test that may not wait an hour sets it instead, for a
real process that runs. The monotonic clock, by which deadlines of connections count, stays as it is.
"""

import os
import time

_wall_clock = time.time
_ahead = os.open(os.environ["ATTACKED_CLOCK"], os.O_RDONLY)


def _now() -> float:
    return _wall_clock() + float(os.pread(_ahead, 32, 0) or b"0")


time.time = _now
