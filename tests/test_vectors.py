"""Every vector of AT Protocol is read by a test, or stands here with the reason why none reads it.

The tests named below are run under an audit hook that sees which files they open: a file that is new, and one
that its test no longer reads, are found here.
"""

import os
import subprocess
import sys
from fnmatch import fnmatch
from pathlib import Path
from typing import Any

import pytest

from schema import InvalidLexicon
from tests.schema.test_language import MINIMAL, parsed
from tests.vectors import load_vectors, vector_path

ROOT = Path(__file__).parents[1]

READ = {
    "service-jwt.json": "identity/test_service_jwt_vectors.py",
    "crypto/signature-fixtures.json": "crypto/test_keys.py::test_at_protocol_signature_fixtures",
    "crypto/w3c_didkey_*.json": "crypto/test_keys.py::test_w3c_did_key_vectors",
    "plc/audit_log/valid/*.json": "identity/test_resolving_plc_log.py::test_valid_logs_are_proven",
    "plc/audit_log/invalid/*.json": "identity/test_resolving_plc_log.py::test_invalid_logs_are_refused",
    "syntax/atidentifier_*.txt": "identity/test_syntax.py::test_interop_syntax_files",
    "syntax/did_*.txt": "identity/test_syntax.py::test_interop_syntax_files",
    "syntax/handle_*.txt": "identity/test_syntax.py::test_interop_syntax_files",
    "syntax/nsid_*.txt": "identity/test_syntax.py::test_interop_syntax_files",
    "syntax/datetime_syntax_*.txt": "schema/test_formats.py::test_the_interop_files_agree",
    "syntax/datetime_parse_invalid.txt": (
        "schema/test_formats.py::test_dates_that_only_look_like_dates_are_refused"
    ),
    "syntax/uri_*.txt": "schema/test_formats.py::test_the_interop_files_agree",
    "syntax/aturi_*.txt": "schema/test_formats.py::test_the_interop_files_agree",
    "syntax/cid_*.txt": "schema/test_formats.py::test_the_interop_files_agree",
    "data-model/data-model-fixtures.json": (
        "protocol/test_dagcbor.py::test_the_interop_fixtures_encode_to_their_bytes_and_to_their_cid"
    ),
    "data-model/data-model-valid.json": (
        "protocol/test_dagcbor.py::test_the_interop_data_that_is_valid_survives_the_way_there_and_back"
    ),
    "data-model/data-model-invalid.json": (
        "protocol/test_dagcbor.py::test_the_one_invalid_interop_case_that_is_about_cbor_is_refused"
    ),
    "lexicon/lexicon-valid.json": (
        "schema/test_language.py::test_interop_lexicons_of_our_part_are_read_and_the_others_refused"
    ),
    "lexicon/lexicon-invalid.json": (
        "schema/test_language.py::test_interop_lexicons_that_are_invalid_are_refused"
    ),
    "lexicon/record-data-*.json": (
        "schema/test_language.py::test_interop_data_of_our_part_gets_the_verdict_of_the_files"
    ),
    "lexicon/catalog/record.json": (
        "schema/test_language.py::test_interop_data_of_our_part_gets_the_verdict_of_the_files"
    ),
}
"""File -> the test that asks its cases."""

FORMATS = {"language": "language", "record-key": "recordkey", "tid": "tid"}
"""Formats of records in repositories: no lexicon here has a string of one, and one that had is refused."""

CATALOG = ("procedure", "query")
"""Lexicons with blobs and formats that none of ours has; the language refuses what it cannot check."""

UNREAD = {
    **{
        f"syntax/{name}_*.txt": "a format that the language refuses; asked below" for name in FORMATS.values()
    },
    **{f"lexicon/catalog/{name}.json": "refused as a whole; asked below" for name in CATALOG},
    "firehose/commit-proof-fixtures.json": "proofs over repositories; this server keeps and reads none",
}
"""File -> why no test asks its cases."""


def vectors() -> set[str]:
    folder = vector_path("atproto")
    return {str(path.relative_to(folder)) for path in folder.rglob("*") if path.is_file()}


def test_every_file_is_read_by_a_test_or_has_its_reason() -> None:
    for file in vectors():
        claims = [pattern for pattern in (*READ, *UNREAD) if fnmatch(file, pattern)]
        assert len(claims) == 1, f"{file}: {claims or 'nobody reads it: name its test in READ'}"
    for pattern in (*READ, *UNREAD):
        assert any(fnmatch(file, pattern) for file in vectors()), f"{pattern} names nothing"


WATCH = """
import os, sys, pytest
folder, opened = sys.argv[1] + os.sep, set()
def note(event, arguments):
    if event == "open" and str(arguments[0]).startswith(folder):
        opened.add(str(arguments[0])[len(folder):])
sys.addaudithook(note)
code = pytest.main(["-q", "-m", "", *sys.argv[2:]])
print("opened", *sorted(opened), sep="\\n")
sys.exit(code)
"""


def test_the_tests_named_here_read_what_they_are_named_for() -> None:
    folder = vector_path("atproto")
    nodes = sorted({str(Path("tests") / node) for node in READ.values()})
    done = subprocess.run(
        [sys.executable, "-c", WATCH, str(folder), *nodes],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-4_000:] + done.stderr[-4_000:]
    opened = done.stdout.rpartition("\nopened\n")[2].split("\n")
    assert "skipped" not in done.stdout
    assert set(filter(None, opened)) == {
        file for file in vectors() if any(fnmatch(file, pattern) for pattern in READ)
    }


@pytest.mark.parametrize("name", FORMATS)
def test_a_format_that_nobody_checks_cannot_be_asked_for(name: str) -> None:
    """A lexicon that wants one is an error at start, so that no rule is ever taken for checked."""
    properties = {"a": {"type": "string", "format": name}}
    document: dict[str, Any] = {**MINIMAL, "defs": {"demo": {"type": "object", "properties": properties}}}
    with pytest.raises(InvalidLexicon):
        parsed(document)


@pytest.mark.parametrize("name", CATALOG)
def test_an_interop_lexicon_beyond_our_part_of_the_language_is_refused(name: str) -> None:
    with pytest.raises(InvalidLexicon):
        parsed(load_vectors(f"atproto/lexicon/catalog/{name}.json"))
