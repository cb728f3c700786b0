"""What the process asks of the system before anything is built."""

import os
import resource
import socket

import attrs

from router.config import Settings


def prepare_process() -> None:
    """Files are nobody else's, and as many may be open as the system allows."""
    os.umask(0o077)
    # connections are files: the soft limit is a default for programs that use select(2), which we do not
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def with_a_port(settings: Settings) -> Settings:
    """The service's name holds its port, so «any free one» is settled before anything is named."""
    if settings.server.port:
        return settings
    with socket.create_server((settings.server.host, 0)) as probe:
        port = probe.getsockname()[1]
    return attrs.evolve(settings, server=attrs.evolve(settings.server, port=port))
