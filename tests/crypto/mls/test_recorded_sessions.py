"""Whole conversations recorded from ts-mls, judged from public bytes alone: the server's view of 4 people."""

from typing import Any

import pytest

from crypto.mls import (
    HandshakeFault,
    InvalidGroupInfo,
    InvalidHandshake,
    PublicGroup,
    PublicMessage,
    VerifiedProposal,
    admit_key_package,
    check_group_info,
    follow_group_info,
    open_group,
    read_group_info,
    read_message,
    read_welcome,
    verify_commit,
    verify_proposal,
)
from tests.vectors import load_vectors

COMMITS = ("commit", "external_commit")


@pytest.mark.parametrize("name", ["suite1-public", "suite1-private"])
def test_the_members_of_a_recorded_group_are_known_after_each_commit(name: str) -> None:
    """Readable or sealed, a commit leads to the members that the session's own log names."""
    session = load_vectors(f"mls/ds-scenarios/{name}.json")
    people: set[str] = set()
    group: PublicGroup | None = None
    pending: dict[bytes, VerifiedProposal] = {}
    accepted = 0
    for step in session["steps"]:
        if step["op"] == "publish_key_package":
            data, by = bytes.fromhex(step["message"]), step["by"].encode()
            admit_key_package(data, session["recorded_at"], identities=[by])
        elif step["op"] == "create_group":
            group = open_group(read_group_info(bytes.fromhex(step["group_info"])))
            people = {step["by"]}
        elif group is not None and step["op"] == "proposal":
            message = read_message(bytes.fromhex(step["message"]))
            assert isinstance(message, PublicMessage)
            verified = verify_proposal(group, message)
            pending[verified.ref] = verified
        elif group is not None and step["op"] in COMMITS and step["expect"] == "accept":
            people |= set(step.get("welcome_to") or ())
            people -= set(step.get("removes") or ())
            people |= {step["by"]} if step["op"] == "external_commit" else set()
            group, pending = after(group, step, pending), {}
            accepted += 1
        elif group is not None and step["op"] in COMMITS and step["expect"] != "malformed":
            refuse(group, step, pending)
        if group is not None:
            assert {str(member.identity, "ascii") for member in group.members if member.identity} == people
    assert accepted == 4


def after(group: PublicGroup, step: Any, pending: dict[bytes, VerifiedProposal]) -> PublicGroup:
    """The group after an accepted commit, held against everything that came with it."""
    message = read_message(bytes.fromhex(step["message"]))
    group_info = read_group_info(bytes.fromhex(step["group_info"]))
    if not isinstance(message, PublicMessage):
        following, change = follow_group_info(group, group_info)
        assert {m.identity for m in change.removed} == {d.encode() for d in step.get("removes") or ()}
        assert following.epoch == step["new_epoch"]
        return following
    effects = verify_commit(group, message, pending)
    check_group_info(effects.group, group_info)
    assert (effects.epoch, effects.committer.identity) == (step["new_epoch"], step["by"].encode())
    assert {m.identity for m in effects.removed} == {d.encode() for d in step.get("removes") or ()}
    if step.get("welcome"):
        welcome = read_welcome(bytes.fromhex(step["welcome"]))
        assert set(welcome.key_package_refs) == {added.key_package_ref for added in effects.added}
        assert {added.member.identity for added in effects.added} == {d.encode() for d in step["welcome_to"]}
    assert open_group(group_info) == effects.group  # a joiner who trusts nobody comes to the same
    return effects.group


def refuse(group: PublicGroup, step: Any, pending: dict[bytes, VerifiedProposal]) -> None:
    """A second commit of an epoch, and a resent one, are of a former epoch."""
    message = read_message(bytes.fromhex(step["message"]))
    if isinstance(message, PublicMessage):
        with pytest.raises(InvalidHandshake) as refused:
            verify_commit(group, message, pending)
        assert refused.value.fault is HandshakeFault.EPOCH
    else:
        with pytest.raises(InvalidGroupInfo):
            follow_group_info(group, read_group_info(bytes.fromhex(step["group_info"])))
