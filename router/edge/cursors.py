"""Resume tokens on the wire: sealed, so that a client can neither read nor make one.

A device's cursor is a position in the log (`protocol.Cursor`), sealed for that device. Streams of one
conversation use the plain seq instead: it says nothing that the events do not say, and it survives a
change of the log. Pages of `getConvos` are a row number, sealed for the account.
"""

from __future__ import annotations

import base64
import binascii

import attrs

from crypto import SealError
from protocol import AccountDid, Cursor, DeviceId, InvalidCursor, decode_cursor, encode_cursor
from router.edge.errors import Refusal
from router.identity.secrets import ServerSecrets

FUTURE_CURSOR = Refusal(
    "FutureCursor", "The cursor is ahead of this log or belongs to another one; start again without it."
)

_MAX_TEXT = 512
_PAGE_BYTES = 8


@attrs.frozen
class Cursors:
    """Makes and opens the cursors of one log."""

    _secrets: ServerSecrets
    _log_id: bytes

    def at(self, device: DeviceId, position: int) -> str:
        """The cursor of a device that was given everything up to `position`."""
        sealed = self._secrets.seal_cursor(encode_cursor(Cursor(self._log_id, device, position)), device)
        return _text(sealed)

    def position(self, device: DeviceId, text: str) -> int:
        """Where a device's cursor stands. Raises `InvalidCursor`, or the refusal for another log's."""
        cursor = decode_cursor(self._open(text, device))
        if cursor.device != device:
            raise InvalidCursor("a cursor of another device")
        if cursor.log_id != self._log_id:
            raise FUTURE_CURSOR
        return cursor.position

    def page(self, account: AccountDid, row: int) -> str:
        """The cursor of the next page of a list of this account."""
        return _text(self._secrets.seal_cursor(row.to_bytes(_PAGE_BYTES, "big"), _page_context(account)))

    def row(self, account: AccountDid, text: str) -> int:
        """Where a page begins. Raises `InvalidCursor`."""
        raw = self._open(text, _page_context(account))
        if len(raw) != _PAGE_BYTES:
            raise InvalidCursor("not the cursor of a page")
        return int.from_bytes(raw, "big")

    def _open(self, text: str, context: str) -> bytes:
        if len(text) > _MAX_TEXT:
            raise InvalidCursor("too long")
        try:
            padded = text.encode("ascii") + b"=" * (-len(text) % 4)
            return self._secrets.open_cursor(base64.b64decode(padded, b"-_", validate=True), context)
        except (ValueError, binascii.Error, SealError):
            raise InvalidCursor("not a cursor of this server for this holder") from None


def _text(sealed: bytes) -> str:
    return base64.urlsafe_b64encode(sealed).rstrip(b"=").decode("ascii")


def _page_context(account: AccountDid) -> str:
    """The holder a page is sealed for. No device id begins so: neither opens as the other."""
    return f"page of {account}"
