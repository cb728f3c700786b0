"""Suites that every implementation of a seam runs: one law, however the bytes are kept."""
