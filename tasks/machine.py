"""The cores and the memory that this process may use, by machine, process and container."""

from __future__ import annotations

import ctypes
import gc
import math
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath

from msgspec import Struct

MOUNT = PurePosixPath("/sys/fs/cgroup")

ReadFile = Callable[[PurePosixPath], str]
"""The text of a file; raises OSError if there is none."""

LimitOf = Callable[[PurePosixPath, ReadFile], float]
"""The limit of the control group in this folder, infinite without one. Raises OSError or ValueError
if it cannot be read there."""


PROCESSES_MB = 800
"""What `curator up` takes without the data of its ledger: web up to 150 MB, the worker as much,
`up` itself 50, and the engine 450 with its models and a page of 5 MB."""


def collect_less_garbage() -> None:
    """Lets Python's cyclic collector run less often, and skip what is loaded already.

    At its defaults it took 7 of the 61 us that a step costs a worker, and each full collection held
    the loop of web for 60 ms.
    """
    gc.freeze()
    gc.set_threshold(20_000, 50, 50)


M_MMAP_THRESHOLD = -3
"""Of `mallopt`, in glibc's malloc.h."""

LARGE_BYTES = 256 * 1024


def give_large_blocks_back() -> None:
    """Has blocks of more than LARGE_BYTES returned to the system as soon as they are free.

    By itself glibc raises that bound to the largest block that was ever freed, such as a page of
    5 MB. All later pages then stay in a heap that has holes: a worker grew from 90 to 150 MB.
    Elsewhere than with glibc this does nothing.
    """
    if sys.platform == "linux" and (mallopt := getattr(ctypes.CDLL(None), "mallopt", None)):
        mallopt(M_MMAP_THRESHOLD, LARGE_BYTES)


class MemoryShares(Struct, frozen=True, kw_only=True):
    """Megabytes for what can be bounded. A fifth of the spare memory stays free: for what finishes
    jobs while the ledger is full, and for the copy that the server makes to rewrite its log."""

    engine: int
    """For one analysis, in addition to the models."""
    embedded_valkey: int


def memory_shares(available_mb: int) -> MemoryShares:
    """The shares where web, one worker and the ledger have so much memory together."""
    spare = available_mb - PROCESSES_MB
    return MemoryShares(
        engine=min(max(spare * 45 // 100, 192), 2048),
        embedded_valkey=min(max(spare * 35 // 100, 64), 4096),
    )


def available_cores() -> int:
    """The cores that this process may use, rounded up."""
    cores = os.cpu_count() or 1
    if hasattr(os, "sched_getaffinity"):
        cores = len(os.sched_getaffinity(0))
    return max(1, math.ceil(min(cores, cpu_quota(_read))))


def available_memory_mb() -> int:
    """Megabytes that this process may use, together with all others of its container."""
    physical = os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    return int(min(physical, memory_limit(_read))) // 2**20


def cpu_quota(read: ReadFile) -> float:
    """The cores that the control groups of this process allow; infinite without a limit."""
    return min(_limits("cpu", read, _quota_v2, _quota_v1), default=math.inf)


def memory_limit(read: ReadFile) -> float:
    """The bytes that the control groups of this process allow; infinite without a limit."""
    return min(_limits("memory", read, _memory_v2, _memory_v1), default=math.inf)


def _limits(
    controller: str, read: ReadFile, limit_v2: LimitOf, limit_v1: LimitOf
) -> Iterator[float]:
    """The limits of the group of this process and of its parents, in either version of cgroups.

    Inside a container the group's path may be the host's path, which does not exist here; the root
    of the mount is then the container's group.
    """
    try:
        groups = read(PurePosixPath("/proc/self/cgroup")).splitlines()
    except OSError:
        return
    for group in groups:
        _, controllers, path = group.split(":", 2)
        if not controllers:
            roots, limit_of = [MOUNT, MOUNT / "unified"], limit_v2
        elif controller in controllers.split(","):
            roots, limit_of = [MOUNT / controllers, MOUNT / controller], limit_v1
        else:
            continue
        own = PurePosixPath(path.lstrip("/"))
        for folder in (root / part for root in roots for part in (own, *own.parents)):
            try:
                yield limit_of(folder, read)
            except (OSError, ValueError):
                continue


def _quota_v2(folder: PurePosixPath, read: ReadFile) -> float:
    quota, period = read(folder / "cpu.max").split()
    return math.inf if quota == "max" else int(quota) / int(period)


def _quota_v1(folder: PurePosixPath, read: ReadFile) -> float:
    quota = int(read(folder / "cpu.cfs_quota_us"))
    return math.inf if quota < 0 else quota / int(read(folder / "cpu.cfs_period_us"))


def _memory_v2(folder: PurePosixPath, read: ReadFile) -> float:
    limit = read(folder / "memory.max").strip()
    return math.inf if limit == "max" else int(limit)


def _memory_v1(folder: PurePosixPath, read: ReadFile) -> float:
    return int(read(folder / "memory.limit_in_bytes"))  # without a limit it is close to 2**63


def _read(path: PurePosixPath) -> str:
    return Path(path).read_text()
