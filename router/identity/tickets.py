"""Tickets: how a browser opens a stream, since it cannot send a header with a WebSocket or an EventSource.

A caller who has proven itself asks for a ticket and gives it in the URL of one stream: `?ticket=`. A URL is
no place for a secret, so this one is worth little: half a minute, one opening, one method, one device,
perhaps one conversation. It is accepted by streams alone and never written down: no log line of this server
has a query string.

It is sealed (SecretBox under a key of its own), so nothing of it can be read or changed, nothing is stored
when it is made, and any node that has the server's secret can take it. What makes it single-use is the
memory of used tokens, which outlives a restart. A ticket carries the grant of whoever asked for it: logout,
or the end of an API key, ends the streams that were opened with it, too.
"""

from collections.abc import Callable

import attrs
import msgspec

from crypto import Entropy, SealError, system_entropy
from protocol import AccountDid, DeviceId, Nsid
from router.identity.compact import decode_part, encode_part
from router.identity.errors import AuthError, TokenFault
from router.identity.principal import Principal
from router.identity.secrets import ServerSecrets

LIFETIME = 30
"""Seconds between the making of a ticket and the end of its use."""

_NONCE_BYTES = 16
_MAX_TEXT = 2048


class _Content(msgspec.Struct, frozen=True, array_like=True, forbid_unknown_fields=True):
    nonce: bytes
    account: str
    device: str
    purpose: str
    convo: str | None
    expires: int
    grant: str | None


_decoder = msgspec.msgpack.Decoder(_Content)


@attrs.frozen
class Ticket:
    """A ticket that was read: who may open what."""

    principal: Principal
    """Of kind `ticket`, for one method and one device."""
    convo: str | None
    """The one conversation it is for; None: all that the device is in."""


class Tickets:
    """Makes tickets and reads them. Single use is seen to by `Authenticator.admit`."""

    def __init__(
        self, secrets: ServerSecrets, *, clock: Callable[[], float], entropy: Entropy = system_entropy
    ) -> None:
        """`clock` gives Unix seconds."""
        self._secrets = secrets
        self._clock = clock
        self._entropy = entropy

    def make(
        self, caller: Principal, *, device: DeviceId, purpose: Nsid, convo: str | None
    ) -> tuple[str, int]:
        """A ticket for one opening of the stream `purpose`, and when it ends (Unix seconds).

        That the device is the caller's is for whoever asks to have looked at.
        """
        expires = int(self._clock()) + LIFETIME
        content = _Content(
            self._entropy(_NONCE_BYTES), caller.account, device, purpose, convo, expires, caller.grant
        )
        sealed = self._secrets.seal_ticket(msgspec.msgpack.encode(content), entropy=self._entropy)
        return encode_part(sealed), expires

    def read(self, text: str) -> Ticket:
        """What the ticket says; `AuthError` (BadTicket) for any other text. Not yet judged, nor used."""
        if len(text) > _MAX_TEXT:
            raise AuthError(TokenFault.BAD_TICKET)
        try:
            content = _decoder.decode(self._secrets.open_ticket(decode_part(text)))
        except (AuthError, SealError, msgspec.DecodeError):
            raise AuthError(TokenFault.BAD_TICKET) from None
        principal = Principal(
            account=AccountDid(content.account),
            device=DeviceId(content.device),
            kind="ticket",
            expires=content.expires,
            token_id=self._secrets.token_hash("ticket", content.nonce.hex()),
            methods=frozenset({Nsid(content.purpose)}),
            grant=content.grant,
        )
        return Ticket(principal, content.convo)
