"""The form of refresh tokens: `rr_` and base64url of grant (16 bytes), secret (32), tag (16).

The tag is a MAC over the other two. So a made-up token is refused without a look into the store, and one
that has a good tag but is not the current one was certainly ours once: that is what makes reuse a proof of
theft and not a way for strangers to end logins. The store has a keyed hash of the current one.

The secret of the next token follows from the one before under the server's key. A refresh whose answer
was lost can thus be answered again with the very same token, without keeping it anywhere.
"""

import hmac
from typing import Final

import attrs

from router.identity.compact import decode_part, encode_part
from router.identity.errors import AuthError
from router.login.secrets import LoginSecrets

PREFIX: Final = "rr_"
GRANT_BYTES: Final = 16
SECRET_BYTES: Final = 32
_TAG_BYTES = 16
_BYTES = GRANT_BYTES + SECRET_BYTES + _TAG_BYTES


@attrs.frozen
class RefreshToken:
    """An authentic token: this router has made it, now or long ago."""

    grant: bytes
    secret: bytes = attrs.field(repr=False)

    @property
    def grant_id(self) -> str:
        """The grant as the store, access tokens and revocations name it."""
        return encode_part(self.grant)

    def text(self, secrets: LoginSecrets) -> str:
        """As its holder keeps it."""
        tag = secrets.refresh_tag(self.grant, self.secret)
        return PREFIX + encode_part(self.grant + self.secret + tag)

    def successor(self, secrets: LoginSecrets) -> "RefreshToken":
        """The token that follows this one."""
        return RefreshToken(self.grant, secrets.refresh_successor(self.grant, self.secret))

    def at_rest(self, secrets: LoginSecrets) -> bytes:
        """What the store keeps of it."""
        return secrets.refresh_at_rest(self.grant, self.secret)


def read_refresh_token(text: str, secrets: LoginSecrets) -> RefreshToken | None:
    """The token, or None for any text that this router has not made. Total on texts, without I/O."""
    if not text.startswith(PREFIX) or len(text) > 2 * _BYTES:
        return None
    try:
        data = decode_part(text.removeprefix(PREFIX))
    except AuthError:
        return None
    if len(data) != _BYTES:
        return None
    grant, secret = data[:GRANT_BYTES], data[GRANT_BYTES:-_TAG_BYTES]
    if not hmac.compare_digest(data[-_TAG_BYTES:], secrets.refresh_tag(grant, secret)):
        return None
    return RefreshToken(grant, secret)
