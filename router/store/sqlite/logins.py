"""The ledger's page for logins: each function is one request.

As everywhere in the ledger: whatever could refuse is looked at before the first write.
"""

from protocol import AccountDid
from router.store import rules
from router.store.audit import AuditFact
from router.store.logins import (
    Grant,
    GrantReused,
    GrantRotated,
    IdentityLinked,
    is_retry,
    judge_rotation,
)
from router.store.sqlite.database import SQL
from router.store.sqlite.execute import Execute, Record
from router.store.sqlite.requests import (
    AccountMade,
    BeginGrant,
    Changed,
    CreateAccountFor,
    Done,
    EndGrants,
    GrantsEnded,
    KeepPending,
    Outcome,
    PendingTaken,
    RotateGrant,
    TakePending,
)
from router.store.values import Account, NameTaken

Row = tuple[str, str, bytes, bytes | None, int, int]


def read_grant(row: Row) -> Grant:
    """A row of `grants`."""
    name, account, current, retry, expires, ended = row
    return Grant(name, AccountDid(account), current, retry, expires, bool(ended))


def keep_pending(execute: Execute, _: Record, request: KeepPending) -> Outcome:
    execute(SQL["keep_pending"], (request.key, request.sealed, request.expires))
    return Done()


def take_pending(execute: Execute, _: Record, request: TakePending) -> Outcome:
    # fetchall runs a statement with RETURNING to its end
    rows = execute(SQL["take_pending"], (request.key, request.now)).fetchall()
    return PendingTaken(rows[0][0] if rows else None)


def create_account_for(execute: Execute, record: Record, request: CreateAccountFor) -> Outcome:
    wanted = request.account
    linked = execute(SQL["account_of_identity"], (request.identity,)).fetchone()
    if linked is not None:
        if linked[0] != wanted.did:
            return IdentityLinked(AccountDid(linked[0]))
        return AccountMade(Account(*execute(SQL["account"], (wanted.did,)).fetchone()))
    for name, value in (("account", wanted.did), ("account_by_name", wanted.name)):
        if execute(SQL[name], (value,)).fetchone() is not None:
            return NameTaken(wanted.name)
    execute(SQL["insert_account"], (wanted.did, wanted.name, wanted.verification_key, wanted.created_day))
    execute(SQL["link_identity"], (request.identity, wanted.did, request.label))
    record((AuditFact("account.created", subject=wanted.did),), request.now)
    return AccountMade(wanted)


def begin_grant(execute: Execute, _: Record, request: BeginGrant) -> Outcome:
    grant = request.grant
    row = (grant.id, grant.account, grant.current, grant.retry, grant.expires)
    return Changed(changed=bool(execute(SQL["begin_grant"], row).rowcount))


def rotate_grant(execute: Execute, record: Record, request: RotateGrant) -> Outcome:
    row = execute(SQL["grant"], (request.grant,)).fetchone()
    grant = None if row is None else read_grant(row)
    outcome = judge_rotation(grant, presented=request.presented, retry=request.retry, now=request.now)
    match outcome:
        case GrantRotated() if grant is not None and not is_retry(grant, request.retry):
            execute(SQL["rotate_grant"], (request.successor, request.retry, request.grant))
        case GrantReused(account=account):
            execute(SQL["end_grant"], (rules.remembered_until(request.now), request.grant)).fetchall()
            record((AuditFact("login.reused", subject=account),), request.now)
        case _:
            pass
    return outcome


def end_grants(execute: Execute, _: Record, request: EndGrants) -> Outcome:
    until = rules.remembered_until(request.now)
    if request.grant is not None:
        rows = execute(SQL["end_grant"], (until, request.grant)).fetchall()
    else:
        rows = execute(SQL["end_grants_of"], (until, request.account)).fetchall()
    return GrantsEnded(tuple((name, AccountDid(account)) for name, account in rows))
