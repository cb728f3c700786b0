"""Conversations for store tests: entries that the protocol accepts, one method call each."""

from collections.abc import Iterable
from uuid import UUID

from protocol import (
    AccountDid,
    Conversation,
    ConversationId,
    ConversationKind,
    Created,
    DeviceId,
    Entry,
    EntryKind,
    Fact,
    MemberDevice,
    MemberRemoved,
    MembersAdded,
    MsgId,
    body_hash,
    conversation_id_from_bytes,
    encode_fact,
    evolve,
)
from router.store.audit import AuditFact
from router.store.interface import Store
from router.store.values import Appended, AppendOutcome, AppendRequest, StoredResult

NOW = 1_800_000_000
"""A bucket."""


def account(name: str) -> AccountDid:
    """An account by its name."""
    return AccountDid(f"did:web:{name}.example")


def device(number: int) -> DeviceId:
    """A device by its number."""
    return DeviceId(str(UUID(int=number, version=4)))


def devices(name: str, *numbers: int) -> tuple[MemberDevice, ...]:
    """Devices of one account, about to become members."""
    return tuple(MemberDevice(account(name), device(number), f"{name}'s {number}") for number in numbers)


class Room:
    """A conversation under construction: methods make the next entries, `post` appends them.

    `state` is what `evolve` makes of the entries the store has taken.

        room = Room(store, 1)
        await room.create("ann", devices("ann", 1) + devices("ben", 2))
        await room.say("m1", b"sealed")
    """

    def __init__(self, store: Store, number: int) -> None:
        self.store = store
        self.id: ConversationId = conversation_id_from_bytes(number.to_bytes(16, "big"))
        self.state: Conversation | None = None
        self.log: list[Entry] = []

    @property
    def seq(self) -> int:
        """The last committed seq."""
        return 0 if self.state is None else self.state.last_seq

    def fact(self, kind: EntryKind, fact: Fact, *, ahead: int = 1, at: int = NOW) -> Entry:
        """An entry that is a fact, `ahead` places behind the last committed one."""
        body = encode_fact(fact)
        count = 0 if self.state is None else self.state.app_count
        return Entry(self.id, self.seq + ahead, kind, 0, None, body, body_hash(body), count, at)

    def created(self, creator: str, members: Iterable[MemberDevice]) -> Entry:
        """The first entry."""
        fact = Created(
            account(creator), ConversationKind.OPAQUE, "", "", "a room", None, tuple(members), window=3
        )
        return self.fact(EntryKind.CREATED, fact)

    def messages(self, *names: str, body: bytes = b"sealed", at: int = NOW) -> tuple[Entry, ...]:
        """The next entries, a message each."""
        count = 0 if self.state is None else self.state.app_count
        return tuple(
            Entry(
                self.id, self.seq + i, EntryKind.MESSAGE, 0, MsgId(name), body, body_hash(body), count + i, at
            )
            for i, name in enumerate(names, 1)
        )

    def added(self, actor: str, members: tuple[MemberDevice, ...]) -> Entry:
        """The next entry: devices of one account join."""
        return self.fact(EntryKind.MEMBERS_ADDED, MembersAdded(account(actor), members))

    def removed(self, name: str, by: str | None = None) -> Entry:
        """The next entry: an account is put out, or leaves by itself."""
        assert self.state is not None
        gone = account(name)
        others = [other for other in self.state.accounts() if other != gone]
        successor = None if self.state.admins - {gone} or not others else others[0]
        fact = MemberRemoved(
            gone,
            None if by is None else account(by),
            "left" if by is None else "removed",
            None,
            self.state.devices_of(gone),
            successor,
        )
        return self.fact(EntryKind.MEMBER_REMOVED, fact)

    def request(
        self,
        *entries: Entry,
        expected: int | None = None,
        term: int | None = None,
        results: tuple[StoredResult, ...] = (),
        acts: tuple[AuditFact, ...] = (),
        now: int = NOW,
    ) -> AppendRequest:
        """An append of these entries on the state as it is."""
        return AppendRequest(
            self.id,
            self.seq if expected is None else expected,
            entries,
            self.store.term if term is None else term,
            now,
            results,
            acts,
        )

    async def post(self, *entries: Entry, results: tuple[StoredResult, ...] = ()) -> AppendOutcome:
        """Append; where the store takes them, so does the room."""
        outcome = await self.store.append(self.request(*entries, results=results))
        if isinstance(outcome, Appended):
            self.took(outcome.entries)
        return outcome

    def took(self, entries: Iterable[Entry]) -> None:
        """These entries were committed."""
        for entry in entries:
            self.state = evolve(self.state, entry)
            self.log.append(entry)

    async def _must(self, *entries: Entry) -> list[int]:
        outcome = await self.post(*entries)
        assert isinstance(outcome, Appended), outcome
        return [entry.position for entry in outcome.entries]

    async def create(self, creator: str, members: Iterable[MemberDevice]) -> list[int]:
        """Begin; the positions."""
        return await self._must(self.created(creator, members))

    async def say(self, *names: str, body: bytes = b"sealed") -> list[int]:
        """Send messages in one append; their positions."""
        return await self._must(*self.messages(*names, body=body))

    async def add(self, actor: str, members: tuple[MemberDevice, ...]) -> list[int]:
        """Let devices of one account join; the position."""
        return await self._must(self.added(actor, members))

    async def remove(self, name: str, by: str | None = None) -> list[int]:
        """Put an account out, or let it leave; the position."""
        return await self._must(self.removed(name, by))


def result(name: str, *, fingerprint: bytes = b"f" * 32, expires: int = NOW + 3600) -> StoredResult:
    """A stored result under a key of this name."""
    return StoredResult(name.encode().ljust(32, b"."), fingerprint, 200, b"the answer", expires)
