"""A running engine process, as its worker sees it."""

from __future__ import annotations

import asyncio
import contextlib
import os
import socket
import sys

from msgspec import Struct

from tasks.engine.protocol import HEADER, Batch, Reply, decode_reply, encode

QUIET = {
    # Threads that spin while they wait for each other take 2 s instead of 0.17 s for an embedding
    # as soon as anything else wants a core.
    "OMP_WAIT_POLICY": "PASSIVE",
    "TOKENIZERS_PARALLELISM": "false",
}


class EngineCommand(Struct, frozen=True, kw_only=True):
    """How an engine is started."""

    module: str
    """What is run as `python -m MODULE FD THREADS MB`; see `tasks.engine.serving`."""
    threads: int
    memory_mb: int
    arguments: tuple[str, ...] = ()
    """What the module takes after these."""


class StartedEngine:
    """One engine process, and the socket to it."""

    def __init__(
        self,
        process: asyncio.subprocess.Process,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        self._process = process
        self._reader = reader
        self._writer = writer

    @classmethod
    async def start(cls, command: EngineCommand) -> StartedEngine:
        ours, theirs = socket.socketpair()
        numbers = (theirs.fileno(), command.threads, command.memory_mb)
        with theirs, contextlib.ExitStack() as on_failure:
            on_failure.callback(ours.close)
            process = await asyncio.create_subprocess_exec(
                *(sys.executable, "-m", command.module, *map(str, numbers), *command.arguments),
                pass_fds=[theirs.fileno()],
                env={**QUIET, **os.environ},
                stdin=asyncio.subprocess.DEVNULL,
            )
            on_failure.pop_all()
        reader, writer = await asyncio.open_unix_connection(sock=ours)
        return cls(process, reader, writer)

    @property
    def pid(self) -> int:
        return self._process.pid

    @property
    def exit_status(self) -> int | None:
        """None while it runs."""
        return self._process.returncode

    async def send(self, batch: Batch) -> None:
        self._writer.write(encode(batch))
        await self._writer.drain()

    async def receive(self) -> Reply:
        """Raises IncompleteReadError or OSError when the process has died."""
        size = HEADER.unpack(await self._reader.readexactly(HEADER.size))[0]
        return decode_reply(await self._reader.readexactly(size))

    async def kill(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            self._process.kill()
        await self.ended()

    async def ended(self) -> None:
        """Waits for the end of the process."""
        await self._process.wait()
        self._writer.close()
