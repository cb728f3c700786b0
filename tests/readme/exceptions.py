"""Commands of the READMEs that are not run by `test_readmes.py`, each with its reason. Keep it short."""

NOT_RUN: dict[str, str] = {
    "make test": "it would run this test inside itself, for ever",
    "make demo": "it sets up a virtual environment of its own; `tests/system` runs the demonstration",
}
"""A line of a `sh` or `console` block, without its comment, to the reason why it is left out."""
