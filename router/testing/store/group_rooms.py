"""MLS conversations for store tests: commands that the protocol decides, appended with their effects."""

from collections.abc import Sequence

from protocol import (
    Accepted,
    ChangeRole,
    Command,
    Commit,
    ConversationKind,
    Create,
    DeviceId,
    Effect,
    Framing,
    GroupInfo,
    Handshake,
    LeafAdd,
    Limits,
    Propose,
    ResetGroup,
    Role,
    WelcomeFor,
    body_hash,
    decide_batch,
)
from router.store.interface import Store
from router.store.key_packages import KeyPackage, Published
from router.store.values import Appended, AppendOutcome, AppendRequest, Device, DeviceRegistered
from router.testing.store.rooms import NOW, Room, account, device, devices

LIMITS = Limits(external_cooldown=0, device_external_cooldown=0)
LIFE = 30 * 86_400
"""How long the key packages of tests live."""


def ref(name: str) -> bytes:
    """The ref of a key package of this name."""
    return name.encode().ljust(32, b".")


def package(
    name: str, *, suite: int = 1, last_resort: bool = False, not_after: int = NOW + LIFE
) -> KeyPackage:
    """A key package."""
    return KeyPackage(ref(name), suite, b"package " + name.encode(), not_after, last_resort)


async def register(store: Store, number: int, name: str = "ann") -> DeviceId:
    """A device of an account."""
    wanted = Device(device(number), account(name), f"d{number}", bytes([number]) * 32, NOW // 86_400)
    outcome = await store.register_device(wanted, now=NOW, max_devices=99)
    assert isinstance(outcome, DeviceRegistered)
    return outcome.device.id


async def publish(
    store: Store, number: int, name: str, *packages: KeyPackage, most: int = 100, now: int = NOW
) -> tuple[str, ...]:
    """Publish for a device that is registered; the verdicts."""
    outcome = await store.publish_key_packages(
        account(name), device(number), packages, now=now, max_packages=most
    )
    assert isinstance(outcome, Published), outcome
    return outcome.verdicts


def info(epoch: int, body: bytes = b"group info") -> GroupInfo:
    """A GroupInfo of an epoch."""
    return GroupInfo(epoch, body, body_hash(body))


class GroupRoom(Room):
    """A conversation with an MLS group: `ask` decides a command and appends what follows from it."""

    def request_for(self, command: Command, *, now: int = NOW) -> AppendRequest:
        """The append of a command that the protocol accepts."""
        decision = decide_batch(self.state, [command], now=now, limits=LIMITS)
        (outcome,) = decision.outcomes
        assert isinstance(outcome, Accepted), outcome
        effects = tuple(effect for _, effect in decision.effects)
        return AppendRequest(self.id, self.seq, decision.entries, self.store.term, now, effects=effects)

    async def ask(self, command: Command, *, now: int = NOW) -> AppendOutcome:
        """Append what follows from a command; where the store takes it, so does the room."""
        outcome = await self.store.append(self.request_for(command, now=now))
        if isinstance(outcome, Appended):
            self.took(outcome.entries)
        return outcome

    async def put(self, *effects: Effect, now: int = NOW) -> AppendOutcome:
        """Carry effects out beside no entry."""
        return await self.store.append(
            AppendRequest(self.id, self.seq, (), self.store.term, now, effects=effects)
        )

    async def found(self, name: str, number: int, *, others: Sequence[str] = ()) -> None:
        """Begin a group with one device; other accounts are only named."""
        outcome = await self.ask(
            Create(
                conversation=self.id,
                account=account(name),
                kind=ConversationKind.MLS,
                group_id="67",
                cipher_suite="MLS_128",
                name="a group",
                description=None,
                members=devices(name, number),
                device=device(number),
                pending=tuple(account(other) for other in others),
                epoch=0,
                idempotency=None,
            )
        )
        assert isinstance(outcome, Appended), outcome

    def commit(
        self,
        by: int,
        name: str,
        *,
        adds: Sequence[tuple[str, int, bytes | None]] = (),
        removes: Sequence[int] = (),
        body: bytes | None = None,
        group_info: bytes | None = None,
    ) -> Commit:
        """The commit of a device: adds are account, device and ref of the key package."""
        assert self.state is not None
        leaves = tuple(LeafAdd(devices(owner, number)[0], used, number) for owner, number, used in adds)
        epoch = self.state.epoch
        handshake = Handshake(
            body=b"commit %d.%d of %d" % (self.state.group.generation, epoch, by) if body is None else body,
            base_epoch=epoch,
            group_id=bytes.fromhex(self.state.group_id),
            private=False,
            adds=leaves,
            removes=tuple(device(number) for number in removes),
            committer_device=device(by),
            proposals=tuple(self.state.group.proposals),
            verified_against=self.state.group.group_info_hash,
            group_info=None if group_info is None else info(epoch + 1, group_info),
            welcomes=tuple(
                WelcomeFor(account(owner), device(number), used, b"welcome %d" % number)
                for owner, number, used in adds
            ),
        )
        return Commit(self.id, account(name), device(by), handshake)

    async def let_in(self, by: int, name: str, other: str, number: int, used: bytes | None = None) -> None:
        """A device lets another one in."""
        outcome = await self.ask(self.commit(by, name, adds=[(other, number, used)]))
        assert isinstance(outcome, Appended), outcome

    def proposal(self, by: int, name: str, reference: bytes) -> Propose:
        """A public proposal."""
        assert self.state is not None
        framing = Framing(bytes.fromhex(self.state.group_id), self.state.epoch, "proposal", private=False)
        return Propose(self.id, account(name), device(by), b"proposal " + reference, reference, framing)

    def role(self, by: str, target: str, role: Role) -> ChangeRole:
        """Somebody's role changes."""
        return ChangeRole(self.id, account(by), account(target), role)

    def reset(
        self, by: int, name: str, group_id: str = "68", adds: Sequence[tuple[str, int]] = ()
    ) -> ResetGroup:
        """Another group carries the conversation."""
        assert self.state is not None
        return ResetGroup(
            conversation=self.id,
            account=account(name),
            device=device(by),
            new_group_id=group_id,
            cipher_suite="MLS_128",
            generation=self.state.group.generation + 1,
            epoch=1 if adds else 0,
            adds=tuple(LeafAdd(devices(owner, number)[0], None, number) for owner, number in adds),
            welcomes=tuple(
                WelcomeFor(account(owner), device(number), None, b"welcome again %d" % number)
                for owner, number in adds
            ),
        )
