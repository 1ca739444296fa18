"""What the machine says of the product's processes: their memory and their replacements."""

from __future__ import annotations

import asyncio
import os
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from msgspec import Struct

INTERVAL_SECONDS = 2.0

ROLES = ("up", "web", "worker", "engine", "valkey")

_PAGE_BYTES = os.sysconf("SC_PAGE_SIZE")
_TICKS_PER_SECOND = os.sysconf("SC_CLK_TCK")


class Process(Struct, frozen=True, kw_only=True):
    pid: int
    parent: int
    started: int
    """In ticks since the machine's start: with the pid, it names a process for good."""
    rss_bytes: int
    cpu_seconds: float
    """Of processor time, since it was started."""
    role: str
    """One of ROLES, or `other`."""


class Sample(Struct, frozen=True, kw_only=True):
    at: float
    """By `time.time()`."""
    processes: list[Process]

    def rss(self, role: str) -> int:
        return sum(process.rss_bytes for process in self.processes if process.role == role)


class Watch:
    """Looks at a process and all its descendants every two seconds."""

    def __init__(self, pid: int) -> None:
        self._pid = pid
        self.samples: list[Sample] = []

    async def run(self) -> None:
        while True:
            self.look()
            await asyncio.sleep(INTERVAL_SECONDS)

    def look(self) -> Sample:
        sample = Sample(at=time.time(), processes=list(tree_of(self._pid)))
        self.samples.append(sample)
        return sample

    def replacements(self, role: str) -> int:
        """How often another process took over the role. A worker that replaces itself after
        WORKER_MAX_TASKS steps stays the same process."""
        seen = {
            (process.pid, process.started)
            for sample in self.samples
            for process in sample.processes
            if process.role == role
        }
        return max(0, len(seen) - 1)

    def rss_mb(self, role: str, since: float, until: float) -> list[float]:
        """Of the samples between these two moments."""
        return [s.rss(role) / 1e6 for s in self.samples if since <= s.at <= until]

    def cores(self, role: str, since: float, until: float) -> float:
        """How many cores the processes of a role kept busy between these two moments."""
        spent: dict[tuple[int, int], list[float]] = defaultdict(list)
        for sample in self.samples:
            for process in sample.processes:
                if process.role == role and since <= sample.at <= until:
                    spent[process.pid, process.started].append(process.cpu_seconds)
        return sum(times[-1] - times[0] for times in spent.values()) / (until - since)


def tree_of(root: int) -> Iterator[Process]:
    """The process and its descendants."""
    children: dict[int, list[Process]] = defaultdict(list)
    for process in processes():
        children[process.parent].append(process)
        if process.pid == root:
            yield process
    waiting = [root]
    while waiting:
        found = children[waiting.pop()]
        yield from found
        waiting += [process.pid for process in found]


def processes() -> Iterator[Process]:
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit():
            try:
                process = _process(folder)
            except (OSError, IndexError, ValueError):  # it has ended meanwhile
                continue
            if process.rss_bytes:  # else a thread of the kernel, or one that has ended
                yield process


def _process(folder: Path) -> Process:
    stat = (folder / "stat").read_text().rpartition(")")[2].split()
    return Process(
        pid=int(folder.name),
        parent=int(stat[1]),
        started=int(stat[19]),
        rss_bytes=int(stat[21]) * _PAGE_BYTES,
        cpu_seconds=(int(stat[11]) + int(stat[12])) / _TICKS_PER_SECOND,
        role=_role((folder / "cmdline").read_bytes().split(b"\0")),
    )


def _role(arguments: list[bytes]) -> str:
    if b"tasks.engine" in arguments:
        return "engine"
    program = arguments[0].partition(b" ")[0]  # the server appends its address to its name
    if program.rpartition(b"/")[2] == b"valkey-server":
        return "valkey"
    if b"app.cli" in arguments:
        command = arguments[arguments.index(b"app.cli") + 1].decode()
        return command if command in ROLES else "other"
    return "other"


def lateness_ms(folder: Path, role: str, since: float, until: float) -> list[float]:
    """The delays of the loop of web or worker in that time, as `measuring` wrote them."""
    lines = (
        line.split()
        for file in folder.glob(f"late-{role}-*")
        for line in file.read_text().split("\n")
    )
    moments = ((float(line[0]) / 1000, float(line[1])) for line in lines if len(line) == 2)
    return [late for at, late in moments if since <= at <= until]


def connections_to(port: int) -> int:
    """How many are established at this port of the machine."""
    lines = Path("/proc/net/tcp").read_text().splitlines()[1:]
    fields = (line.split() for line in lines)
    return sum(f[1].endswith(f":{port:04X}") and f[3] == "01" for f in fields)
