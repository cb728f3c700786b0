"""What `ts-mls` writes, read and judged by `crypto.mls`: each knows only RFC 9420 of the other."""

import base64
import time
from typing import Any

import attrs
import pytest

from crypto.mls import (
    STANDARD_SUITES,
    ContentType,
    GroupInfo,
    GroupPolicy,
    PrivateMessage,
    PublicGroup,
    PublicMessage,
    Welcome,
    admit_key_package,
    check_group_info,
    follow_group_info,
    key_package_ref,
    open_group,
    read_group_info,
    read_message,
    read_padded_message,
    read_welcome,
    verify_commit,
    verify_proposal,
)
from tests.node.mls.clients import MlsClients

pytestmark = pytest.mark.system

POLICY = GroupPolicy()
SUITES = {
    "MLS_128_DHKEMX25519_AES128GCM_SHA256_Ed25519": STANDARD_SUITES[1],
    "MLS_128_DHKEMX25519_CHACHA20POLY1305_SHA256_Ed25519": STANDARD_SUITES[3],
}


@attrs.frozen
class Made:
    """A commit with what goes along."""

    commit: bytes
    group_info: GroupInfo
    welcome: Welcome | None


def data(text: str) -> bytes:
    return base64.b64decode(text)


def made(told: dict[str, Any]) -> Made:
    welcome = None if told.get("welcome") is None else read_welcome(data(told["welcome"]))
    return Made(data(told["commit"]), read_group_info(data(told["groupInfo"])), welcome)


def public(message: bytes) -> PublicMessage:
    read = read_message(message)
    assert isinstance(read, PublicMessage)
    return read


def names(group: PublicGroup) -> list[str]:
    return [(member.identity or b"").decode() for member in group.members]


@pytest.mark.parametrize("suite", SUITES)
def test_key_packages_and_messages(clients: MlsClients, suite: str) -> None:
    """A key package has the reference that both compute, GREASE and all; the one of last resort is known."""
    life = clients.ask("life", suite=suite, open=True)
    now = int(time.time())
    for told, key, last_resort in zip(life["packages"], life["keys"][1:], (False, True), strict=True):
        package = admit_key_package(data(told["bytes"]), now, signature_key=data(key))
        assert package.cipher_suite == SUITES[suite].number
        assert package.last_resort is last_resort
        assert key_package_ref(package, SUITES[suite]).hex() == told["ref"]
    for message in map(data, life["messages"]):
        assert len(message) == 512
        read = read_padded_message(message)
        assert isinstance(read, PrivateMessage)
        assert (read.content_type, read.epoch) == (ContentType.APPLICATION, 3)


@pytest.mark.parametrize("suite", SUITES)
def test_handshakes_in_clear_lead_to_the_state_that_their_authors_are_in(
    clients: MlsClients, suite: str
) -> None:
    """Adds, a removal by reference and an external commit: GroupInfo and tree are what public data gives."""
    life = clients.ask("life", suite=suite, open=True)
    group = open_group(read_group_info(data(life["began"])), POLICY)

    added = made(life["added"])
    effects = verify_commit(group, public(added.commit))
    check_group_info(effects.group, added.group_info)
    assert [each.member.identity for each in effects.added] == [b"did:plc:bert", b"did:plc:carl"]
    assert added.welcome is not None
    assert set(added.welcome.key_package_refs) == {each.key_package_ref for each in effects.added}

    proposal = verify_proposal(effects.group, public(data(life["proposal"])))
    removed = made(life["removed"])
    effects = verify_commit(effects.group, public(removed.commit), {proposal.ref: proposal})
    check_group_info(effects.group, removed.group_info)
    assert [each.identity for each in effects.removed] == [b"did:plc:carl"]

    back = made(life["back"])
    effects = verify_commit(effects.group, public(back.commit))
    check_group_info(effects.group, back.group_info)
    assert effects.is_external
    assert effects.committer.signature_key == data(life["keys"][1])
    assert names(effects.group) == ["did:plc:anna", "did:plc:bert"]


@pytest.mark.parametrize("suite", SUITES)
def test_encrypted_handshakes_are_followed_by_their_group_infos(clients: MlsClients, suite: str) -> None:
    life = clients.ask("life", suite=suite, open=False)
    group = open_group(read_group_info(data(life["began"])), POLICY)
    for told, there in (
        (life["added"], ["did:plc:anna", "did:plc:bert", "did:plc:carl"]),
        (life["removed"], ["did:plc:anna", "did:plc:bert"]),
    ):
        step = made(told)
        commit = read_message(step.commit)
        assert isinstance(commit, PrivateMessage)
        assert (commit.content_type, commit.epoch) == (ContentType.COMMIT, group.epoch)
        group, _ = follow_group_info(group, step.group_info, POLICY)
        assert names(group) == there
