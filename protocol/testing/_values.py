"""Strategies for single values: ids, facts, entries, commands, handshakes, effects, answers, cursors.

What they draw is well-formed and of any content, so most of it means nothing to a conversation: for codecs,
stores, encoders, and for asking whether a function is total. Commands that mean something are in
`_stories.py`.

A struct's strategy is made from its annotations, so that a field or a member of a union that is added is
drawn without a word here. Only what a type cannot say is said in `_BY_NAME`.
"""

import enum
from collections.abc import Callable
from functools import cache
from types import UnionType
from typing import Any, Final, Literal, TypeVar, Union, get_args, get_origin, get_type_hints

import msgspec
from hypothesis import strategies as st

from protocol import (
    MAX_SAFE_INTEGER,
    AccountDid,
    AtMessage,
    Cid,
    CommitMade,
    ConversationId,
    Created,
    Cursor,
    DeviceId,
    Entry,
    EntryKind,
    Fact,
    GroupReset,
    MemberRemoved,
    MembersAdded,
    MsgId,
    Notice,
    Nsid,
    Policy,
    PolicyChange,
    PolicyChanged,
    ProposalMade,
    RoleChanged,
    body_hash,
    commit_id,
    conversation_id_from_bytes,
    encode_cursor,
    encode_fact,
    proposal_id,
)
from schema.testing import NSIDS

from ._cast import ACCOUNTS

S = TypeVar("S", bound=msgspec.Struct)

_POSITIVE = st.integers(1, MAX_SAFE_INTEGER)
_COUNT = st.integers(0, MAX_SAFE_INTEGER)
_BUCKET = st.integers(0, 2**32 // 2).map(lambda half: half * 2)
_OCTETS = st.binary(max_size=64)
_HASH = st.binary(min_size=16, max_size=16)
_DIGEST = st.binary(min_size=32, max_size=32)
_TEXT = st.text(max_size=20)


def account_dids() -> st.SearchStrategy[AccountDid]:
    """The cast first, then any DID of did:web and did:plc that `parse_account_did` takes."""
    plc = st.text("abcdefghijklmnopqrstuvwxyz234567", min_size=24, max_size=24).map("did:plc:{}".format)
    web = st.from_regex(r"\A[a-z][a-z0-9]{0,9}(\.[a-z]{2,5}){1,2}(%3A[0-9]{1,5})?\Z").map("did:web:{}".format)
    return st.sampled_from(ACCOUNTS) | st.one_of(plc, web).map(AccountDid)


def device_ids() -> st.SearchStrategy[DeviceId]:
    """UUIDs of version 4."""
    return st.uuids(version=4).map(lambda value: DeviceId(str(value)))


def conversation_ids() -> st.SearchStrategy[ConversationId]:
    """The spelling of any 16 bytes."""
    return st.binary(min_size=16, max_size=16).map(conversation_id_from_bytes)


def msg_ids() -> st.SearchStrategy[MsgId]:
    """What a client may choose; never the name of a commit or proposal, which has a `!` in it."""
    letters = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_.:~-"
    return st.text(letters, min_size=1, max_size=64).map(MsgId)


def nsids() -> st.SearchStrategy[Nsid]:
    """Names of methods, of anybody's."""
    return NSIDS.map(Nsid)


def cursors() -> st.SearchStrategy[Cursor]:
    """Every cursor that can be."""
    return st.builds(Cursor, st.binary(min_size=8, max_size=8), device_ids(), st.integers(0, 2**63 - 1))


def cursor_bytes() -> st.SearchStrategy[bytes]:
    """Mostly cursors, and what looks like one: of another version or length, of a device that is none."""
    good = cursors().map(encode_cursor)
    return st.one_of(
        good,
        st.binary(min_size=32, max_size=32).map(b"\x01".__add__),
        good.map(lambda raw: raw[:-1]),
        st.builds(lambda raw, version: bytes([version]) + raw[1:], good, st.integers(0, 255)),
        st.binary(max_size=40),
    )


def cids() -> st.SearchStrategy[Cid]:
    """CIDs of version 1: raw bytes or DAG-CBOR by their SHA-256."""
    codec = st.sampled_from([0x55, 0x71])
    return st.builds(lambda code, digest: Cid(bytes([1, code, 0x12, 0x20]) + digest), codec, _DIGEST)


def dagcbor_values() -> st.SearchStrategy[Any]:
    """What `encode_dagcbor` takes: no floats, and integers of 64 bits."""
    scalars = st.one_of(
        st.none(),
        st.booleans(),
        st.integers(-(2**63), 2**63 - 1),
        st.binary(max_size=9),
        st.text(max_size=9),
        cids(),
    )
    return st.recursive(
        scalars,
        lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
        max_leaves=6,
    )


@cache
def structs(kind: type[S]) -> st.SearchStrategy[S]:
    """Values of a struct of `protocol`, every field of any value that its type and its meaning allow."""
    hints = get_type_hints(kind, localns={"Cid": Cid})  # which only a recursive alias names
    fields = {name: _field(kind, name, hints[name]) for name in kind.__struct_fields__}
    return st.builds(kind, **fields)


def facts() -> st.SearchStrategy[Fact]:
    """Every fact that an entry can hold."""
    return st.one_of([structs(kind) for kind in get_args(Fact)])


@st.composite
def entries(draw: st.DrawFn, kind: EntryKind | None = None) -> Entry:
    """An entry of this kind, or any: body, hash and name belong together; its place is anywhere.

    What it tells need not follow from anything: logs that do are those of `conversations`.
    """
    chosen = draw(st.sampled_from(EntryKind)) if kind is None else kind
    name: MsgId | None = None
    if chosen is EntryKind.MESSAGE:
        body = draw(st.sampled_from([512, 1024]).flatmap(lambda size: st.just(b"\0" * size)) | _OCTETS)
        name, hashed = draw(msg_ids()), body
    else:
        fact = draw(st.one_of([structs(each) for each in _FACTS[chosen]]))
        body = hashed = encode_fact(fact)
        if isinstance(fact, CommitMade):
            name, hashed = commit_id(fact.commit), fact.commit
        elif isinstance(fact, ProposalMade):
            name, hashed = proposal_id(fact.message), fact.message
    return Entry(
        draw(conversation_ids()), 1 if chosen is EntryKind.CREATED else draw(st.integers(2, 2**31)), chosen,
        draw(st.integers(0, 2**31)), name, body, body_hash(hashed),
        draw(st.integers(chosen is EntryKind.MESSAGE, 2**31)), draw(_BUCKET), draw(st.integers(0, 2**62)),
    )  # fmt: skip


_FACTS: Final[dict[EntryKind, tuple[type[msgspec.Struct], ...]]] = {
    EntryKind.CREATED: (Created,),
    EntryKind.MEMBERS_ADDED: (MembersAdded,),
    EntryKind.MEMBER_REMOVED: (MemberRemoved,),
    EntryKind.COMMIT: (CommitMade,),
    EntryKind.PROPOSAL: (ProposalMade,),
    EntryKind.ROLE_CHANGED: (RoleChanged,),
    EntryKind.POLICY_CHANGED: (PolicyChanged,),
    EntryKind.GROUP_RESET: (GroupReset,),
    EntryKind.NOTICE: get_args(Notice),
}


def _limited(minimum: int, maximum: int) -> st.SearchStrategy[int | None]:
    return st.none() | st.integers(minimum, maximum)


_BY_NAME: Final[dict[str, st.SearchStrategy[Any]]] = {
    "seq": _POSITIVE,
    "from_seq": _POSITIVE,
    "attempt": _POSITIVE,
    "received": _BUCKET,
    "created": _BUCKET,
    "joined_at": _BUCKET,
    "digest": _DIGEST,
    "hash": _HASH,
    "body_hash": _HASH,
    "log_id": st.binary(min_size=8, max_size=8),
    "scope": _DIGEST,
    "fingerprint": _DIGEST,
    "suite": st.integers(0, 2**16 - 1),
    "retry_after": st.none() | st.floats(0, 1e6),
}
"""Fields whose name says what no annotation says."""

_OF_STRUCT: Final[dict[tuple[type, str], st.SearchStrategy[Any]]] = {
    (Policy, "max_members"): _limited(2, 10_000),
    (PolicyChange, "max_members"): _limited(2, 10_000),
    (Cursor, "position"): st.integers(0, 2**63 - 1),
    (AtMessage, "payload"): st.dictionaries(st.text(max_size=5), dagcbor_values(), max_size=3),
}

_OF_TYPE: Final[dict[object, Callable[[], st.SearchStrategy[Any]]]] = {
    AccountDid: account_dids,
    Cid: cids,
    DeviceId: device_ids,
    ConversationId: conversation_ids,
    MsgId: msg_ids,
    Nsid: nsids,
    Entry: entries,
    Cursor: cursors,
    int: lambda: _COUNT,
    str: lambda: _TEXT,
    bytes: lambda: _OCTETS,
    float: lambda: st.floats(0, 1e6),
    bool: st.booleans,
    type(None): st.none,
}
"""What is more than its annotations say, and what a wire takes of a type that Python has without bounds."""


def of_annotation(hint: Any) -> st.SearchStrategy[Any]:
    """Values of an annotation as the structs of `protocol` use them; TypeError for any other."""
    known = _OF_TYPE.get(hint)
    if known is not None:
        return known()
    origin, inner = get_origin(hint), get_args(hint)
    if origin in (Union, UnionType):
        return st.one_of([of_annotation(each) for each in sorted(inner, key=_simplest_first)])
    if origin is Literal:
        return st.sampled_from(inner)
    if origin is tuple and inner[-1] is Ellipsis:
        return st.lists(of_annotation(inner[0]), max_size=3).map(tuple)
    if origin is tuple:
        return st.tuples(*map(of_annotation, inner))
    if origin is frozenset:
        return st.frozensets(of_annotation(inner[0]), max_size=3)
    if origin is dict:
        return st.dictionaries(of_annotation(inner[0]), of_annotation(inner[1]), max_size=3)
    if isinstance(hint, type) and issubclass(hint, enum.Enum):
        return st.sampled_from(hint)
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        return structs(hint)
    raise TypeError(f"no strategy for {hint}")


def _simplest_first(hint: Any) -> bool:
    return hint is not type(None)


def _field(kind: type, name: str, hint: Any) -> st.SearchStrategy[Any]:
    special = _OF_STRUCT.get((kind, name))
    if special is None and hint in (int, bytes, float | None):
        special = _BY_NAME.get(name)
    return of_annotation(hint) if special is None else special
