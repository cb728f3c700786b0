"""A Hypothesis state machine of MLS conversations: any implementation of `decide` against a plain model.

Groups of four accounts with two devices each; commits of every sort, roles, removals, resets, rejoins,
resends and races, in any order. `GroupModel` says of every command whether it may happen; what is tried must
say the same. After each step three tellings of one story must agree: the model, the state of what is tried,
and what a store's rows make of the entries (`membership_change` and `evolve_group` alone).
"""

from collections.abc import Iterable, Iterator
from typing import Protocol

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule
from msgspec.structs import replace

from protocol import (
    Accepted,
    AccountDid,
    AddMembers,
    ChangeRole,
    Command,
    Commit,
    Committed,
    Conversation,
    ConversationKind,
    DeviceId,
    Duplicate,
    Entry,
    EntryKind,
    Leave,
    Outcome,
    Rejected,
    RemoveMember,
    RequestReadd,
    ResetGroup,
    evolve,
)

from ._authoring import commit, create, external, group_id_of, handshake, leaf, member_device, send, welcomes
from ._cast import ACCOUNTS, ALICE, CONVO, NOW, device, owner
from ._model import GroupModel
from ._require import require, require_equal
from ._rows import Rows
from ._world import LIMITS, World

PEOPLE = ACCOUNTS[:4]
DEVICES = tuple(device(account, number) for account in PEOPLE for number in (1, 2))

_accounts = st.sampled_from(PEOPLE)
_devices = st.sampled_from(DEVICES)


class Subject(Protocol):
    """What is tried: one conversation, asked one command after another. `World` is one."""

    @property
    def state(self) -> Conversation | None:
        """What it believes, compared with what its entries add up to; None when it does not tell."""

    def ask(self, command: Command, now: float, /) -> Outcome:
        """Decide, and append what was accepted; `now` is Unix seconds and never runs back."""


class ConversationMachine(RuleBasedStateMachine):
    """Subclass it, and let `build` make what is to be tried; add rules and invariants of your own.

    `model` is what should be, `log` the accepted entries, `state` what they add up to, `rows` what a store
    keeps of them, `now` the time. A rule of yours asks by `ask(command, expected=…)`; where it changes who
    is in, it changes the model, too.
    Invariants run before `begin` as well: return while `self.log` is empty.

    What is tried keeps `protocol.testing.LIMITS` (cooldowns of 30 and 60 seconds, buckets of 2).
    """

    def __init__(self) -> None:
        super().__init__()
        self.subject: Subject = self.build()
        self.now = int(NOW)
        self.log: list[Entry] = []
        self.model = GroupModel(tree=set(), inside=set(), admins=set())
        self._state: Conversation | None = None
        self._first_answers: list[tuple[Commit, Committed]] = []
        self.rows = Rows()

    def build(self) -> Subject:
        """What is tried: by default `protocol.decide`, in memory."""
        return World()

    @property
    def state(self) -> Conversation:
        """What the entries add up to."""
        if self._state is None:
            raise LookupError("the conversation has not begun")
        return self._state

    def ask(self, command: Command, *, expected: bool | None) -> Outcome:
        """Ask, and require that it is accepted or is not (None: either); take in the entries."""
        outcome = self.subject.ask(command, self.now)
        if expected is not None:
            require(
                isinstance(outcome, Accepted) is expected,
                f"the model says that this is {'accepted' if expected else 'not accepted'}: {command!r}"
                f"\nit was answered with {outcome!r}",
            )
        if isinstance(outcome, Accepted):
            for entry in outcome.entries:
                self._state = evolve(self._state, entry)
                self.log.append(entry)
                self.rows.keep(entry)
        elif isinstance(outcome, Rejected):
            require(not outcome.lookup, f"a refusal without a look-up, though all is known: {outcome!r}")
        return outcome

    # -- commits -------------------------------------------------------------------------------------

    @initialize(others=st.sets(st.sampled_from(PEOPLE[1:]), min_size=1), epoch=st.sampled_from([1, 2, 9]))
    def begin(self, others: set[AccountDid], epoch: int) -> None:
        """Alice brings a group with others, which may have lived elsewhere for some epochs."""
        self.ask(create(*sorted(others), kind=ConversationKind.MLS, epoch=epoch), expected=True)
        members = {device(account) for account in (ALICE, *others)}
        self.model = GroupModel(tree=set(members), inside=set(members), admins={ALICE}, epoch=epoch)

    @rule(by=_devices, added=_devices, fit=st.booleans())
    def add(self, by: DeviceId, added: DeviceId, fit: bool) -> None:
        """Somebody brings a device in."""
        model, by = self.model, self._fit(by) if fit else by
        allowed = (
            owner(by) in model.admins or owner(added) in model.known() or owner(added) not in model.removed
        )
        expected = by in model.inside and added not in model.inside and allowed
        removes = [added] if added in model.tree - model.inside else []
        made = handshake(self.state, by, adds=[leaf(added)], removes=removes)
        if self._commits(commit(by, made, "add"), expected=expected):
            model.comes_in(added)

    @rule(by=_devices, gone=_devices, fit=st.booleans())
    def remove_one(self, by: DeviceId, gone: DeviceId, fit: bool) -> None:
        """Somebody removes a leaf, of a member or a stale one."""
        model, by = self.model, self._fit(by) if fit else by
        own = owner(by) == owner(gone)
        stale = gone in model.tree - model.inside
        allowed = own or stale or owner(by) in model.admins
        expected = by in model.inside and gone in model.tree and gone != by and allowed
        last = {each for each in model.inside if owner(each) == owner(gone)} == {gone}
        if self._commits(commit(by, handshake(self.state, by, removes=[gone]), "remove"), expected=expected):
            model.tree.discard(gone)
            if last:
                model.goes(owner(gone), put_out=True, heir=None)
            if gone in model.inside:  # whose leaf was stale may go on asking to come back
                model.inside.discard(gone)
                model.asked.discard(gone)

    @rule(by=_devices)
    def update(self, by: DeviceId) -> None:
        """A commit that changes nobody."""
        self._commits(commit(by, handshake(self.state, by)), expected=by in self.model.inside)

    @rule(by=_devices, behind=st.integers(1, 3))
    def commit_on_another_epoch(self, by: DeviceId, behind: int) -> None:
        """Who lost a race, or is ahead of everybody, is told the epoch that holds."""
        made = handshake(self.state, by, body=b"late")
        for base in (made.base_epoch - behind, made.base_epoch + behind):
            outcome = self.ask(commit(by, replace(made, base_epoch=base)), expected=False)
            if by in self.model.inside:
                told = outcome.epoch if isinstance(outcome, Rejected) else None
                require_equal(told, self.model.epoch, "the epoch that is told to who lost")

    @rule(by=_devices)
    def join_from_outside(self, by: DeviceId) -> None:
        """An external commit: once in a while, of who is in, waits, or went by itself."""
        model, account = self.model, owner(by)
        frozen = self.now < max(model.frozen_until, model.device_frozen_until.get(by, 0))
        expected = account in model.known() | model.left and not frozen and model.epoch > 0
        made = external(self.state, by, b"external %d %s" % (len(self.log), by.encode()))
        if self._commits(commit(by, made, "external"), expected=expected):
            model.comes_in(by)
            model.frozen_until = self._bucket() + LIMITS.external_cooldown
            self._got_another_leaf(by)

    @rule(asking=_devices, by=_devices)
    def ask_and_be_added_again(self, asking: DeviceId, by: DeviceId) -> None:
        """A device that cannot read any more asks, once; another one gives it a new leaf."""
        model, account = self.model, owner(asking)
        cooling = asking in model.inside and self.now < model.device_frozen_until.get(asking, 0)
        fresh = asking not in model.asked
        expected = account in model.known() | model.left and fresh and not cooling
        if isinstance(self.ask(RequestReadd(CONVO, account, asking, None), expected=expected), Accepted):
            model.asked.add(asking)
        if asking in model.asked & model.inside and by in model.inside and by != asking:
            made = handshake(self.state, by, adds=[leaf(asking)], removes=[asking])
            self._commits(commit(by, made, "add"), expected=True)
            model.asked.discard(asking)
            self._got_another_leaf(asking)

    @precondition(lambda self: bool(self._first_answers))
    @rule(data=st.data(), by=_devices)
    def resend(self, data: st.DataObject, by: DeviceId) -> None:
        """The same bytes, by whoever has them, get the first answer; a stranger gets nothing."""
        command, first = data.draw(st.sampled_from(self._first_answers))
        account, model = owner(by), self.model
        outcome = self.ask(Commit(CONVO, account, by, command.handshake), expected=False)
        if account in model.known() | model.left | model.removed:
            require_equal(outcome, Duplicate(first), "the answer to the same bytes")
        else:
            error = outcome.error if isinstance(outcome, Rejected) else repr(outcome)
            require_equal(error, "ConvoNotFound", "what a stranger learns")

    # -- without a commit ------------------------------------------------------------------------------

    @rule(by=_accounts, whom=_accounts, fit=st.booleans())
    def put_out(self, by: AccountDid, whom: AccountDid, fit: bool) -> None:
        """An admin ends a membership at once."""
        model, by = self.model, owner(self._fit(device(by))) if fit else by
        expected = by in model.admins and by != whom and whom in model.known()
        if isinstance(self.ask(RemoveMember(CONVO, by, whom), expected=expected), Accepted):
            model.goes(whom, put_out=True, heir=None)

    @rule(account=_accounts)
    def leave(self, account: AccountDid) -> None:
        """Somebody goes, or does not want to come; never the last one who is in."""
        model = self.model
        heir = self._heir(account)
        inside = account in model.people()
        expected = account in model.waiting() or (inside and len(model.people()) > 1)
        if isinstance(self.ask(Leave(CONVO, account), expected=expected), Accepted):
            model.goes(account, put_out=False, heir=heir)

    @rule(by=_accounts, whom=_accounts)
    def name(self, by: AccountDid, whom: AccountDid) -> None:
        """Somebody is to be a member, and has no leaf yet."""
        model = self.model
        allowed = by in model.admins or whom not in model.removed
        expected = by in model.people() and whom not in model.known() and allowed
        asked = AddMembers(CONVO, by, (member_device(device(whom)),))
        if isinstance(self.ask(asked, expected=expected), Accepted):
            model.pending.add(whom)
            model.left.discard(whom)
            model.removed.discard(whom)

    @rule(by=_accounts, whom=_accounts, promote=st.booleans(), fit=st.booleans())
    def change_role(self, by: AccountDid, whom: AccountDid, promote: bool, fit: bool) -> None:
        """Admins come and go; one is always left."""
        model, by = self.model, owner(self._fit(device(by))) if fit else by
        expected = by in model.admins and whom in model.people() and (whom in model.admins) is not promote
        if not promote and model.admins == {whom}:
            expected = False
        asked = ChangeRole(CONVO, by, whom, "admin" if promote else "member")
        if isinstance(self.ask(asked, expected=expected), Accepted):
            (model.admins.add if promote else model.admins.discard)(whom)

    @rule(by=_devices, others=st.sets(_devices, max_size=3), stale=st.booleans(), fit=st.booleans())
    def reset(self, by: DeviceId, others: set[DeviceId], stale: bool, fit: bool) -> None:
        """Another group carries the conversation on."""
        model, by = self.model, self._fit(by) if fit else by
        placed = sorted(others - {by})
        expected = (
            by in model.inside
            and owner(by) in model.admins
            and all(owner(each) in model.known() for each in placed)
            and not stale
        )
        adds = tuple(leaf(each) for each in placed)
        asked = ResetGroup(
            CONVO, owner(by), by, f"group {len(self.log)}", "suite", model.generation + (not stale),
            epoch=1 if adds else 0, adds=adds, welcomes=welcomes(adds),
        )  # fmt: skip
        if isinstance(self.ask(asked, expected=expected), Accepted):
            model.begins_anew({by, *placed})

    @rule(by=_devices, lag=st.integers(-1, 5))
    def write(self, by: DeviceId, lag: int) -> None:
        """Messages of the window are taken, future ones never, and of nobody who has no leaf."""
        epoch = self.model.epoch - lag
        message = send(
            owner(by), f"m{len(self.log)}", epoch=epoch, by=by, group_id=group_id_of(self.state)
        )  # fmt: skip
        inside = by in self.model.inside
        self.ask(message, expected=inside and 0 <= lag <= LIMITS.epoch_window and epoch >= 0)

    @rule(seconds=st.sampled_from([1, 10, 40, 70]))
    def time_goes_by(self, seconds: int) -> None:
        """So that cooldowns end."""
        self.now += seconds

    # -- what always holds -----------------------------------------------------------------------------

    @invariant()
    def the_model_and_the_entries_agree(self) -> None:
        """Who is in, who is what, and which leaves are left over."""
        if not self.log:
            return
        state, model = self.state, self.model
        require_equal(set(state.members), model.inside, "devices that are in")
        require_equal(state.admins, model.admins, "admins")
        require_equal(state.removed, model.removed, "tombstones")
        require_equal(state.left, model.left, "who went by itself")
        require_equal(state.group.pending, model.pending, "who is named and waits")
        require_equal(set(state.group.displaced), model.displaced, "whom a reset left outside")
        require_equal((state.epoch, state.group.generation), (model.epoch, model.generation), "epoch")
        require_equal(set(state.group.stale_leaves), model.tree - model.inside, "leaves of nobody")
        require_equal(set(state.group.needs_rejoin), model.asked, "who asked to be added again")
        require(model.inside <= model.tree, "a ghost: a member without a leaf")
        require(bool(state.admins), "a conversation without an admin")
        require(not state.removed & set(state.accounts()), "a member with a tombstone")
        require_equal(state.group.owed, 0, "entries owed between appends")

    @invariant()
    def the_subject_believes_its_own_entries(self) -> None:
        """What is tried must hold the state that its entries add up to."""
        if self.log and self.subject.state is not None:
            require_equal(self.subject.state, self.state, "the state of what is tried")

    @invariant()
    def rows_agree(self) -> None:
        """A store needs nothing but the entries to keep its rows right."""
        if self.log:
            require_equal(self.rows.differences(self.state), [], "rows that differ from the state")

    def teardown(self) -> None:
        """The whole log is one that can be replayed, and one commit began each epoch."""
        seqs = [entry.seq for entry in self.log]
        require_equal(seqs, list(range(1, len(seqs) + 1)), "seqs")
        begun = [
            (generation, entry.epoch)
            for generation, entry in _with_generation(self.log)
            if entry.kind is EntryKind.COMMIT
        ]
        require_equal(len(begun), len(set(begun)), "commits that begin an epoch")

    # -- small things ----------------------------------------------------------------------------------

    def _commits(self, command: Commit, *, expected: bool) -> bool:
        outcome = self.ask(command, expected=expected)
        if isinstance(outcome, Accepted):
            answer = outcome.answer
            require(isinstance(answer, Committed), f"a commit was answered with {answer!r}")
            if isinstance(answer, Committed):
                self._first_answers.append((command, answer))
            self.model.epoch += 1
        return expected

    def _fit(self, by: DeviceId) -> DeviceId:
        """The device if it is an admin's, or one that is: so that more than refusals is tried."""
        able = sorted(each for each in self.model.inside if owner(each) in self.model.admins)
        return by if by in able else able[0]

    def _heir(self, going: AccountDid) -> AccountDid | None:
        rest = [member for member in self.state.members.values() if member.account != going]
        return min((member.from_seq, member.account) for member in rest)[1] if rest else None

    def _bucket(self) -> int:
        return self.now - self.now % LIMITS.bucket_seconds

    def _got_another_leaf(self, each: DeviceId) -> None:
        self.model.device_frozen_until[each] = self._bucket() + LIMITS.device_external_cooldown


def _with_generation(log: Iterable[Entry]) -> Iterator[tuple[int, Entry]]:
    generation = 0
    for entry in log:
        generation += entry.kind is EntryKind.GROUP_RESET
        yield generation, entry
