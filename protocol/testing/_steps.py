"""Strategies for the next command: what fits a state, mostly, and now and then loses for a reason.

Each maker below picks who does it and to whom; makers differ in nothing else, so a new command is one more
function in a table.
"""

from collections.abc import Callable, Sequence
from typing import Literal, TypeVar

from hypothesis import strategies as st

from protocol import (
    AccountDid,
    AddMembers,
    AnnounceDevice,
    ChangeRole,
    Command,
    Conversation,
    ConversationKind,
    DeviceId,
    Leave,
    PolicyChange,
    RefreshGroupInfo,
    RemoveMember,
    RequestReadd,
    ResetGroup,
    TellBlock,
    UpdateGroupInfo,
    UpdatePolicy,
    Warn,
)

from ._authoring import (
    commit,
    external,
    group_id_of,
    group_info,
    handshake,
    leaf,
    member_device,
    propose,
    send,
)
from ._cast import ACCOUNTS, CONVO, device, owner

T = TypeVar("T")

DEVICES = tuple(device(account, number) for account in ACCOUNTS for number in (1, 2))


class _Scene:
    """A state, and who can be picked in it: the first of the cast is the simplest."""

    def __init__(self, draw: st.DrawFn, state: Conversation, number: int) -> None:
        self.state = state
        self.number = number
        self._draw = draw

    def pick(self, values: Sequence[T]) -> T:
        return self._draw(st.sampled_from(values))

    def member(self) -> DeviceId:
        """A device that is in."""
        return self.pick(sorted(self.state.members, key=DEVICES.index))

    def outsider(self) -> DeviceId:
        """A device that is not, while there is one."""
        return self.pick([each for each in DEVICES if each not in self.state.members] or DEVICES)

    def account(self) -> AccountDid:
        """An account that is in."""
        return self.pick(sorted(self.state.accounts(), key=ACCOUNTS.index))

    def other(self, than: AccountDid) -> AccountDid:
        """Another account that is in, while there is one."""
        others = [each for each in ACCOUNTS if self.state.is_member(each) and each != than]
        return self.pick(others or [than])

    def admin(self) -> AccountDid:
        """An account that is admin."""
        return self.pick(sorted(self.state.admins, key=ACCOUNTS.index))


def _message(scene: _Scene) -> Command:
    by, state = scene.member(), scene.state
    return send(owner(by), f"m{scene.number}", epoch=state.epoch, by=by, group_id=group_id_of(state))


def _name(scene: _Scene) -> Command:
    return AddMembers(CONVO, scene.account(), (member_device(scene.outsider()),))


def _put_out(scene: _Scene) -> Command:
    by = scene.admin()
    return RemoveMember(CONVO, by, scene.other(by))


def _leave(scene: _Scene) -> Command:
    return Leave(CONVO, scene.account())


def _promote(scene: _Scene) -> Command:
    by = scene.admin()
    return ChangeRole(CONVO, by, scene.other(by), scene.pick(["admin", "moderator", "member"]))


def _commit(scene: _Scene) -> Command:
    by, state = scene.member(), scene.state
    info = group_info(state.epoch + 1, b"group info %d" % scene.number) if scene.pick([True, False]) else None
    return commit(by, handshake(state, by, info=info, private=scene.pick([False, True])))


def _add(scene: _Scene) -> Command:
    by, added = scene.member(), scene.outsider()
    removes = [added] if added in scene.state.group.stale_leaves else []
    adds = [leaf(added, b"package of " + added.encode())]
    return commit(by, handshake(scene.state, by, adds=adds, removes=removes), "add")


def _remove(scene: _Scene) -> Command:
    by, leaves = scene.member(), [*scene.state.group.stale_leaves, *scene.state.members]
    gone = scene.pick([each for each in leaves if each != by] or leaves)
    return commit(by, handshake(scene.state, by, removes=[gone]), "remove")


def _come_in(scene: _Scene) -> Command:
    by = scene.pick(DEVICES)
    return commit(by, external(scene.state, by), "external")


def _propose(scene: _Scene) -> Command:
    return propose(scene.member(), b"ref %d" % scene.number, scene.state.epoch, group_id_of(scene.state))


def _policy(scene: _Scene) -> Command:
    on = scene.pick([True, False])
    changes = (
        PolicyChange(allow_member_add=on), PolicyChange(allow_member_remove=on),
        PolicyChange(external_commits=on), PolicyChange(rejoin=on),
    )  # fmt: skip
    return UpdatePolicy(CONVO, scene.admin(), scene.pick(changes))


def _framing(scene: _Scene) -> Command:
    change = PolicyChange(handshake=scene.pick(["any", "public", "private"]))
    return UpdatePolicy(CONVO, scene.admin(), change)


def _warn(scene: _Scene) -> Command:
    by = scene.admin()
    return Warn(CONVO, by, scene.other(by), f"w{scene.number}")


def _block(scene: _Scene) -> Command:
    by = scene.account()
    return TellBlock(CONVO, by, by, scene.other(by), stands=scene.pick([True, False]))


def _announce(scene: _Scene) -> Command:
    return AnnounceDevice(CONVO, scene.account(), scene.outsider(), "", f"a{scene.number}")


def _readd(scene: _Scene) -> Command:
    lost = scene.member()
    cause: Literal["lost", "welcome"] = scene.pick(["lost", "welcome"])
    return RequestReadd(CONVO, owner(lost), lost, None, cause=cause)


def _refresh(scene: _Scene) -> Command:
    return RefreshGroupInfo(CONVO, scene.account())


def _bring(scene: _Scene) -> Command:
    brought = group_info(scene.state.epoch, b"brought %d" % scene.number)
    return UpdateGroupInfo(CONVO, scene.account(), brought, scene.state.group.group_info_hash)


def _reset(scene: _Scene) -> Command:
    by, state = scene.admin(), scene.state
    own = state.devices_of(by)[0]
    return ResetGroup(CONVO, by, own, f"group {scene.number}", "suite", state.group.generation + 1)


_Maker = Callable[[_Scene], Command]
_OF_ALL: tuple[_Maker, ...] = (_message, _name, _promote, _put_out, _leave)
_OF_GROUPS: tuple[_Maker, ...] = (
    _message, _commit, _add, _remove, _come_in, _propose, _name, _promote, _policy, _framing, _warn, _block,
    _announce, _readd, _refresh, _bring, _put_out, _leave, _reset,
)  # fmt: skip


@st.composite
def steps(draw: st.DrawFn, state: Conversation, number: int = 0) -> Command:
    """A command that fits this state of a conversation of the cast; most are accepted.

    `number` makes the names of messages, groups and warnings differ: give the length of the log.
    """
    makers = _OF_GROUPS if state.kind is ConversationKind.MLS else _OF_ALL
    return draw(st.sampled_from(makers))(_Scene(draw, state, number))
