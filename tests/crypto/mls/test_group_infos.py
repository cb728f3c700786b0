"""GroupInfo: what a server believes of it, and of the commit it came with."""

from dataclasses import replace

import pytest

from crypto.mls import (
    STANDARD_SUITES,
    Add,
    BasicCredential,
    Extension,
    ExtensionType,
    FromUpdate,
    GroupContext,
    GroupFault,
    GroupInfo,
    GroupPolicy,
    InvalidGroupInfo,
    LeafNode,
    Lifetime,
    MemberUpdate,
    ParentNode,
    RatchetTree,
    Remove,
    TreeFault,
    check_group_info,
    encode_message,
    follow_group_info,
    membership_change,
    open_group,
    ratchet_tree_extension,
    read_group_info,
    reopen_group,
)
from tests.crypto.mls.people import NAMES, client, group_of

ALICE, BOB, CAROL = client("alice"), client("bob"), client("carol")
GROUP = group_of(ALICE, BOB, CAROL)
INFO = ALICE.group_info(GROUP)
DAY = 86_400


def resigned(info: GroupInfo) -> GroupInfo:
    """Signed anew by Alice, who may sign what she likes."""
    signature = ALICE.signing.sign(b"GroupInfoTBS", info.to_be_signed())
    return replace(info, signature=signature)


def of_tree(tree: RatchetTree, group_id: bytes = b"a group") -> GroupInfo:
    """A GroupInfo of Alice with the true hash of any tree."""
    return ALICE.group_info_of(group_id, 1, tree, 0)


def refusal(info: GroupInfo, policy: GroupPolicy | None = None) -> tuple[GroupFault, TreeFault | None]:
    """Why it is refused."""
    with pytest.raises(InvalidGroupInfo) as error:
        open_group(info, policy or GroupPolicy())
    return error.value.fault, error.value.tree_fault


def with_node(index: int, node: LeafNode | ParentNode | None) -> RatchetTree:
    """The group's tree with another node in one place."""
    return RatchetTree((*GROUP.tree.nodes[:index], node, *GROUP.tree.nodes[index + 1 :]))


def leaf(index: int) -> LeafNode:
    """A leaf of the group."""
    found = GROUP.tree.leaf(index)
    assert found is not None
    return found


def test_a_group_info_is_read_in_both_forms_and_says_the_group() -> None:
    """Clients publish it with and without the head of an MLSMessage."""
    for data in (encode_message(INFO), INFO.encode()):
        assert open_group(read_group_info(data)) == GROUP
    assert reopen_group(INFO) == GROUP


def test_a_tree_may_come_beside_it() -> None:
    """And where it comes twice it is the same tree, or one of them is a lie."""
    bare = resigned(replace(INFO, extensions=INFO.extensions[1:]))
    assert refusal(bare) == (GroupFault.NO_TREE, None)
    assert open_group(bare, tree=GROUP.tree) == GROUP
    assert open_group(INFO, tree=GROUP.tree) == GROUP
    with pytest.raises(InvalidGroupInfo, match="tree-hash"):
        open_group(INFO, tree=group_of(ALICE, BOB).tree)


def test_faults_of_the_group_info_itself() -> None:
    """Each by itself, rightly signed where the signature is not the point."""
    context = INFO.group_context
    key = Extension(ExtensionType.EXTERNAL_PUB, b"\x20" + bytes(32))
    broken = Extension(ExtensionType.REQUIRED_CAPABILITIES, b"\x01")
    cases: list[tuple[GroupInfo, GroupFault]] = [
        (replace(INFO, group_context=replace(context, cipher_suite=99)), GroupFault.SUITE),
        (resigned(replace(INFO, confirmation_tag=b"short")), GroupFault.CONFIRMATION_TAG),
        (resigned(replace(INFO, group_context=replace(context, tree_hash=bytes(32)))), GroupFault.TREE_HASH),
        (resigned(replace(INFO, signer=3)), GroupFault.SIGNER),
        (resigned(replace(INFO, signer=2**32 - 1)), GroupFault.SIGNER),
        (resigned(replace(INFO, signer=1)), GroupFault.SIGNATURE),
        (replace(INFO, group_context=replace(context, epoch=9)), GroupFault.SIGNATURE),
        (resigned(replace(INFO, extensions=(INFO.extensions[0], key))), GroupFault.EXTENSION),
        (resigned(replace(INFO, group_context=replace(context, extensions=(broken,)))), GroupFault.EXTENSION),
    ]
    for info, fault in cases:
        assert refusal(info) == (fault, None)


def test_the_external_key_of_ts_mls_has_no_length_in_front() -> None:
    """A real client writes it so; it is taken in both forms and in no other."""
    key = INFO.extensions[1].data
    raw = Extension(ExtensionType.EXTERNAL_PUB, key[1:])
    assert open_group(resigned(replace(INFO, extensions=(INFO.extensions[0], raw)))) == GROUP
    for data in (key[2:], key + b"\0"):
        bad = Extension(ExtensionType.EXTERNAL_PUB, data)
        assert (
            refusal(resigned(replace(INFO, extensions=(INFO.extensions[0], bad))))[0] is GroupFault.EXTENSION
        )


def test_a_suite_that_is_not_allowed_and_a_tree_above_the_bound() -> None:
    """Both are configuration."""
    assert refusal(INFO, GroupPolicy({3: STANDARD_SUITES[3]})) == (GroupFault.SUITE, None)
    assert refusal(INFO, GroupPolicy(max_leaves=2)) == (GroupFault.EXTENSION, None)


def test_faults_of_the_tree() -> None:
    """Whoever signs a GroupInfo vouches for its hash; the tree is judged by itself."""
    parent = next(node for _, node in GROUP.tree.parents())
    index = next(index for index, _ in GROUP.tree.parents())
    nobody = replace(leaf(1), capabilities=replace(leaf(1).capabilities, versions=()))
    twin = BOB.leaf(Lifetime(0, DAY), encryption_key=leaf(0).encryption_key)
    cases: list[tuple[RatchetTree, TreeFault]] = [
        (with_node(2, replace(leaf(1), signature=bytes(64))), TreeFault.LEAF_SIGNATURE),
        (with_node(2, replace(leaf(1), credential=BasicCredential(b"mallory"))), TreeFault.LEAF_SIGNATURE),
        (with_node(2, replace(leaf(1), encryption_key=bytes(32))), TreeFault.LEAF_KEY),
        (with_node(2, nobody), TreeFault.LEAF_CAPABILITY),
        (with_node(2, twin), TreeFault.DUPLICATE_KEY),
        (with_node(2, CAROL.leaf(Lifetime(0, DAY))), TreeFault.DUPLICATE_KEY),
        (with_node(index, replace(parent, encryption_key=bytes(32))), TreeFault.PARENT_KEY),
        (with_node(index, replace(parent, encryption_key=b"k" * 32)), TreeFault.PARENT_HASH),
        (with_node(index, replace(parent, parent_hash=b"x" * 32)), TreeFault.PARENT_HASH),
        (with_node(index, replace(parent, unmerged_leaves=(3,))), TreeFault.UNMERGED_LEAVES),
        (with_node(index, replace(parent, unmerged_leaves=(1, 1))), TreeFault.UNMERGED_LEAVES),
        (with_node(index, replace(parent, unmerged_leaves=(1, 0))), TreeFault.UNMERGED_LEAVES),
        (with_node(index, replace(parent, unmerged_leaves=(2**32 - 1,))), TreeFault.UNMERGED_LEAVES),
        (with_node(index, replace(parent, unmerged_leaves=(1,))), TreeFault.PARENT_HASH),
        (with_node(0, ALICE.leaf(FromUpdate(), b"a group", 0)), TreeFault.PARENT_HASH),
    ]
    for tree, fault in cases:
        assert refusal(of_tree(tree)) == (GroupFault.TREE, fault)
    # a parent with nobody on one side, here at the end of the list, has no form at all
    assert refusal(of_tree(with_node(5, ParentNode(b"p" * 32, b"", ())))) == (GroupFault.EXTENSION, None)


def test_a_leaf_signed_for_one_group_is_no_leaf_of_another() -> None:
    """A committer's leaf names its group and place in what it signs."""
    assert refusal(of_tree(GROUP.tree, b"another group")) == (GroupFault.TREE, TreeFault.LEAF_SIGNATURE)


def test_an_unmerged_leaf_is_listed_at_every_parent_on_its_way_up() -> None:
    """Else two members would encrypt to different sets of people."""
    people = [client(name) for name in ("alice", "bob", "carol", "dave", "erin")]
    group = group_of(*people)
    for who in people[1:4]:  # fill the left half with keys
        group = who.commit(group).group
    group = people[0].commit(group, [Remove(1)]).group
    group = people[2].commit(group).group
    group = people[2].commit(group, [Add(people[1].key_package())], with_path=False).group
    above = [index for index, node in group.tree.parents() if 1 in node.unmerged_leaves]
    assert len(above) >= 2
    lower = group.tree.nodes[above[0]]
    assert isinstance(lower, ParentNode)
    nodes = list(group.tree.nodes)
    nodes[above[0]] = replace(lower, unmerged_leaves=())
    info = people[0].group_info_of(b"a group", 1, RatchetTree(tuple(nodes)), 0)
    assert refusal(info) == (GroupFault.TREE, TreeFault.UNMERGED_LEAVES)
    assert open_group(people[0].group_info(group)) == group


def test_a_parent_is_vouched_for_as_the_tree_was_before_somebody_came() -> None:
    """The hash of the other side leaves out who was added there since, at every parent on the way down."""
    people = [client(name) for name in NAMES[:7]]
    group = group_of(*people)
    group = people[0].commit(group, [Remove(5)]).group
    group = people[4].commit(group).group
    group = people[0].commit(group).group
    group = people[0].commit(group, [Add(people[5].key_package())], with_path=False).group
    assert {index for index, node in group.tree.parents() if 5 in node.unmerged_leaves} == {7, 11}
    assert open_group(people[0].group_info(group)) == group
    below = group.tree.nodes[11]
    assert isinstance(below, ParentNode)
    nodes = (*group.tree.nodes[:11], replace(below, parent_hash=bytes(32)), *group.tree.nodes[12:])
    info = people[0].group_info_of(b"a group", 1, RatchetTree(nodes), 0)
    assert refusal(info) == (GroupFault.TREE, TreeFault.PARENT_HASH)


def test_the_group_info_beside_a_commit_is_of_exactly_the_state_it_makes() -> None:
    """A committer who publishes another state would lead those who join into a group of their own."""
    made = ALICE.commit(GROUP)
    check_group_info(made.group, made.group_info)
    context = made.group_info.group_context
    extra = Extension(0xF000, b"")
    changes: list[tuple[GroupContext, GroupFault]] = [
        (replace(context, cipher_suite=3), GroupFault.SUITE),
        (replace(context, group_id=b"x"), GroupFault.GROUP_ID),
        (replace(context, epoch=GROUP.epoch), GroupFault.EPOCH),
        (replace(context, tree_hash=bytes(32)), GroupFault.TREE_HASH),
        (replace(context, confirmed_transcript_hash=bytes(32)), GroupFault.TRANSCRIPT),
        (replace(context, extensions=(extra,)), GroupFault.CONTEXT_EXTENSIONS),
    ]
    cases = [(resigned(replace(made.group_info, group_context=changed)), fault) for changed, fault in changes]
    other_tree = (ratchet_tree_extension(GROUP.tree), *made.group_info.extensions[1:])
    cases += [
        (resigned(replace(made.group_info, confirmation_tag=bytes(32))), GroupFault.CONFIRMATION_TAG),
        (resigned(replace(made.group_info, extensions=other_tree)), GroupFault.TREE_HASH),
        (replace(made.group_info, signature=bytes(64)), GroupFault.SIGNATURE),
        (INFO, GroupFault.EPOCH),
    ]
    for info, fault in cases:
        with pytest.raises(InvalidGroupInfo) as error:
            check_group_info(made.group, info)
        assert error.value.fault is fault
    bare = resigned(replace(made.group_info, extensions=made.group_info.extensions[1:]))
    check_group_info(made.group, bare)  # the server knows the tree


def test_a_sealed_commit_is_followed_by_its_group_info() -> None:
    """What nobody outside can read shows in the tree it leaves."""
    made = ALICE.commit(GROUP, [Remove(1), Add(client("dave").key_package())])
    following, change = follow_group_info(GROUP, made.group_info)
    assert following == made.group
    assert [(m.leaf_index, m.identity) for m in change.removed] == [(1, b"did:web:bob.example")]
    assert [(m.leaf_index, m.identity) for m in change.added] == [(1, b"did:web:dave.example")]
    assert [update.after.leaf_index for update in change.updated] == [0]
    other = client("alice").create_group(b"x")
    for info, fault in [
        (INFO, GroupFault.EPOCH),
        (ALICE.commit(made.group).group_info, GroupFault.EPOCH),
        (other.group_info, GroupFault.GROUP_ID),
        (replace(INFO, group_context=replace(INFO.group_context, cipher_suite=3)), GroupFault.SUITE),
        (replace(made.group_info, signature=bytes(64)), GroupFault.SIGNATURE),
    ]:
        with pytest.raises(InvalidGroupInfo) as error:
            follow_group_info(GROUP, info)
        assert error.value.fault is fault


def test_leaves_that_did_not_change_are_not_trusted_when_they_did() -> None:
    """Following skips what is known: a changed leaf is not known."""
    forged = with_node(2, replace(leaf(1), credential=BasicCredential(b"mallory")))
    info = ALICE.group_info_of(b"a group", GROUP.epoch + 1, forged, 0)
    with pytest.raises(InvalidGroupInfo) as error:
        follow_group_info(GROUP, info)
    assert error.value.tree_fault is TreeFault.LEAF_SIGNATURE


def test_members_of_two_trees_are_compared_place_by_place() -> None:
    """A leaf from a key package is somebody who was added, be it the same person again."""
    back = ALICE.commit(GROUP, [Remove(1), Add(BOB.key_package())]).group
    change = membership_change(GROUP.tree, back.tree)
    assert [m.leaf_index for m in change.removed] == [m.leaf_index for m in change.added] == [1]
    fresh = BOB.commit(GROUP).group
    assert membership_change(GROUP.tree, fresh.tree).updated == (
        MemberUpdate(GROUP.members[1], fresh.members[1]),
    )
    assert membership_change(GROUP.tree, GROUP.tree).updated == ()
