"""How many cores there are for the engine: of the machine, of the process, and of its container."""

from __future__ import annotations

import math
import os
from collections.abc import Callable, Iterator
from pathlib import Path, PurePosixPath

MOUNT = PurePosixPath("/sys/fs/cgroup")

Read = Callable[[PurePosixPath], str]
"""The text of a file; raises OSError if there is none."""


def available_cores() -> int:
    """The cores that this process may use; a share of one counts as one."""
    cores = os.cpu_count() or 1
    if hasattr(os, "sched_getaffinity"):
        cores = len(os.sched_getaffinity(0))
    quota = cpu_quota(lambda path: Path(path).read_text())
    return max(1, math.ceil(min(cores, quota)))


def cpu_quota(read: Read) -> float:
    """The cores that the control groups of this process grant; infinite without a limit.

    Of either version of cgroups, the least of what the group and those above it allow. Inside a
    container the group's path may be that of the host, and not be there: the mount's root then is
    the container.
    """
    try:
        groups = read(PurePosixPath("/proc/self/cgroup")).splitlines()
    except OSError:
        return math.inf
    return min((quota for group in groups for quota in _quotas(group, read)), default=math.inf)


def _quotas(group: str, read: Read) -> Iterator[float]:
    """What is set for one line of /proc/self/cgroup: number, controllers, path."""
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


def _quota_v2(folder: PurePosixPath, read: Read) -> float:
    quota, period = read(folder / "cpu.max").split()
    return math.inf if quota == "max" else int(quota) / int(period)


def _quota_v1(folder: PurePosixPath, read: Read) -> float:
    quota = int(read(folder / "cpu.cfs_quota_us"))
    return math.inf if quota < 0 else quota / int(read(folder / "cpu.cfs_period_us"))
