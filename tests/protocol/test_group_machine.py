"""A stateful law: groups of accounts with two devices each, against a model a child could check.

The model knows a tree (whose leaf is in it), who is in, and a few words on each account. It says of every
command whether it may happen; `decide` must say the same, and after each step the two must agree. Beside
them the log is replayed, and rows are kept from `membership_change` and `evolve_group` alone, as stores do.
"""

from collections.abc import Iterator
from dataclasses import dataclass, field

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from msgspec.structs import replace

from protocol import (
    Accepted,
    AccountDid,
    AddMembers,
    ChangeRole,
    Commit,
    Committed,
    Conversation,
    DeviceId,
    Duplicate,
    Entry,
    EntryKind,
    Group,
    Leave,
    MemberDevice,
    Outcome,
    Rejected,
    RemoveMember,
    RequestReadd,
    ResetGroup,
    Send,
    decode_group,
    encode_group,
    evolve,
    evolve_group,
    membership_change,
)
from tests.protocol.groups import MLS, commit, external, handshake, leaf, member_device, owner
from tests.protocol.worlds import (
    ACCOUNTS,
    ALICE,
    CONVO,
    NOW,
    World,
    create,
    device,
    send,
    welcomes,
)

PEOPLE = ACCOUNTS[:4]
DEVICES = tuple(device(account, number) for account in PEOPLE for number in (1, 2))
COOLDOWN, DEVICE_COOLDOWN = 30, 60

accounts = st.sampled_from(PEOPLE)
devices = st.sampled_from(DEVICES)


@dataclass
class Model:
    """What is true, in the plainest words."""

    tree: set[DeviceId]
    inside: set[DeviceId]
    admins: set[AccountDid]
    pending: set[AccountDid] = field(default_factory=set)
    displaced_admins: set[AccountDid] = field(default_factory=set)
    left: set[AccountDid] = field(default_factory=set)
    removed: set[AccountDid] = field(default_factory=set)
    asked: set[DeviceId] = field(default_factory=set)
    epoch: int = 0
    generation: int = 0
    frozen_until: int = 0
    device_frozen_until: dict[DeviceId, int] = field(default_factory=dict)

    def people(self) -> set[AccountDid]:
        return {owner(each) for each in self.inside}

    def comes_in(self, each: DeviceId) -> None:
        account = owner(each)
        if account not in self.people() and account in self.displaced_admins:
            self.admins.add(account)
        self.displaced_admins.discard(account)
        self.inside.add(each)
        self.tree.add(each)
        self.asked.discard(each)
        for kind in (self.pending, self.left, self.removed):
            kind.discard(account)

    def goes(self, account: AccountDid, *, put_out: bool, heir: AccountDid | None) -> None:
        self.inside = {each for each in self.inside if owner(each) != account}
        self.asked = {each for each in self.asked if owner(each) != account}
        for kind in (self.pending, self.displaced_admins, self.left, self.removed, self.admins):
            kind.discard(account)
        (self.removed if put_out else self.left).add(account)
        if not self.admins and heir is not None:
            self.admins.add(heir)


class Groups(RuleBasedStateMachine):
    """The machine. Time stands still unless it is told to move."""

    @initialize(others=st.sets(st.sampled_from(PEOPLE[1:]), min_size=1))
    def begin(self, others: set[AccountDid]) -> None:
        self.world = World()
        self.now = int(NOW)
        self.first_answers: list[tuple[Commit, Committed]] = []
        self.rows: dict[DeviceId, MemberDevice] = {}
        self.standings: dict[AccountDid, str] = {}
        self.group = Group()
        self.seen = 0
        assert isinstance(self.world.ask(create(*sorted(others), kind=MLS)), Accepted)
        members = {device(account) for account in (ALICE, *others)}
        self.model = Model(tree=set(members), inside=set(members), admins={ALICE}, epoch=1)

    # -- asking --------------------------------------------------------------------------------------

    @property
    def state(self) -> Conversation:
        assert self.world.state is not None
        return self.world.state

    def ask(self, command: object, *, expected: bool) -> Outcome:
        before = self.world.state
        outcome = self.world.ask(command, self.now)  # type: ignore[arg-type]
        assert isinstance(outcome, Accepted) is expected, outcome
        if isinstance(outcome, Rejected):
            assert self.world.state == before
        return outcome

    def _commits(self, command: Commit, *, expected: bool) -> bool:
        outcome = self.ask(command, expected=expected)
        if isinstance(outcome, Accepted):
            assert isinstance(outcome.answer, Committed)
            self.first_answers.append((command, outcome.answer))
            self.model.epoch += 1
        return expected

    def _heir(self, going: AccountDid) -> AccountDid | None:
        rest = [member for member in self.state.members.values() if member.account != going]
        return min((member.from_seq, member.account) for member in rest)[1] if rest else None

    # -- commits -------------------------------------------------------------------------------------

    @rule(by=devices, added=devices, fit=st.booleans())
    def add(self, by: DeviceId, added: DeviceId, fit: bool) -> None:
        model, by = self.model, self._fit(by) if fit else by
        known = owner(added) in model.people() | model.pending | model.displaced_admins
        allowed = owner(by) in model.admins or known or owner(added) not in model.removed
        expected = by in model.inside and added not in model.inside and allowed
        removes = [added] if added in model.tree - model.inside else []
        made = handshake(self.state, by, adds=[leaf(added)], removes=removes, group_id=self._group_id())
        if self._commits(commit(by, made, "add"), expected=expected):
            model.comes_in(added)

    @rule(by=devices, gone=devices, fit=st.booleans())
    def remove_one(self, by: DeviceId, gone: DeviceId, fit: bool) -> None:
        model, by = self.model, self._fit(by) if fit else by
        own = owner(by) == owner(gone)
        stale = gone in model.tree - model.inside
        allowed = own or stale or owner(by) in model.admins
        expected = by in model.inside and gone in model.tree and gone != by and allowed
        made = handshake(self.state, by, removes=[gone], group_id=self._group_id())
        last = {each for each in model.inside if owner(each) == owner(gone)} == {gone}
        if self._commits(commit(by, made, "remove"), expected=expected):
            model.tree.discard(gone)
            if last:
                model.goes(owner(gone), put_out=True, heir=None)
            if gone in model.inside:  # who went by itself and asks to come back, still asks
                model.asked.discard(gone)
            model.inside.discard(gone)

    @rule(by=devices)
    def update(self, by: DeviceId) -> None:
        made = handshake(self.state, by, group_id=self._group_id())
        self._commits(commit(by, made), expected=by in self.model.inside)

    @rule(by=devices, behind=st.integers(1, 3))
    def commit_on_another_epoch(self, by: DeviceId, behind: int) -> None:
        """Who lost a race, or is ahead of everybody."""
        made = handshake(self.state, by, group_id=self._group_id(), body=b"late")
        for base in (made.base_epoch - behind, made.base_epoch + behind):
            self.ask(commit(by, replace(made, base_epoch=base)), expected=False)

    @rule(by=devices)
    def join_from_outside(self, by: DeviceId) -> None:
        model, account = self.model, owner(by)
        frozen = self.now < max(model.frozen_until, model.device_frozen_until.get(by, 0))
        welcome = account in model.people() | model.pending | model.displaced_admins | model.left
        made = external(self.state, by, b"external %d %s" % (len(self.world.log), by.encode()))
        made = replace(made, group_id=self._group_id())
        expected = welcome and not frozen and model.epoch > 0
        if self._commits(commit(by, made, "external"), expected=expected):
            model.comes_in(by)
            bucket = self.now - self.now % 2
            model.frozen_until = bucket + COOLDOWN
            model.device_frozen_until[by] = bucket + DEVICE_COOLDOWN

    @rule(asking=devices, by=devices)
    def ask_and_be_added_again(self, asking: DeviceId, by: DeviceId) -> None:
        model, account = self.model, owner(asking)
        may_ask = account in model.people() | model.pending | model.displaced_admins | model.left
        cooling = asking in model.inside and self.now < model.device_frozen_until.get(asking, 0)
        fresh = asking not in model.asked and not cooling
        outcome = self.world.ask(RequestReadd(CONVO, account, asking, None), self.now)
        assert isinstance(outcome, Accepted) is (may_ask and fresh)
        if may_ask and fresh:
            model.asked.add(asking)
        if asking in model.inside and by in model.inside and by != asking:
            made = handshake(self.state, by, adds=[leaf(asking)], removes=[asking], group_id=self._group_id())
            helps = asking in model.asked or owner(by) == account or owner(by) in model.admins
            if self._commits(commit(by, made, "add"), expected=helps):
                model.asked.discard(asking)
                model.device_frozen_until[asking] = self.now - self.now % 2 + DEVICE_COOLDOWN

    @precondition(lambda self: bool(self.first_answers))
    @rule(data=st.data(), by=devices)
    def resend(self, data: st.DataObject, by: DeviceId) -> None:
        """The same bytes, by whoever has them, get the first answer; a stranger gets nothing."""
        command, first = data.draw(st.sampled_from(self.first_answers))
        account = owner(by)
        outcome = self.world.ask(Commit(CONVO, account, by, command.handshake), self.now)
        known = self.state.is_member(account) or self.state.was_member(account)
        if known or account in self.model.pending | self.model.displaced_admins | self._displaced():
            assert outcome == Duplicate(first)
        else:
            assert isinstance(outcome, Rejected)
            assert (outcome.error, outcome.lookup) == ("ConvoNotFound", False)

    # -- without a commit ------------------------------------------------------------------------------

    @rule(by=accounts, whom=accounts, fit=st.booleans())
    def put_out(self, by: AccountDid, whom: AccountDid, fit: bool) -> None:
        model, by = self.model, owner(self._fit(device(by))) if fit else by
        there = whom in model.people() | model.pending | model.displaced_admins | self._displaced()
        expected = by in model.admins and by != whom and there
        if isinstance(self.ask(RemoveMember(CONVO, by, whom), expected=expected), Accepted):
            model.goes(whom, put_out=True, heir=None)

    @rule(account=accounts)
    def leave(self, account: AccountDid) -> None:
        model = self.model
        waits = account in model.pending | model.displaced_admins | self._displaced()
        inside = account in model.people()
        heir = self._heir(account)
        expected = waits or (inside and len(model.people()) > 1)
        if isinstance(self.ask(Leave(CONVO, account), expected=expected), Accepted):
            model.goes(account, put_out=False, heir=heir)

    @rule(by=accounts, whom=accounts)
    def name(self, by: AccountDid, whom: AccountDid) -> None:
        model = self.model
        waits = whom in model.pending | model.displaced_admins | self._displaced()
        allowed = by in model.admins or whom not in model.removed
        expected = by in model.people() and whom not in model.people() and not waits and allowed
        asked = AddMembers(CONVO, by, (member_device(device(whom)),))
        if isinstance(self.ask(asked, expected=expected), Accepted):
            model.pending.add(whom)
            model.left.discard(whom)
            model.removed.discard(whom)

    @rule(by=accounts, whom=accounts, promote=st.booleans(), fit=st.booleans())
    def change_role(self, by: AccountDid, whom: AccountDid, promote: bool, fit: bool) -> None:
        model, by = self.model, owner(self._fit(device(by))) if fit else by
        expected = by in model.admins and whom in model.people() and (whom in model.admins) is not promote
        if not promote and model.admins == {whom}:
            expected = False
        asked = ChangeRole(CONVO, by, whom, "admin" if promote else "member")
        if isinstance(self.ask(asked, expected=expected), Accepted):
            (model.admins.add if promote else model.admins.discard)(whom)

    @rule(by=devices, others=st.sets(devices, max_size=3), stale=st.booleans(), fit=st.booleans())
    def reset(self, by: DeviceId, others: set[DeviceId], stale: bool, fit: bool) -> None:
        model, by = self.model, self._fit(by) if fit else by
        placed = sorted(others - {by})
        known = model.people() | model.pending | model.displaced_admins | self._displaced()
        expected = (
            by in model.inside
            and owner(by) in model.admins
            and all(owner(each) in known for each in placed)
            and not stale
        )
        adds = tuple(leaf(each) for each in placed)
        generation = model.generation + (0 if stale else 1)
        asked = ResetGroup(
            CONVO, owner(by), by, f"group {len(self.world.log)}", "suite", generation,
            epoch=1 if adds else 0, adds=adds, welcomes=welcomes(adds),
        )  # fmt: skip
        if isinstance(self.ask(asked, expected=expected), Accepted):
            model.generation += 1
            model.epoch = 1 if adds else 0
            waiting = model.pending
            inside = {by, *placed}
            people = {owner(each) for each in inside}
            outside = model.people() - people
            back = model.displaced_admins & people
            model.displaced_admins = (model.displaced_admins - people) | (model.admins & outside)
            model.admins = (model.admins & people) | back
            model.inside, model.tree = inside, set(inside)
            model.asked = set()
            model.pending = (waiting - people) | (outside - model.displaced_admins)
            model.frozen_until, model.device_frozen_until = 0, {}

    @rule(by=devices, lag=st.integers(-1, 5))
    def write(self, by: DeviceId, lag: int) -> None:
        """Messages of the window are taken, future ones never, and of nobody who has no leaf."""
        epoch = self.model.epoch - lag
        asked: Send = send(owner(by), f"m{len(self.world.log)}", epoch=epoch)
        framing = asked.framing
        assert framing is not None
        asked = Send(
            asked.conversation, asked.account, by, asked.msg_id, epoch, asked.body,
            type(framing)(self._group_id(), epoch, "application"),
        )  # fmt: skip
        self.ask(asked, expected=by in self.model.inside and 0 <= lag <= 3 and epoch >= 0)

    @rule(seconds=st.sampled_from([1, 10, 40, 70]))
    def time_goes_by(self, seconds: int) -> None:
        self.now += seconds

    # -- what always holds -----------------------------------------------------------------------------

    @invariant()
    def model_and_state_agree(self) -> None:
        if not hasattr(self, "world"):
            return
        state, model = self.state, self.model
        assert set(state.members) == model.inside
        assert state.admins == model.admins
        assert state.removed == model.removed
        assert state.left == model.left
        assert (state.epoch, state.group.generation) == (model.epoch, model.generation)
        assert set(state.group.stale_leaves) == model.tree - model.inside, "leaves of nobody"
        assert model.inside <= model.tree, "a ghost: a member without a leaf"
        assert state.admins
        assert not state.removed & set(state.accounts())
        assert state.group.owed == 0
        assert set(state.group.needs_rejoin) == model.asked

    @invariant()
    def replay_and_rows_agree(self) -> None:
        if not hasattr(self, "world"):
            return
        log = self.world.log
        for entry in log[self.seen :]:
            self._keep_rows(entry)
        self.seen = len(log)
        assert self.rows.keys() == self.state.members.keys()
        assert {d: m.leaf for d, m in self.rows.items()} == {d: m.leaf for d, m in self.state.members.items()}
        for kind, accounts_ in (
            ("admin", self.state.admins), ("removed", self.state.removed), ("left", self.state.left),
        ):  # fmt: skip
            assert {a for a, standing in self.standings.items() if standing == kind} == accounts_
        assert decode_group(encode_group(self.group)) == self.state.group

    def teardown(self) -> None:
        if not hasattr(self, "world"):
            return
        replayed: Conversation | None = None
        for entry in self.world.log:
            replayed = evolve(replayed, entry)
        assert replayed == self.world.state
        begun = [
            (generation, entry.epoch)
            for generation, entry in _with_generation(self.world.log)
            if entry.kind is EntryKind.COMMIT
        ]
        assert len(begun) == len(set(begun)), "exactly one commit begins an epoch"

    # -- small things ----------------------------------------------------------------------------------

    def _fit(self, by: DeviceId) -> DeviceId:
        """The device if it is an admin's, or one that is: so that more than refusals is tried."""
        able = sorted(each for each in self.model.inside if owner(each) in self.model.admins)
        return by if by in able else able[0]

    def _displaced(self) -> set[AccountDid]:
        return set(self.state.group.displaced)

    def _group_id(self) -> bytes:
        text = self.state.group_id
        return bytes.fromhex(text) if self.model.generation == 0 else text.encode()

    def _keep_rows(self, entry: Entry) -> None:
        change = membership_change(entry)
        for member in change.joined:
            self.rows[member.device] = member
        for gone in change.gone:
            del self.rows[gone]
        for each, index in change.leaves:
            row = self.rows[each]
            self.rows[each] = MemberDevice(row.account, row.device, row.device_name, index)
        for account in (*change.returned, *change.demoted):
            if account in change.demoted or self.standings.get(account) != "admin":
                self.standings.pop(account, None)
        self.standings.update(dict.fromkeys(change.left, "left"))
        self.standings.update(dict.fromkeys(change.removed, "removed"))
        self.standings.update(dict.fromkeys(change.promoted, "admin"))
        self.group = evolve_group(self.group, entry)


def _with_generation(log: list[Entry]) -> Iterator[tuple[int, Entry]]:
    generation = 0
    for entry in log:
        generation += entry.kind is EntryKind.GROUP_RESET
        yield generation, entry


TestGroups = Groups.TestCase
TestGroups.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
