"""The cores that the engine may use, by machine, process affinity and container quota."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath

MOUNT = PurePosixPath("/sys/fs/cgroup")

ReadFile = Callable[[PurePosixPath], str]
"""The text of a file; raises OSError if there is none."""


def available_cores() -> int:
    """The cores that this process may use, rounded up."""
    cores = os.cpu_count() or 1
    if hasattr(os, "sched_getaffinity"):
        cores = len(os.sched_getaffinity(0))
    quota = cpu_quota(lambda path: Path(path).read_text())
    return max(1, math.ceil(min(cores, quota)))


def cpu_quota(read: ReadFile) -> float:
    """The cores that the control groups of this process allow; infinite without a limit.

    That is the lowest quota of the group and its parents, in either version of cgroups. Inside a
    container the group's path may be the host's path, which does not exist here; the root of the
    mount is then the container's group.
    """
    try:
        groups = read(PurePosixPath("/proc/self/cgroup")).splitlines()
    except OSError:
        return math.inf
    return min((quota for group in groups for quota in _quotas(group, read)), default=math.inf)


def _quotas(group: str, read: ReadFile) -> Iterator[float]:
    """The quotas for one line of /proc/self/cgroup: number, controllers, path."""
    _, controllers, path = group.split(":", 2)
    if not controllers:
        roots, quota_of = [MOUNT, MOUNT / "unified"], _quota_v2
    elif "cpu" in controllers.split(","):
        roots, quota_of = [MOUNT / controllers, MOUNT / "cpu"], _quota_v1
    else:
        return
    own = PurePosixPath(path.lstrip("/"))
    for root in roots:
        for folder in (own, *own.parents):
            try:
                yield quota_of(root / folder, read)
            except (OSError, ValueError):
                continue


def _quota_v2(folder: PurePosixPath, read: ReadFile) -> float:
    quota, period = read(folder / "cpu.max").split()
    return math.inf if quota == "max" else int(quota) / int(period)


def _quota_v1(folder: PurePosixPath, read: ReadFile) -> float:
    quota = int(read(folder / "cpu.cfs_quota_us"))
    return math.inf if quota < 0 else quota / int(read(folder / "cpu.cfs_period_us"))
