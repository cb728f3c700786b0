"""Who plays in a test: six accounts with devices whose ids tell at a glance whose they are.

`did:web:alice.example` has the devices `00000001-0000-4000-8000-000000000000`, `00000002-…` and so on; the
last digits are the place of the account in `ACCOUNTS`.
"""

from protocol import AccountDid, DeviceId, MemberDevice, conversation_id_from_bytes

CONVO = conversation_id_from_bytes(bytes(range(16)))
"""The conversation that everything is about, unless another one is said."""
GROUP_ID = bytes(range(32))
"""Id of its first MLS group."""
NOW = 1_000_001.7
"""Unix seconds; deliberately inside a bucket and not at its edge."""

ALICE, BOB, CAROL, DAVE, EVE, MALLORY = (
    AccountDid(f"did:web:{name}.example") for name in ("alice", "bob", "carol", "dave", "eve", "mallory")
)
ACCOUNTS = (ALICE, BOB, CAROL, DAVE, EVE, MALLORY)
"""Alice begins conversations; Mallory is nobody's friend."""


def device(account: AccountDid, number: int = 1) -> DeviceId:
    """Device `number` (1 to 9) of one of `ACCOUNTS`."""
    return DeviceId(f"0000000{number}-0000-4000-8000-{ACCOUNTS.index(account):012d}")


def owner(of: DeviceId) -> AccountDid:
    """The account of a device that `device` named."""
    return ACCOUNTS[int(of[-12:])]


def devices(*accounts: AccountDid) -> tuple[MemberDevice, ...]:
    """The first device of each account."""
    return tuple(MemberDevice(account, device(account), f"{account[8:]}'s") for account in accounts)


def ciphertext(size: int = 512, fill: int = 0) -> bytes:
    """Bytes of a length that has a size class, unless another one is wanted."""
    return bytes([fill]) * size
