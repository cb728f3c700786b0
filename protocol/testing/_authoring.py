"""Commands that are right in all that is not said: a test says the one thing it is about.

    create(BOB, kind=ConversationKind.MLS)                     Alice begins a group with Bob
    commit(alices, handshake(state, alices, adds=[leaf(carols)]), "add")
    send(BOB, "m1", epoch=3)

Handshakes look as the edge would hand them in after it has verified the bytes; the bytes themselves mean
nothing. Real MLS bytes are made by `crypto.mls.testing.Client`.
"""

from collections.abc import Sequence

from protocol import (
    AccountDid,
    Commit,
    CommitMade,
    Conversation,
    ConversationKind,
    Create,
    DeviceId,
    Entry,
    EntryKind,
    Framing,
    GroupInfo,
    Handshake,
    LeafAdd,
    MemberDevice,
    MsgId,
    Propose,
    Purpose,
    Send,
    WelcomeFor,
    body_hash,
    commit_id,
    encode_fact,
    next_digest,
)

from ._cast import ALICE, CONVO, GROUP_ID, ciphertext, device, devices, owner


def create(
    *members: AccountDid, kind: ConversationKind = ConversationKind.OPAQUE, epoch: int | None = None
) -> Create:
    """Alice begins a conversation with herself and `members`, who have a leaf in her group if it is one.

    A group with others in it stands at epoch 1 unless another one is said.
    """
    if kind is ConversationKind.OPAQUE:
        return Create(CONVO, ALICE, kind, "", "", None, None, devices(ALICE, *members), epoch or 0)
    adds = tuple(LeafAdd(member, leaf=leaf) for leaf, member in enumerate(devices(*members), 1))
    return Create(
        CONVO, ALICE, kind, GROUP_ID.hex(), "", None, None, devices(ALICE),
        min(1, len(adds)) if epoch is None else epoch,
        adds=adds, welcomes=welcomes(adds),
    )  # fmt: skip


def send(
    account: AccountDid,
    msg_id: str,
    *,
    epoch: int = 0,
    body: bytes | None = None,
    by: DeviceId | None = None,
    group_id: bytes = GROUP_ID,
) -> Send:
    """A well-formed send of the account's first device, or of `by`, with the framing that belongs to it."""
    framing = Framing(group_id, epoch, "application")
    return Send(
        CONVO, account, by or device(account), MsgId(msg_id), epoch, body or ciphertext(), framing
    )  # fmt: skip


def welcomes(adds: Sequence[LeafAdd]) -> tuple[WelcomeFor, ...]:
    """One for each device that is added."""
    return tuple(
        WelcomeFor(each.member.account, each.member.device, each.key_package, b"welcome") for each in adds
    )


def member_device(of: DeviceId) -> MemberDevice:
    """A device of the cast with its account."""
    return MemberDevice(owner(of), of)


def leaf(of: DeviceId, key_package: bytes | None = None, index: int | None = None) -> LeafAdd:
    """The Add of a device."""
    return LeafAdd(member_device(of), key_package, index)


def group_info(epoch: int, body: bytes = b"group info") -> GroupInfo:
    """A GroupInfo of an epoch, with its hash."""
    return GroupInfo(epoch, body, body_hash(body))


def group_id_of(state: Conversation) -> bytes:
    """The id of the group that carries the conversation, as framings have it."""
    try:
        return bytes.fromhex(state.group_id)
    except ValueError:
        return state.group_id.encode()


def handshake(
    state: Conversation,
    by: DeviceId,
    *,
    adds: Sequence[LeafAdd] = (),
    removes: Sequence[DeviceId] = (),
    body: bytes | None = None,
    private: bool = False,
    external: bool = False,
    group_id: bytes | None = None,
    info: GroupInfo | None = None,
    proposals: Sequence[bytes] | None = None,
    consented: Sequence[DeviceId] = (),
    given: Sequence[WelcomeFor] | None = None,
) -> Handshake:
    """A commit of `by` on this state. Its bytes are the same for the same device, generation and epoch."""
    return Handshake(
        body=b"commit of %s on %d.%d" % (by.encode(), state.group.generation, state.epoch)
        if body is None
        else body,
        base_epoch=state.epoch,
        group_id=group_id_of(state) if group_id is None else group_id,
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


def propose(by: DeviceId, ref: bytes, epoch: int, group_id: bytes = GROUP_ID) -> Propose:
    """A public proposal of this reference."""
    framing = Framing(group_id, epoch, "proposal", private=False)
    return Propose(CONVO, owner(by), by, b"proposal " + ref, ref, framing)


def commit_entry(state: Conversation) -> Entry:
    """The entry of an empty commit of some member: a group that moves on without a command to decide."""
    body = b"commit on %d in %s" % (state.epoch, state.group.digest)
    fact = CommitMade(body, state.accounts()[0], next_digest(state.group.digest, body))
    return Entry(
        state.id, state.last_seq + 1, EntryKind.COMMIT, state.epoch + 1, commit_id(body), encode_fact(fact),
        body_hash(body), state.app_count, 1_000_000,
    )  # fmt: skip
