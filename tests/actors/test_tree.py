"""The tree as text and as a value."""

from actors import Exit, ExitKind, Mailbox, TreeNode, format_tree
from actors._tree import describe, mailbox_node

TREE = TreeNode(
    "root",
    "supervisor",
    "up",
    facts=(("intensity", "5/30"),),
    children=(
        TreeNode("root/a", "child", "up", incarnation=3, restarts=2),
        TreeNode(
            "root/b",
            "registry",
            "up",
            healthy=False,
            children=(TreeNode("root/b/k", "key", "quarantined", healthy=False),),
        ),
        TreeNode("root/c", "child", "down"),
    ),
)


def test_a_tree_reads_well() -> None:
    assert format_tree(TREE).splitlines() == [
        "root [supervisor] up intensity=5/30",
        "├─ a [child] up #3 restarts=2",
        "├─ ! b [registry] up",
        "│  └─ ! k [key] quarantined",
        "└─ c [child] down",
    ]


def test_a_node_is_found_by_its_path() -> None:
    found = TREE.find("root/b/k")
    assert found is not None
    assert found.name == "k"
    assert TREE.find("root/x") is None
    assert len(list(TREE.walk())) == 5


def test_an_exit_is_described_by_its_innermost_error() -> None:
    def exit_(kind: ExitKind, error: BaseException | None) -> Exit:
        return Exit("root/a", "a", 1, kind, error, 0.0)

    nested = ExceptionGroup("outer", [ExceptionGroup("inner", [ValueError("leaf")])])
    assert describe(exit_(ExitKind.CRASHED, nested)) == "crashed: ValueError('leaf')"
    assert describe(exit_(ExitKind.RETURNED, None)) == "returned"


def test_a_mailbox_shows_how_full_it_is() -> None:
    mailbox = Mailbox[int]("box", 4)
    mailbox.tell_nowait(1)
    mailbox.close()

    node = mailbox_node("root/a", mailbox.statistics())
    assert format_tree(node) == "box [mailbox] closed waiting=1/4 high_water=1 lost=0"
