"""Log pseudonyms: an operator can follow one account through a day's log and nobody can name it.

An unkeyed hash of an identifier hides nothing: all DIDs are public, and a table of their hashes takes
a minute to make. So the pseudonym is a keyed hash under a random key that lives in memory only, is
replaced every period (a day by default) and differs for each kind of identifier. What is logged is
`<key id>.<64 bits>`: the key id says which lines may be compared with which.

The previous key is kept for one more period so that an operator who holds an identifier (a person
asks for help) can find that person's lines of yesterday. After that the lines are anonymous for good.

Keys rotate when time is told to the ring; it reads no clock. Time that goes back changes nothing.
"""

from crypto._entropy import Entropy, system_entropy
from crypto._secretbox import KEY_BYTES, keyed_hash

_DAY = 86_400
_PSEUDONYM_BYTES = 8
_KEY_ID_BYTES = 3


class Pseudonyms:
    """A ring of two keys, the period's own and the one before it."""

    def __init__(self, entropy: Entropy = system_entropy, *, period: int = _DAY) -> None:
        """`period` in seconds; a key serves from one multiple of it to the next."""
        if period <= 0:
            raise ValueError("the period of a key is at least a second")
        self._entropy = entropy
        self._period = period
        self._index: int | None = None
        self._key = self._new_key()
        self._previous: tuple[str, bytes] | None = None

    def of(self, kind: str, identifier: str, now: float) -> str:
        """The pseudonym to log for this identifier at this time (Unix seconds)."""
        self._advance(now)
        return _pseudonym(self._key, kind, identifier)

    def lookup(self, kind: str, identifier: str, now: float) -> list[str]:
        """The pseudonyms this identifier has under the keys still held: today's, then yesterday's."""
        self._advance(now)
        keys = [self._key] if self._previous is None else [self._key, self._previous]
        return [_pseudonym(key, kind, identifier) for key in keys]

    def _advance(self, now: float) -> None:
        index = int(now // self._period)
        if self._index is None:
            self._index = index
        if index <= self._index:
            return
        # After a gap of two periods or more the old key is not yesterday's any more: it goes.
        self._previous = self._key if index == self._index + 1 else None
        self._key = self._new_key()
        self._index = index

    def _new_key(self) -> tuple[str, bytes]:
        return self._entropy(_KEY_ID_BYTES).hex(), self._entropy(KEY_BYTES)


def _pseudonym(key: tuple[str, bytes], kind: str, identifier: str) -> str:
    key_id, secret = key
    # surrogates may come in from a hostile JSON text; a log line must not fail over them
    data = identifier.encode("utf-8", "surrogatepass")
    return f"{key_id}.{keyed_hash(secret, 'pseudonym:' + kind, data, size=_PSEUDONYM_BYTES).hex()}"
