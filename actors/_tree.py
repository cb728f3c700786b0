"""The tree as a value, and as text for a terminal or a crash report."""

from collections.abc import Iterator

import attrs

from ._events import Exit
from ._terms import MailboxStatistics


@attrs.frozen
class TreeNode:
    """One node of a running tree."""

    path: str
    """Where it is: ids from the root, joined by `/`. `tune` and `knobs` take it."""
    kind: str
    """`supervisor`, `registry`, `child`, `key` or `mailbox`."""
    state: str
    """`up`, `down`, `starting`, `backing off`, `stopping`, `stuck`, `parked`, `quarantined`, …"""
    healthy: bool = True
    """False if a human should look: something here or below is stuck, quarantined or backing off."""
    incarnation: int = 0
    restarts: int = 0
    """How often it was started again since the root began."""
    facts: tuple[tuple[str, str], ...] = ()
    """What else is worth a line: settings, fill of a mailbox, the last error."""
    children: tuple["TreeNode", ...] = ()

    @property
    def name(self) -> str:
        """The last part of the path."""
        return self.path.rpartition("/")[2]

    def walk(self) -> Iterator["TreeNode"]:
        """This node and all below it, parents first."""
        yield self
        for child in self.children:
            yield from child.walk()

    def find(self, path: str) -> "TreeNode | None":
        """The node at this path, or None."""
        return next((node for node in self.walk() if node.path == path), None)


def format_tree(node: TreeNode) -> str:
    """The tree as lines of text; what needs a look carries a `!`."""
    return "\n".join(_lines(node, "", ""))


def _lines(node: TreeNode, first: str, rest: str) -> Iterator[str]:
    yield f"{first}{_label(node)}"
    last = len(node.children) - 1
    for index, child in enumerate(node.children):
        fork, down = ("└─ ", "   ") if index == last else ("├─ ", "│  ")
        yield from _lines(child, rest + fork, rest + down)


def _label(node: TreeNode) -> str:
    mark = "" if node.healthy else "! "
    words = [f"{mark}{node.name}", f"[{node.kind}]", node.state]
    if node.incarnation:
        words.append(f"#{node.incarnation}")
    if node.restarts:
        words.append(f"restarts={node.restarts}")
    words.extend(f"{key}={value}" for key, value in node.facts)
    return " ".join(words)


def describe(exit_: Exit) -> str:
    """An exit in a few words: its kind and the innermost error."""
    error: BaseException | None = exit_.error
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return exit_.kind.value if error is None else f"{exit_.kind.value}: {error!r}"


def mailbox_node(parent: str, statistics: MailboxStatistics) -> TreeNode:
    """A mailbox as a leaf below the child that takes from it."""
    return TreeNode(
        path=f"{parent}/{statistics.name}",
        kind="mailbox",
        state="closed" if statistics.closed else "open",
        facts=(
            ("waiting", f"{statistics.waiting}/{statistics.capacity}"),
            ("high_water", str(statistics.high_water)),
            ("lost", str(statistics.lost)),
        ),
    )
