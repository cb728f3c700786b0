"""The official vectors (mls-implementations) of everything that public bytes decide.

Left out are the vectors of secrets (key schedule, secret tree, message protection): a server has none.
"""

from collections.abc import Callable
from typing import Any

import pytest

from crypto.mls import (
    STANDARD_SUITES,
    Add,
    CipherSuite,
    Commit,
    PublicMessage,
    Remove,
    Update,
    are_parents_vouched_for,
    confirmed_transcript_hash,
    encode_message,
    interim_transcript_hash,
    key_package_ref,
    read_group_secrets,
    read_key_package,
    read_message,
    read_ratchet_tree,
    read_update_path,
    read_welcome,
    ref_hash,
    resolution,
    root_hash,
    tree_hashes,
    validate_tree,
    verify_with_label,
)
from crypto.mls import _tree_math as tree_math
from crypto.mls._commit import read_commit
from crypto.mls._framing import read_framed_content, read_public_message_body
from crypto.mls._path_rules import apply_path
from crypto.mls._proposals import read_proposal
from crypto.mls._reader import Reader, read_whole
from crypto.mls._tree_edit import TreeEdit
from crypto.mls._writer import Encodable
from tests.vectors import load_vectors


def suite_of(case: Any) -> CipherSuite:
    """The suite a case is about."""
    return STANDARD_SUITES[case["cipher_suite"]]


def test_every_structure_is_read_and_written_back_byte_for_byte() -> None:
    """messages.json: whoever re-encodes a structure to hash or verify it must get the signed bytes."""
    parts: dict[str, Callable[[Reader], Encodable]] = {
        "group_secrets": read_group_secrets,
        "commit": read_commit,
    }
    whole = ["mls_welcome", "mls_group_info", "mls_key_package", "private_message"]
    whole += ["public_message_proposal", "public_message_commit"]
    proposals = ["add", "update", "remove", "pre_shared_key", "re_init", "external_init"]
    for case in load_vectors("mls/messages.json"):
        for name in whole:
            assert encode_message(read_message(bytes.fromhex(case[name]))).hex() == case[name]
        for name, read in parts.items():
            assert read_whole(bytes.fromhex(case[name]), read).encode().hex() == case[name]
        for kind, name in enumerate([*proposals, "group_context_extensions"], 1):
            data = kind.to_bytes(2, "big") + bytes.fromhex(case[f"{name}_proposal"])
            assert read_whole(data, read_proposal).encode() == data
        tree = bytes.fromhex(case["ratchet_tree"])
        assert read_ratchet_tree(tree).encode() == tree
        # decodes, and is refused by `read_message` alone
        application = bytes.fromhex(case["public_message_application"])[4:]
        assert read_whole(application, read_public_message_body).encode() == application


def test_node_indices() -> None:
    """tree-math.json, for every node of every tree."""
    for case in load_vectors("mls/tree-math.json"):
        leaves, top = case["n_leaves"], tree_math.root(case["n_leaves"])
        assert (top, 2 * leaves - 1) == (case["root"], case["n_nodes"])
        for node in range(case["n_nodes"]):
            children = (tree_math.left(node), tree_math.right(node)) if node % 2 else (None, None)
            assert children == (case["left"][node], case["right"][node])
            around = (None, None) if node == top else (tree_math.parent(node), tree_math.sibling(node))
            assert around == (case["parent"][node], case["sibling"][node])


@pytest.mark.parametrize(("node", "leaves"), [(2, 1), (7, 4), (-1, 4)])
def test_a_node_beyond_the_tree_has_no_path(node: int, leaves: int) -> None:
    """Its ancestors never are the root: looking for them would not end."""
    with pytest.raises(IndexError):
        tree_math.direct_path(node, leaves)


def test_recorded_trees_are_valid() -> None:
    """tree-validation.json: resolutions, the hash of every node, parent hashes, leaf signatures."""
    for case in load_vectors("mls/tree-validation.json"):
        suite, tree = suite_of(case), read_ratchet_tree(bytes.fromhex(case["tree"]))
        hashes = tree_hashes(suite, tree)
        assert [node.hex() for node in hashes] == case["tree_hashes"]
        assert [resolution(tree, node) for node in range(len(tree.nodes))] == case["resolutions"]
        validate_tree(suite, tree, hashes, bytes.fromhex(case["group_id"]), ())


def test_proposals_change_a_tree_as_recorded() -> None:
    """tree-operations.json, with hashes made anew only above what has changed."""
    for case in load_vectors("mls/tree-operations.json"):
        suite, before = suite_of(case), read_ratchet_tree(bytes.fromhex(case["tree_before"]))
        hashes = tree_hashes(suite, before)
        assert root_hash(before, hashes).hex() == case["tree_hash_before"]
        edit = TreeEdit(before)
        match read_whole(bytes.fromhex(case["proposal"]), read_proposal):
            case Add(key_package=key_package):
                edit.add(key_package.leaf_node)
            case Update(leaf_node=leaf):
                edit.update(case["proposal_sender"], leaf)
            case Remove(removed=leaf_index):
                edit.remove(leaf_index)
        after = edit.tree()
        assert after.encode().hex() == case["tree_after"]
        assert root_hash(after, tree_hashes(suite, after, (before, hashes))).hex() == case["tree_hash_after"]
        assert before.encode().hex() == case["tree_before"]  # the edit has worked on a copy


def test_update_paths_lead_to_the_recorded_trees() -> None:
    """treekem.json, the public half: the keys of the path, the parent hashes, the tree hash after."""
    for case in load_vectors("mls/treekem.json"):
        suite, tree = suite_of(case), read_ratchet_tree(bytes.fromhex(case["ratchet_tree"]))
        hashes = tree_hashes(suite, tree)
        for recorded in case["update_paths"]:
            path = read_whole(bytes.fromhex(recorded["update_path"]), read_update_path)
            assert path.encode().hex() == recorded["update_path"]
            after = apply_path(suite, tree, hashes, path, recorded["sender"], frozenset())
            following = tree_hashes(suite, after, (tree, hashes))
            assert following == tree_hashes(suite, after)
            assert root_hash(after, following).hex() == recorded["tree_hash_after"]
            assert are_parents_vouched_for(suite, after, following)


def test_references_and_labelled_signatures() -> None:
    """crypto-basics.json: RefHash and SignWithLabel; a changed label or content is no longer signed."""
    for case in load_vectors("mls/crypto-basics.json"):
        suite, named = suite_of(case), case["ref_hash"]
        assert ref_hash(suite, named["label"].encode(), bytes.fromhex(named["value"])).hex() == named["out"]
        signed = case["sign_with_label"]
        key, label = bytes.fromhex(signed["pub"]), signed["label"].encode()
        content, signature = bytes.fromhex(signed["content"]), bytes.fromhex(signed["signature"])
        assert verify_with_label(suite, key, label, content, signature)
        assert not verify_with_label(suite, key, label + b"x", content, signature)
        assert not verify_with_label(suite, key, label, content + b"x", signature)


def test_transcript_hashes() -> None:
    """transcript-hashes.json: the server computes the transcript of the next epoch from the commit alone."""
    for case in load_vectors("mls/transcript-hashes.json"):
        suite = suite_of(case)
        reader = Reader(bytes.fromhex(case["authenticated_content"]))
        assert reader.uint(2) == 1
        framed = read_framed_content(reader)
        assert isinstance(framed.content, Commit)
        message = PublicMessage(framed, reader.opaque(), reader.opaque())
        reader.finish()
        before = bytes.fromhex(case["interim_transcript_hash_before"])
        confirmed = confirmed_transcript_hash(suite, before, message)
        assert confirmed.hex() == case["confirmed_transcript_hash_after"]
        interim = interim_transcript_hash(suite, confirmed, message.confirmation_tag or b"")
        assert interim.hex() == case["interim_transcript_hash_after"]


def test_a_welcome_names_the_key_package_it_answers() -> None:
    """welcome.json: the reference computed from the key package is the one in the Welcome."""
    for case in load_vectors("mls/welcome.json"):
        key_package = read_key_package(bytes.fromhex(case["key_package"]))
        ref = key_package_ref(key_package, suite_of(case))
        assert ref in read_welcome(bytes.fromhex(case["welcome"])).key_package_refs
