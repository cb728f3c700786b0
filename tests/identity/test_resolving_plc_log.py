"""The audit log of a did:plc: the vectors of its specification, and what a lying directory could try."""

import copy
import json
from collections.abc import Callable
from datetime import datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crypto import Curve
from router.identity.plc_log import BadLogError, verify_log
from router.testing import PlcAccount
from tests.vectors import vector_path

NOW = 1_780_000_000.0
HOUR = 3600.0
VALID = ("bnewbold_robocracy", "duplicate_rotation_keys", "legacy_dholms", "nullification_at_exactly_72h",
         "nullified_tombstone")  # fmt: skip
INVALID = ("invalid_nullification_reused_key", "invalid_sig_b64_newline", "invalid_sig_b64_padding_chars",
           "invalid_sig_k256_high_s", "invalid_update_nullified")  # fmt: skip


def vector(folder: str, name: str) -> Any:
    return json.loads(vector_path(f"atproto/plc/audit_log/{folder}/log_{name}.json").read_bytes())


def test_the_names_here_are_all_the_vectors_there_are() -> None:
    folder = vector_path("atproto/plc/audit_log")
    found = {path.stem.removeprefix("log_") for path in folder.glob("*/*.json")}
    assert found == {*VALID, *INVALID}


@pytest.mark.parametrize("name", VALID)
def test_valid_logs_are_proven(name: str) -> None:
    log = vector("valid", name)
    state = verify_log(log[0]["did"], log)
    last = next(entry["operation"] for entry in reversed(log) if not entry["nullified"])
    assert list(state.also_known_as) == last["alsoKnownAs"]
    assert state.document().id == log[0]["did"]


@pytest.mark.parametrize("name", INVALID)
def test_invalid_logs_are_refused(name: str) -> None:
    log = vector("invalid", name)
    with pytest.raises(BadLogError):
        verify_log(log[0]["did"], log)


def test_the_document_of_a_legacy_account_has_its_key_and_its_server() -> None:
    log = vector("valid", "legacy_dholms")[:1]
    document = verify_log(log[0]["did"], log).document()
    assert document.also_known_as == ("at://dan.bsky.social",)
    assert document.verification_methods[0].multibase == "zQ3shP5TBe1sQfSttXty15FAEHV1DZgcxRZNxvEWnPfLFwLxJ"
    assert document.services[0].endpoint == "https://bsky.social"


def account(rotations: int = 2) -> PlcAccount:
    made = PlcAccount.create("alice.example.com", now=NOW)
    for turn in range(rotations):
        made.rotate(now=NOW + HOUR * (turn + 1), curve=list(Curve)[turn % 2])
    return made


def refused(account: PlcAccount, log: object) -> None:
    with pytest.raises(BadLogError):
        verify_log(account.did, log)


def test_a_log_is_proven_after_each_rotation() -> None:
    alice = account(4)
    for length in range(1, 6):
        state = verify_log(alice.did, alice.log[:length])
        assert not state.tombstoned
    method = state.document().verification_methods[0]
    assert (method.id, method.multibase) == (f"{alice.did}#atproto", alice.key.verification_key)


def test_a_tombstone_ends_an_account_for_good() -> None:
    alice = account()
    alice.tombstone(now=NOW + 3 * HOUR)
    assert verify_log(alice.did, alice.log).tombstoned
    alice.rotate(now=NOW + 4 * HOUR)
    refused(alice, alice.log)


class TestRecovery:
    def robbed(self, *, by: int = 1) -> tuple[PlcAccount, str]:
        """An account whose lesser rotation key was stolen and used; and what stood before."""
        alice = account(1)
        before = alice.head
        alice.rotate(now=NOW + 2 * HOUR, by=by)
        return alice, before

    def test_the_higher_key_takes_back_what_the_lower_one_did(self) -> None:
        alice, before = self.robbed()
        alice.recover(before, now=NOW + 74 * HOUR)  # 72 h after, to the second
        state = verify_log(alice.did, alice.log)
        assert state.document().verification_methods[0].multibase == alice.key.verification_key
        assert [entry["nullified"] for entry in alice.log] == [False, False, True, False]

    def test_after_72_hours_it_is_too_late(self) -> None:
        alice, before = self.robbed()
        alice.recover(before, now=NOW + 74 * HOUR + 1)
        refused(alice, alice.log)

    @pytest.mark.parametrize(("thief", "by"), [(1, 1), (0, 1), (0, 0)])
    def test_a_key_does_not_outrank_itself_or_a_higher_one(self, thief: int, by: int) -> None:
        alice, before = self.robbed(by=thief)
        alice.recover(before, now=NOW + 3 * HOUR, by=by)
        refused(alice, alice.log)

    def test_a_log_that_hides_what_was_taken_back_says_so_wrongly(self) -> None:
        alice, before = self.robbed()
        alice.recover(before, now=NOW + 3 * HOUR)
        alice.log[2]["nullified"] = False
        refused(alice, alice.log)


def other_key() -> object:
    other = PlcAccount.create("mallory.example.com", now=NOW)
    return other.log[0]["operation"]["verificationMethods"]["atproto"]


Change = Callable[[PlcAccount, list[dict[str, Any]]], object]

LIES: dict[str, Change] = {
    "another key": lambda _, log: log[1]["operation"]["verificationMethods"].update(
        atproto=PlcAccount.create("m.example.com", now=NOW).log[0]["operation"]["verificationMethods"][
            "atproto"
        ]
    ),
    "one more service": lambda _, log: log[2]["operation"]["services"].update(
        x={"type": "y", "endpoint": "z"}
    ),
    "an operation left out": lambda _, log: log.pop(1),
    "the first one left out": lambda _, log: log.pop(0),
    "another order": lambda _, log: log.reverse(),
    "an operation twice": lambda _, log: log.append(log[-1]),
    "another account's log": lambda _, log: log.__setitem__(slice(None), account().log),
    "another name": lambda _, log: log[1].update(cid=log[2]["cid"]),
    "another time": lambda _, log: log[2].update(createdAt=log[0]["createdAt"].replace("2026", "2025")),
    "no time": lambda _, log: log[2].update(createdAt="yesterday"),
    "a time of no zone": lambda _, log: log[2].update(createdAt="2026-05-28T20:26:40"),
    "taken back": lambda _, log: log[2].update(nullified=True),
    "neither taken back nor not": lambda _, log: log[2].update(nullified=None),
    "no signature": lambda _, log: log[2]["operation"].pop("sig"),
    "a number that is no integer": lambda _, log: log[2]["operation"].update(x=1.5),
    "a lone surrogate": lambda _, log: log[2]["operation"].update(x="\ud800"),
    "an unknown type": lambda _, log: log[2]["operation"].update(type="plc_gift"),
    "rotation keys that are no list": lambda _, log: log[2]["operation"].update(rotationKeys="x"),
    "too many rotation keys": lambda _, log: log[0]["operation"].update(rotationKeys=["did:key:z"] * 11),
    "services that are no map": lambda _, log: log[2]["operation"].update(services=[]),
    "a service that is no map": lambda _, log: log[2]["operation"].update(services={"x": 1}),
    "no prev": lambda _, log: log[2]["operation"].pop("prev"),
    "an entry that is text": lambda _, log: log.append("x"),  # type: ignore[arg-type]  # that is the lie
    "an entry without operation": lambda account, log: log.append({"did": account.did}),
    "nothing": lambda _, log: log.clear(),
}


@pytest.mark.parametrize("lie", LIES)
def test_no_lie_of_the_directory_is_proven(lie: str) -> None:
    alice = account()
    log = copy.deepcopy(alice.log)
    LIES[lie](alice, log)
    refused(alice, log)


MEMBERS = st.sampled_from(
    ["did", "operation", "cid", "nullified", "type", "prev", "sig", "createdAt", "rotationKeys"]
)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(MEMBERS, inner),
    max_leaves=8,
)


@given(log=JSON)
def test_whatever_comes_is_judged_and_nothing_else_happens(log: object) -> None:
    with pytest.raises(BadLogError):
        verify_log("did:plc:ewvi7nxzyoun6zhxrhs64oiz", log)


def test_the_time_of_an_entry_is_read_as_the_directory_writes_it() -> None:
    assert datetime.fromisoformat(account(0).log[0]["createdAt"]).timestamp() == NOW
