"""One base for what this package raises. Refusals are not here: they are values (`Rejected`)."""


class ProtocolError(Exception):
    """Base of every exception of this package; its subclasses say whose fault it was."""


class InvalidId(ProtocolError, ValueError):
    """Their fault: a text is not an identifier of the kind asked for. Asking again will not help."""

    def __init__(self, kind: str, reason: str) -> None:
        super().__init__(f"not a {kind}: {reason}")
        self.kind = kind
        self.reason = reason


class InvalidCursor(ProtocolError, ValueError):
    """Their fault (or a cursor of another server): bytes that are not a cursor of a known version."""


class BrokenLog(ProtocolError):
    """Ours: an entry that no decision could have made at this state. Nobody can repair it by retrying."""


class SessionMisuse(ProtocolError):
    """Ours: the owner of a session called it in a state where the call has no meaning."""
