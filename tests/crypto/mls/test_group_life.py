"""Any honest life of a group is followed by the server, and every state stands for itself."""

from hypothesis import given
from hypothesis import strategies as st

from crypto.mls import (
    Add,
    FromUpdate,
    GroupContextExtensions,
    PublicMessage,
    Remove,
    SelfRemove,
    Update,
    VerifiedProposal,
    check_group_info,
    encode_message,
    follow_group_info,
    read_message,
    reopen_group,
    tree_hashes,
    verify_commit,
    verify_proposal,
)
from crypto.mls.testing import Client, MadeCommit
from tests.crypto.mls.people import NAMES, client, group_of, reopened


class Life:
    """A group with its model: who is in it, by name."""

    def __init__(self) -> None:
        self.people = {name: client(name) for name in NAMES}
        self.inside = ["alice"]
        self.group = group_of(self.people["alice"])
        self.pending: dict[bytes, VerifiedProposal] = {}
        self.leaving: set[str] = set()

    def author(self, names: list[str], index: int) -> Client:
        """One of these, chosen by a number."""
        return self.people[names[index % len(names)]]

    def propose(self, index: int, what: str) -> None:
        """Somebody proposes; conflicting proposals about one member are left to other tests."""
        name = self.inside[index % len(self.inside)]
        who = self.people[name]
        if name in self.leaving or len(self.inside) - len(self.leaving) < 3:
            return
        if what == "leave":
            message, made = who.propose(self.group, SelfRemove())
        else:
            message, made = who.propose(self.group, Update(who.fresh_leaf(self.group, FromUpdate())))
        parsed = read_message(encode_message(message))
        assert isinstance(parsed, PublicMessage)
        assert verify_proposal(self.group, parsed) == made
        self.pending[made.ref] = made
        self.leaving.add(name)

    def committed(self, made: MadeCommit, committer: Client, names: list[str]) -> None:
        """The server judges a commit and comes to the model's members."""
        before, message = self.group, read_message(encode_message(made.message))
        assert isinstance(message, PublicMessage)
        effects = verify_commit(before, message, self.pending)
        check_group_info(effects.group, made.group_info)
        self.group, self.inside = effects.group, names
        assert effects.committer.identity == identity(committer)
        assert sorted(str(member.identity) for member in self.group.members) == sorted(
            str(identity(self.people[name])) for name in names
        )
        # what was computed step by step is what somebody finds who starts here
        assert self.group.hashes == tree_hashes(self.group.suite, self.group.tree)
        assert reopened(self.group, committer) == self.group
        assert reopen_group(made.group_info) == self.group
        # and the same change can be seen without reading the commit
        following, change = follow_group_info(before, made.group_info)
        assert following == self.group
        assert {member.leaf_index for member in change.removed} >= {
            member.leaf_index for member in effects.removed
        } - {effects.committer.leaf_index}
        self.pending, self.leaving = {}, set()


def identity(who: Client) -> bytes | None:
    """What the credential of a client says."""
    return getattr(who.credential, "identity", None)


STEPS = st.tuples(
    st.sampled_from(["add", "remove", "path", "empty add", "join", "resync", "leave", "update", "context"]),
    st.integers(0, 100),
    st.integers(0, 100),
)


@given(steps=st.lists(STEPS, max_size=12))
def test_a_server_follows_any_honest_group(steps: list[tuple[str, int, int]]) -> None:
    """Every commit is accepted, its effects are the members' own, and each state can be entered anew."""
    life = Life()
    for what, first, second in steps:
        staying = [name for name in life.inside if name not in life.leaving] or life.inside
        outside = [name for name in NAMES if name not in life.inside]
        who = life.author(staying, first)
        name = staying[first % len(staying)]
        gone = {n for n in life.leaving if any(is_leave(life, n, p) for p in life.pending.values())}
        rest = [n for n in life.inside if n not in gone]
        taken = list(life.pending.values())
        match what:
            case "leave" | "update":
                life.propose(first, what)
            case "add" | "empty add" if outside:
                new = outside[second % len(outside)]
                made = who.commit(life.group, [*taken, Add(life.people[new].key_package())])
                life.committed(made, who, [*rest, new])
            case "remove" if len(staying) > 1:
                other = staying[(first + 1 + second % (len(staying) - 1)) % len(staying)]
                made = who.commit(life.group, [*taken, Remove(life.people[other].leaf_index(life.group))])
                life.committed(made, who, [n for n in rest if n != other])
            case "path" | "context":
                extra = [GroupContextExtensions(())] if what == "context" else []
                life.committed(who.commit(life.group, [*taken, *extra], with_path=True), who, rest)
            case "join" if outside:
                new = outside[second % len(outside)]
                joiner = life.people[new]
                life.committed(joiner.join(life.group), joiner, [*life.inside, new])
            case "resync":
                made = who.join(life.group, replacing=who.leaf_index(life.group))
                life.committed(made, who, life.inside)
                assert name in life.inside
            case _:
                pass


def is_leave(life: Life, name: str, proposal: VerifiedProposal) -> bool:
    """Whether this is the proposal by which somebody leaves."""
    index = life.people[name].leaf_index(life.group)
    return isinstance(proposal.proposal, SelfRemove) and proposal.sender.index == index
