"""The public test kit of `crypto.mls`: clients that author whole groups, and strategies for every structure.

Needs Hypothesis, which `crypto.mls` itself does not import.
"""

from crypto.mls.testing._clients import Client, MadeCommit, MadeGroup
from crypto.mls.testing._keys import SigningKey, expand, hpke_public_key
from crypto.mls.testing._strategies import (
    capabilities,
    commits,
    credentials,
    extensions,
    group_contexts,
    group_infos,
    group_secrets,
    hpke_ciphertexts,
    key_packages,
    leaf_nodes,
    leaf_origins,
    messages,
    private_messages,
    proposals,
    psk_ids,
    public_messages,
    ratchet_trees,
    update_paths,
    welcomes,
)

__all__ = [
    "Client",
    "MadeCommit",
    "MadeGroup",
    "SigningKey",
    "capabilities",
    "commits",
    "credentials",
    "expand",
    "extensions",
    "group_contexts",
    "group_infos",
    "group_secrets",
    "hpke_ciphertexts",
    "hpke_public_key",
    "key_packages",
    "leaf_nodes",
    "leaf_origins",
    "messages",
    "private_messages",
    "proposals",
    "psk_ids",
    "public_messages",
    "ratchet_trees",
    "update_paths",
    "welcomes",
]
