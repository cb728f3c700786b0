"""Whose device a leaf is: what MLS calls a member, against the devices that are registered here.

A credential names an account (or one of its devices), a signature key is a device's own. Neither is believed
for being in a tree: a leaf is a device's if its credential names the device's account and its key is the one
that the account registered for this device. A leaf that was accepted once stays its device's, also when the
device has another key by now or is gone; such a leaf is found by its place in the tree.
"""

from __future__ import annotations

from crypto.mls import CipherSuite, Member
from protocol import AccountDid, Conversation, DeviceId, InvalidId, MemberDevice, parse_account_did
from router.edge.mls.packages import SCHEMES
from router.store.interface import Store
from router.store.values import Device


def credential_account(identity: bytes | None) -> tuple[AccountDid, str | None] | None:
    """The account that a basic credential names, and the device, if it names one (`<did>#<device>`)."""
    if identity is None:
        return None
    try:
        did, mark, device = identity.decode("ascii").partition("#")
        return parse_account_did(did), device if mark else None
    except (UnicodeDecodeError, InvalidId):
        return None


class Leaves:
    """The look-ups of one request: each account and each device is read once."""

    def __init__(self, store: Store, suite: CipherSuite, state: Conversation | None = None) -> None:
        """`state` is of the conversation whose leaves are `occupant`s; None where there is none yet."""
        self._store = store
        self._scheme = SCHEMES.get(suite.signature, 0)
        self._devices: dict[AccountDid, list[tuple[Device, bytes | None]]] = {}
        self._places: dict[int, DeviceId] = {}
        self._state = state
        if state is not None:
            stale = state.group.stale_leaves.items()
            self._places = {leaf: device for device, leaf in stale if leaf is not None}
            members = state.members.items()
            self._places |= {member.leaf: device for device, member in members if member.leaf is not None}

    async def registered(self, member: Member) -> MemberDevice | None:
        """The registered device whose leaf this is; None for a leaf of nobody's."""
        named = credential_account(member.identity)
        if named is None:
            return None
        account, only = named
        for device, key in await self._of(account):
            if key == member.signature_key and only in (None, device.id):
                return MemberDevice(account, device.id, device.name, member.leaf_index)
        return None

    async def occupant(self, member: Member) -> DeviceId | None:
        """Which device of the conversation has this leaf of its present tree; None when nobody knows."""
        state = self._state
        if state is None:
            return None
        found = await self.registered(member)
        if found is not None and (found.device in state.members or found.device in state.group.stale_leaves):
            return found.device
        named = credential_account(member.identity)
        if named is None:
            return None
        account = named[0]
        device = self._places.get(member.leaf_index)
        if device is not None:
            present = state.members.get(device)
            return device if present is None or present.account == account else None
        return await self._by_elimination(state, account)

    async def _by_elimination(self, state: Conversation, account: AccountDid) -> DeviceId | None:
        """Of a device that was ended here while it was in, and whose place was never told."""
        known = {device.id for device, _ in await self._of(account)}
        gone = [device for device in state.devices_of(account) if device not in known]
        lost = [device for device in gone if state.members[device].leaf is None]
        return lost[0] if len(lost) == 1 else None

    async def _of(self, account: AccountDid) -> list[tuple[Device, bytes | None]]:
        found = self._devices.get(account)
        if found is None:
            found = [(device, await self._key(device)) for device in await self._store.devices_of(account)]
            self._devices[account] = found
        return found

    async def _key(self, device: Device) -> bytes | None:
        if self._scheme == 0:
            return device.signature_key
        return (await self._store.scheme_keys(device.id)).get(self._scheme)
