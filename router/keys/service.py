"""The handlers of `keys.list` and `keys.rotate`, for the control socket."""

from collections.abc import Callable, Mapping

import attrs

from router.admin import CommandFailed, NoArguments
from router.identity.errors import IdentityFileError
from router.keys.rings import KeyRow, Ring, Rotate, Rotated, rows
from router.store.audit import AuditFact
from router.store.errors import StoreError
from router.store.interface import Store


@attrs.frozen
class Keys:
    """The rings of one server by name. `now` gives the bucket an audit record carries."""

    rings: Mapping[str, Ring]
    store: Store
    now: Callable[[], int]

    async def list(self, _: NoArguments) -> list[KeyRow]:
        """Every key that counts."""
        return rows(self.rings)

    async def rotate(self, asked: Rotate) -> Rotated:
        """Rotate one ring, on record.

        A rotation cannot be turned back as a knob can, so the record is written first, as an intention with
        the key it ends: a store that takes no record keeps the key. What became of it is a second record.
        """
        ring = self.rings.get(asked.name)
        if ring is None:
            names = ", ".join(sorted(self.rings)) or "none"
            raise CommandFailed("UnknownRing", f"there is no key ring named {asked.name}; there is: {names}")
        before = ring.signing.kid
        how = "at once" if asked.at_once else "with overlap"
        await self._record("key.rotating", asked.name, f"{before}, {how}")
        try:
            after = ring.rotate(at_once=asked.at_once).kid
        except (OSError, IdentityFileError) as error:
            await self._record("key.kept", asked.name, before)
            raise CommandFailed("NotEnoughResources", f"no new key could be written: {error}") from None
        await self._record("key.rotated", asked.name, f"{before} -> {after}")
        return Rotated(asked.name, before, after, len(ring.keys()))

    async def _record(self, action: str, name: str, detail: str) -> None:
        fact = AuditFact(action, subject=f"{name} keys", detail=detail)
        try:
            await self.store.record((fact,), now=self.now())
        except StoreError as error:
            message = f"it could not be recorded ({action}): {error}; see `rookery keys list` for what stands"
            raise CommandFailed("NotEnoughResources", message) from None
