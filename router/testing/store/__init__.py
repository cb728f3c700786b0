"""The contract of a store, for whoever writes one: what it must do, as tests to subclass.

    from router.testing.store import StoreContract, StoreMachine, kept

    class TestMyStore(StoreContract):
        @pytest.fixture
        async def store(self) -> AsyncIterator[Store]:
            async with open_my_store() as store:
                yield store

    class MyMachine(StoreMachine):
        def opened(self) -> AbstractAsyncContextManager[Store]:
            return open_my_store()

    TestMyMachine = MyMachine.TestCase

| name | what it is |
|---|---|
| `StoreContract` | each promise of `router.store.interface.Store` as a test of its own; needs pytest-trio |
| `WriteContract` | what a store with a writer of its own promises besides |
| `StoreMachine`, `MlsMachine` | a store against dictionaries and lists, under any sequence of acts |
| `Room`, `GroupRoom` | conversations under construction: each method makes and appends the next entries |
| `Loop`, `kept` | a Trio loop for the machines, whose rules are not async; a store that needs no closing |

The tests are plain asserts, which pytest explains; run them without `python -O`.
"""

import pytest

pytest.register_assert_rewrite(
    *(
        f"{__name__}.{module}"
        for module in (
            "credentials_contract",
            "group_rooms",
            "groups_contract",
            "identities_contract",
            "key_packages_contract",
            "logins_contract",
            "mls_model",
            "moderation_contract",
            "passkeys_contract",
            "rooms",
            "store_contract",
            "store_model",
            "welcomes_contract",
        )
    )
)

from router.testing.store.group_rooms import GroupRoom  # noqa: E402 -- asserts are rewritten from here on
from router.testing.store.mls_model import MlsMachine  # noqa: E402
from router.testing.store.rooms import NOW, Room, account, device, devices  # noqa: E402
from router.testing.store.store_contract import StoreContract, WriteContract  # noqa: E402
from router.testing.store.store_model import Loop, StoreMachine, kept  # noqa: E402

__all__ = [
    "NOW",
    "GroupRoom",
    "Loop",
    "MlsMachine",
    "Room",
    "StoreContract",
    "StoreMachine",
    "WriteContract",
    "account",
    "device",
    "devices",
    "kept",
]
