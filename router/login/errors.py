"""Why somebody is not logged in, or not any more: few names, fixed sentences.

A stranger learns nothing that is not its own: not which check of an identity provider's answer failed,
not whether a code existed. The operator reads `detail` in the log, which never holds what was received.
"""

import enum


class LoginFault(enum.StrEnum):
    """The names on the wire (`schema/errors.json`)."""

    INVALID = "InvalidRequest"
    EXPIRED = "LoginExpired"
    REFUSED = "LoginRefused"
    ENDED = "LoginEnded"
    NAME_TAKEN = "NameTaken"
    PROVIDER = "UpstreamFailure"
    PROVIDER_SLOW = "UpstreamTimeout"
    BUSY = "NotEnoughResources"
    UNKNOWN = "XRPCNotSupported"
    NO_PASSKEY = "PasskeyNotFound"
    LAST_PASSKEY = "LastPasskey"
    TOO_MANY_PASSKEYS = "TooManyPasskeys"
    IDENTITY_TAKEN = "IdentityTaken"
    TOO_MANY_IDENTITIES = "TooManyIdentities"
    LAST_WAY_IN = "LastWayIn"


_MESSAGES = {
    LoginFault.INVALID: "The request is not one of this login.",
    LoginFault.EXPIRED: "This login has expired, was finished already, or was begun in another browser.",
    LoginFault.REFUSED: "The identity provider has not confirmed who you are.",
    LoginFault.ENDED: "This login is over: log in again.",
    LoginFault.NAME_TAKEN: "Somebody else has this name.",
    LoginFault.PROVIDER: "The identity provider does not answer as it should.",
    LoginFault.PROVIDER_SLOW: "The identity provider does not answer in time.",
    LoginFault.BUSY: "Too many logins have been begun and not finished.",
    LoginFault.UNKNOWN: "There is no such identity provider here.",
    LoginFault.NO_PASSKEY: "The account has no such passkey.",
    LoginFault.LAST_PASSKEY: "Without this passkey nobody could log in to the account any more.",
    LoginFault.TOO_MANY_PASSKEYS: "The account has as many passkeys as it may have.",
    LoginFault.IDENTITY_TAKEN: "Who logged in there has another account here.",
    LoginFault.TOO_MANY_IDENTITIES: "As many log in to the account as may.",
    LoginFault.LAST_WAY_IN: "Without this one nobody could log in to the account any more.",
}


class LoginError(Exception):
    """A login that does not go on. `retry_after` is in seconds, where waiting helps."""

    def __init__(
        self,
        fault: LoginFault,
        message: str | None = None,
        *,
        detail: str = "",
        retry_after: float | None = None,
    ) -> None:
        super().__init__(detail or fault.value)
        self.fault = fault
        self.message = _MESSAGES[fault] if message is None else message
        self.detail = detail
        """For the operator: which rule it broke."""
        self.retry_after = retry_after

    @property
    def error(self) -> str:
        """The name on the wire."""
        return self.fault.value
