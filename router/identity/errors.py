"""Why a caller is not believed: the token errors of AT Protocol and a few of our own.

The text of an error is fixed by its name. A stranger learns which rule the token broke, which it can
read in the token itself, and nothing else: not whether an account exists, which key was tried, or
what the resolver met.
"""

import enum

from protocol import AccountDid


class TokenFault(enum.StrEnum):
    """The names the reference implementation (`@atproto/xrpc-server`) answers with, and our own for what was
    true once and does not count any more.

    `ExpiredToken` and `InvalidToken` are left out on purpose: client libraries take those two as the end
    of the account's session and log it out.
    """

    MISSING_BEARER = "MissingBearer"
    MISSING_JWT = "MissingJwt"
    BAD_JWT = "BadJwt"
    BAD_TYPE = "BadJwtType"
    EXPIRED = "JwtExpired"
    NOT_YET_VALID = "JwtNotYetValid"
    TOO_OLD = "JwtTooOld"
    BAD_AUDIENCE = "BadJwtAudience"
    BAD_METHOD = "BadJwtLexiconMethod"
    BAD_ISSUER = "BadJwtIss"
    BAD_SIGNATURE = "BadJwtSignature"
    NOT_UNIQUE = "NonceNotUnique"
    UNTRUSTED_ISSUER = "UntrustedIss"
    NOT_RESOLVED = "DidResolutionFailed"
    BAD_KEY = "BadApiKey"
    BAD_TICKET = "BadTicket"
    ACCESS_REVOKED = "AccessRevoked"
    ACCOUNT_DISABLED = "AccountDisabled"


_MESSAGES = {
    TokenFault.MISSING_BEARER: "send a service-auth token: Authorization: Bearer <token>",
    TokenFault.MISSING_JWT: "the token is empty",
    TokenFault.BAD_JWT: "the token is not a well-formed service-auth token",
    TokenFault.BAD_TYPE: "the token is of another type",
    TokenFault.EXPIRED: "the token has expired",
    TokenFault.NOT_YET_VALID: "the token is not valid yet",
    TokenFault.TOO_OLD: "the token is valid for longer than this service allows",
    TokenFault.BAD_AUDIENCE: "the token is for another service",
    TokenFault.BAD_METHOD: "the token is for another method",
    TokenFault.BAD_ISSUER: "the issuer is not an account DID of a supported method",
    TokenFault.BAD_SIGNATURE: "the signature does not verify",
    TokenFault.NOT_UNIQUE: "the token has been used",
    TokenFault.UNTRUSTED_ISSUER: "this service does not know the issuer",
    TokenFault.NOT_RESOLVED: "the signing key of the issuer could not be found",
    TokenFault.BAD_KEY: "the API key is not one of this service",
    TokenFault.BAD_TICKET: "the ticket is not one of this service",
    TokenFault.ACCESS_REVOKED: "the device, key or login behind this was revoked",
    TokenFault.ACCOUNT_DISABLED: "the account has been disabled by the operator of this server",
}


class AuthError(Exception):
    """The caller's fault: a token made anew may do, the same one never will. The catalogue has the status."""

    def __init__(self, fault: TokenFault, *, disabled: AccountDid | None = None) -> None:
        super().__init__(fault.value)
        self.fault = fault
        self.disabled = disabled
        """The account that was disabled, where it has proven who it is: then it, and not its address, is
        counted, which may be that of a PDS with many others behind it."""

    @property
    def error(self) -> str:
        """The name on the wire."""
        return self.fault.value

    @property
    def message(self) -> str:
        """The sentence on the wire."""
        return _MESSAGES[self.fault]


class AuthOverloadedError(Exception):
    """Ours: the memory for used tokens is full, and to forget one would let it be used twice. Retry later."""

    def __init__(self, retry_after: float) -> None:
        super().__init__("no room to remember another used token")
        self.retry_after = retry_after


class LockedOutError(Exception):
    """The caller's fault: too many wrong tokens in this name from this place. Retry after `retry_after` s."""

    def __init__(self, retry_after: float) -> None:
        super().__init__("too many wrong tokens")
        self.retry_after = retry_after


class ResolutionError(Exception):
    """No DID document, now or ever: what a `Resolver` raises."""


class UnknownDidError(ResolutionError):
    """The DID is not one this resolver answers for, so asking again is of no use."""


class UnsupportedDidError(UnknownDidError):
    """The DID is of a method that is not looked up here."""


class AbsentDidError(ResolutionError):
    """Whoever is responsible for the DID says that there is no such one, or none any more."""


class DirectoryAwayError(ResolutionError):
    """The world's, or ours: a directory that many need is silent, or too many look at once. Retry later."""

    def __init__(self, reason: str, *, retry_after: float) -> None:
        super().__init__(reason)
        self.retry_after = retry_after


class BadDocumentError(ResolutionError):
    """Something was found, and it is not a DID document of that DID with a usable key."""


class IdentityFileError(Exception):
    """The operator's: a key or secrets file that cannot be used. The text says how to mend it."""


class BadNameError(ValueError):
    """The operator's: not a name an account can have. The text says why."""
