"""The strict reader of tokens beside another one: what it takes, joserfc reads alike."""

import base64
import json
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from joserfc.jws import extract_compact

from router.identity.compact import encode_part, read_compact
from router.identity.errors import AuthError

SPELLINGS = st.sampled_from(["{}", " {}", "{}\n", "{} ", "\ufeff{}", "{}{}", "[{}]"])


@given(
    header=st.dictionaries(
        st.text(max_size=4), st.text(max_size=4) | st.integers() | st.booleans(), max_size=3
    ),
    claims=st.dictionaries(st.text(max_size=4), st.text(max_size=4) | st.integers() | st.none(), max_size=3),
    spelling=SPELLINGS,
    cut=st.sampled_from(["", "=", "==", " ", "A", "."]),
)
def test_what_our_reader_reads_joserfc_reads_alike(
    header: dict[str, Any], claims: dict[str, Any], spelling: str, cut: str
) -> None:
    """A token is read once, by ours: so a second reader must find nothing else in it."""
    header = {**header, "alg": "ES256K"}
    texts = (spelling.replace("{}", json.dumps(part)).encode() for part in (header, claims))
    token = ".".join(map(encode_part, (*texts, b"\x01" * 64))) + cut
    try:
        ours = read_compact(token)
    except AuthError:
        return
    theirs = extract_compact(token.encode())
    assert (theirs.headers(), json.loads(theirs.payload)) == (ours.header, ours.claims) == (header, claims)
    signing_input, _, signature = token.rpartition(".")
    assert theirs.segments["header"] + b"." + theirs.segments["payload"] == signing_input.encode()
    assert ours.signature == base64.urlsafe_b64decode(signature + "==")
