"""The login's keys, each for one purpose, all made from the server's own secret."""

import attrs

from crypto import Entropy, derive_key, keyed_hash, open_sealed, seal, system_entropy


@attrs.frozen(init=False)
class LoginSecrets:
    """What can be computed here can be computed by every node of the deployment, and by nobody else."""

    _pending: bytes = attrs.field(repr=False)
    _sealing: bytes = attrs.field(repr=False)
    _identities: bytes = attrs.field(repr=False)
    _refresh: bytes = attrs.field(repr=False)
    _at_rest: bytes = attrs.field(repr=False)
    _forms: bytes = attrs.field(repr=False)

    def __init__(self, root: bytes) -> None:
        """From `ServerSecrets.logins`."""
        self.__attrs_init__(
            pending=derive_key(root, "pending"),
            sealing=derive_key(root, "sealing"),
            identities=derive_key(root, "identities"),
            refresh=derive_key(root, "refresh tokens"),
            at_rest=derive_key(root, "refresh tokens at rest"),
            forms=derive_key(root, "forms"),
        )

    def pending_key(self, kind: str, *binding: str) -> bytes:
        """32 bytes under which something waits: found only with everything that it is bound to."""
        return keyed_hash(self._pending, kind, *(part.encode() for part in binding))

    def seal(self, value: bytes, key: bytes, *, entropy: Entropy = system_entropy) -> bytes:
        """What waits under `key`, as it lies in the store."""
        return seal(self._sealing, value, context=key, entropy=entropy)

    def open(self, sealed: bytes, key: bytes) -> bytes:
        """What was sealed; `crypto.SealError` for any other bytes or key."""
        return open_sealed(self._sealing, sealed, context=key)

    def identity(self, issuer: str, subject: str) -> bytes:
        """32 bytes that stand for somebody at an issuer."""
        return keyed_hash(self._identities, "identity", issuer.encode(), subject.encode())

    def identity_id(self, identity: bytes) -> str:
        """32 characters that name an identity to its account, and say nothing of it."""
        return keyed_hash(self._identities, "id", identity, size=16).hex()

    def refresh_tag(self, grant: bytes, secret: bytes) -> bytes:
        """16 bytes that show that this router made a refresh token."""
        return keyed_hash(self._refresh, "tag", grant, secret, size=16)

    def refresh_successor(self, grant: bytes, secret: bytes) -> bytes:
        """The secret of the token that follows: the same, however often it is asked."""
        return keyed_hash(self._refresh, "successor", grant, secret)

    def refresh_at_rest(self, grant: bytes, secret: bytes) -> bytes:
        """32 bytes that the store keeps of a refresh token."""
        return keyed_hash(self._at_rest, "token", grant, secret)

    def refresh_retry(self, grant: bytes, secret: bytes, idempotency_key: str) -> bytes:
        """32 bytes that the store keeps of the last refresh, to know it again."""
        return keyed_hash(self._at_rest, "retry", grant, secret, idempotency_key.encode())

    def grant_of_code(self, code: str) -> bytes:
        """16 bytes: the login that a code begins. A code that comes twice names what to end."""
        return keyed_hash(self._refresh, "grant", code.encode(), size=16)

    def form_check(self, secret: str) -> str:
        """What a form of ours carries beside the cookie `secret`: no page of others can know it."""
        return keyed_hash(self._forms, "form", secret.encode(), size=16).hex()
