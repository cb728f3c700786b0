"""Who looks after their passkeys in this browser: a sealed cookie, good for some minutes on any node.

A session is never stronger than what it was begun with. It is judged anew at each use against what stands
now: the passkey that began it is there and was not set aside, or the login that began it has not ended; the
account was neither disabled nor given another key since. So nothing has to be told when one of these changes.
"""

from collections.abc import Sequence
from typing import Final

import msgspec

from crypto import Entropy, SealError, system_entropy
from protocol import AccountDid
from router.identity.compact import decode_part, encode_part
from router.identity.errors import AuthError
from router.identity.principal import Principal
from router.login.errors import LoginError, LoginFault
from router.login.pending import key_mark
from router.login.secrets import LoginSecrets
from router.store.passkeys import Passkey
from router.store.values import Account

_PURPOSE: Final = "PasskeySession"


class Session(msgspec.Struct, frozen=True):
    """A person who was recognised."""

    expires: int
    """Unix seconds."""
    account: AccountDid
    key_mark: bytes
    """Of the account's own key at the beginning: another one means that the account was recovered."""
    passkey: str | None = None
    """The passkey that was used."""
    grant: str | None = None
    """The login that it came from, where there is one."""

    @property
    def principal(self) -> Principal:
        """The caller, as revocations know one."""
        return Principal(self.account, None, "access", self.expires, b"", None, self.grant)


def seal_session(
    session: Session, browser: str, secrets: LoginSecrets, *, entropy: Entropy = system_entropy
) -> str:
    """The cookie's value; of use only beside the cookie `browser`."""
    context = secrets.pending_key(_PURPOSE, browser)
    return encode_part(secrets.seal(msgspec.msgpack.encode(session), context, entropy=entropy))


def open_session(text: str, browser: str, secrets: LoginSecrets) -> Session | None:
    """What was sealed; None for any other text or browser. Nothing is judged yet."""
    try:
        sealed = secrets.open(decode_part(text), secrets.pending_key(_PURPOSE, browser))
        return msgspec.msgpack.decode(sealed, type=Session)
    except (AuthError, SealError, msgspec.DecodeError):
        return None


def judge_session(
    session: Session, account: Account | None, passkeys: Sequence[Passkey], now: float
) -> Account:
    """The account, or `LoginError` (EXPIRED) if the session no longer stands.

    Pure; revocations are judged beside it.
    """
    by = session.passkey
    there = by is None or any(each.id == by and not each.suspended for each in passkeys)
    if account is None or now >= session.expires or key_mark(account) != session.key_mark or not there:
        raise LoginError(LoginFault.EXPIRED, "You have been signed out here: use your passkey again.")
    return account
