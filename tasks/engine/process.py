"""One engine process and the socket to it, which a worker may leave to the process that replaces
it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import threading

from msgspec import Struct

from tasks.engine.protocol import HEADER, Batch, Reply, decode_reply, encode
from tasks.supervision import module_command, module_environ

ENVIRONMENT = {
    # Threads that spin while they wait for each other take 2 s instead of 0.17 s for an embedding
    # as soon as anything else needs a core.
    "OMP_WAIT_POLICY": "PASSIVE",
    "TOKENIZERS_PARALLELISM": "false",
}
"""What an engine's environment has unless the worker's own says otherwise."""


class EngineCommand(Struct, frozen=True, kw_only=True):
    """How an engine is started: `python -m MODULE FD PARENT_PID THREADS MB ARGUMENTS`."""

    module: str
    """See `tasks.engine.server`."""
    threads: int
    memory_mb: int
    """Megabytes that one task may take beside the models; 0: no limit."""
    arguments: tuple[str, ...] = ()


class LeftEngine(Struct, frozen=True):
    """An engine without a task, which the next program of this process goes on with."""

    pid: int
    descriptor: int
    """Of the socket to it; inheritable."""
    usual_bytes: int
    """The memory that it took when it was left for the first time, after some work."""
    loaded: bool = True
    """Whether it has said that all its models are loaded."""


class EngineHandle:
    """One engine process, and the socket to it."""

    def __init__(
        self,
        process: ChildProcess,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        usual_bytes: int | None = None,
        *,
        loaded: bool = False,
    ) -> None:
        self.loaded = loaded
        """Whether it has said that all its models are loaded."""
        self._process = process
        self._reader = reader
        self._writer = writer
        self._usual_bytes = usual_bytes

    @classmethod
    async def start(cls, command: EngineCommand) -> EngineHandle:
        ours, theirs = socket.socketpair()
        numbers = (theirs.fileno(), os.getpid(), command.threads, command.memory_mb)
        arguments = (*module_command(command.module), *map(str, numbers), *command.arguments)
        with theirs, contextlib.ExitStack() as on_failure:
            on_failure.callback(ours.close)
            process = ChildProcess.start(arguments, theirs.fileno())
            on_failure.pop_all()
        reader, writer = await asyncio.open_unix_connection(sock=ours)
        return cls(process, reader, writer)

    @classmethod
    async def adopt(cls, left: LeftEngine) -> EngineHandle:
        """The engine that the program before this one has left."""
        ours = socket.socket(fileno=left.descriptor)
        ours.set_inheritable(False)
        reader, writer = await asyncio.open_unix_connection(sock=ours)
        return cls(ChildProcess(left.pid), reader, writer, left.usual_bytes, loaded=left.loaded)

    def leave(self) -> LeftEngine:
        """Gives it up without ending it. It must have no task."""
        descriptor = os.dup(self._writer.get_extra_info("socket").fileno())
        os.set_inheritable(descriptor, True)
        self._writer.close()
        usual_bytes = self._memory_bytes() if self._usual_bytes is None else self._usual_bytes
        return LeftEngine(self.pid, descriptor, usual_bytes, self.loaded)

    @property
    def growth_bytes(self) -> int:
        """How much more memory it takes than when it was left for the first time."""
        return 0 if self._usual_bytes is None else self._memory_bytes() - self._usual_bytes

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def exit_status(self) -> int | None:
        """None while it runs."""
        return self._process.exit_status

    def _memory_bytes(self) -> int:
        """What it takes now; 0 where the system does not tell."""
        with contextlib.suppress(OSError), open(f"/proc/{self.pid}/statm") as file:
            return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        return 0

    async def send(self, batch: Batch) -> None:
        self._writer.write(encode(batch))
        await self._writer.drain()

    async def receive(self) -> Reply:
        """Raises IncompleteReadError or OSError when the process has died."""
        size = HEADER.unpack(await self._reader.readexactly(HEADER.size))[0]
        return decode_reply(await self._reader.readexactly(size))

    async def kill(self) -> None:
        self._process.kill()
        await self.wait()

    async def wait(self) -> None:
        """Waits for the end of the process."""
        await self._process.wait()
        self._writer.close()


class ChildProcess:
    """A child of this process, also one that the program before this one has started, of which
    neither asyncio nor `subprocess` knows."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.exit_status: int | None = None
        """None while it runs; the number of the signal that ended it as a negative number."""
        self._ended = asyncio.Event()
        loop = asyncio.get_running_loop()
        threading.Thread(target=self._watch, args=(loop,), name="engine end", daemon=True).start()

    @classmethod
    def start(cls, arguments: tuple[str, ...], descriptor: int) -> ChildProcess:
        """It inherits this descriptor, and reads nothing from a terminal."""
        pid = os.posix_spawn(
            arguments[0],
            arguments,
            {**ENVIRONMENT, **module_environ(os.environ)},
            file_actions=[
                (os.POSIX_SPAWN_OPEN, 0, os.devnull, os.O_RDONLY, 0),
                (os.POSIX_SPAWN_DUP2, descriptor, descriptor),  # makes it inheritable there only
            ],
        )
        return cls(pid)

    def kill(self) -> None:
        if self.exit_status is None:  # until `_reap`, the number cannot be another process's
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.pid, signal.SIGKILL)

    async def wait(self) -> None:
        await self._ended.wait()

    def _watch(self, loop: asyncio.AbstractEventLoop) -> None:
        """Waits for the end, and leaves the number to `_reap`, on the loop."""
        with contextlib.suppress(ChildProcessError):
            os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOWAIT)
        with contextlib.suppress(RuntimeError):  # the loop was closed before
            loop.call_soon_threadsafe(self._reap)

    def _reap(self) -> None:
        try:
            _, status = os.waitpid(self.pid, 0)
            self.exit_status = os.waitstatus_to_exitcode(status)
        except ChildProcessError:
            self.exit_status = -signal.SIGKILL
        self._ended.set()
