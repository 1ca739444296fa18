"""The state directory of the embedded Valkey: private files, locks, and the server's address.

It is for its owner only, and holds:

- `lock`: locked by the process that owns the server.
- `valkey.url`: the address and password of the server. Each owner makes a new password.
- `valkey/`: the server's data, its log and its socket; and `lock`, a lock that the server inherits.
  The system keeps that lock until the last server on this data is gone, however its owner ended,
  so there are never two servers on the same data.
"""

from __future__ import annotations

import asyncio
import contextlib
import errno
import fcntl
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from tasks.errors import InvalidSettings

ORPHAN_SECONDS = 30.0
"""How long a server that was left behind may take to end."""

POLL_SECONDS = 0.02

MAX_SOCKET_PATH_BYTES = 100
"""Linux takes 107 bytes, macOS 103."""

OWN_NAMES = {"lock", "models", "valkey", "valkey.url", "valkey.url.new"}
"""What a state directory holds. One with anything else in it is shared with other uses."""


def embedded_valkey_url(state_dir: Path) -> str:
    """The URL of the server that runs on this state directory.

    Raises InvalidSettings if none runs there, or the directory cannot be read.
    """
    try:
        return url_file(state_dir).read_text().strip()
    except FileNotFoundError:
        raise InvalidSettings(
            f"REDIS_URL is not set, and no embedded Valkey runs on {state_dir}: "
            "start `curator up`, or set REDIS_URL"
        ) from None
    except OSError as error:
        raise _unusable(state_dir, error) from error


def private_directory(state_dir: Path) -> Path:
    """The state directory's absolute path. Takes the access of others away, also from what the
    release before left readable."""
    given = state_dir
    try:
        state_dir = given.resolve()
        data = state_dir / "valkey"
        state_dir.mkdir(parents=True, exist_ok=True)
        if {entry.name for entry in state_dir.iterdir()} <= OWN_NAMES:
            with contextlib.suppress(PermissionError):  # of another user, and ours to use
                state_dir.chmod(0o700)
        data.mkdir(mode=0o700, exist_ok=True)
        for path in (data, *data.rglob("*")):
            if path is data or not path.is_symlink():
                path.chmod(0o700 if path.is_dir() else 0o600)
        if not os.access(state_dir, os.W_OK | os.X_OK):
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(state_dir))
    except (OSError, RuntimeError) as error:  # a RuntimeError for links in a circle
        raise _unusable(given, error) from error
    return state_dir


def _unusable(state_dir: Path, error: OSError | RuntimeError) -> InvalidSettings:
    problem = getattr(error, "strerror", None) or str(error)
    place = getattr(error, "filename", None)
    if isinstance(error, FileExistsError | NotADirectoryError):
        problem = "it is not a folder"
    elif place and str(place) != str(state_dir):
        problem = f"{place}: {problem}"
    return InvalidSettings(
        f"STATE_DIR={str(state_dir)!r}: {problem}; name a folder that this user may write to"
    )


@contextmanager
def owned(state_dir: Path) -> Iterator[None]:
    """Makes this process the only owner of the state directory."""
    with lock_file(state_dir / "lock") as lock:
        if not _lock(lock):
            raise InvalidSettings(f"STATE_DIR: another `curator up` already runs on {state_dir}")
        yield


@contextmanager
def lock_file(path: Path) -> Iterator[IO[bytes]]:
    with open(path, "ab", opener=private) as file:
        os.fchmod(file.fileno(), 0o600)
        yield file


def _lock(file: IO[bytes]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True


async def lock_data(lock: IO[bytes], data: Path) -> None:
    """Waits for the end of a server that was left behind."""
    deadline = time.monotonic() + ORPHAN_SECONDS
    while not _lock(lock):
        if time.monotonic() > deadline:
            raise InvalidSettings(f"STATE_DIR: another Valkey still runs on {data}")
        await asyncio.sleep(POLL_SECONDS)


@contextmanager
def socket_path(data: Path) -> Iterator[Path]:
    """Where the server listens: beside its data, or in a private directory of its own if that path
    would be too long for a socket."""
    socket = data / "valkey.sock"
    if len(os.fsencode(socket)) <= MAX_SOCKET_PATH_BYTES:
        yield socket
        return
    with tempfile.TemporaryDirectory(prefix="curator-") as folder:
        yield Path(folder) / "valkey.sock"


def url_file(state_dir: Path) -> Path:
    return state_dir / "valkey.url"


def write_url(state_dir: Path, url: str) -> None:
    """Replaces the file as a whole, before the server can answer anyone."""
    new = state_dir / "valkey.url.new"
    new.unlink(missing_ok=True)
    with open(new, "x", opener=private) as file:
        file.write(url + "\n")
    new.replace(url_file(state_dir))


def private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
