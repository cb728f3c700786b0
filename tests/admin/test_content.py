"""What the admin listener shows: aggregates, and only to those who may see them."""

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors import TreeNode
from router.admin import authorised, metrics_page, tree_page
from router.observe import Metrics

TOKEN = "0123456789abcdef0123456789abcdef"


def test_the_tree_is_told_with_its_registries_folded_to_counts() -> None:
    keys = (
        TreeNode("rookery/conversations/aaa", "key", "up"),
        TreeNode("rookery/conversations/bbb", "key", "parked"),
        TreeNode("rookery/conversations/ccc", "key", "up"),
    )
    root = TreeNode(
        "rookery",
        "supervisor",
        "up",
        children=(
            TreeNode("rookery/store", "child", "up", incarnation=2, restarts=1, facts=(("queue", "3"),)),
            TreeNode("rookery/conversations", "registry", "up", children=keys),
        ),
    )

    page = tree_page(root)

    assert (page.status, page.content_type) == (200, "application/json")
    assert msgspec.json.decode(page.body) == {
        "name": "rookery",
        "kind": "supervisor",
        "state": "up",
        "healthy": True,
        "children": [
            {
                "name": "store", "kind": "child", "state": "up", "healthy": True,
                "incarnation": 2, "restarts": 1, "facts": {"queue": "3"},
            },
            {
                "name": "conversations", "kind": "registry", "state": "up", "healthy": True,
                "keys": {"up": 2, "parked": 1},
            },
        ],
    }  # fmt: skip
    assert b"aaa" not in page.body


def test_the_metrics_page_is_what_prometheus_reads() -> None:
    page = metrics_page(Metrics(version="1.2.3"))

    assert page.status == 200
    assert page.content_type.startswith("text/plain; version=")
    assert b'rookery_build_info{version="1.2.3"} 1.0\n' in page.body


@pytest.mark.parametrize(
    ("header", "allowed"),
    [
        (f"Bearer {TOKEN}", True),
        (f"bearer {TOKEN}", True),
        (f"Basic {TOKEN}", False),
        (TOKEN, False),
        (f"Bearer {TOKEN}x", False),
        ("Bearer", False),
        ("Bearer ünïcode", False),
        ("", False),
        (None, False),
    ],
)
def test_with_a_token_set_only_its_bearer_is_let_in(header: str | None, allowed: bool) -> None:
    assert authorised(TOKEN, header) is allowed
    assert authorised(None, header)


@given(header=st.text())
def test_no_other_header_opens_the_listener(header: str) -> None:
    assert authorised(TOKEN, header) is (header.lower().startswith("bearer ") and header[7:].strip() == TOKEN)
