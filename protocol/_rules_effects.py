"""What a commit or a new group asks of the store besides the log: packages, Welcomes, the GroupInfo."""

from collections.abc import Sequence

from protocol._answers import Rejected
from protocol._effects import ConsumeKeyPackage, DropGroupInfo, Effect, PutGroupInfo, PutWelcome
from protocol._handshake import GroupInfo, LeafAdd, WelcomeFor
from protocol._ids import AccountDid
from protocol._standing import Turn
from protocol._state import Conversation

_MISMATCH = Rejected("WelcomeMismatch", "There is one Welcome for each device that is added, and no other.")


def welcomes_fit(adds: Sequence[LeafAdd], welcomes: Sequence[WelcomeFor]) -> Rejected | None:
    """Whether there is one Welcome for each device that is added, and for the key package it is added by."""
    by_device = {welcome.device: welcome for welcome in welcomes}
    if len(by_device) != len(welcomes) or by_device.keys() != {each.member.device for each in adds}:
        return _MISMATCH
    for each in adds:
        welcome = by_device[each.member.device]
        if welcome.account != each.member.account or welcome.key_package != each.key_package:
            return _MISMATCH
    return None


def welcome_effects(
    by: AccountDid,
    adds: Sequence[LeafAdd],
    welcomes: Sequence[WelcomeFor],
    epoch: int,
    generation: int,
    turn: Turn,
) -> tuple[Effect, ...]:
    """Key packages are used up, Welcomes wait."""
    consumed = (
        ConsumeKeyPackage(each.key_package, each.member.device, by, turn.received)
        for each in adds
        if each.key_package is not None
    )
    waiting = (
        PutWelcome(
            welcome.device,
            welcome.account,
            welcome.key_package,
            welcome.body,
            epoch,
            generation,
            turn.received,
        )
        for welcome in welcomes
    )
    return (*consumed, *waiting)


def group_info_effect(group_info: GroupInfo, generation: int) -> PutGroupInfo:
    """The GroupInfo of the epoch that begins."""
    return PutGroupInfo(generation, group_info.epoch, group_info.body, group_info.hash)


def renewed_group_info(
    state: Conversation, group_info: GroupInfo | None, generation: int | None = None
) -> tuple[Effect, ...]:
    """The stored GroupInfo after the epoch moved: another one, or none at all."""
    if group_info is not None:
        return (group_info_effect(group_info, state.group.generation if generation is None else generation),)
    return () if state.group.group_info_hash is None else (DropGroupInfo(),)
