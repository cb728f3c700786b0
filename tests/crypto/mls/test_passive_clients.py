"""Recorded groups of other implementations (mls-implementations), followed as a server follows them.

The vectors are made for clients: a group begins with a Welcome. The test opens it (`opening`), and from the
GroupInfo inside on it does what a server does: verify proposals and commits in clear from public bytes alone.
"""

from collections import Counter
from typing import Any

import pytest

from crypto.mls import (
    STANDARD_SUITES,
    GroupInfo,
    PrivateMessage,
    PublicGroup,
    PublicMessage,
    VerifiedProposal,
    are_parents_vouched_for,
    key_package_ref,
    open_group,
    read_key_package,
    read_message,
    read_ratchet_tree,
    read_welcome,
    verify_commit,
    verify_proposal,
)
from tests.crypto.mls.opening import SUITES, open_welcome
from tests.vectors import load_vectors

FILES = [
    "passive-client-welcome",
    "passive-client-handling-commit",
    *(
        f"passive/{name}"
        for name in ("application", "branch", "commit", "external_join", "external_proposals")
    ),
    "passive/reinit",
    "passive/welcome_join",
]


@pytest.mark.parametrize("name", FILES)
def test_every_recorded_handshake_in_clear_is_accepted(name: str) -> None:
    """A server that refused one of these would stop a group of honest members."""
    seen: Counter[str] = Counter()
    for case in load_vectors(f"mls/{name}.json"):
        if case["cipher_suite"] in SUITES:
            follow(case, seen)
    assert seen["groups"]
    if name in ("passive-client-handling-commit", "passive/external_join", "passive/external_proposals"):
        assert seen["commits"]


def follow(case: Any, seen: Counter[str]) -> None:
    """One recorded group from its Welcome to its last handshake in clear."""
    group = joined(case)
    seen["groups"] += 1
    for epoch in case["epochs"]:
        pending: dict[bytes, VerifiedProposal] = {}
        for encoded in epoch["proposals"]:
            message = read_message(bytes.fromhex(encoded))
            if isinstance(message, PrivateMessage):
                return  # sealed: from here on a server follows by GroupInfos, and there are none
            assert isinstance(message, PublicMessage)
            verified = verify_proposal(group, message)
            pending[verified.ref] = verified
            seen["proposals"] += 1
        message = read_message(bytes.fromhex(epoch["commit"]))
        if isinstance(message, PrivateMessage):
            return
        assert isinstance(message, PublicMessage)
        effects = verify_commit(group, message, pending)
        group = effects.group
        assert are_parents_vouched_for(group.suite, group.tree, group.hashes)
        assert len({member.signature_key for member in group.members}) == len(group.members)
        seen["commits"] += 1


def joined(case: Any) -> PublicGroup:
    """The group of the Welcome, with its tree from the GroupInfo or from beside it."""
    group_info = opened(case)
    tree = None if case["ratchet_tree"] is None else read_ratchet_tree(bytes.fromhex(case["ratchet_tree"]))
    return open_group(group_info, tree=tree)


def opened(case: Any) -> GroupInfo:
    """The GroupInfo that the owner of the vector's key package gets."""
    key_package = read_key_package(bytes.fromhex(case["key_package"]))
    ref = key_package_ref(key_package, STANDARD_SUITES[case["cipher_suite"]])
    welcome = read_welcome(bytes.fromhex(case["welcome"]))
    assert ref in welcome.key_package_refs
    psks = {bytes.fromhex(psk["psk_id"]): bytes.fromhex(psk["psk"]) for psk in case["external_psks"]}
    return open_welcome(welcome, ref, bytes.fromhex(case["init_priv"]), psks)
