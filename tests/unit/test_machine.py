"""The cores and the memory that a container allows, according to its cgroup files."""

from __future__ import annotations

import math
from collections.abc import Mapping
from pathlib import PurePosixPath

import pytest

from tasks.machine import (
    PROCESSES_MB,
    ReadFile,
    available_memory_mb,
    cpu_quota,
    memory_limit,
    memory_shares,
)

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


@pytest.mark.parametrize(
    ("files", "megabytes"),
    [
        pytest.param({}, math.inf, id="no control groups"),
        pytest.param(
            {"/proc/self/cgroup": "0::/\n", "/sys/fs/cgroup/memory.max": "1610612736\n"},
            1536,
            id="version 2, own namespace",
        ),
        pytest.param(
            {"/proc/self/cgroup": "0::/\n", "/sys/fs/cgroup/memory.max": "max\n"},
            math.inf,
            id="version 2, no limit",
        ),
        pytest.param(
            {
                "/proc/self/cgroup": f"0::{POD}\n",
                f"/sys/fs/cgroup{POD}/memory.max": "max\n",
                "/sys/fs/cgroup/kubepods.slice/memory.max": "1073741824\n",
            },
            1024,
            id="version 2, the least of those above",
        ),
        pytest.param(
            {
                "/proc/self/cgroup": f"11:memory:{DOCKER}\n4:cpu,cpuacct:{DOCKER}\n0::{DOCKER}\n",
                "/sys/fs/cgroup/memory/memory.limit_in_bytes": "536870912\n",
            },
            512,
            id="version 1, the path is that of the host",
        ),
        pytest.param(
            {"/proc/self/cgroup": "0::/\n", "/sys/fs/cgroup/memory.max": "not a number\n"},
            math.inf,
            id="unreadable",
        ),
    ],
)
def test_the_memory_limit_is_read(files: dict[str, str], megabytes: float) -> None:
    assert memory_limit(reader_of(files)) == megabytes * 2**20


def test_version_1_without_a_limit_leaves_that_of_the_machine() -> None:
    files = {
        "/proc/self/cgroup": "4:memory:/\n",
        "/sys/fs/cgroup/memory/memory.limit_in_bytes": "9223372036854771712\n",
    }
    assert memory_limit(reader_of(files)) > 2**60
    assert 100 < available_memory_mb() < 2**40 // 2**20


def test_the_shares_leave_room_wherever_there_is_any() -> None:
    for available in range(1_200, 200_000, 100):
        shares = memory_shares(available)
        assert PROCESSES_MB + shares.engine + shares.embedded_valkey <= 0.95 * available
    assert memory_shares(100) == memory_shares(500)
    assert memory_shares(64_000) == memory_shares(640_000)
