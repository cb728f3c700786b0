"""Time as the log knows it: buckets. Nothing finer is stored, sent or derived (promise P5).

A bucket is a whole number of Unix seconds and a multiple of the width (2 s by default, coarser by
setting). Order comes from seq and position, never from time.
"""

from datetime import UTC, datetime
from functools import lru_cache


def bucket(unix_seconds: float, width: int) -> int:
    """The start of the bucket `unix_seconds` falls into; `width` is in whole seconds, at least 1."""
    if width < 1:
        raise ValueError("a bucket is at least one second wide")
    return int(unix_seconds // width) * width


@lru_cache(maxsize=1024)
def bucket_text(bucket_start: int) -> str:
    """A bucket as the wire shows it: RFC 3339, UTC, whole seconds, `Z`."""
    return datetime.fromtimestamp(bucket_start, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
