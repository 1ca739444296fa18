"""The cores that a container allows, according to its cgroup files."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import PurePosixPath

import pytest

from tasks.engine.cores import ReadFile, cpu_quota

DOCKER = "/docker/4f1d2ab3"
POD = "/kubepods.slice/kubepods-burstable.slice/cri-1a2b.scope"


def reader_of(files: Mapping[str, str]) -> ReadFile:
    def read(path: PurePosixPath) -> str:
        if str(path) not in files:
            raise FileNotFoundError(path)
        return files[str(path)]

    return read


@pytest.mark.parametrize(
    ("files", "cores"),
    [
        pytest.param({}, math.inf, id="no control groups"),
        pytest.param(
            {"/proc/self/cgroup": "0::/\n", "/sys/fs/cgroup/cpu.max": "150000 100000\n"},
            1.5,
            id="version 2, own namespace",
        ),
        pytest.param(
            {"/proc/self/cgroup": "0::/\n", "/sys/fs/cgroup/cpu.max": "max 100000\n"},
            math.inf,
            id="version 2, no limit",
        ),
        pytest.param(
            {
                "/proc/self/cgroup": f"0::{POD}\n",
                f"/sys/fs/cgroup{POD}/cpu.max": "max 100000\n",
                "/sys/fs/cgroup/kubepods.slice/cpu.max": "400000 100000\n",
                "/sys/fs/cgroup/kubepods.slice/kubepods-burstable.slice/cpu.max": "50000 100000\n",
            },
            0.5,
            id="version 2, the least of those above",
        ),
        pytest.param(
            {
                "/proc/self/cgroup": f"11:memory:{DOCKER}\n4:cpu,cpuacct:{DOCKER}\n0::{DOCKER}\n",
                "/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_quota_us": "200000\n",
                "/sys/fs/cgroup/cpu,cpuacct/cpu.cfs_period_us": "100000\n",
            },
            2.0,
            id="version 1, the path is that of the host",
        ),
        pytest.param(
            {
                "/proc/self/cgroup": "1:cpu:/\n0::/\n",
                "/sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1\n",
                "/sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
            },
            math.inf,
            id="version 1, no limit",
        ),
        pytest.param(
            {"/proc/self/cgroup": "0::/\n", "/sys/fs/cgroup/cpu.max": "not two numbers\n"},
            math.inf,
            id="unreadable",
        ),
    ],
)
def test_the_quota_is_read(files: dict[str, str], cores: float) -> None:
    assert cpu_quota(reader_of(files)) == cores
