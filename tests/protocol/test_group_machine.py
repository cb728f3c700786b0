"""A stateful law: groups of accounts with two devices each, against a model a child could check.

The machine is the public kit's (`protocol/testing/_conversation_machine.py`), and so is the model; here it is
let loose on `decide`. What proves that the machine can fail is `test_kit_machines.py`.
"""

from hypothesis import settings

from protocol.testing import ConversationMachine

TestGroups = ConversationMachine.TestCase
TestGroups.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)
