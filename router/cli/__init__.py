"""`rookery`: the command line.

One module a command; `console` is how they speak, `failures` how they fail (one sentence that says how
to mend it, exit code 1), `options` what they share. Commands import the parts they run when they run,
so that `rookery --help` answers at once.
"""

from router.cli.main import cli, main

__all__ = ["cli", "main"]
