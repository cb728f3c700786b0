"""The ledger's page for linked identities: each function is one request.

As everywhere in the ledger: whatever could refuse is looked at before the first write.
"""

from protocol import AccountDid
from router.store.audit import AuditFact
from router.store.credentials import AccountUnknown
from router.store.identities import IdentityKept, IdentityUnlinked, judge_linking, judge_unlinking
from router.store.sqlite.database import SQL
from router.store.sqlite.execute import Execute, Record
from router.store.sqlite.requests import LinkIdentity, Outcome, UnlinkIdentity
from router.store.values import Account


def link_identity(execute: Execute, record: Record, request: LinkIdentity) -> Outcome:
    row = execute(SQL["account"], (request.account,)).fetchone()
    if row is None or Account(*row).verification_key != request.verification_key:
        return AccountUnknown()
    account = AccountDid(request.account)
    known = execute(SQL["account_of_identity"], (request.identity,)).fetchone()
    linked = None if known is None else AccountDid(known[0])
    outcome = judge_linking(linked, account, len(_of(execute, account)))
    if isinstance(outcome, IdentityKept) and linked is None:
        execute(SQL["link_identity"], (request.identity, account, request.label))
        record((AuditFact("account.linked", subject=account),), request.now)
    return outcome


def unlink_identity(execute: Execute, record: Record, request: UnlinkIdentity) -> Outcome:
    account = AccountDid(request.account)
    row = execute(SQL["account"], (account,)).fetchone()
    has_key = row is not None and Account(*row).verification_key != ""
    another_way = has_key or execute(SQL["has_passkey"], (account,)).fetchone() is not None
    outcome = judge_unlinking(_of(execute, account), request.identity, another_way=another_way)
    if isinstance(outcome, IdentityUnlinked):
        execute(SQL["unlink_identity"], (request.identity,))
        record((AuditFact("account.unlinked", subject=account),), request.now)
    return outcome


def _of(execute: Execute, account: AccountDid) -> list[bytes]:
    return [identity for identity, _ in execute(SQL["identities_of"], (account,)).fetchall()]
