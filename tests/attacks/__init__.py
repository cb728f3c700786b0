"""Attacks on who may speak, how often, and what leaks: each through the real thing. See README.md."""
