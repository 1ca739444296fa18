"""Where the product runs during a siege: a memory cgroup, and a machine whose names we resolve.

Both need rights that not every user has; a siege goes without what cannot be made, and says so.
The commands of a cell are started by `python -m tests.bench.siege.cell`, which enters it and then
becomes the command.
"""

from __future__ import annotations

import ctypes
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from msgspec import Struct

from tasks.supervision import die_with_parent

REMOVE_SECONDS = 10.0

CLONE_NEWNS = 0x00020000
MS_BIND, MS_REC, MS_PRIVATE = 0x1000, 0x4000, 0x40000
"""Of Linux."""

RESOLV_CONF = Path("/etc/resolv.conf")


class MemoryGroup(Struct, frozen=True, kw_only=True):
    """A cgroup with a limit of memory, of version 1 or 2."""

    path: Path
    version: int

    @property
    def processes(self) -> list[int]:
        return [int(pid) for pid in (self.path / "cgroup.procs").read_text().split()]

    @property
    def peak_bytes(self) -> int:
        """With what the kernel keeps of files."""
        name = "memory.peak" if self.version == 2 else "memory.max_usage_in_bytes"
        return int((self.path / name).read_text())

    @property
    def kills(self) -> int:
        """Processes that the kernel killed because the limit was reached."""
        name = "memory.events" if self.version == 2 else "memory.oom_control"
        counts = dict(line.split() for line in (self.path / name).read_text().splitlines())
        return int(counts["oom_kill"])


@contextmanager
def memory_group(limit_bytes: int) -> Iterator[MemoryGroup | None]:
    """A new group with that limit, removed at the end; None where none can be made."""
    group = _new_group(limit_bytes)
    try:
        yield group
    finally:
        if group is not None:
            _remove(group.path)


def _new_group(limit_bytes: int) -> MemoryGroup | None:
    for parent, version, limit in _parents():
        path = parent / f"curator-siege-{os.getpid()}"
        try:
            path.mkdir()
        except OSError:
            continue
        try:
            (path / limit).write_text(str(limit_bytes))
        except OSError:
            path.rmdir()
            continue
        return MemoryGroup(path=path, version=version)
    return None


def _parents() -> Iterator[tuple[Path, int, str]]:
    """Where a group may be made: within ours (version 1) or beside it (version 2, where a group
    with processes has no groups within)."""
    try:
        lines = Path("/proc/self/cgroup").read_text().splitlines()
    except OSError:
        return
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers == "memory":
            yield Path("/sys/fs/cgroup/memory" + path), 1, "memory.limit_in_bytes"
        if not controllers:
            yield Path("/sys/fs/cgroup" + path).parent, 2, "memory.max"


def _remove(path: Path) -> None:
    """The last processes may not have left it yet."""
    deadline = time.monotonic() + REMOVE_SECONDS
    while True:
        try:
            path.rmdir()
            return
        except OSError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


class Cell(Struct, frozen=True, kw_only=True):
    """What a command is put into."""

    group: MemoryGroup | None
    resolv_conf: Path | None
    """Takes the place of the system's."""

    def command(self, *command: str) -> tuple[str, ...]:
        group = str(self.group.path) if self.group else ""
        conf = str(self.resolv_conf or "")
        return (sys.executable, "-m", __name__, str(os.getpid()), group, conf, *command)


def own_names(resolv_conf: Path) -> bool:
    """Whether a command can be given this file in place of the system's."""
    cell = Cell(group=None, resolv_conf=resolv_conf)
    done = subprocess.run(
        cell.command(sys.executable, "-c", f"print(open('{RESOLV_CONF}').read())"),
        capture_output=True,
        check=False,
    )
    return done.returncode == 0 and done.stdout.strip() == resolv_conf.read_bytes().strip()


def _enter(group: str, resolv_conf: str) -> None:
    if group:
        (Path(group) / "cgroup.procs").write_text(str(os.getpid()))
    if resolv_conf:
        libc = ctypes.CDLL(None, use_errno=True)
        _check(libc.unshare(CLONE_NEWNS))
        _check(libc.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None))
        target = os.fsencode(RESOLV_CONF)
        _check(libc.mount(os.fsencode(resolv_conf), target, None, MS_BIND, None))


def _check(result: int) -> None:
    if result != 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))


def main(parent_pid: str, group: str, resolv_conf: str, *command: str) -> None:
    die_with_parent(int(parent_pid))
    _enter(group, resolv_conf)
    os.execv(command[0], command)  # noqa: S606 - the command of `Cell.command`


if __name__ == "__main__":
    main(*sys.argv[1:])
