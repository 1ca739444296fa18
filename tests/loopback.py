"""Ports of this machine for what a test or a benchmark starts."""

from __future__ import annotations

import socket


def free_port() -> int:
    """A port of loopback that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
