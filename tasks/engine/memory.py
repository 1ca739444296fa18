"""How much memory a request may take beside the models."""

from __future__ import annotations

import resource
import sys
from pathlib import Path


def limit_memory(megabytes: int, beside: int = 0) -> None:
    """Makes an allocation beyond that fail: MemoryError in Python. 0: no limit. On Linux alone.

    `beside` are megabytes that may be taken for something else at the same time.

    What is limited is private, writable memory (RLIMIT_DATA): 490 MB when the models are loaded
    (730 MB with PyTorch). The address space (RLIMIT_AS), then 1,440 MB, grows with each thread and
    mapped file. A page of 4 MB took another 130 MB.
    """
    if sys.platform == "linux" and megabytes:
        allowed = _private_bytes() + (megabytes + beside) * 1024 * 1024
        _, highest = resource.getrlimit(resource.RLIMIT_DATA)
        if highest != resource.RLIM_INFINITY:
            allowed = min(allowed, highest)
        resource.setrlimit(resource.RLIMIT_DATA, (allowed, highest))


def _private_bytes() -> int:
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmData:"):
            return int(line.split()[1]) * 1024
    return 0
