"""Deliberate faults, each of which the suite must catch: `python -m tests.actors.mutants [NAME …]`.

Every mutant is one replacement in a copy of `actors/`, run against the tests of its area, then against
all others. A fault that survives is a missing test. Prints the score; exits with 1 if one survives.
"""
# ruff: noqa: E501 - a fault is read as one line

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import attrs

ROOT = Path(__file__).parents[2]
SECONDS = 150


@attrs.frozen
class Mutant:
    """One fault: in `file`, `old` (which occurs once) becomes `new`."""

    name: str
    file: str
    old: str
    new: str
    area: str


def _policy(name: str, old: str, new: str) -> Mutant:
    return Mutant(name, "_policy.py", old, new, "policy")


def _supervisor(name: str, old: str, new: str, file: str = "_supervisor.py") -> Mutant:
    return Mutant(name, file, old, new, "supervisor")


def _mailbox(name: str, old: str, new: str, file: str = "_mailbox.py") -> Mutant:
    return Mutant(name, file, old, new, "mailbox")


def _registry(name: str, old: str, new: str, file: str = "_registry.py") -> Mutant:
    return Mutant(name, file, old, new, "registry")


MUTANTS = (
    _policy("off by one in the window", "len(recent) <= intensity", "len(recent) < intensity"),
    _policy("the window excludes its end", "if then >= now - intensity", "if then > now - intensity"),
    _policy("the window never forgets", "for then in history if then >= now - intensity.period", "for then in history"),
    _policy("a transient child restarts after a normal end", "or kind not in _NORMAL", "or kind in ExitKind"),
    _policy("a temporary bystander is started again", "for s in members if s.restart is not Restart.TEMPORARY", "for s in members"),
    _policy("bystanders are stopped in start order", "for s in reversed(members)", "for s in members"),
    _policy("rest_for_one takes the earlier ones", "else seats[place:]", "else seats[: place + 1]"),
    _policy("jitter lengthens the delay", "(1.0 - self.jitter * sample)", "(1.0 + self.jitter * sample)"),
    _policy("back-off without a maximum", "min(self.maximum, self.initial * self.factor**attempt)", "self.initial * self.factor**attempt"),
    _policy("back-off never starts over", "return 0 if uptime >= backoff.reset_after else attempt", "return attempt"),
    _policy("a stopped significant child ends the supervisor", "seat.significant and kind not in _ASKED", "seat.significant"),
    _policy("all significant means any", "if ends and auto_shutdown is AutoShutdown.ALL_SIGNIFICANT", "if False"),
    _supervisor("an exit is matched by id", "if child.life is not life:", "if False:"),
    _supervisor("forward stop order", "for child in reversed(list(self._children.values())):\n            child.due", "for child in list(self._children.values()):\n            child.due"),
    _supervisor("a shield without limit", "with trio.move_on_after(grace, shield=True):", "with trio.CancelScope(shield=True):"),
    _supervisor("a stop that outer cancellation cuts short", "with trio.move_on_after(grace, shield=True):", "with trio.move_on_after(grace):"),
    _supervisor("no shield once ready", "self.scope.shield = True", "pass", "_child.py"),
    _supervisor("a shield before it is ready", "trio.CancelScope = trio.CancelScope()", "trio.CancelScope = trio.CancelScope(shield=True)", "_child.py"),
    _supervisor("an exit lost while restarting", "child.state = ChildState.STARTING\n", "child.state = ChildState.STARTING\n        self._exits.clear()\n"),
    _supervisor("no limit for a start", "with trio.move_on_after(limit):", "with trio.CancelScope():"),
    _supervisor("a failed restart is given up", "done, failure = await self._follow(ready, failed)", "done, failure = False, None"),
    _supervisor("a restart beside a stuck incarnation", "held = child.life is not None", "held = False"),
    _supervisor("later members of a group start before earlier ones", "if self.strategy is not Strategy.ONE_FOR_ONE:\n                break", "if False:\n                break"),
    _supervisor("the incarnation begins anew", "child.incarnation += 1", "child.incarnation = 1"),
    _supervisor("no polite signal", "            life.stop_event().set()\n", ""),
    _supervisor("a nested supervisor gets the time of one child", "grace = max(limit.cancel_grace, sum(node.stop_limit for node in life.nodes))", "grace = limit.cancel_grace"),
    _supervisor("giving up silently", "            raise failure\n\n    async def _serve", "            return\n\n    async def _serve"),
    _supervisor("a KeyboardInterrupt is a crash", "except Exception as crash:", "except BaseException as crash:"),
    _supervisor("a stuck child is not reported", "            self.hooks.call(\"child_stuck\", stuck)", "            pass"),
    _supervisor("a command outlives its supervisor", "            command.done.set()\n        self._waiting.clear()", "        self._waiting.clear()", "_commands.py"),
    _supervisor("a drained child is restarted for ever", "if self._draining and exit_.kind in (ExitKind.RETURNED, ExitKind.SHUTDOWN):", "if False:"),
    _supervisor("a stop while backing off leaves it due", "            child.state = ChildState.DOWN  # it may have been backing off\n", ""),
    _mailbox("off by one in the capacity", "if self._senders or self.waiting >= self._terms.capacity", "if self._senders or self.waiting > self._terms.capacity"),
    _mailbox("a sender overtakes those who wait", "if self._senders or self.waiting", "if self.waiting"),
    _mailbox("a cancelled sender blocks the next", "            self._let_in()  # the next in line may be lighter\n", ""),
    _mailbox("the asker of a crashed actor waits for ever", "                envelope.fail(error)\n", ""),
    _mailbox("the poison is retried", "        lost = 0\n        for envelope in hand:", "        lost = 0\n        self._inbox[:0] = hand\n        self.waiting += len(hand)\n        for envelope in hand:"),
    _mailbox("a partial take keeps its weight", "        self._weight -= weight\n", ""),
    _mailbox("a partial take gives the last first", "                self._outbox.reverse()\n", ""),
    _mailbox("dropped messages tell nobody", "            envelope.refuse(reason)\n", ""),
    _mailbox("taking again forgets open asks", "[e for e in self._hand if e.expects_reply] or _NOTHING", "_NOTHING"),
    _mailbox("closing leaves senders waiting", "for task in senders or ():", "for task in ():"),
    _mailbox("a second answer replaces the first", "        if self._done:\n            return\n", "", "_reply.py"),
    _mailbox("a dead letter that nobody sees", "        if self._terms.hooks.dead_letter:", "        if False:"),
    _registry(
        "an await between «empty» and «forget»",
        "        return self._follow(cell, exit_)\n",
        "        if exit_.kind is ExitKind.RETURNED and not cell.mailbox.waiting:\n"
        "            await trio.lowlevel.cancel_shielded_checkpoint()\n"
        "            self._passivations += 1\n"
        "            self._forget(cell)\n"
        "            return None\n"
        "        return self._follow(cell, exit_)\n",
    ),
    _registry("a quarantine that refuses nobody", "raise Quarantined(key, until - now)", "pass"),
    _registry("a quarantine that never ends", "            if now < until:", "            if True:"),
    _registry("a storm goes unnoticed", "if storm and self._failure is None:", "if False:"),
    _registry("off by one at the cap", "self._leaving >= self.options.cap", "self._leaving > self.options.cap"),
    _registry("the newest makes room", "next(iter(self.parked.values()), None)", "next(reversed(self.parked.values()), None)"),
    _registry("an actor inherits the context of its first sender", "self._context.run(nursery.start_soon, self._live, cell)", "nursery.start_soon(self._live, cell)"),
    _registry("the mailbox of a forgotten key stays open", "        cell.mailbox.close()  # who kept a reference learns it\n", ""),
    _registry("actors feel an outer cancellation", "trio.CancelScope(shield=True, deadline=", "trio.CancelScope(deadline="),
    _registry("returning without taking is a busy loop", "if cell.mailbox.waiting and context.parked_at < 0:", "if False:"),
    _registry("stopping drops what waits", "with trio.move_on_after(self.options.shutdown, shield=True):", "with trio.move_on_after(0, shield=True):"),
    _registry("a sender waits for a quarantined key for ever", "        cell.mailbox.close(refusal)\n", "        cell.mailbox._closed = True\n        cell.mailbox._senders = None\n"),
    _registry("idle time counts from the activation", "self.parked_at = trio.current_time()", "self.parked_at = self.activated_at", "_context.py"),
    _registry("an actor that stays spins", "(leaves and not told)", "leaves", "_context.py"),
    _registry("an evicted actor that stays does not count", "            if cell.leaving:  # a message came before it had left to make room\n                registry.settled(cell, self)\n", "", "_context.py"),
    _registry("a hook is called between «empty» and «forget»", "            self._forget(cell)\n            if self.hooks.passivated:  # only now: a hook may send to this very key\n                self.hooks.call(\"passivated\", exit_.path, exit_.incarnation)\n", "            if self.hooks.passivated:\n                self.hooks.call(\"passivated\", exit_.path, exit_.incarnation)\n            self._forget(cell)\n"),
    Mutant("a crash long ago still counts", "_quarantine.py", "self._crashes.get(key, ())", "(now,) * len(self._crashes.get(key, ()))", "registry"),
    Mutant("a crashing hook takes down the run", "_instrument.py", "except Exception:", "except ZeroDivisionError:", "instrument"),
    Mutant("half of a change is applied", "_tuning.py", "        replaced = [(target, change(target.settings(), shares[prefix])) for prefix, target in targets]\n", "        replaced = []\n        for prefix, target in targets:\n            target.apply(change(target.settings(), shares[prefix]))\n", "tuning"),
)  # fmt: skip


def caught(mutant: Mutant, folder: Path) -> bool:
    """Whether some test fails with this fault."""
    shutil.copytree(ROOT / "actors", folder / "actors")
    (folder / "tests").mkdir()
    shutil.copytree(ROOT / "tests" / "actors", folder / "tests" / "actors")
    for name in ("__init__.py", "conftest.py"):
        shutil.copy(ROOT / "tests" / name, folder / "tests" / name)
    shutil.copy(ROOT / "pyproject.toml", folder)
    path = folder / "actors" / mutant.file
    text = path.read_text()
    if text.count(mutant.old) != 1:
        raise SystemExit(f"{mutant.name}: found {text.count(mutant.old)} times in {mutant.file}")
    path.write_text(text.replace(mutant.old, mutant.new))
    first = folder / "tests" / "actors" / f"test_{mutant.area}.py"
    return _fails(folder, [str(first)]) or _fails(folder, ["tests/actors", f"--ignore={first}"])


def _fails(folder: Path, arguments: list[str]) -> bool:
    command = [sys.executable, "-m", "pytest", "-x", "-q", "-m", "not nightly", *arguments]
    environment = os.environ | {"PYTHONPATH": str(folder), "HYPOTHESIS_PROFILE": "dev"}
    try:
        done = subprocess.run(
            command, cwd=folder, env=environment, capture_output=True, timeout=SECONDS, check=False
        )
    except subprocess.TimeoutExpired:
        return True  # a fault that hangs the suite is seen
    return done.returncode == 1


def _try(mutant: Mutant) -> bool:
    with tempfile.TemporaryDirectory() as folder:
        return caught(mutant, Path(folder))


def main() -> int:
    """Run the mutants named on the command line, or all."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--jobs", type=int, default=1, help="so many at once")
    parser.add_argument("names", nargs="*", help="parts of names; without any, all")
    arguments = parser.parse_args()
    names = arguments.names
    chosen = [m for m in MUTANTS if not names or any(part in m.name for part in names)]
    survivors = []
    with ThreadPoolExecutor(arguments.jobs) as pool:
        for mutant, seen in zip(chosen, pool.map(_try, chosen), strict=True):
            print(f"{'caught  ' if seen else 'SURVIVED'}  {mutant.area:10}  {mutant.name}", flush=True)
            if not seen:
                survivors.append(mutant.name)
    print(f"{len(chosen) - len(survivors)} of {len(chosen)} deliberate faults caught")
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main())
