"""What a log promises about itself and about everybody who listened to it, checked from the outside.

    history = read_history(entries)                       # raises BrokenHistory with the first fault
    check_heard(history, device, heard)                   # order, no loss, no repeat, nothing of others
    check_acknowledged(history, acknowledged)             # what was answered is there, as it was answered
    check_agreement({device: heard, …})                   # without a log: do the listeners agree?

It shares no code with `evolve`: it reads the facts in the entries by their field names, as an auditor with
the format in hand would. Should the two disagree, one of them must be changed by hand, which is its use.
It needs no Hypothesis, so a soak test can run it over the log of a day.
"""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import msgspec

from protocol import AccountDid, ConversationId, DeviceId, Entry, MsgId

_CREATED, _MESSAGE, _ADDED, _REMOVED, _COMMIT, _PROPOSAL, _RESET, _NOTICE = 1, 2, 3, 4, 5, 6, 9, 10
_SIGNED = {_COMMIT: "commit", _PROPOSAL: "message"}
"""Kinds that carry the bytes of a handshake, and the field they are in."""

Place = tuple[ConversationId, int]
"""A conversation and a seq in it."""


class BrokenHistory(AssertionError):
    """A promise is broken; the text says which and where."""


class Stay(msgspec.Struct, frozen=True):
    """From which seq to which a device was in a conversation, both included; open without an end."""

    conversation: ConversationId
    device: DeviceId
    account: AccountDid
    first: int
    last: int | None


class Heard(msgspec.Struct, frozen=True):
    """An event as a device received it."""

    conversation: ConversationId
    seq: int
    body: bytes | None = None
    """Of a message its ciphertext; None where it is not compared."""

    @property
    def place(self) -> Place:
        """Where in the log."""
        return self.conversation, self.seq


class Acknowledged(msgspec.Struct, frozen=True):
    """A message that a sender was told is in the log."""

    conversation: ConversationId
    msg_id: MsgId
    seq: int
    received: int
    """Unix seconds, as answered."""
    body: bytes


class History(msgspec.Struct, frozen=True):
    """A log that keeps what it promises about itself."""

    entries: tuple[Entry, ...]
    stays: tuple[Stay, ...]
    """Sorted by conversation and first seq."""
    hidden: dict[Place, frozenset[str]]
    """Entries that only some of the devices inside may see, with those."""

    def messages(self) -> dict[tuple[ConversationId, MsgId], Entry]:
        """What has a name, by conversation and name."""
        return {(each.conversation, each.msg_id): each for each in self.entries if each.msg_id is not None}

    def part_of(self, device: DeviceId) -> list[Place]:
        """What a device must be given, in the order of the log."""
        own = defaultdict(list)
        for stay in self.stays:
            if stay.device == device:
                own[stay.conversation].append(stay)
        return [
            (entry.conversation, entry.seq)
            for entry in self.entries
            if any(each.first <= entry.seq <= (each.last or entry.seq) for each in own[entry.conversation])
            and device in self.hidden.get((entry.conversation, entry.seq), (device,))
        ]


def read_history(entries: Iterable[Entry], *, bucket: int = 2, gaps: bool = True) -> History:
    """A log in the order of its positions; raises `BrokenHistory` with the first promise it breaks.

    Promised: positions rise (and without `gaps` count 1, 2, 3); in each conversation seqs count 1, 2, 3 from
    its creation on; messages, commits and proposals have a name of their own and nothing else has; hashes and
    counts are those of the content; times are multiples of `bucket` seconds; nobody joins who is in or goes
    who is not.
    """
    log = tuple(entries)
    _in_order(log, gaps=gaps)
    _in_its_own_words(log, bucket)
    hidden: dict[Place, frozenset[str]] = {}
    stays = _stays(log, hidden)
    return History(log, tuple(sorted(stays, key=lambda each: (each.conversation, each.first))), hidden)


def check_heard(history: History, device: DeviceId, heard: Sequence[Heard], *, complete: bool = True) -> None:
    """A device was given its part of the log and nothing else: in order, each entry once, with its bytes.

    Without `complete` it may still be behind: what it has is the beginning of its part.
    """
    places = [each.place for each in heard]
    seen: set[Place] = set()
    for place in places:
        if place in seen:
            raise BrokenHistory(f"{device} was given {place} more than once")
        seen.add(place)
    due = history.part_of(device)
    inside = set(due)
    for place in places:
        if place not in inside:
            raise BrokenHistory(f"{device} was given {place}, where it is not inside")
    if places != due[: len(places)]:
        missed = next(mine for mine, theirs in zip(places, due, strict=False) if mine != theirs)
        raise BrokenHistory(f"{device} was given {missed} before something that comes earlier")
    if complete and len(places) < len(due):
        raise BrokenHistory(f"{device} was never given {due[len(places)]}")
    bodies = {(entry.conversation, entry.seq): entry.body for entry in history.entries}
    for each in heard:
        if each.body is not None and each.body != bodies[each.place]:
            raise BrokenHistory(f"{device} was given other bytes at {each.place}")


def check_acknowledged(history: History, acknowledged: Iterable[Acknowledged]) -> None:
    """Every message whose sender was answered is in the log: where, when and as what the answer said."""
    messages = history.messages()
    for each in acknowledged:
        entry = messages.get((each.conversation, each.msg_id))
        if entry is None:
            raise BrokenHistory(f"lost: {each.conversation} {each.msg_id}, acknowledged as seq {each.seq}")
        if (entry.seq, entry.received, entry.body) != (each.seq, each.received, each.body):
            raise BrokenHistory(
                f"{each.conversation} {each.msg_id} was acknowledged as seq {each.seq} at {each.received}"
                f" and lies at seq {entry.seq} of {entry.received}"
            )


def check_agreement(heard: Mapping[DeviceId, Sequence[Heard]]) -> None:
    """What several devices were given can be parts of one log: for a server whose log nobody can read.

    In each conversation every device has rising seqs, and the same bytes as everybody else at the same seq.
    A loss in the middle shows as a seq that another device has between two neighbours of this one, unless the
    device was outside meanwhile: that is for `check_heard`.
    """
    agreed: dict[Place, tuple[DeviceId, bytes]] = {}
    for device, events in heard.items():
        last: dict[ConversationId, int] = {}
        for each in events:
            if each.seq <= last.get(each.conversation, 0):
                raise BrokenHistory(f"{device} was given {each.place} after {last[each.conversation]}")
            last[each.conversation] = each.seq
            if each.body is None:
                continue
            first, body = agreed.setdefault(each.place, (device, each.body))
            if body != each.body:
                raise BrokenHistory(f"{device} and {first} were given different bytes at {each.place}")


# -- what a log promises about itself -----------------------------------------------------------------------


def _in_order(log: Sequence[Entry], *, gaps: bool) -> None:
    position = 0
    last: defaultdict[str, int] = defaultdict(int)
    for entry in log:
        if entry.position <= position or not (gaps or entry.position == position + 1):
            raise BrokenHistory(f"position {entry.position} follows {position}")
        position = entry.position
        if entry.seq != last[entry.conversation] + 1:
            raise BrokenHistory(f"{entry.conversation}: seq {entry.seq} follows {last[entry.conversation]}")
        if (entry.seq == 1) != (entry.kind == _CREATED):
            raise BrokenHistory(f"{entry.conversation}: seq {entry.seq} is of kind {int(entry.kind)}")
        last[entry.conversation] = entry.seq


def _in_its_own_words(log: Sequence[Entry], bucket: int) -> None:
    counted: defaultdict[str, int] = defaultdict(int)
    named: set[tuple[str, str]] = set()
    for entry in log:
        where = f"{entry.conversation} seq {entry.seq}"
        if (entry.kind in (_MESSAGE, *_SIGNED)) != (entry.msg_id is not None):
            raise BrokenHistory(f"{where}: kind {int(entry.kind)} with the name {entry.msg_id}")
        if entry.msg_id is not None:
            if (entry.conversation, entry.msg_id) in named:
                raise BrokenHistory(f"{where}: {entry.msg_id} is there twice")
            named.add((entry.conversation, entry.msg_id))
        counted[entry.conversation] += entry.kind == _MESSAGE
        if entry.body_hash != hashlib.blake2b(_hashed(entry), digest_size=16).digest():
            raise BrokenHistory(f"{where}: the hash is not that of the bytes")
        if entry.app_count != counted[entry.conversation]:
            raise BrokenHistory(
                f"{where}: {entry.app_count} messages counted, {counted[entry.conversation]} there"
            )
        if entry.received % bucket:
            raise BrokenHistory(f"{where}: received at {entry.received}, finer than {bucket} s")


def _hashed(entry: Entry) -> bytes:
    field = _SIGNED.get(entry.kind)
    if field is None:
        return entry.body
    signed = _fact(entry)[field]
    return signed if isinstance(signed, bytes) else b""


def _stays(log: Sequence[Entry], hidden: dict[Place, frozenset[str]]) -> list[Stay]:
    """The stays that follow from the facts in the log alone; notes what is not for everybody."""
    inside: dict[tuple[ConversationId, DeviceId], Stay] = {}
    ended: list[Stay] = []
    for entry in log:
        if entry.kind not in (_CREATED, _ADDED, _REMOVED, _RESET, _NOTICE):
            continue
        fact, convo = _fact(entry), entry.conversation
        if entry.kind == _NOTICE:
            if "audience" in fact:
                hidden[convo, entry.seq] = frozenset(fact["audience"])
            continue
        leaving = fact.get("devices", ()) if entry.kind == _REMOVED else fact.get("gone", ())
        joining = fact.get("joined", ()) if entry.kind == _RESET else fact.get("members", ())
        for device in leaving:
            begun = inside.pop((convo, device), None)
            if begun is None:
                raise BrokenHistory(f"{convo}: seq {entry.seq} removes a device that is not in")
            ended.append(msgspec.structs.replace(begun, last=entry.seq))
        for member in joining:
            key = convo, DeviceId(member["device"])
            if key in inside:
                raise BrokenHistory(f"{convo}: seq {entry.seq} adds a device that is in")
            inside[key] = Stay(*key, AccountDid(member["account"]), entry.seq, None)
    return ended + list(inside.values())


def _fact(entry: Entry) -> dict[str, Any]:
    try:
        fact = msgspec.msgpack.decode(entry.body)
    except msgspec.DecodeError as error:
        raise BrokenHistory(f"{entry.conversation} seq {entry.seq}: unreadable fact") from error
    if not isinstance(fact, dict):
        raise BrokenHistory(f"{entry.conversation} seq {entry.seq}: no fact")
    return fact
