"""Every defence of `failures.py`, taken away: `python -m tests.edge.mls.failures_mutants [NUMBER …]`.

Each removal is made in a copy of the tree, where the tests of its failure run. One after which all of them
pass shows that they prove nothing: then it exits with 1.
"""

import os
import sys

from tests.attacks.defences import Attack
from tests.attacks.mutants import failing
from tests.edge.mls.failures import FAILURES


def main(numbers: list[int]) -> int:
    """Take away the defences of these failures, or of all."""
    os.environ["ROOKERY_NO_SHRINKING"] = "1"  # that one fails is enough
    survivors = 0
    for number in numbers or sorted(FAILURES):
        failure = FAILURES[number]
        attack = Attack(str(number), failure.tests, failure.removals)
        for removal in failure.removals:
            failed = failing(attack, removal)
            survivors += not failed
            verdict = f"caught by {len(failed)} of {len(failure.tests)}" if failed else "SURVIVED"
            print(f"{verdict:16}  {number}: {removal.file}: {removal.old.strip()[:80]!r}", flush=True)
    return 1 if survivors else 0


if __name__ == "__main__":
    sys.exit(main([int(number) for number in sys.argv[1:]]))
