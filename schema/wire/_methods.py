"""Every method of all families by its NSID."""

from collections.abc import Mapping
from types import MappingProxyType
from typing import Final

from schema.wire import mls, mls_chat, rookery, rookery_mls
from schema.wire._base import Method

METHODS: Final[Mapping[str, Method]] = MappingProxyType(
    {**mls.METHODS, **mls_chat.METHODS, **rookery.METHODS, **rookery_mls.METHODS}
)
"""The wire types of each method; what is not here is not a method of this server."""
