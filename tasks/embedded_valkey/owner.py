"""Owns the embedded Valkey of a state directory, of which there is never more than one."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from redis.exceptions import RedisError

from tasks.embedded_valkey.server import EmbeddedValkey
from tasks.embedded_valkey.state_dir import (
    lock_data,
    lock_file,
    owned,
    private_directory,
    socket_path,
    url_file,
    write_url,
)
from tasks.ledger.connection import connect
from tasks.supervision import RESTARTS, RestartPolicy, background


@asynccontextmanager
async def embedded_valkey(
    state_dir: Path, restarts: RestartPolicy = RESTARTS, *, max_memory_mb: int = 0
) -> AsyncIterator[EmbeddedValkey]:
    """Keeps the server of this state directory running during the body.

    `max_memory_mb`: megabytes from which on it takes no more jobs; 0: no limit.
    Raises InvalidSettings if another process runs it, or if it cannot be started.
    """
    state_dir = private_directory(state_dir)
    data = state_dir / "valkey"
    with owned(state_dir), lock_file(data / "lock") as lock, socket_path(data) as socket:
        await _end_orphan(state_dir)
        await lock_data(lock, data)
        server = EmbeddedValkey(data, socket, lock, max_memory_mb=max_memory_mb)
        write_url(state_dir, server.url)
        try:
            await server.start()
            async with background("embedded Valkey", lambda: server.keep_running(restarts)):
                yield server
        finally:
            url_file(state_dir).unlink(missing_ok=True)
            await server.stop()


async def _end_orphan(state_dir: Path) -> None:
    """Ends the server that a killed owner left behind.

    On Linux it dies with its owner, so this is for other systems, and for a server of the release
    before, which outlived its owner and knew neither the password nor the inherited lock.
    """
    former_config = state_dir / "valkey" / "valkey.conf"
    urls = []
    with contextlib.suppress(FileNotFoundError):
        urls.append(url_file(state_dir).read_text().strip())
    with contextlib.suppress(FileNotFoundError):
        ports = re.findall(r"^port (\d+)$", former_config.read_text(), re.MULTILINE)
        urls.extend(f"redis://127.0.0.1:{port}" for port in ports)
    for url in urls:
        with contextlib.suppress(RedisError, OSError, ValueError):
            await _shut_down(url, state_dir / "valkey")
    former_config.unlink(missing_ok=True)


async def _shut_down(url: str, data: Path) -> None:
    """Only a server on this data: another one may have the address now."""
    async with connect(url) as client:
        directory = str((await client.config_get("dir"))["dir"])
        if not _is_same(directory, data):
            return
        await client.shutdown(nosave=True)  # returns once the server has closed the connection


def _is_same(directory: str, data: Path) -> bool:
    return os.path.realpath(directory) == os.path.realpath(data)
