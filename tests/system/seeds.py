"""Chance that can be repeated: `ROOKERY_SEED=… pytest …` throws the same dice again."""

import os
import random
import secrets


def dice(name: str) -> random.Random:
    """Fresh dice; the seed is printed, so that a failure shows it."""
    seed = os.environ.get("ROOKERY_SEED") or secrets.token_hex(8)
    print(f"{name}: ROOKERY_SEED={seed}")
    return random.Random(f"{name} {seed}")
