"""The ledger: a batch of requests becomes one transaction. Everything that writes to the database is here.

It is synchronous and knows no Trio: it runs in the loop or in a process of its own.

    BEGIN IMMEDIATE
      is the term still ours?                  no → every request is refused, nothing is written
      for each request:  look, refuse or write
      the entries of all of them               one statement, many rows
    COMMIT                                     one fsync for all of them

*A refusal writes nothing.* Each request looks at everything that could refuse it before its first write, so a
refused one needs no savepoint and cannot touch its neighbours.

*Three tries, each slower and surer than the one before.* `HOPEFUL` does not look for message ids that are
there already: a retry is rare, and the unique index finds it. `CAREFUL` looks for each, and names them. If
that fails too, something in the batch is poison, and the requests run ALONE, each in its own transaction;
what fails alone is told so. Looking always would cost 3 µs a message, a savepoint for each request 2 µs.

*Where the log ends* (positions, the audit chain, the seqs of conversations) is kept here while all goes well
and read again after any rollback. It cannot be wrong meanwhile: who else writes has taken the term first.
"""

import sqlite3
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Self

from protocol import (
    Entry,
    EntryKind,
    Known,
    MsgId,
)
from router.store import audit, rules
from router.store.audit import AuditFact, AuditHead
from router.store.sqlite import (
    contacts,
    credentials,
    directory,
    groups,
    identities,
    key_packages,
    logins,
    moderation,
    passkeys,
    preferences,
    results,
    trouble,
    welcomes,
)
from router.store.sqlite.database import SQL, Synchronous, connect_writer
from router.store.sqlite.execute import Execute, Record
from router.store.sqlite.mls_requests import (
    BlockSender,
    ClaimKeyPackages,
    DropKeyPackages,
    EndAddition,
    Expire,
    FetchWelcome,
    FileReport,
    KeepEvidence,
    KeepInvite,
    LeaseAddition,
    OptIn,
    OptOut,
    PublishKeyPackages,
    PutChatRequest,
    ReserveKeyPackage,
    ResolveReport,
    RevokeInvite,
    SetConvoSettings,
    SetRequestSettings,
    SettleChatRequest,
    SettleWelcome,
    UnblockSender,
    UseInvite,
)
from router.store.sqlite.projection import Projection
from router.store.sqlite.requests import (
    BeginGrant,
    CreateAccount,
    CreateAccountFor,
    CreateAccountWithPasskey,
    Done,
    EndGrants,
    KeepApiKey,
    KeepPasskey,
    KeepPending,
    LinkIdentity,
    Marked,
    MarkSeen,
    MoveReadMark,
    Outcome,
    Placed,
    Poisoned,
    Probe,
    RecordActs,
    RecoverAccount,
    RegisterDevice,
    RememberToken,
    RenameDevice,
    RenamePasskey,
    Request,
    RevokeApiKey,
    RevokeDevice,
    RevokePasskey,
    RotateDeviceKey,
    RotateGrant,
    Suspend,
    Sweep,
    TakePending,
    Unavailable,
    UnlinkIdentity,
    UsePasskey,
)
from router.store.values import (
    AppendRequest,
    DuplicateMsgIds,
    Expired,
    SeqConflict,
    StaleTerm,
    Swept,
)

_BEGIN = "BEGIN IMMEDIATE"
_HEAD = SQL["conversation_head"]
_INSERT = SQL["insert_entry"]
_KNOWN = SQL["known_send"]
_TERM = SQL["term"]
_MAX_ENDS = 20_000
"""Conversations whose end is kept; when there are more, all are read again as they come."""


class Ledger:
    """The one connection that writes. Not thread-safe: one call at a time."""

    def __init__(self, path: Path, *, term: int, log_id: bytes, synchronous: Synchronous = "full") -> None:
        self._term = term
        self._genesis = audit.genesis(log_id, rules.SHARD)
        self._connection = connect_writer(path, synchronous)
        self._execute = self._connection.execute
        self._head: int | None = None
        self._chain: AuditHead | None = None
        self._ends: dict[str, tuple[int, int]] = {}
        self._projection = Projection(self._connection)
        self._rows: list[tuple[object, ...]] = []
        self._careful = False

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Let the database go. A transaction cannot be open: `commit` leaves none."""
        self._connection.close()

    def commit(self, requests: Sequence[Request]) -> list[Outcome]:
        """Run the requests in order in one transaction; one outcome for each. Never raises for the disk."""
        for careful in (False, True):
            try:
                return self._transaction(requests, careful=careful)
            except Exception as error:  # noqa: BLE001 - told to whoever asked, by kind
                self._roll_back()
                if trouble.is_of_the_world(error):
                    refusal = Unavailable(trouble.describe(error), trouble.is_fatal(error))
                    return [refusal] * len(requests)
                failure = trouble.describe(error)
        if len(requests) == 1:
            return [Poisoned(failure)]
        return [outcome for request in requests for outcome in self.commit((request,))]

    def _transaction(self, requests: Sequence[Request], *, careful: bool) -> list[Outcome]:
        self._execute(_BEGIN)
        (term,) = self._execute(_TERM, (rules.SHARD,)).fetchone()
        outcomes: list[Outcome]
        if term == self._term:
            if self._head is None or self._chain is None:
                self._look_again()
            self._careful = careful
            outcomes = [_HANDLERS[type(request)](self, request) for request in requests]
            self._insert_rows()
        else:
            outcomes = [StaleTerm(term)] * len(requests)
        self._execute("COMMIT")
        return outcomes

    def _look_again(self) -> None:
        """Where the log and the audit chain end, after opening and after a rollback."""
        (self._head,) = self._execute(SQL["head"]).fetchone()
        row = self._execute(SQL["audit_head"], (rules.SHARD,)).fetchone()
        self._chain = self._genesis if row is None else AuditHead(*row)

    def _roll_back(self) -> None:
        self._head = self._chain = None
        self._ends.clear()
        self._projection.forget()
        self._rows.clear()
        if self._connection.in_transaction:
            try:
                self._execute("ROLLBACK")
            except sqlite3.Error:
                # SQLite has rolled back by itself (full disk, i/o): the flag was stale
                pass

    # -- append ----------------------------------------------------------------------------------------

    def _append(self, request: AppendRequest) -> Outcome:
        if request.term != self._term:
            return StaleTerm(self._term)
        if request.idempotency:
            answered = results.answered(self._execute, request.idempotency, request.now)
            if answered is not None:
                return answered
        key, actual = self._ends.get(request.conversation) or self._end(request.conversation)
        if actual != request.expected_seq:
            return SeqConflict(actual)
        if self._careful or request.effects:
            # a commit that is there already is told so, not that its key packages are gone
            known = self._known(key, request.entries)
            if known:
                return DuplicateMsgIds(known)
            failed = groups.first_failure(self._execute, request.effects)
            if failed is not None:
                return failed
        # From here on it writes, and nothing refuses any more.
        first = position = (self._head or 0) + 1
        for entry in request.entries:
            if entry.kind is not EntryKind.MESSAGE:
                key = self._projection.apply(entry, key, position)
                self._record(audit.facts_of(entry), entry.received)
            self._rows.append(_row(entry, key, position))
            position += 1
        self._head = position - 1
        if key:
            self._ends[request.conversation] = (key, actual + len(request.entries))
        if request.effects:
            groups.carry_out(self._execute, request.effects, key, request.now)
        if request.idempotency:
            results.keep(self._execute, request.idempotency)
        if request.audit:
            self._record(request.audit, request.now)
        return Placed(first)

    def _end(self, conversation: str) -> tuple[int, int]:
        """Key and last seq of a conversation; zeros where there is none."""
        found = self._execute(_HEAD, (conversation,)).fetchone()
        if found is None:
            return 0, 0
        if len(self._ends) >= _MAX_ENDS:
            self._ends.clear()
        self._ends[conversation] = found
        return int(found[0]), int(found[1])

    def _insert_rows(self) -> None:
        if self._rows:
            self._connection.executemany(_INSERT, self._rows)
            self._rows.clear()

    def _known(self, key: int, entries: Sequence[Entry]) -> dict[MsgId, Known]:
        self._insert_rows()
        known = {}
        for entry in entries:
            if entry.msg_id is not None:
                row = self._execute(_KNOWN, (key, entry.msg_id)).fetchone()
                if row is not None:
                    known[entry.msg_id] = Known(*row)
        return known

    def _record(self, facts: Sequence[AuditFact], at: int) -> None:
        head = self._chain
        if head is None:
            raise RuntimeError("the chain's head is read before anything is recorded")
        for fact in facts:
            chained = audit.link(head, fact, at)
            self._execute(
                SQL["append_audit"],
                (rules.SHARD, chained.number, chained.previous, chained.record.decode(), chained.hash),
            )
            head = audit.head_of(chained)
        self._chain = head

    # -- the rest --------------------------------------------------------------------------------------

    def _remember(self, request: RememberToken) -> Outcome:
        self._execute(SQL["remember_token"], (request.expires, request.token_hash))
        return Done()

    def _move_read_mark(self, request: MoveReadMark) -> Outcome:
        found = self._execute(SQL["conversation_key"], (request.conversation,)).fetchone()
        if found is None:
            return Poisoned("a read mark in a conversation that does not exist")
        (key,) = found
        # fetchall runs the statement to its end: an unfinished RETURNING would keep the commit waiting
        ((seq,),) = self._execute(SQL["move_read_mark"], (request.device, key, request.seq)).fetchall()
        return Marked(seq)

    def _record_acts(self, request: RecordActs) -> Outcome:
        self._record(request.facts, request.now)
        return Done()

    def _sweep(self, request: Sweep) -> Outcome:
        tokens = self._execute(SQL["sweep_tokens"], (request.now, request.limit)).rowcount
        results = self._execute(SQL["sweep_results"], (request.now, request.limit)).rowcount
        pending = self._execute(SQL["sweep_pending"], (request.now, request.limit)).rowcount
        grants = self._execute(SQL["sweep_grants"], (request.now, request.limit)).rowcount
        return Swept(tokens, results, max(pending, grants))

    def _expire(self, request: Expire) -> Outcome:
        now, limit, kept = request.now, request.limit, request.retention
        packages, claims = key_packages.expire(self._execute, now, limit, kept.lapsed_claims)
        pending, ended = welcomes.expire(self._execute, now, limit, kept)
        requests, answered = contacts.expire(self._execute, now, limit, kept)
        evidence = groups.sweep_evidence(self._execute, now - kept.evidence, limit)
        moderated = moderation.expire(self._execute, now, limit, kept)
        groups.sweep_additions(self._execute, now)
        return Expired(packages, claims, pending, max(ended, answered, evidence, moderated), requests)

    def _probe(self, request: Probe) -> Outcome:  # noqa: ARG002 - one signature for all handlers
        self._execute(SQL["probe_write"])
        return Done()


def _row(entry: Entry, key: int, position: int) -> tuple[object, ...]:
    return (
        position,
        key,
        entry.seq,
        entry.kind.value,
        entry.epoch,
        entry.msg_id,
        entry.body_hash,
        len(entry.body),
        entry.app_count,
        entry.received,
        entry.body,
    )


def _elsewhere(
    handler: Callable[[Execute, Record, Any], Outcome],
) -> Callable[[Ledger, Any], Outcome]:
    """A handler that lives in a file of its own and needs no state of the ledger's."""
    return lambda ledger, request: handler(ledger._execute, ledger._record, request)


_HANDLERS: dict[type, Callable[[Ledger, Any], Outcome]] = {
    AppendRequest: Ledger._append,
    RememberToken: Ledger._remember,
    CreateAccount: _elsewhere(directory.create_account),
    RegisterDevice: _elsewhere(directory.register_device),
    MoveReadMark: Ledger._move_read_mark,
    RecordActs: Ledger._record_acts,
    Sweep: Ledger._sweep,
    Probe: Ledger._probe,
    RenameDevice: _elsewhere(credentials.rename_device),
    RotateDeviceKey: _elsewhere(credentials.rotate_device_key),
    RevokeDevice: _elsewhere(credentials.revoke_device),
    MarkSeen: _elsewhere(credentials.mark_seen),
    KeepApiKey: _elsewhere(credentials.keep_api_key),
    RevokeApiKey: _elsewhere(credentials.revoke_api_key),
    Suspend: _elsewhere(credentials.suspend),
    RecoverAccount: _elsewhere(credentials.recover_account),
    KeepPending: _elsewhere(logins.keep_pending),
    TakePending: _elsewhere(logins.take_pending),
    CreateAccountFor: _elsewhere(logins.create_account_for),
    LinkIdentity: _elsewhere(identities.link_identity),
    UnlinkIdentity: _elsewhere(identities.unlink_identity),
    BeginGrant: _elsewhere(logins.begin_grant),
    RotateGrant: _elsewhere(logins.rotate_grant),
    EndGrants: _elsewhere(logins.end_grants),
    Expire: Ledger._expire,
    PublishKeyPackages: _elsewhere(key_packages.publish),
    ClaimKeyPackages: _elsewhere(key_packages.claim),
    ReserveKeyPackage: _elsewhere(key_packages.reserve),
    DropKeyPackages: _elsewhere(key_packages.drop),
    FetchWelcome: _elsewhere(welcomes.fetch),
    SettleWelcome: _elsewhere(welcomes.settle),
    KeepEvidence: _elsewhere(groups.keep_evidence),
    LeaseAddition: _elsewhere(groups.lease),
    EndAddition: _elsewhere(groups.end),
    FileReport: _elsewhere(moderation.file_report),
    ResolveReport: _elsewhere(moderation.resolve),
    KeepInvite: _elsewhere(moderation.keep_invite),
    RevokeInvite: _elsewhere(moderation.revoke_invite),
    UseInvite: _elsewhere(moderation.use_invite),
    OptIn: _elsewhere(contacts.opt_in),
    OptOut: _elsewhere(contacts.opt_out),
    SetRequestSettings: _elsewhere(contacts.set_settings),
    PutChatRequest: _elsewhere(contacts.put),
    SettleChatRequest: _elsewhere(contacts.settle),
    BlockSender: _elsewhere(contacts.block),
    UnblockSender: _elsewhere(contacts.unblock),
    CreateAccountWithPasskey: _elsewhere(passkeys.create_account),
    KeepPasskey: _elsewhere(passkeys.keep),
    UsePasskey: _elsewhere(passkeys.use),
    RenamePasskey: _elsewhere(passkeys.rename),
    RevokePasskey: _elsewhere(passkeys.revoke),
    SetConvoSettings: _elsewhere(preferences.set_convo),
}
