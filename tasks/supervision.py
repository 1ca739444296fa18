"""Keeps the loops of a process running, and ends tasks and child processes for certain."""

from __future__ import annotations

import asyncio
import ctypes
import os
import signal
import site
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

import structlog
from msgspec import Struct

log = structlog.get_logger(__name__)

Loop = Callable[[], Coroutine[None, None, None]]
"""Called once for each start: a loop that has failed is started anew."""


class RestartPolicy(Struct, frozen=True, kw_only=True):
    """How long a loop that failed is left alone before it is restarted."""

    first_seconds: float = 0.5
    max_seconds: float = 10.0
    stable_seconds: float = 60.0
    """After a run of this length, a failure counts as the first one again."""

    def delay(self, failures: int) -> float:
        """Seconds until the restart after this many failures in a row, doubled with each."""
        return min(self.first_seconds * 2.0 ** min(failures - 1, 30), self.max_seconds)


RESTARTS = RestartPolicy()


class LoopStates:
    """The loops of this process, for its metrics."""

    def __init__(self) -> None:
        self._kept: Counter[str] = Counter()
        self.running: dict[str, int] = {}
        """How many loops of this name run now: 0 while one waits for its restart."""
        self.restarts: dict[tuple[str, str], int] = {}
        """How often a loop of this name was restarted after an error of this type."""

    @contextmanager
    def kept(self, name: str) -> Iterator[None]:
        """Counts the loop during the body, in which it may be restarted."""
        self._kept[name] += 1
        self.running.setdefault(name, 0)
        try:
            yield
        finally:
            self._kept[name] -= 1
            if not self._kept[name]:
                del self.running[name]

    @contextmanager
    def run(self, name: str) -> Iterator[None]:
        """Counts one run of it."""
        self.running[name] += 1
        try:
            yield
        finally:
            self.running[name] -= 1

    def note_failure(self, name: str, error: BaseException) -> None:
        key = (name, type(error).__name__)
        self.restarts[key] = self.restarts.get(key, 0) + 1


LOOPS = LoopStates()


@asynccontextmanager
async def background(
    name: str, loop: Loop, policy: RestartPolicy = RESTARTS
) -> AsyncIterator[None]:
    """Keeps a loop running beside the body, and ends it with the body."""
    task = asyncio.create_task(keep_running(name, loop, policy), name=name)
    try:
        yield
    finally:
        await cancel_and_wait(task)


async def keep_running(name: str, loop: Loop, policy: RestartPolicy = RESTARTS) -> None:
    """Runs the loop until it returns or is cancelled.

    An unexpected error is logged with the loop's name, and the loop is restarted after a delay that
    grows while it keeps failing.
    """
    with LOOPS.kept(name):
        await _keep_running(name, loop, policy)


async def _keep_running(name: str, loop: Loop, policy: RestartPolicy) -> None:
    failures = 0
    while True:
        started = time.monotonic()
        try:
            with LOOPS.run(name):
                return await loop()
        except (Exception, asyncio.CancelledError) as error:
            if isinstance(error, asyncio.CancelledError) and is_cancelling():
                raise
            LOOPS.note_failure(name, error)
            if time.monotonic() - started >= policy.stable_seconds:
                failures = 0
            failures += 1
            delay = policy.delay(failures)
            log.exception("background loop failed, restarting it", loop=name, delay_seconds=delay)
        await asyncio.sleep(delay)


def is_cancelling() -> bool:
    """Whether the current task itself is being cancelled; else a CancelledError comes from what it
    awaited."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


CANCEL_AGAIN_SECONDS = 0.2


async def cancel_and_wait(task: asyncio.Task[None]) -> None:
    """Cancels the task until it has ended. Raises what the task raised, except the cancellation.

    One cancellation is not enough: in Python 3.11 `asyncio.wait_for` swallows one that comes in the
    same moment as its result (bpo-37658), and redis-py sends every command through it. Of tasks
    that popped from a full list and were cancelled at a random moment, two in five kept running.
    """
    while not task.done():
        task.cancel()
        await asyncio.wait({task}, timeout=CANCEL_AGAIN_SECONDS)
    if not task.cancelled():
        task.result()


PR_SET_PDEATHSIG = 1


def die_with_parent(parent_pid: int) -> None:
    """Has the kernel kill this process when its parent dies, however that happens.

    `parent_pid` is the process that started this one. If that is already dead, the request comes
    too late and this process ends at once; its new parent may be any process (a subreaper), so
    only a comparison shows it.

    On Linux only; elsewhere a child that outlives a killed parent must be ended by hand.
    """
    if sys.platform != "linux":
        return
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent_pid:
        os.kill(os.getpid(), signal.SIGKILL)


def ending_with_this_process() -> tuple[str, ...]:
    """What to put before a command whose program is not ours, so that it ends with this process.

    The interpreter that it names makes itself end so, and then becomes that program. Linux watches
    the thread that started it, so that must live as long as this process.
    """
    interpreter, *module = module_command(__name__)
    return (interpreter, "-B", *module, str(os.getpid()))


def module_command(module: str) -> tuple[str, ...]:
    """The command that runs a module of ours as a child process, in `module_environ`.

    With `-m` alone, the current folder would be the first place to import from, and whoever starts
    us in a folder with an `app/` of its own would run that.
    """
    return (sys.executable, "-P", "-m", module)


def module_environ(environ: Mapping[str, str]) -> dict[str, str]:
    """This environment for such a child. It imports our packages from where this process did, also
    where that is a checkout which is not installed."""
    root = str(Path(__file__).parents[1])
    if root not in sys.path or root in (*site.getsitepackages(), site.getusersitepackages()):
        return dict(environ)
    others = [place for place in environ.get("PYTHONPATH", "").split(os.pathsep) if place != root]
    return {**environ, "PYTHONPATH": os.pathsep.join([root, *filter(None, others)])}


if __name__ == "__main__":
    die_with_parent(int(sys.argv[1]))
    os.execv(sys.argv[2], sys.argv[2:])  # noqa: S606 - the command of `ending_with_this_process`
