"""The people of these tests and their groups."""

from crypto.mls import STANDARD_SUITES, Add, GroupPolicy, PublicGroup, open_group
from crypto.mls.testing import Client

SUITE = STANDARD_SUITES[1]
NAMES = ("alice", "bob", "carol", "dave", "erin", "frank", "grace", "heidi", "ivan")


def client(name: str, device: str = "1") -> Client:
    """Somebody's device, with a bare DID in its credential."""
    return Client(SUITE, f"did:web:{name}.example".encode(), device)


def group_of(*members: Client) -> PublicGroup:
    """A group whose first member has added the others and then made a path."""
    first, *others = members
    group = first.create_group(b"a group").group
    if others:
        group = first.commit(group, [Add(other.key_package()) for other in others], with_path=True).group
    return group


def reopened(group: PublicGroup, author: Client) -> PublicGroup:
    """The group as somebody finds it who has only its GroupInfo, every part verified."""
    return open_group(author.group_info(group), GroupPolicy({group.suite.number: group.suite}))
