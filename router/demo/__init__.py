"""`rookery demo`: a router, six devices, a kill -9 in the middle, and a check that nothing was lost.

plan.py      what is said by whom and when the server dies: a value
process.py   the server as a process of its own, killed and started again
cast.py      the accounts and their devices, as real clients
verdict.py   from what was acknowledged and what arrived to a judgement: pure
stage.py     the run
screen.py    how it looks
"""
