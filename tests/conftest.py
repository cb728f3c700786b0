"""Hypothesis profiles: `dev` for the editor, `ci` for `make test`, `nightly` for `make nightly`."""

import os

from hypothesis import HealthCheck, settings

_SLOW_BOX = [HealthCheck.too_slow]

settings.register_profile("dev", max_examples=40, deadline=None, suppress_health_check=_SLOW_BOX)
settings.register_profile(
    "ci", max_examples=100, deadline=None, suppress_health_check=_SLOW_BOX, print_blob=True
)
settings.register_profile(
    "nightly", max_examples=5_000, deadline=None, suppress_health_check=_SLOW_BOX, print_blob=True
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "dev"))
