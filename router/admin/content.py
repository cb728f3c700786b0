"""What the admin listener serves, as pure functions: metrics, health in detail, the tree."""

import hmac
from collections import Counter

import msgspec

from actors import TreeNode
from router.observe import Metrics
from router.observe.metrics import CONTENT_TYPE
from router.observe.pages import JSON, Page


def authorised(token: str | None, authorization: str | None) -> bool:
    """Whether an `Authorization` header may see the admin listener; without a token everybody may.

    The time it takes tells nothing of the token.
    """
    if token is None:
        return True
    scheme, _, given = (authorization or "").partition(" ")
    same = hmac.compare_digest(given.strip().encode(), token.encode())
    return same and scheme.lower() == "bearer"


def metrics_page(metrics: Metrics) -> Page:
    """`/metrics`, for Prometheus."""
    return Page(200, CONTENT_TYPE, metrics.text())


def tree_page(root: TreeNode) -> Page:
    """`/tree`: the supervision tree as JSON, with registries folded to counts."""
    return Page(200, JSON, msgspec.json.encode(folded(root)) + b"\n")


def folded(node: TreeNode) -> dict[str, object]:
    """A node as a document. Keys of a registry are ids of conversations or devices: they become counts."""
    document: dict[str, object] = {
        "name": node.name,
        "kind": node.kind,
        "state": node.state,
        "healthy": node.healthy,
    }
    if node.incarnation:
        document["incarnation"] = node.incarnation
    if node.restarts:
        document["restarts"] = node.restarts
    if node.facts:
        document["facts"] = dict(node.facts)
    keys = [child for child in node.children if child.kind == "key"]
    if keys:
        document["keys"] = dict(Counter(child.state for child in keys))
    others = [folded(child) for child in node.children if child.kind != "key"]
    if others:
        document["children"] = others
    return document
