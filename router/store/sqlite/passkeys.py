"""The ledger's page for passkeys: each function is one request.

As everywhere in the ledger: whatever could refuse is looked at before the first write.
"""

from protocol import AccountDid
from router.store import rules
from router.store.audit import AuditFact
from router.store.credentials import AccountUnknown
from router.store.passkeys import (
    Passkey,
    PasskeyCloned,
    PasskeyKept,
    PasskeyRevoked,
    PasskeyTaken,
    PasskeyUsed,
    TooManyPasskeys,
    judge_revocation,
    judge_use,
)
from router.store.sqlite.database import SQL
from router.store.sqlite.execute import Execute, Record
from router.store.sqlite.requests import (
    AccountMade,
    Changed,
    CreateAccountWithPasskey,
    KeepPasskey,
    Outcome,
    RenamePasskey,
    RevokePasskey,
    UsePasskey,
)
from router.store.values import Account, NameTaken

Row = tuple[str, str, bytes, bytes, bytes, int, int, str, int, int, int]


def read_passkey(row: Row) -> Passkey:
    """A row of `passkeys`."""
    name, account, credential, handle, public_key, count, synced, title, created, used, suspended = row
    return Passkey(
        name,
        AccountDid(account),
        credential,
        handle,
        public_key,
        count,
        bool(synced),
        title,
        created,
        used,
        bool(suspended),
    )


def create_account(execute: Execute, record: Record, request: CreateAccountWithPasskey) -> Outcome:
    wanted = request.account
    for name, value in (("account", wanted.did), ("account_by_name", wanted.name)):
        if execute(SQL[name], (value,)).fetchone() is not None:
            return NameTaken(wanted.name)
    if _find(execute, request.passkey.credential) is not None:
        return PasskeyTaken()
    execute(SQL["insert_account"], (wanted.did, wanted.name, wanted.verification_key, wanted.created_day))
    record((AuditFact("account.created", subject=wanted.did),), request.now)
    _insert(execute, record, request.passkey, request.now)
    return AccountMade(wanted)


def keep(execute: Execute, record: Record, request: KeepPasskey) -> Outcome:
    passkey = request.passkey
    row = execute(SQL["account"], (passkey.account,)).fetchone()
    if row is None or Account(*row).verification_key != request.verification_key:
        return AccountUnknown()
    if _find(execute, passkey.credential) is not None:
        return PasskeyTaken()
    if len(_all_of(execute, passkey.account)) >= request.max_passkeys:
        return TooManyPasskeys(request.max_passkeys)
    _insert(execute, record, passkey, request.now)
    return PasskeyKept()


def use(execute: Execute, record: Record, request: UsePasskey) -> Outcome:
    passkey = _find(execute, request.credential)
    outcome = judge_use(passkey, request.sign_count)
    match outcome:
        case PasskeyUsed():
            today = rules.day_of(request.now)
            execute(SQL["use_passkey"], (request.sign_count, today, request.credential))
        case PasskeyCloned(account=account) if passkey is not None:
            execute(SQL["suspend_passkey"], (request.credential,))
            record((AuditFact("passkey.suspended", subject=account, detail=passkey.id),), request.now)
        case _:
            pass
    return outcome


def rename(execute: Execute, _: Record, request: RenamePasskey) -> Outcome:
    renamed = execute(SQL["rename_passkey"], (request.name, request.passkey, request.account)).rowcount
    return Changed(changed=bool(renamed))


def revoke(execute: Execute, record: Record, request: RevokePasskey) -> Outcome:
    account = AccountDid(request.account)
    outcome = judge_revocation(
        _all_of(execute, account),
        request.passkey,
        another_way=_has_another_way(execute, account),
        even_if_last=request.even_if_last,
    )
    if isinstance(outcome, PasskeyRevoked):
        execute(SQL["delete_passkey"], (request.passkey, account))
        record((AuditFact("passkey.revoked", account, detail=request.passkey),), request.now)
    return outcome


def _find(execute: Execute, credential: bytes) -> Passkey | None:
    row = execute(SQL["passkey"], (credential,)).fetchone()
    return None if row is None else read_passkey(row)


def _all_of(execute: Execute, account: AccountDid) -> list[Passkey]:
    return [read_passkey(row) for row in execute(SQL["passkeys_of"], (account,)).fetchall()]


def _has_another_way(execute: Execute, account: AccountDid) -> bool:
    row = execute(SQL["account"], (account,)).fetchone()
    has_key = row is not None and Account(*row).verification_key != ""
    return has_key or execute(SQL["has_identity"], (account,)).fetchone() is not None


def _insert(execute: Execute, record: Record, passkey: Passkey, now: int) -> None:
    execute(
        SQL["insert_passkey"],
        (
            passkey.id,
            passkey.account,
            passkey.credential,
            passkey.handle,
            passkey.public_key,
            passkey.sign_count,
            int(passkey.synced),
            passkey.name,
            passkey.created_day,
        ),
    )
    record((AuditFact("passkey.registered", passkey.account, detail=passkey.id),), now)
