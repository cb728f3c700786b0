"""Hypothesis strategies for every structure of MLS: well-formed, of any content, mostly meaningless.

What they draw can be written and read back; its signatures are noise. For structures that mean something
there is `Client`.
"""

from hypothesis import strategies as st

from crypto.mls import (
    Add,
    BasicCredential,
    Capabilities,
    Commit,
    Content,
    ContentType,
    Credential,
    EncryptedGroupSecrets,
    Extension,
    Extensions,
    ExternalInit,
    ExternalPsk,
    FramedContent,
    FromCommit,
    FromUpdate,
    GroupContext,
    GroupContextExtensions,
    GroupInfo,
    GroupSecrets,
    HpkeCiphertext,
    KeyPackage,
    LeafNode,
    LeafOrigin,
    LeafSource,
    Lifetime,
    Message,
    ParentNode,
    PathSecret,
    PreSharedKey,
    PreSharedKeyId,
    PrivateMessage,
    Proposal,
    ProposalByReference,
    ProposalByValue,
    PublicMessage,
    RatchetTree,
    ReInit,
    Remove,
    ResumptionPsk,
    ResumptionUsage,
    SelfRemove,
    Sender,
    SenderType,
    TreeNode,
    Update,
    UpdatePath,
    UpdatePathNode,
    Welcome,
    X509Credential,
)

_UINT16 = st.integers(0, 2**16 - 1)
_UINT32 = st.integers(0, 2**32 - 1)
_UINT64 = st.integers(0, 2**64 - 1)
_SHORT = st.binary(max_size=8)
_ANY_LENGTH = st.one_of(_SHORT, st.integers(60, 70).map(bytes), st.integers(16_380, 16_390).map(bytes))
"""Vectors on both sides of each length of a length, now and then."""


def extensions() -> st.SearchStrategy[Extensions]:
    """Lists with at most one of each type, known types and GREASE among them."""
    kinds = st.one_of(st.integers(1, 10), st.sampled_from([0x0A0A, 0xEAEA]), _UINT16)
    one = st.builds(Extension, kinds, _ANY_LENGTH)
    return st.lists(one, max_size=3, unique_by=lambda extension: extension.kind).map(tuple)


def credentials() -> st.SearchStrategy[Credential]:
    """Basic and X.509."""
    basic: st.SearchStrategy[Credential] = st.builds(BasicCredential, _ANY_LENGTH)
    return basic | st.builds(X509Credential, st.lists(_SHORT, max_size=3).map(tuple))


def capabilities() -> st.SearchStrategy[Capabilities]:
    """Any numbers in any list."""
    numbers = st.lists(_UINT16, max_size=4).map(tuple)
    return st.builds(Capabilities, numbers, numbers, numbers, numbers, numbers)


def leaf_origins(source: LeafSource | None = None) -> st.SearchStrategy[LeafOrigin]:
    """Where a leaf is from: of one source, or any."""
    match source:
        case LeafSource.KEY_PACKAGE:
            return st.builds(Lifetime, _UINT64, _UINT64)
        case LeafSource.UPDATE:
            return st.builds(FromUpdate)
        case LeafSource.COMMIT:
            return st.builds(FromCommit, _SHORT)
        case None:
            return st.sampled_from(LeafSource).flatmap(leaf_origins)


def leaf_nodes(source: LeafSource | None = None) -> st.SearchStrategy[LeafNode]:
    """Leaves of one source, or of any."""
    return st.builds(
        LeafNode, _SHORT, _SHORT, credentials(), capabilities(), leaf_origins(source), extensions(), _SHORT
    )


def key_packages() -> st.SearchStrategy[KeyPackage]:
    """Key packages of any suite number."""
    return st.builds(
        KeyPackage, _UINT16, _SHORT, leaf_nodes(LeafSource.KEY_PACKAGE), extensions(), _ANY_LENGTH
    )


def psk_ids() -> st.SearchStrategy[PreSharedKeyId]:
    """Names of external and resumption keys."""
    external: st.SearchStrategy[PreSharedKeyId] = st.builds(ExternalPsk, _SHORT, _SHORT)
    return external | st.builds(ResumptionPsk, st.sampled_from(ResumptionUsage), _SHORT, _UINT64, _SHORT)


def proposals() -> st.SearchStrategy[Proposal]:
    """All eight kinds."""
    return st.one_of(
        st.builds(Add, key_packages()),
        st.builds(Update, leaf_nodes(LeafSource.UPDATE)),
        st.builds(Remove, _UINT32),
        st.builds(PreSharedKey, psk_ids()),
        st.builds(ReInit, _SHORT, _UINT16, _UINT16, extensions()),
        st.builds(ExternalInit, _ANY_LENGTH),
        st.builds(GroupContextExtensions, extensions()),
        st.builds(SelfRemove),
    )


def hpke_ciphertexts() -> st.SearchStrategy[HpkeCiphertext]:
    """Something sealed."""
    return st.builds(HpkeCiphertext, _SHORT, _SHORT)


def update_paths() -> st.SearchStrategy[UpdatePath]:
    """A leaf and up to three nodes."""
    node = st.builds(UpdatePathNode, _SHORT, st.lists(hpke_ciphertexts(), max_size=3).map(tuple))
    return st.builds(UpdatePath, leaf_nodes(LeafSource.COMMIT), st.lists(node, max_size=3).map(tuple))


def commits() -> st.SearchStrategy[Commit]:
    """Proposals by value and by reference, with and without a path."""
    entry = st.one_of(st.builds(ProposalByValue, proposals()), st.builds(ProposalByReference, _SHORT))
    return st.builds(Commit, st.lists(entry, max_size=3).map(tuple), st.none() | update_paths())


def public_messages() -> st.SearchStrategy[PublicMessage]:
    """Proposals and commits by senders that may send them."""
    return st.sampled_from(SenderType).flatmap(_public_messages_of)


def _public_messages_of(kind: SenderType) -> st.SearchStrategy[PublicMessage]:
    has_index = kind in (SenderType.MEMBER, SenderType.EXTERNAL)
    sender = st.builds(Sender, st.just(kind), _UINT32 if has_index else st.none())
    membership = _SHORT if kind is SenderType.MEMBER else st.none()

    def framed(content: st.SearchStrategy[Content]) -> st.SearchStrategy[FramedContent]:
        return st.builds(FramedContent, _SHORT, _UINT64, sender, _SHORT, content)

    proposal = st.builds(PublicMessage, framed(proposals()), _SHORT, st.none(), membership)
    commit = st.builds(PublicMessage, framed(commits()), _SHORT, _SHORT, membership)
    match kind:
        case SenderType.MEMBER:
            return proposal | commit
        case SenderType.NEW_MEMBER_COMMIT:
            return commit
        case SenderType.EXTERNAL | SenderType.NEW_MEMBER_PROPOSAL:
            return proposal


def private_messages() -> st.SearchStrategy[PrivateMessage]:
    """Sealed messages of every content type."""
    return st.builds(
        PrivateMessage, _SHORT, _UINT64, st.sampled_from(ContentType), _ANY_LENGTH, _SHORT, _ANY_LENGTH
    )


def welcomes() -> st.SearchStrategy[Welcome]:
    """Welcomes for up to four."""
    entry = st.builds(EncryptedGroupSecrets, _SHORT, hpke_ciphertexts())
    return st.builds(Welcome, _UINT16, st.lists(entry, max_size=4).map(tuple), _ANY_LENGTH)


def group_secrets() -> st.SearchStrategy[GroupSecrets]:
    """What an entry of a Welcome seals."""
    path_secret = st.none() | st.builds(PathSecret, _SHORT)
    return st.builds(GroupSecrets, _SHORT, path_secret, st.lists(psk_ids(), max_size=2).map(tuple))


def group_contexts() -> st.SearchStrategy[GroupContext]:
    """Contexts of any suite number."""
    return st.builds(GroupContext, _UINT16, _SHORT, _UINT64, _SHORT, _SHORT, extensions())


def group_infos() -> st.SearchStrategy[GroupInfo]:
    """GroupInfos with any extensions, most of them without a tree."""
    return st.builds(GroupInfo, group_contexts(), extensions(), _SHORT, _UINT32, _ANY_LENGTH)


def messages() -> st.SearchStrategy[Message]:
    """Messages of all five wire formats."""
    return st.one_of(public_messages(), private_messages(), welcomes(), group_infos(), key_packages())


@st.composite
def ratchet_trees(draw: st.DrawFn, max_leaves: int = 8) -> RatchetTree:
    """Trees of every shape up to `max_leaves` leaves, a power of two; the last half is not empty."""
    width = draw(st.sampled_from([1 << k for k in range(max_leaves.bit_length()) if 1 << k <= max_leaves]))
    last = draw(st.integers(width // 2, width - 1))
    leaf: st.SearchStrategy[TreeNode | None] = st.none() | leaf_nodes()
    unmerged = st.lists(_UINT32, max_size=3).map(tuple)
    parent: st.SearchStrategy[TreeNode | None] = st.none() | st.builds(ParentNode, _SHORT, _SHORT, unmerged)
    nodes: list[TreeNode | None] = [None] * (2 * width - 1)
    for index in range(2 * last):
        nodes[index] = draw(parent if index % 2 else leaf)
    nodes[2 * last] = draw(leaf_nodes())
    return RatchetTree(tuple(nodes))
