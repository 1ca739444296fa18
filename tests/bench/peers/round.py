"""One round of a queue, as its worker process sees it. Ours and every peer's count the same way.

A file of its own with nothing but the standard library, so that each environment can import it.
"""

from __future__ import annotations

import json
import os
import time
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit


class Round:
    """What is to be run, and the count of what has."""

    def __init__(self, environ: Mapping[str, str] = os.environ) -> None:
        self.url = environ["BENCH_REDIS_URL"]
        self.tasks = int(environ["BENCH_TASKS"])
        self.slots = int(environ["BENCH_SLOTS"])
        self._report = Path(environ["BENCH_REPORT"])
        self._warm_up = int(environ["BENCH_WARM_UP"])
        self._done = 0
        self._began = (0.0, 0.0)

    @property
    def address(self) -> tuple[str, int]:
        parts = urlsplit(self.url)
        return parts.hostname or "127.0.0.1", parts.port or 6379

    def count(self) -> None:
        """Called by each no-op task. Timed is what comes after the warm-up."""
        self._done += 1
        if self._done == self._warm_up:
            self._began = (time.perf_counter(), time.process_time())
        elif self._done == self.tasks:
            self._write(time.perf_counter() - self._began[0], time.process_time() - self._began[1])

    def enqueued(self, seconds: float) -> None:
        """Called by whoever has enqueued them all."""
        self._write(seconds, 0.0)

    def _write(self, seconds: float, cpu_seconds: float) -> None:
        """A file appears whole or not at all."""
        timed = self.tasks - self._warm_up if cpu_seconds else self.tasks
        text = json.dumps({"tasks": timed, "seconds": seconds, "cpu_seconds": cpu_seconds})
        partial = self._report.with_suffix(".partial")
        partial.write_text(text)
        partial.rename(self._report)
