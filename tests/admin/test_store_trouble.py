"""Every command of the control socket says in a sentence that the store is in trouble."""

from typing import cast

import pytest

from crypto import Curve
from protocol import AccountDid
from router.admin import Command, CommandFailed, NoArguments
from router.client.directory import AccountCreate
from router.control import ControlHandlers
from router.identity.accounts import new_account
from router.identity.service import ServiceIdentity
from router.keys import Keys
from router.people import People
from router.store.errors import OutcomeUnknown, Overloaded, PoisonRequest, StoreError, StoreUnavailable
from router.store.memory import MemoryStore
from router.store.values import Account, NameTaken
from router.stuck import Stuck
from router.tuning import Turn
from tests.admin.test_tuning import PATH, world

SERVICE = ServiceIdentity("did:web:chat.example.com", "https://chat.example.com")
ALICE = AccountCreate("alice", new_account("alice", SERVICE, curve=Curve.K256).verification_key)

TROUBLES = [
    (Overloaded(1.0), "NotEnoughResources", "nothing was done"),
    (StoreUnavailable(1.0, "disk full"), "NotEnoughResources", "disk full"),
    (OutcomeUnknown(1.0, "the writer died"), "OutcomeUnknown", "it may have been done"),
    (PoisonRequest("no row"), "InternalServerError", "cannot ever"),
]


class TroubledStore(MemoryStore):
    """A store that raises whatever is asked of it."""

    def __init__(self, trouble: StoreError) -> None:
        super().__init__()
        self.trouble = trouble

    async def create_account(
        self, did: AccountDid, name: str, verification_key: str, *, now: int
    ) -> Account | NameTaken:
        raise self.trouble

    async def accounts(self) -> list[Account]:
        raise self.trouble


@pytest.mark.parametrize(("trouble", "error", "words"), TROUBLES)
async def test_a_command_under_trouble_is_refused(trouble: StoreError, error: str, words: str) -> None:
    async def ask() -> object:
        raise trouble

    async with world() as here:
        here.store.trouble = trouble
        table = ControlHandlers(
            store=TroubledStore(trouble),
            service=SERVICE,
            now=lambda: 0,
            status=ask,  # type: ignore[arg-type]  # it raises before it would answer
            numbers=ask,  # type: ignore[arg-type]  # as above
            tree=here.root.tree,
            tuning=here.tuning,
            keys=Keys({}, TroubledStore(trouble), lambda: 0),
            stuck=Stuck(TroubledStore(trouble), 600),
            people=cast("People", None),  # none of these commands asks for it
        ).table()
        asked = {
            "status": NoArguments(),
            "statistics": NoArguments(),
            "account.create": ALICE,
            "account.list": NoArguments(),
            "tune": Turn(PATH, {"cap": "200"}),
        }
        for name, arguments in asked.items():
            command = table[name]
            assert isinstance(command, Command)
            with pytest.raises(CommandFailed) as told:
                await command.run(arguments)
            assert told.value.error == error
            assert words in told.value.message or (
                name == "tune" and "the change holds" in told.value.message
            )
