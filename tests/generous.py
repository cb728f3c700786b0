"""Rate limits nobody meets: for tests and benchmarks that are about something else."""

import attrs

from router.config import OPTIONS, Rates

_PLENTY = 1_000_000_000
_NAMES = [field.name for field in attrs.fields(Rates) if field.name != "max_keys"]

RATES = Rates(**dict.fromkeys(_NAMES, _PLENTY))
OVERRIDES = {f"rate.{name}": str(_PLENTY) for name in _NAMES}
"""The same as option paths, for `load(overrides=…)`."""
ENVIRONMENT = {OPTIONS[path].variable: value for path, value in OVERRIDES.items()}
"""The same as variables, for a process."""
