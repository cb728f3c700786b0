"""Lock-out: who was wrong too often in one name from one place waits, longer each time.

    CLEAR ──wrong, `free` times──▶ LOCKED until t ──t──▶ ONE TRY ──right──▶ CLEAR
                                        ▲                   │
                                        └──wrong: twice the wait, at most `longest`

A name is what a token claims: the account in `iss`, with the device that signs, where one does; the public
half of an API key. A place is where it came from. *Why both*: by name alone, whoever can send forged tokens
could lock anybody out of his own account, which is worth more to an attacker than the guesses (there is
nothing to guess here: keys have 256 bits). What is stopped is an attacker, or a broken client, who makes this
server verify and look up again and again. A place alone is counted by the rate limits.

What was under way when a lock fell (many requests at once, right after a key was rotated) is one mistake and
not many: it lengthens nothing. How many may be under way, the rate limits say.

*What can never happen*: a wait longer than `longest`; a lock without `free` wrong tokens of the very same
name from the very same place, each within `memory` of the next; more than `capacity` entries. At capacity
the one that was wrong longest ago is given up. Entries are keyed hashes, so a dump names nobody.
"""

from collections import OrderedDict
from hashlib import blake2b

import attrs

from crypto import Entropy, system_entropy
from router.identity.errors import LockedOutError


@attrs.frozen
class LockoutPolicy:
    """How patient the lock is. Times in seconds."""

    free: int = 5
    """Wrong tokens before the first wait."""
    first: float = 2.0
    """The first wait; each further wrong token doubles it."""
    longest: float = 900.0
    memory: float = 3600.0
    """After so long without a wrong token everything is forgotten."""
    capacity: int = 10_000


@attrs.define
class _Entry:
    wrong: int
    last: float
    until: float


class Lockout:
    """The machine above for all names and places. Pure but for its own memory: times are handed in."""

    def __init__(self, policy: LockoutPolicy | None = None, *, entropy: Entropy = system_entropy) -> None:
        self._policy = LockoutPolicy() if policy is None else policy
        self._key = entropy(32)
        self._entries: OrderedDict[bytes, _Entry] = OrderedDict()  # the one that was wrong last is last
        self.given_up = 0

    @property
    def empty(self) -> bool:
        """Whether nobody was wrong lately: then there is nothing to ask."""
        return not self._entries

    def check(self, name: str, place: str, now: float) -> None:
        """Raise `LockedOutError` while this name waits at this place."""
        entry = self._entries.get(self._hash(name, place))
        if entry is not None and now < entry.until:
            raise LockedOutError(entry.until - now)

    def wrong(self, name: str, place: str, now: float) -> None:
        """Another wrong token."""
        self._forget_old(now)
        policy, key = self._policy, self._hash(name, place)
        entry = self._entries.pop(key, None) or _Entry(0, now, 0.0)
        entry.last = now
        under_way = now < entry.until  # it had been let in to be judged before the lock fell
        entry.wrong += not under_way
        if entry.wrong >= policy.free and not under_way:
            doubled = min(entry.wrong - policy.free, 60)  # 2**60 s is beyond any `longest`
            entry.until = now + min(policy.longest, policy.first * 2**doubled)
        self._entries[key] = entry
        if len(self._entries) > policy.capacity:
            self._entries.popitem(last=False)
            self.given_up += 1

    def right(self, name: str, place: str) -> None:
        """A good token: everything before it is forgiven."""
        self._entries.pop(self._hash(name, place), None)

    def statistics(self) -> dict[str, int]:
        """`items` held, their `capacity`, and how many were `given_up` for want of room."""
        return {
            "items": len(self._entries),
            "capacity": self._policy.capacity,
            "given_up": self.given_up,
        }

    def _forget_old(self, now: float) -> None:
        while self._entries:
            key, oldest = next(iter(self._entries.items()))
            if now < oldest.last + self._policy.memory:
                return
            del self._entries[key]

    def _hash(self, name: str, place: str) -> bytes:
        text = name.encode(errors="surrogatepass") + b"\0" + place.encode()
        return blake2b(text, key=self._key, digest_size=16).digest()
