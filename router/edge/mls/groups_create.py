"""Begin a conversation around an MLS group that its creator has made.

The epoch is the one the creator's group stands at: told by the GroupInfo, or stated. Nothing is invented: who
has no leaf in that group is named and waits. The group id finds the conversation, so a group is registered
once; who registers it again gets its own first answer, or learns that the id is taken and nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence

from crypto.mls import GroupInfo as PublicGroupInfo
from crypto.mls import InvalidGroupInfo, PublicGroup, open_group
from protocol import (
    AccountDid,
    ConversationId,
    ConversationKind,
    Create,
    CreateAnswer,
    GroupInfo,
    IdempotencyKey,
    LeafAdd,
    MemberDevice,
    bucket,
    names_group,
    parse_account_did,
)
from router.edge.commands import ask, id_of_group, idempotency
from router.edge.errors import Refusal
from router.edge.members import acting_device
from router.edge.mls.blocks import check_cohabitation
from router.edge.mls.bytes import from_base64, group_info_refusal, read_the_group_info, verifying
from router.edge.mls.commits_stated import stated_add, stated_leaves
from router.edge.mls.commits_welcomes import welcomes_for
from router.edge.mls.groups_stored import to_store
from router.edge.mls.leaves import Leaves
from router.edge.mls.suites import POLICY, new_suite
from router.edge.services import Call, Edge
from router.edge.views import mls_convo
from schema.wire import given, mls

_TAKEN = Refusal("ConvoAlreadyExists", "A conversation with this MLS group id exists.")
_OTHER_GROUP = Refusal("GroupInfoMismatch", "The GroupInfo is of another group, suite or epoch than stated.")
_OTHER_MEMBERS = Refusal(
    "GroupInfoMismatch", "The GroupInfo's tree holds others than your device and those the Welcome is for."
)


async def create(edge: Edge, call: Call) -> mls.ConvoView:
    """Register an MLS group."""
    body = call.value(mls.CreateConvoInput)
    suite = new_suite(edge.settings.mls, body.cipher_suite)
    conversation = id_of_group(edge.secrets, body.group_id)
    key = idempotency(edge, call, body.idempotency_key)
    if await edge.store.conversation(conversation) is not None:
        return await _existing(edge, call, body, conversation, key)
    command = await _command(edge, call, body, conversation, suite, key)
    try:
        answer = await ask(edge, command, CreateAnswer)
    except Refusal as refusal:
        if refusal.error in ("IdempotencyConflict", "ConvoNotFound"):  # somebody was faster
            raise _TAKEN from None
        raise
    return mls_convo(answer.conversation)


async def _existing(
    edge: Edge,
    call: Call,
    body: mls.CreateConvoInput,
    conversation: ConversationId,
    key: IdempotencyKey | None,
) -> mls.ConvoView:
    """The first answer to whoever asks the same again; to everybody else that the id is taken.

    What the request brings is not looked at again: its key packages are used up by now.
    """
    now = bucket(edge.now(), edge.settings.log.received_bucket_seconds)
    if key is None or await edge.store.idempotent(key.scope, now=now) is None:
        raise _TAKEN
    again = Create(
        conversation=conversation,
        account=call.account,
        kind=ConversationKind.MLS,
        group_id=body.group_id,
        cipher_suite=body.cipher_suite,
        name=None,
        description=None,
        members=(),
        idempotency=key,
    )
    return mls_convo((await ask(edge, again, CreateAnswer)).conversation)


async def _command(
    edge: Edge,
    call: Call,
    body: mls.CreateConvoInput,
    conversation: ConversationId,
    suite: int,
    key: IdempotencyKey | None,
) -> Create:
    device = await edge.store.device(await acting_device(edge.store, call.caller, body.device_id))
    if device is None:
        raise Refusal("DeviceNotFound", "Your device was ended just now.")
    own = MemberDevice(call.account, device.id, device.name)
    others = await _accounts(edge, call.account, given(body.initial_members) or ())
    adds = await _stated(edge, body, {call.account, *others})
    await check_cohabitation(edge, (), (call.account, *others))
    kept: GroupInfo | None = None
    text = given(body.group_info)
    if text is not None:
        group_info, group = await _opened(edge, from_base64("groupInfo", "InvalidGroupInfo", text))
        _check_group(body, suite, group)
        own, adds = await _placed(Leaves(edge.store, group.suite), group, own, adds)
        kept = to_store(group_info)
    welcome = given(body.welcome_message)
    data = None if welcome is None else from_base64("welcomeMessage", "InvalidWelcome", welcome)
    cover = given(body.metadata) or mls.CreateConvoMetadataInput()
    accounts = {each.member.account for each in adds}
    return Create(
        conversation=conversation,
        account=call.account,
        kind=ConversationKind.MLS,
        group_id=body.group_id,
        cipher_suite=body.cipher_suite,
        name=given(cover.name),
        description=given(cover.description),
        members=(own,),
        epoch=given(body.current_epoch) or 0,
        idempotency=key,
        device=own.device,
        pending=tuple(account for account in others if account not in accounts),
        adds=tuple(adds),
        welcomes=await welcomes_for(edge, adds, data, suite),
        group_info=kept,
    )


async def _accounts(edge: Edge, creator: AccountDid, dids: Sequence[str]) -> tuple[AccountDid, ...]:
    """The other accounts; `KeyPackageNotFound` where one is not known here."""
    accounts = tuple(dict.fromkeys(parse_account_did(did) for did in dids if did != creator))
    for account in accounts:
        if not await edge.store.devices_of(account):
            raise Refusal("KeyPackageNotFound", f"{account} is not known here or has no device.")
    return accounts


async def _stated(edge: Edge, body: mls.CreateConvoInput, accounts: set[AccountDid]) -> list[LeafAdd]:
    entries = [stated_add(each.did, each.hash) for each in given(body.key_package_hashes) or ()]
    if not accounts.issuperset(each.account for each in entries):
        raise Refusal("InvalidRequest", "keyPackageHashes names an account that initialMembers does not.")
    return await stated_leaves(edge, entries)


async def _opened(edge: Edge, data: bytes) -> tuple[PublicGroupInfo, PublicGroup]:
    def work() -> tuple[PublicGroupInfo, PublicGroup]:
        group_info = read_the_group_info(data)
        try:
            return group_info, open_group(group_info, POLICY)
        except InvalidGroupInfo as error:
            raise group_info_refusal(error) from None

    return await verifying(edge, len(data), work)


def _check_group(body: mls.CreateConvoInput, suite: int, group: PublicGroup) -> None:
    epoch = given(body.current_epoch)
    if not names_group(body.group_id, group.group_id) or group.suite.number != suite:
        raise _OTHER_GROUP
    if epoch is not None and epoch != group.epoch:
        raise _OTHER_GROUP


async def _placed(
    leaves: Leaves, group: PublicGroup, own: MemberDevice, adds: Sequence[LeafAdd]
) -> tuple[MemberDevice, list[LeafAdd]]:
    """The creator's device and those added, each with its leaf, if they are all who is in the tree."""
    places = {}
    for member in group.members:
        registered = await leaves.registered(member)
        if registered is None or registered.device in places:
            raise _OTHER_MEMBERS
        places[registered.device] = registered
    if places.keys() != {own.device, *(each.member.device for each in adds)}:
        raise _OTHER_MEMBERS
    return places[own.device], [
        LeafAdd(each.member, each.key_package, places[each.member.device].leaf) for each in adds
    ]
