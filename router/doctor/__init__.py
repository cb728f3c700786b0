"""`rookery doctor`: what is wrong with a configuration or a running server, in sentences that mend it.

    diagnoses = await examine(loaded, os.environ)      # every check, in the order of a person's questions

Judging is pure (`judge.py`); looking is one short function per check (`examine.py`, and `outside.py` for
others that the server depends on).
"""

from router.doctor.examine import examine
from router.doctor.judge import Diagnosis, State

__all__ = ["Diagnosis", "State", "examine"]
