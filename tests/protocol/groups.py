"""A kit for MLS conversations in the protocol's tests: handshakes as the edge would hand them in."""

from collections.abc import Sequence

from protocol import (
    Accepted,
    AccountDid,
    Commit,
    Committed,
    Conversation,
    ConversationKind,
    DeviceId,
    Framing,
    GroupInfo,
    Handshake,
    LeafAdd,
    MemberDevice,
    Outcome,
    Propose,
    Purpose,
    WelcomeFor,
    body_hash,
)
from tests.protocol.worlds import ACCOUNTS, ALICE, CONVO, GROUP_ID, World, create, device, welcomes

MLS = ConversationKind.MLS


def owner(of: DeviceId) -> AccountDid:
    """The account of a device of `worlds.device`."""
    return ACCOUNTS[int(of[-12:])]


def member_device(of: DeviceId) -> MemberDevice:
    return MemberDevice(owner(of), of)


def leaf(of: DeviceId, key_package: bytes | None = None, index: int | None = None) -> LeafAdd:
    """The Add of a device."""
    return LeafAdd(member_device(of), key_package, index)


def group_info(epoch: int, body: bytes = b"group info") -> GroupInfo:
    return GroupInfo(epoch, body, body_hash(body))


def handshake(
    state: Conversation,
    by: DeviceId,
    *,
    adds: Sequence[LeafAdd] = (),
    removes: Sequence[DeviceId] = (),
    body: bytes | None = None,
    private: bool = False,
    external: bool = False,
    group_id: bytes = GROUP_ID,
    info: GroupInfo | None = None,
    proposals: Sequence[bytes] | None = None,
    consented: Sequence[DeviceId] = (),
    given: Sequence[WelcomeFor] | None = None,
) -> Handshake:
    """A commit of `by` on this state: right in all that is not said."""
    return Handshake(
        body=b"commit of %s on %d.%d" % (by.encode(), state.group.generation, state.epoch)
        if body is None
        else body,
        base_epoch=state.epoch,
        group_id=group_id,
        private=private,
        adds=tuple(adds),
        removes=tuple(removes),
        committer_device=by,
        external=external,
        proposals=() if external else tuple(state.group.proposals if proposals is None else proposals),
        verified_against=None if private else state.group.group_info_hash,
        group_info=info,
        welcomes=(() if external else welcomes(adds)) if given is None else tuple(given),
        consented=tuple(consented),
    )


def external(state: Conversation, by: DeviceId, body: bytes | None = None) -> Handshake:
    """The external commit of a device, which removes its old leaf if it has one."""
    has_leaf = by in state.members or by in state.group.stale_leaves
    return handshake(state, by, adds=[leaf(by)], removes=[by] if has_leaf else [], external=True, body=body)


def commit(by: DeviceId, made: Handshake, purpose: Purpose = "update") -> Commit:
    """The command of the device's account."""
    return Commit(CONVO, owner(by), by, made, purpose)


def propose(by: DeviceId, ref: bytes, epoch: int) -> Propose:
    """A public proposal of this reference."""
    framing = Framing(GROUP_ID, epoch, "proposal", private=False)
    return Propose(CONVO, owner(by), by, b"proposal " + ref, ref, framing)


def group(*members: AccountDid) -> World:
    """A world in which Alice made a group with the first device of each member, at epoch 1."""
    world = World()
    accepted(world.ask(create(*members, kind=MLS)))
    return world


def now_at(world: World) -> Conversation:
    """The conversation, which has begun."""
    assert world.state is not None
    return world.state


def accepted(outcome: Outcome) -> Accepted:
    """The outcome as the acceptance it is expected to be."""
    assert isinstance(outcome, Accepted), outcome
    return outcome


def committed(outcome: Outcome) -> Committed:
    """The answer of an accepted commit."""
    answer = accepted(outcome).answer
    assert isinstance(answer, Committed)
    return answer


ALICES = device(ALICE)
