"""Hypothesis profiles: `dev` for the editor, `ci` for `make test`, `nightly` for `make nightly`.

And the one browser of a test session.
"""

import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from tests.browser import Chromium, chromium_path, running_chromium

_SLOW_BOX = [HealthCheck.too_slow]

settings.register_profile("dev", max_examples=40, deadline=None, suppress_health_check=_SLOW_BOX)
settings.register_profile(
    "ci", max_examples=100, deadline=None, suppress_health_check=_SLOW_BOX, print_blob=True
)
settings.register_profile(
    "nightly", max_examples=5_000, deadline=None, suppress_health_check=_SLOW_BOX, print_blob=True
)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "dev"))


@pytest.fixture(scope="session")
def chromium() -> Iterator[Chromium]:
    """One Chromium for all tests that want one; each has people (browser contexts) of its own."""
    path = chromium_path()
    if path is None:
        pytest.skip("no Chromium here, and it could not be installed: apt-get install chromium")
    with running_chromium(path) as running:
        yield running
