"""Everything that is read from the database: synchronous, one connection, each call complete in itself.

No statement outlives its call, since an open reader would keep the write-ahead log from starting afresh. A
call that needs several statements runs them in one read transaction, so that they see one state.

*Catch-up* (`device_entries`) joins memberships and entries without an index for it: seqs are dense and
positions rise with them, so the first entry of a conversation behind a position is found by a few probes, and
the conversations are merged lazily by position. A page costs what it gives plus those probes for each
conversation that has something new, however long the log is. An index on
(conversation, position) would make every append pay for that instead.
"""

import heapq
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import islice, takewhile
from pathlib import Path

import msgspec

from protocol import (
    AccountDid,
    Conversation,
    ConversationId,
    ConversationKind,
    DeviceId,
    Entry,
    EntryKind,
    Group,
    Known,
    Member,
    MsgId,
    by_account,
    decode_group,
)
from router.store import audit, rules
from router.store.audit import AuditHead, AuditLink
from router.store.credentials import ApiKey, Suspension
from router.store.identities import Identity
from router.store.passkeys import Passkey
from router.store.sqlite.credentials import read_api_key
from router.store.sqlite.database import SQL, connect_reader
from router.store.sqlite.execute import Execute
from router.store.sqlite.passkeys import read_passkey
from router.store.values import (
    Account,
    ConversationPage,
    Device,
    DevicePage,
    Membership,
    MlsFigures,
    StoredResult,
)

_FIRST_CHUNK, _LAST_CHUNK = 8, 128
_NO_LIMIT = 2**62
_KINDS = {kind.value: kind for kind in EntryKind}


class Reader:
    """One read-only connection. Not thread-safe: one call at a time."""

    def __init__(self, path: Path, log_id: bytes) -> None:
        self._genesis = audit.genesis(log_id, rules.SHARD)
        self._connection = connect_reader(path)
        self._execute = self._connection.execute

    @property
    def execute(self) -> Execute:
        """For the pages that read rows of their own (`key_packages.py` and its like)."""
        return self._execute

    def close(self) -> None:
        """Let the database go."""
        self._connection.close()

    @contextmanager
    def _one_state(self) -> Iterator[None]:
        self._execute("BEGIN")
        try:
            yield
        finally:
            self._execute("COMMIT")

    # -- conversations ---------------------------------------------------------------------------------

    def conversation(self, conversation: ConversationId) -> Conversation | None:
        """See `Store.conversation`."""
        with self._one_state():
            return self._conversation(conversation)

    def _conversation(self, conversation: ConversationId) -> Conversation | None:
        row = self._execute(SQL["conversation"], (conversation,)).fetchone()
        if row is None:
            return None
        key, name, kind, group_id, suite, creator, title, description, created, epoch, window, group = row
        seq, app_count = self._execute(SQL["last_entry"], (key,)).fetchone()
        members = {
            member[1]: Member(*member) for member in self._execute(SQL["members_now"], (key,)).fetchall()
        }
        standings: dict[str, set[AccountDid]] = {"admin": set(), "removed": set(), "left": set()}
        for account, standing in self._execute(SQL["standings"], (key,)).fetchall():
            standings[standing].add(account)
        return Conversation(
            id=name,
            kind=ConversationKind(kind),
            group_id=group_id,
            cipher_suite=suite,
            creator=creator,
            name=title,
            description=description,
            created=created,
            epoch=epoch,
            last_seq=seq,
            app_count=app_count,
            last_message=self._last_message(key, seq) if app_count else None,
            members=members,
            admins=frozenset(standings["admin"]),
            removed=frozenset(standings["removed"]),
            left=frozenset(standings["left"]),
            window=window,
            devices_by_account=by_account(members.values()),
            group=Group() if group is None else decode_group(group),
        )

    def _last_message(self, key: int, last_seq: int) -> int | None:
        row = self._execute(SQL["last_message"], (key, last_seq)).fetchone()
        return None if row is None else row[0]

    def known_sends(self, conversation: ConversationId, msg_ids: Sequence[MsgId]) -> dict[MsgId, Known]:
        """See `Store.known_sends`."""
        asked = msgspec.json.encode(list(dict.fromkeys(msg_ids))).decode()
        rows = self._execute(SQL["known_sends"], (asked, conversation)).fetchall()
        return {msg_id: Known(*rest) for msg_id, *rest in rows}

    def idempotent(self, scope: bytes, now: int) -> StoredResult | None:
        """See `Store.idempotent`."""
        row = self._execute(SQL["result"], (scope, now)).fetchone()
        return None if row is None else StoredResult(*row)

    def conversations_of(self, account: AccountDid, after: int, limit: int) -> ConversationPage:
        """See `Store.conversations_of`."""
        with self._one_state():
            rows = self._execute(SQL["conversations_of"], (account, after, limit + 1)).fetchall()
            found = (self._conversation(name) for _, name in rows[:limit])
            page = [state for state in found if state is not None]
        return ConversationPage(page, rows[limit - 1][0] if len(rows) > limit else None)

    # -- the log ---------------------------------------------------------------------------------------

    def head(self) -> int:
        """See `Store.head`."""
        (position,) = self._execute(SQL["head"]).fetchone()
        return int(position)

    def entries_after(self, position: int, max_entries: int, max_bytes: int) -> list[Entry]:
        """See `Store.entries_after`."""
        return self._entries(SQL["entries_after"], (position,), max_entries, max_bytes)

    def conversation_entries(
        self,
        conversation: ConversationId,
        after_seq: int,
        upto_seq: int | None,
        max_entries: int,
        max_bytes: int,
        kinds: frozenset[EntryKind] | None,
    ) -> list[Entry]:
        """See `Store.conversation_entries`."""
        bounds = (conversation, after_seq, _NO_LIMIT if upto_seq is None else upto_seq)
        if kinds is None:
            return self._entries(SQL["conversation_entries"], bounds, max_entries, max_bytes)
        wanted = msgspec.json.encode(sorted(kinds)).decode()
        return self._entries(SQL["conversation_entries_of_kinds"], (*bounds, wanted), max_entries, max_bytes)

    def handshakes(
        self,
        conversation: ConversationId,
        kind: EntryKind,
        from_epoch: int,
        to_epoch: int | None,
        max_entries: int,
        max_bytes: int,
    ) -> list[Entry]:
        """See `Store.commits` and `Store.proposals`."""
        upto = _NO_LIMIT if to_epoch is None else to_epoch
        asked = (conversation, kind.value, from_epoch, upto)
        return self._entries(SQL["handshakes"], asked, max_entries, max_bytes)

    def mls_figures(self, now: int) -> MlsFigures:
        """See `Store.mls_figures`."""
        return MlsFigures(*self._execute(SQL["mls_figures_scan"], (now, now, now)).fetchone())

    def _entries(
        self, query: str, parameters: tuple[object, ...], max_entries: int, max_bytes: int
    ) -> list[Entry]:
        """The longest start of a result within the bounds, at least one row; the statement is reset."""
        cursor = self._execute(query, parameters)
        try:
            return rules.fitting(map(_entry, cursor), max_entries, max_bytes)
        finally:
            cursor.close()

    def device_entries(
        self, device: DeviceId, after: int, upto: int, max_entries: int, max_bytes: int
    ) -> DevicePage:
        """See `Store.device_entries`."""
        with self._one_state():
            return self._device_entries(device, after, upto, max_entries, max_bytes)

    def _device_entries(
        self, device: DeviceId, after: int, upto: int, max_entries: int, max_bytes: int
    ) -> DevicePage:
        intervals = self._execute(SQL["visible_intervals"], (device, upto, after)).fetchall()
        streams = [
            self._positions(
                key,
                from_seq if from_position > after else self._first_behind(key, from_seq, last_seq, after),
                last_seq,
            )
            for key, from_seq, from_position, last_seq in intervals
        ]
        behind = takewhile(lambda position: position <= upto, heapq.merge(*streams))
        positions = list(islice(behind, max_entries + 1))
        wanted = msgspec.json.encode(positions[:max_entries]).decode()
        taken = self._entries(SQL["entries_at"], (wanted,), max_entries, max_bytes)
        return DevicePage(taken, taken[-1].position if len(taken) < len(positions) else max(after, upto))

    def _positions(self, key: int, from_seq: int, last_seq: int) -> Iterator[int]:
        """Positions of a conversation's entries from one seq to another, read as they are asked for."""
        size = _FIRST_CHUNK
        while from_seq <= last_seq:
            upto = min(last_seq, from_seq + size - 1)
            for (position,) in self._execute(SQL["positions"], (key, from_seq, upto)).fetchall():
                yield position
            from_seq = upto + 1
            size = min(size * 2, _LAST_CHUNK)

    def _first_behind(self, key: int, low: int, high: int, after: int) -> int:
        """The first seq whose position is behind `after`, where `low` is not and `high` is.

        Gallops back from the end, since most devices have missed little, then bisects.
        """

        def position(seq: int) -> int:
            row = self._execute(SQL["position_of"], (key, seq)).fetchone()
            # A row that retention has taken lies before every row that is left.
            return 0 if row is None else int(row[0])

        step = 1
        while high - step > low and position(high - step) > after:
            high -= step
            step *= 2
        low = max(low, high - step)
        return low + bisect_right(range(low, high), after, key=position)

    def memberships(self, device: DeviceId) -> list[Membership]:
        """See `Store.memberships`."""
        return [Membership(*row) for row in self._execute(SQL["memberships"], (device,)).fetchall()]

    # -- read marks ------------------------------------------------------------------------------------

    def read_marks(self, device: DeviceId) -> Mapping[ConversationId, int]:
        """See `Store.read_marks`."""
        return dict(self._execute(SQL["read_marks"], (device,)).fetchall())

    def unread(
        self, device: DeviceId, conversations: Sequence[ConversationId]
    ) -> Mapping[ConversationId, int]:
        """See `Store.unread`."""
        counts = {}
        with self._one_state():
            for conversation in conversations:
                row = self._execute(SQL["unread"], (device, conversation, device)).fetchone()
                if row is not None:
                    counts[conversation] = int(row[0])
        return counts

    # -- directory -------------------------------------------------------------------------------------

    def account(self, did: AccountDid) -> Account | None:
        """See `Store.account`."""
        row = self._execute(SQL["account"], (did,)).fetchone()
        return None if row is None else Account(*row)

    def account_by_name(self, name: str) -> Account | None:
        """See `Store.account_by_name`."""
        row = self._execute(SQL["account_by_name"], (name,)).fetchone()
        return None if row is None else Account(*row)

    def accounts(self) -> list[Account]:
        """See `Store.accounts`."""
        return [Account(*row) for row in self._execute(SQL["accounts_scan"]).fetchall()]

    def device(self, device: DeviceId) -> Device | None:
        """See `Store.device`."""
        row = self._execute(SQL["device"], (device,)).fetchone()
        return None if row is None else Device(*row)

    def devices_of(self, account: AccountDid) -> list[Device]:
        """See `Store.devices_of`."""
        return [Device(*row) for row in self._execute(SQL["devices_of"], (account,)).fetchall()]

    # -- credentials -----------------------------------------------------------------------------------

    def api_key(self, key: str) -> ApiKey | None:
        """See `Store.api_key`."""
        row = self._execute(SQL["api_key"], (key,)).fetchone()
        return None if row is None else read_api_key(row)

    def api_keys_of(self, account: AccountDid) -> list[ApiKey]:
        """See `Store.api_keys_of`."""
        return [read_api_key(row) for row in self._execute(SQL["api_keys_of"], (account,)).fetchall()]

    def suspensions(self) -> list[Suspension]:
        """See `Store.suspensions`."""
        return [Suspension(*row) for row in self._execute(SQL["suspensions_scan"]).fetchall()]

    # -- logins ----------------------------------------------------------------------------------------

    def account_of_identity(self, identity: bytes) -> AccountDid | None:
        """See `Store.account_of_identity`."""
        row = self._execute(SQL["account_of_identity"], (identity,)).fetchone()
        return None if row is None else AccountDid(row[0])

    def identities_of(self, account: AccountDid) -> list[Identity]:
        """See `Store.identities_of`."""
        return [Identity(*row) for row in self._execute(SQL["identities_of"], (account,)).fetchall()]

    def ended_grants(self, now: int) -> list[str]:
        """See `Store.ended_grants`."""
        return [name for (name,) in self._execute(SQL["ended_grants_scan"], (now,)).fetchall()]

    # -- passkeys --------------------------------------------------------------------------------------

    def passkey(self, credential: bytes) -> Passkey | None:
        """See `Store.passkey`."""
        row = self._execute(SQL["passkey"], (credential,)).fetchone()
        return None if row is None else read_passkey(row)

    def passkeys_of(self, account: AccountDid) -> list[Passkey]:
        """See `Store.passkeys_of`."""
        return [read_passkey(row) for row in self._execute(SQL["passkeys_of"], (account,)).fetchall()]

    def count_passkeys(self) -> dict[AccountDid, int]:
        """See `Store.count_passkeys`."""
        return {AccountDid(did): count for did, count in self._execute(SQL["count_passkeys_scan"])}

    # -- tokens and audit ------------------------------------------------------------------------------

    def tokens(self, now: int) -> list[tuple[bytes, int]]:
        """See `Store.load_tokens`."""
        return self._execute(SQL["tokens_after"], (now,)).fetchall()

    def audit_records(self, after: int, limit: int) -> list[AuditLink]:
        """See `Store.audit_records`."""
        rows = self._execute(SQL["audit_records"], (rules.SHARD, after, limit)).fetchall()
        return [AuditLink(number, previous, text.encode(), digest) for number, previous, text, digest in rows]

    def audit_head(self) -> AuditHead:
        """See `Store.audit_head`."""
        row = self._execute(SQL["audit_head"], (rules.SHARD,)).fetchone()
        return self._genesis if row is None else AuditHead(*row)


_Row = tuple[ConversationId, int, int, int, MsgId | None, bytes | None, bytes, int, int, int]


def _entry(row: _Row) -> Entry:
    conversation, seq, kind, epoch, msg_id, body, body_hash, app_count, received, position = row
    return Entry(
        conversation, seq, _KINDS[kind], epoch, msg_id, body or b"", body_hash, app_count, received, position
    )
