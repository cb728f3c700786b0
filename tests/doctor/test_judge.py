"""What a finding means: the bounds at which the doctor speaks up, and that each ill has a remedy."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from router.config import Finding, Severity
from router.doctor import Diagnosis, State, judge
from router.identity.document import DidDocument
from router.identity.lookup import Absent, Broken, Found, Unreachable

MIB = 1_048_576
DID, ENDPOINT = "did:web:chat.example", "https://chat.example"
AUDIENCE = f"{DID}#atproto_mls"
SERVICE = {"id": AUDIENCE, "type": "x", "serviceEndpoint": ENDPOINT}


def document(value: object) -> Diagnosis:
    return judge.judge_document(value, DID, AUDIENCE, ENDPOINT, "the server")


@pytest.mark.parametrize(
    ("diagnosis", "state"),
    [
        (judge.judge_disk(2_048 * MIB, 4_096 * MIB), State.GOOD),
        (judge.judge_disk(1_000 * MIB, 4_096 * MIB), State.ADVICE),
        (judge.judge_disk(100 * MIB, 4_096 * MIB), State.MEND),
        (judge.judge_wal(0), State.GOOD),
        (judge.judge_wal(64 * MIB), State.GOOD),
        (judge.judge_wal(300 * MIB), State.MEND),
        (judge.judge_files(20_000, 500, 10_000), State.GOOD),
        (judge.judge_files(1_024, 10, 10_000), State.MEND),
        (judge.judge_files(20_000, 19_000, 10_000), State.MEND),
        (judge.judge_files(20_000, None, 10_000), State.GOOD),
        (judge.judge_clock(1.8e9, 1.7e9, 0.5), State.GOOD),
        (judge.judge_clock(1.8e9, None, None), State.GOOD),
        (judge.judge_clock(0.0, None, None), State.MEND),
        (judge.judge_clock(1.8e9, 1.8e9 + 60, None), State.MEND),
        (judge.judge_clock(1.8e9, None, -60.0), State.MEND),
        (judge.judge_directory("https://plc.example", Absent(), 0.1), State.GOOD),
        (judge.judge_directory("https://plc.example", Absent(), 3.0), State.ADVICE),
        (judge.judge_directory("https://plc.example", Unreachable("slow", shared=True), 5.0), State.ADVICE),
        (judge.judge_directory("https://plc.example", Broken("redirect"), 0.1), State.MEND),
        (judge.judge_directory("https://plc.example", Found(DidDocument(DID), 9), 0.1), State.MEND),
        (judge.judge_provider("okta", "https://x.okta.com", 2, 0.1), State.GOOD),
        (judge.judge_provider("okta", "https://x.okta.com", 2, 3.0), State.ADVICE),
        (judge.judge_provider("okta", "https://x.okta.com", "it cannot be reached", 0.1), State.MEND),
        (judge.judge_version("1.0", "1.0"), State.GOOD),
        (judge.judge_version("1.1", "1.0"), State.MEND),
        (document({"id": DID, "service": [SERVICE]}), State.GOOD),
        (document({"id": DID, "service": [{**SERVICE, "id": "#atproto_mls"}]}), State.GOOD),
        (document({"id": DID, "service": [{**SERVICE, "serviceEndpoint": "http://x"}]}), State.MEND),
        (document({"id": DID, "service": []}), State.MEND),
        (document({"id": DID}), State.MEND),
        (document({"id": "did:web:other.example", "service": [SERVICE]}), State.MEND),
        (document("<html>"), State.MEND),
    ],
)
def test_each_bound(diagnosis: Diagnosis, state: State) -> None:
    assert diagnosis.state is state
    assert (diagnosis.mend is None) is (state is State.GOOD), "an ill has a remedy"


def test_refusals_of_a_start_must_be_mended_and_warnings_are_advice() -> None:
    findings = [Finding(Severity.REFUSE, ("a.b",), "Wrong.", "Mend."), Finding(Severity.WARN, (), "W.", "M.")]
    assert [each.state for each in judge.judge_findings("settings", findings)] == [State.MEND, State.ADVICE]
    assert [each.state for each in judge.judge_findings("settings", [])] == [State.GOOD]


def test_a_check_of_the_server_that_is_red_is_told_in_its_words() -> None:
    red, green = judge.judge_health({"store": "the disk is full", "bus": "ok"})
    assert (red.state, red.found) == (State.MEND, "the disk is full")
    assert green.state is State.GOOD


anything = st.recursive(
    st.none() | st.booleans() | st.text(max_size=5) | st.sampled_from([DID, AUDIENCE, ENDPOINT]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["id", "service", "serviceEndpoint", "type"]), inner, max_size=4)
    ),
)


@given(anything)
def test_whatever_a_proxy_gives_for_a_document_is_judged(value: object) -> None:
    assert document(value).state in State
