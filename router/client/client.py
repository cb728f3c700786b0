"""`RookeryClient`: one account's methods on one server, with types.

The two families of names share their shape and differ in what the bytes are: `client.chat` carries
any sealed bytes, `client.mls` carries MLS messages with an epoch. Each method makes the identity of
its request (idempotency key) once, so that its repeats are known as repeats.
"""

import contextlib
import secrets
from collections.abc import AsyncIterator, Iterable
from urllib.parse import urlsplit

import attrs
import httpx

from protocol import AccountDid, ConversationId, DeviceId, MsgId, Nsid
from router.client.events import LexBytes
from router.client.retry import DEFAULT_POLICY, RetryPolicy
from router.client.views import (
    AddInput,
    ChangedView,
    ConvoMetadata,
    ConvoPage,
    ConvoView,
    CreateMlsInput,
    CreateOpaqueInput,
    DeviceView,
    EpochView,
    KeyPackageRef,
    LeaveMlsInput,
    LeaveOpaqueInput,
    MarkMlsInput,
    MarkOpaqueInput,
    MarkView,
    MessagePage,
    ProofInput,
    RegisterMlsInput,
    RegisterOpaqueInput,
    RemoveInput,
    RotateKeyInput,
    SendMlsInput,
    SendOpaqueInput,
    SentView,
)
from router.client.xrpc import SYSTEM_DICE, Dice, TokenSource, Xrpc
from router.identity.key_proof import KeyProof


def new_msg_id() -> MsgId:
    """A message id that nobody can guess and that says nothing: 22 random characters, no time."""
    return MsgId(secrets.token_urlsafe(16))


def new_idempotency_key() -> str:
    """A key for one request and its repeats; 22 random characters fit the limits of both families."""
    return secrets.token_urlsafe(16)


@attrs.frozen
class _Methods:
    """What both families have alike, under their own names."""

    xrpc: Xrpc
    family: str

    def nsid(self, name: str) -> Nsid:
        """The full name of a method of this family."""
        return Nsid(f"{self.family}.{name}")

    async def get_convos(self, *, limit: int = 50, cursor: str | None = None) -> ConvoPage:
        """A page of the account's conversations, with their members."""
        return await self.xrpc.query(self.nsid("getConvos"), {"limit": limit, "cursor": cursor}, ConvoPage)

    async def get_messages(
        self,
        convo: ConversationId,
        *,
        since_seq: int | None = None,
        limit: int = 50,
        device: DeviceId | None = None,
    ) -> MessagePage:
        """A page of messages after `since_seq`, in the order of seq."""
        params = {"convoId": convo, "sinceSeq": since_seq, "limit": limit, "deviceId": device}
        return await self.xrpc.query(self.nsid("getMessages"), params, MessagePage)

    async def add_members(
        self, convo: ConversationId, dids: Iterable[AccountDid], *, idempotency_key: str | None = None
    ) -> ChangedView:
        """Add accounts with all their devices (1 to 50 at once)."""
        body = AddInput(convo, idempotency_key or new_idempotency_key(), list(dids))
        return await self.xrpc.procedure(self.nsid("addMembers"), body, ChangedView)

    async def remove_member(
        self,
        convo: ConversationId,
        target: AccountDid,
        *,
        reason: str | None = None,
        idempotency_key: str | None = None,
    ) -> ChangedView:
        """Remove an account with all its devices; for admins."""
        body = RemoveInput(convo, target, idempotency_key or new_idempotency_key(), reason)
        return await self.xrpc.procedure(self.nsid("removeMember"), body, ChangedView)


class ChatMethods(_Methods):
    """`chat.rookery.*`: conversations of kind `opaque`."""

    async def register_device(
        self, name: str, signature_key: bytes, proof: KeyProof, *, idempotency_key: str | None = None
    ) -> DeviceId:
        """Register a device of this account; the same key again gives the same device.

        `proof` is fresh (`prove_key`); `Device.register` makes key and proof.
        """
        body = RegisterOpaqueInput(
            name, LexBytes.of(signature_key), ProofInput.of(proof), idempotency_key or new_idempotency_key()
        )
        view = await self.xrpc.procedure(self.nsid("registerDevice"), body, DeviceView)
        return DeviceId(view.device_id)

    async def rotate_device_key(self, device: DeviceId, signature_key: bytes, proof: KeyProof) -> DeviceId:
        """Give a device another key; the old one signs nothing from the answer on.

        Asked for with the old key's token, or with the account's for any of its devices.
        """
        body = RotateKeyInput(device, LexBytes.of(signature_key), ProofInput.of(proof))
        view = await self.xrpc.procedure(self.nsid("rotateDeviceKey"), body, DeviceView)
        return DeviceId(view.device_id)

    async def create_convo(
        self,
        members: Iterable[AccountDid] = (),
        *,
        name: str | None = None,
        description: str | None = None,
        idempotency_key: str | None = None,
    ) -> ConvoView:
        """Create a conversation with these accounts and the caller in it."""
        cover = ConvoMetadata(name, description) if name or description else None
        body = CreateOpaqueInput(idempotency_key or new_idempotency_key(), list(members), cover)
        return await self.xrpc.procedure(self.nsid("createConvo"), body, ConvoView)

    async def send_message(
        self,
        convo: ConversationId,
        ciphertext: bytes,
        *,
        msg_id: MsgId | None = None,
        device: DeviceId | None = None,
    ) -> SentView:
        """Append one sealed message; the answer is durable, and a repeat gets the same one."""
        body = SendOpaqueInput(convo, msg_id or new_msg_id(), LexBytes.of(ciphertext), device)
        return await self.xrpc.procedure(self.nsid("sendMessage"), body, SentView)

    async def update_cursor(
        self, convo: ConversationId, seq: int, *, device: DeviceId | None = None
    ) -> MarkView:
        """Move the device's read mark forward to `seq`; it never moves back."""
        return await self.xrpc.procedure(
            self.nsid("updateCursor"), MarkOpaqueInput(convo, seq, device), MarkView
        )

    async def leave_convo(self, convo: ConversationId, *, idempotency_key: str | None = None) -> ChangedView:
        """Leave with all devices of the account."""
        body = LeaveOpaqueInput(convo, idempotency_key or new_idempotency_key())
        return await self.xrpc.procedure(self.nsid("leaveConvo"), body, ChangedView)


class MlsMethods(_Methods):
    """`blue.catbird.mls.*`: conversations of kind `mls`, in the seed's contract."""

    async def register_device(
        self,
        name: str,
        signature_key: bytes,
        key_packages: Iterable[KeyPackageRef],
        proof: KeyProof | None = None,
    ) -> DeviceId:
        """Register a device (32-byte Ed25519 key) with its key packages, and the proof that it is ours."""
        shown = None if proof is None else ProofInput.of(proof)
        body = RegisterMlsInput(name, LexBytes.of(signature_key), list(key_packages), shown)
        view = await self.xrpc.procedure(self.nsid("registerDevice"), body, DeviceView)
        return DeviceId(view.device_id)

    async def create_convo(
        self,
        group_id: str,
        cipher_suite: str,
        members: Iterable[AccountDid] = (),
        *,
        name: str | None = None,
        description: str | None = None,
        idempotency_key: str | None = None,
    ) -> ConvoView:
        """Register an MLS group under the id its creator chose."""
        cover = ConvoMetadata(name, description) if name or description else None
        key = idempotency_key or new_idempotency_key()
        body = CreateMlsInput(group_id, cipher_suite, key, list(members), cover)
        return await self.xrpc.procedure(self.nsid("createConvo"), body, ConvoView)

    async def send_message(
        self,
        convo: ConversationId,
        ciphertext: bytes,
        *,
        epoch: int,
        msg_id: MsgId | None = None,
        device: DeviceId | None = None,
    ) -> SentView:
        """Append one padded MLS message of `epoch`."""
        size = len(ciphertext)
        body = SendMlsInput(convo, msg_id or new_msg_id(), LexBytes.of(ciphertext), epoch, size, size, device)
        return await self.xrpc.procedure(self.nsid("sendMessage"), body, SentView)

    async def get_epoch(self, convo: ConversationId) -> int:
        """The epoch the server holds for current."""
        view = await self.xrpc.query(self.nsid("getEpoch"), {"convoId": convo}, EpochView)
        return view.current_epoch

    async def update_cursor(
        self, convo: ConversationId, cursor: str, *, device: DeviceId | None = None
    ) -> MarkView:
        """Move the device's read mark to an event's cursor or a message's id; it never moves back."""
        return await self.xrpc.procedure(
            self.nsid("updateCursor"), MarkMlsInput(convo, cursor, device), MarkView
        )

    async def leave_convo(self, convo: ConversationId, *, target: AccountDid | None = None) -> ChangedView:
        """Leave, or, as the creator, put `target` out. Carries no key: see the seed's contract."""
        return await self.xrpc.procedure(self.nsid("leaveConvo"), LeaveMlsInput(convo, target), ChangedView)


class RookeryClient:
    """One account on one server. Made by `open_client`, which closes it."""

    def __init__(self, xrpc: Xrpc, base_url: str, did: AccountDid) -> None:
        self.xrpc = xrpc
        self.base_url = base_url.rstrip("/")
        self.did = did
        self.chat = ChatMethods(xrpc, "chat.rookery")
        self.mls = MlsMethods(xrpc, "blue.catbird.mls")

    def websocket_url(self, nsid: Nsid) -> str:
        """The address of a WebSocket method on this server."""
        parts = urlsplit(self.base_url)
        scheme = "wss" if parts.scheme == "https" else "ws"
        return f"{scheme}://{parts.netloc}{parts.path}/xrpc/{nsid}"


@contextlib.asynccontextmanager
async def open_client(
    base_url: str,
    did: AccountDid,
    token: TokenSource,
    *,
    policy: RetryPolicy = DEFAULT_POLICY,
    dice: Dice = SYSTEM_DICE,
    timeout: float = 10.0,
    transport: httpx.AsyncBaseTransport | None = None,
) -> AsyncIterator[RookeryClient]:
    """A client for the block; `timeout` (seconds) bounds each attempt's connect and each read.

    `token` mints a service-auth token for a method; `account_token_source` makes one from a key.
    """
    limits = httpx.Limits(max_connections=64, max_keepalive_connections=16)
    async with httpx.AsyncClient(
        base_url=base_url, timeout=timeout, limits=limits, transport=transport, trust_env=False
    ) as http:
        yield RookeryClient(Xrpc(http, token, policy=policy, dice=dice), base_url, did)
