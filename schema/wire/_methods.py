"""Every method of both families by its NSID."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from schema.wire import mls, rookery
from schema.wire._base import Method

METHODS: Final[Mapping[str, Method]] = MappingProxyType({**mls.METHODS, **rookery.METHODS})
"""The wire types of each method; what is not here is not a method of this server."""
