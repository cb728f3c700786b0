"""A million strangers cost a bounded number of bytes, in everything that remembers strangers.

Whoever can make up a key for a memory (an address of his /48, a DID, a name in a token) makes up a million.
By day a hundred thousand, each night a million; the table of the rate limits alone always meets its million
(`tests/limits/test_table.py`).
"""

import gc
import sys
from collections.abc import Callable
from types import FunctionType, MethodType, ModuleType

import pytest

from protocol import AccountDid
from router.config import Rates
from router.identity.did_cache import DidCache
from router.identity.document import DidDocument
from router.identity.lockout import Lockout, LockoutPolicy
from router.identity.lookup import Found
from router.limits import FAILED_AUTH, Ask, LocalQuotas, classes

CAPACITY = 5_000
MANY = [100_000, pytest.param(1_000_000, marks=pytest.mark.nightly)]
Meet = Callable[[int], None]
"""Be met by one more stranger, of this number."""


def size_of(root: object) -> int:
    """Bytes of an object and of everything it holds, each counted once."""
    seen: dict[int, object] = {}
    waiting = [root]
    while waiting:
        each = waiting.pop()
        if id(each) not in seen and not isinstance(each, type | ModuleType | FunctionType | MethodType):
            seen[id(each)] = each
            waiting += gc.get_referents(each)
    return sum(map(sys.getsizeof, seen.values()))


def quotas() -> tuple[object, Meet]:
    """Addresses from which a token was refused."""
    limits = LocalQuotas(classes(Rates()), capacity=CAPACITY, clock=lambda: 1_000.0)

    def meet(number: int) -> None:
        limits.spend([Ask(FAILED_AUTH, number.to_bytes(8, "big"))])
        assert sum(each.items for each in limits.statistics()) <= CAPACITY

    return limits, meet


def lockout() -> tuple[object, Meet]:
    """Names in which a wrong token came."""
    lock = Lockout(LockoutPolicy(capacity=CAPACITY))

    def meet(number: int) -> None:
        lock.wrong(f"did:plc:{number:024}", "there", 1_000.0)
        assert lock.statistics()["items"] <= CAPACITY

    return lock, meet


def documents() -> tuple[object, Meet]:
    """DIDs that were looked up, with documents that their owners wrote."""
    cache = DidCache(max_items=CAPACITY, max_bytes=CAPACITY * 1_024)

    def meet(number: int) -> None:
        did = AccountDid(f"did:web:a{number}.example.net")
        cache.note(did, Found(DidDocument(did, also_known_as=(f"at://{number}" * 10,)), 900), 1_000.0)
        assert cache.statistics()["items"] <= CAPACITY

    return cache, meet


@pytest.mark.parametrize("memory", [quotas, lockout, documents])
@pytest.mark.parametrize("count", MANY)
def test_a_crowd_of_strangers_costs_what_the_first_few_thousand_cost(
    count: int, memory: Callable[[], tuple[object, Meet]]
) -> None:
    kept, meet = memory()
    for number in range(CAPACITY):
        meet(number)
    full = size_of(kept)
    assert full > CAPACITY * 40, "what remembers nobody is no memory"
    for number in range(CAPACITY, count):
        meet(number)
    assert size_of(kept) <= full * 1.5  # a dictionary that gives up and takes in grows by a step at most
