"""The server's key rings as an operator sees them: which keys there are, and a new one on demand.

A ring belongs to the part that uses it (`router/login/keyring.py` signs access tokens with one); here it has
a name and two commands, `rookery keys list` and `rookery keys rotate NAME`, which work on the running server.
A part that gets a ring adds it to the table in `wiring/listeners.py`.
"""

from router.keys.rings import KeyRow, Ring, RingKey, Rotate, Rotated, rows
from router.keys.service import Keys

__all__ = ["KeyRow", "Keys", "Ring", "RingKey", "Rotate", "Rotated", "rows"]
