"""An entry on its way to devices: encoded once for each form of the wire, shared by all receivers."""

from protocol import DeviceId, EncodedEvent, Entry, audience

_OVERHEAD_BYTES = 256


class Published:
    """One committed entry and its encodings, which are made when the first receiver needs them."""

    __slots__ = ("_audience", "_event", "entry", "position", "size")

    def __init__(self, entry: Entry) -> None:
        self.entry = entry
        self.position = entry.position
        self.size = _OVERHEAD_BYTES + len(entry.body)
        """Bytes a feed is charged for holding it."""
        self._audience = audience(entry)
        self._event: EncodedEvent | None = None

    def is_for(self, device: DeviceId) -> bool:
        """Whether a device whose membership shows the entry may see it: few entries are not for all."""
        return self._audience is None or device in self._audience

    def __repr__(self) -> str:
        return f"<Published {self.entry.kind.name} at {self.position}>"

    @property
    def event(self) -> EncodedEvent:
        """The event its receivers see."""
        if self._event is None:
            self._event = EncodedEvent(self.entry)
        return self._event
