"""Clients for tests: honest and dishonest authors of everything public in MLS, without the secrets.

A `Client` makes key packages, groups, proposals and commits whose every public part is right: signatures,
tree and parent hashes, references, transcript. What only members could read or check (ciphertexts,
confirmation and membership tags) is made up. So a delivery service under test takes them for real, and a
test needs no MLS implementation. `sign` puts a client's name under any content, and `leaf` makes any leaf:
with the two a test plays the client that cheats.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from crypto.mls import (
    Add,
    BasicCredential,
    Capabilities,
    CipherSuite,
    Commit,
    Content,
    ContentType,
    Credential,
    EncryptedGroupSecrets,
    Extension,
    Extensions,
    ExtensionType,
    ExternalInit,
    FramedContent,
    GroupContext,
    GroupContextExtensions,
    GroupInfo,
    GroupPolicy,
    HpkeCiphertext,
    KeyPackage,
    LeafNode,
    LeafOrigin,
    Lifetime,
    PrivateMessage,
    Proposal,
    ProposalByReference,
    ProposalByValue,
    ProposalType,
    PublicGroup,
    PublicMessage,
    RatchetTree,
    Remove,
    SelfRemove,
    Sender,
    SenderType,
    Update,
    UpdatePath,
    VerifiedProposal,
    Welcome,
    key_package_ref,
    open_group,
    proposal_ref,
    ratchet_tree_extension,
    root_hash,
    tree_hashes,
    verify_commit,
)
from crypto.mls._commit_list import CommittedProposal
from crypto.mls._tree_changes import apply_proposals, place_for_joiner
from crypto.mls._writer import opaque
from crypto.mls.testing._keys import SigningKey, expand, hpke_public_key
from crypto.mls.testing._paths import make_path

DAY = 86_400
_NEEDS_PATH = (Update, Remove, SelfRemove, ExternalInit, GroupContextExtensions)


@dataclass(frozen=True, slots=True)
class MadeGroup:
    """A new group, with the GroupInfo that its creator uploads."""

    group: PublicGroup
    group_info: GroupInfo


@dataclass(frozen=True, slots=True)
class MadeCommit:
    """All that a committer uploads, and the epoch it makes."""

    message: PublicMessage
    welcome: Welcome | None
    group_info: GroupInfo
    group: PublicGroup


class Client:
    """One device of somebody: a signing key that follows from suite, identity and device.

    It counts the keys it has made, so that each is fresh; otherwise it has no state, and is told the group
    each time.
    """

    def __init__(self, suite: CipherSuite, identity: bytes, device: str = "1") -> None:
        self.suite = suite
        self.credential: Credential = BasicCredential(identity)
        self._seed = b"\0".join([str(suite.number).encode(), identity, device.encode()])
        self._keys_made = 0
        self.signing = SigningKey(suite, self._seed)
        self.capabilities = Capabilities(
            (1,),
            (suite.number,),
            (ExtensionType.APP_DATA_DICTIONARY, ExtensionType.LAST_RESORT),
            (ProposalType.SELF_REMOVE,),
            (1, 2),
        )

    def fresh_key(self) -> bytes:
        """An HPKE public key that nobody has seen."""
        self._keys_made += 1
        return hpke_public_key(self.suite, self._seed, f"hpke {self._keys_made}")

    def tag(self, label: str) -> bytes:
        """Bytes as long as the suite's hash, where a member would put a MAC."""
        self._keys_made += 1
        return expand(self._seed, f"{label} {self._keys_made}", self.suite.hash_bytes)

    def leaf(
        self,
        origin: LeafOrigin,
        group_id: bytes = b"",
        leaf_index: int = 0,
        *,
        encryption_key: bytes | None = None,
        credential: Credential | None = None,
        extensions: Extensions = (),
    ) -> LeafNode:
        """A signed leaf of this client for a place in a group."""
        unsigned = LeafNode(
            encryption_key or self.fresh_key(),
            self.signing.public,
            credential or self.credential,
            self.capabilities,
            origin,
            extensions,
            b"",
        )
        signature = self.signing.sign(b"LeafNodeTBS", unsigned.to_be_signed(group_id, leaf_index))
        return LeafNode(
            unsigned.encryption_key,
            unsigned.signature_key,
            unsigned.credential,
            unsigned.capabilities,
            origin,
            extensions,
            signature,
        )

    def key_package(
        self,
        now: int = 0,
        *,
        last_resort: bool = False,
        init_key: bytes | None = None,
        leaf: LeafNode | None = None,
        extensions: Extensions = (),
    ) -> KeyPackage:
        """A signed key package, valid from an hour before `now` (seconds since 1970) for 84 days."""
        begin = max(now - 3_600, 0)
        if last_resort:
            extensions = (*extensions, Extension(ExtensionType.LAST_RESORT, b""))
        leaf = leaf or self.leaf(Lifetime(begin, begin + 84 * DAY))
        unsigned = KeyPackage(self.suite.number, init_key or self.fresh_key(), leaf, extensions, b"")
        signature = self.signing.sign(b"KeyPackageTBS", unsigned.to_be_signed())
        return KeyPackage(self.suite.number, unsigned.init_key, leaf, extensions, signature)

    def create_group(self, group_id: bytes, extensions: Extensions = ()) -> MadeGroup:
        """A group of this client alone, in epoch 0."""
        tree = RatchetTree((self.leaf(Lifetime(0, 84 * DAY)),))
        tree_hash = root_hash(tree, tree_hashes(self.suite, tree))
        context = GroupContext(self.suite.number, group_id, 0, tree_hash, b"", extensions)
        group_info = self._signed_group_info(context, tree, self.tag("confirmation"), 0)
        group = open_group(group_info, GroupPolicy({self.suite.number: self.suite}))
        return MadeGroup(group, group_info)

    def leaf_index(self, group: PublicGroup) -> int:
        """This client's place; `LookupError` where it is no member."""
        for member in group.members:
            if member.signature_key == self.signing.public:
                return member.leaf_index
        raise LookupError("not a member")

    def sign(self, group: PublicGroup, content: Content, sender: Sender | None = None) -> PublicMessage:
        """Any content for this epoch, signed by this client: as the member it is, or as `sender`."""
        sender = sender or Sender(SenderType.MEMBER, self.leaf_index(group))
        framed = FramedContent(group.group_id, group.epoch, sender, b"", content)
        signed = b"\x00\x01\x00\x01" + framed.encode()
        if sender.kind in (SenderType.MEMBER, SenderType.NEW_MEMBER_COMMIT):
            signed += group.context.encode()
        signature = self.signing.sign(b"FramedContentTBS", signed)
        confirmation = self.tag("confirmation") if isinstance(content, Commit) else None
        membership = self.tag("membership") if sender.kind is SenderType.MEMBER else None
        return PublicMessage(framed, signature, confirmation, membership)

    def propose(self, group: PublicGroup, proposal: Proposal) -> tuple[PublicMessage, VerifiedProposal]:
        """A proposal of this member, and what a server keeps of it."""
        message = self.sign(group, proposal)
        ref = proposal_ref(self.suite, message)
        return message, VerifiedProposal(group.epoch, ref, message.sender, proposal)

    def fresh_leaf(
        self, group: PublicGroup, origin: LeafOrigin, *, encryption_key: bytes | None = None
    ) -> LeafNode:
        """A new leaf for the place that this member has."""
        return self.leaf(origin, group.group_id, self.leaf_index(group), encryption_key=encryption_key)

    def commit(
        self,
        group: PublicGroup,
        proposals: Sequence[Proposal | VerifiedProposal] = (),
        *,
        with_path: bool | None = None,
    ) -> MadeCommit:
        """A commit of this member: proposals of its own by value, verified ones by reference.

        `with_path` None makes a path where the proposals need one.
        """
        committed = _committed(proposals, Sender(SenderType.MEMBER, self.leaf_index(group)))
        message = self.commit_unchecked(group, proposals, with_path=with_path)
        return self.finish_commit(group, message, committed)

    def commit_unchecked(
        self,
        group: PublicGroup,
        proposals: Sequence[Proposal | VerifiedProposal] = (),
        *,
        with_path: bool | None = None,
    ) -> PublicMessage:
        """The commit alone, with whatever proposals, which need not make sense together."""
        leaf_index = self.leaf_index(group)
        committed = _committed(proposals, Sender(SenderType.MEMBER, leaf_index))
        if with_path is None:
            with_path = not committed or any(isinstance(entry.proposal, _NEEDS_PATH) for entry in committed)
        path = None
        if with_path:
            tree, places = apply_proposals(group.tree, committed)
            path = self._path(group, tree, leaf_index, frozenset(places))
        return self.sign(group, _commit(committed, path))

    def join(
        self,
        group: PublicGroup,
        *,
        replacing: int | None = None,
        references: Sequence[VerifiedProposal] = (),
    ) -> MadeCommit:
        """An external commit, that removes the leaf `replacing` where one is given."""
        sender = Sender(SenderType.NEW_MEMBER_COMMIT)
        own: list[Proposal] = [ExternalInit(self.fresh_key())]
        if replacing is not None:
            own.append(Remove(replacing))
        committed = _committed([*own, *references], sender)
        tree, _ = apply_proposals(group.tree, committed)
        tree, leaf_index = place_for_joiner(tree)
        path = self._path(group, tree, leaf_index, frozenset())
        return self.finish_commit(group, self.sign(group, _commit(committed, path), sender), committed)

    def finish_commit(
        self, group: PublicGroup, message: PublicMessage, committed: Sequence[CommittedProposal]
    ) -> MadeCommit:
        """What is uploaded beside a commit that is right: its Welcome and its GroupInfo."""
        pending = {
            entry.ref: VerifiedProposal(group.epoch, entry.ref, entry.sender, entry.proposal)
            for entry in committed
            if entry.ref is not None
        }
        effects = verify_commit(group, message, pending, require_references=False)
        added = [entry.proposal.key_package for entry in committed if isinstance(entry.proposal, Add)]
        group_info = self.group_info(effects.group)
        return MadeCommit(message, self.welcome(added) if added else None, group_info, effects.group)

    def welcome(self, key_packages: Sequence[KeyPackage]) -> Welcome:
        """A Welcome for the owners of these, which none of them can open."""
        sealed = HpkeCiphertext(self.fresh_key(), self.tag("group secrets"))
        entries = [
            EncryptedGroupSecrets(key_package_ref(package, self.suite), sealed) for package in key_packages
        ]
        return Welcome(self.suite.number, tuple(entries), self.tag("group info"))

    def group_info(self, group: PublicGroup) -> GroupInfo:
        """The GroupInfo of this epoch, signed by this member."""
        return self._signed_group_info(
            group.context, group.tree, group.confirmation_tag, self.leaf_index(group)
        )

    def group_info_of(
        self, group_id: bytes, epoch: int, tree: RatchetTree, leaf_index: int, extensions: Extensions = ()
    ) -> GroupInfo:
        """A GroupInfo for any tree, with its true hash, signed by this client at `leaf_index` of it."""
        tree_hash = root_hash(tree, tree_hashes(self.suite, tree))
        context = GroupContext(
            self.suite.number, group_id, epoch, tree_hash, self.tag("transcript"), extensions
        )
        return self._signed_group_info(context, tree, self.tag("confirmation"), leaf_index)

    def application(self, group: PublicGroup, size: int = 64) -> PrivateMessage:
        """An application message of this epoch with a ciphertext of `size` bytes."""
        return self.sealed(group, ContentType.APPLICATION, size)

    def sealed(self, group: PublicGroup, content_type: ContentType, size: int = 64) -> PrivateMessage:
        """A message that nobody can open: of an encrypted handshake too."""
        self._keys_made += 1
        ciphertext = expand(self._seed, f"ciphertext {self._keys_made}", size)
        return PrivateMessage(group.group_id, group.epoch, content_type, b"", self.tag("sender"), ciphertext)

    def _path(
        self, group: PublicGroup, tree: RatchetTree, leaf_index: int, added: frozenset[int]
    ) -> UpdatePath:
        return make_path(
            self.suite,
            tree,
            leaf_index,
            added,
            self.fresh_key,
            lambda origin: self.leaf(origin, group.group_id, leaf_index),
        )

    def _signed_group_info(
        self, context: GroupContext, tree: RatchetTree, tag: bytes, leaf_index: int
    ) -> GroupInfo:
        key = hpke_public_key(self.suite, context.encode(), "external")
        extensions = (
            ratchet_tree_extension(tree),
            Extension(ExtensionType.EXTERNAL_PUB, opaque(key)),
        )
        unsigned = GroupInfo(context, extensions, tag, leaf_index, b"")
        signature = self.signing.sign(b"GroupInfoTBS", unsigned.to_be_signed())
        return GroupInfo(context, extensions, tag, leaf_index, signature)


def _committed(
    proposals: Sequence[Proposal | VerifiedProposal], sender: Sender
) -> tuple[CommittedProposal, ...]:
    return tuple(
        [
            CommittedProposal(entry.sender, entry.proposal, entry.ref)
            if isinstance(entry, VerifiedProposal)
            else CommittedProposal(sender, entry, None)
            for entry in proposals
        ]
    )


def _commit(committed: Sequence[CommittedProposal], path: UpdatePath | None) -> Commit:
    entries = [
        ProposalByValue(entry.proposal) if entry.ref is None else ProposalByReference(entry.ref)
        for entry in committed
    ]
    return Commit(tuple(entries), path)
