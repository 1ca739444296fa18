"""`curator up`: one command starts everything, keeps it running, and ends it all."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import subprocess
import sys
import time
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
import redis

from tests.loopback import free_port
from tests.tcp_server import tcp_server
from tests.waiting import wait_until

linux = pytest.mark.skipif(
    sys.platform != "linux", reason="only Linux ends children with a killed parent"
)


class Up:
    """A running `curator up`, and what it runs."""

    def __init__(self, process: asyncio.subprocess.Process, state: Path, port: int) -> None:
        self.process = process
        self.url = f"http://127.0.0.1:{port}"
        self._state = state
        self._log = log_of(state)

    @property
    def log(self) -> str:
        return self._log.read_text()

    async def ready(self) -> None:
        await wait_until(self.healthy, "curator to be up", timeout=60)

    async def healthy(self) -> bool:
        async with httpx.AsyncClient(base_url=self.url, trust_env=False) as client:
            try:
                health = (await client.get("/health/jobs")).json()
            except (httpx.TransportError, ValueError):
                return False
        return bool(health["redis_connected"] and health["workers"])

    async def submit(self, **job: object) -> str:
        async with httpx.AsyncClient(base_url=self.url, trust_env=False) as client:
            response = await client.post("/jobs", json=job or {"type": "health_check"})
        job_id: str = response.raise_for_status().json()["job_id"]
        return job_id

    async def succeeds(self, job_id: str) -> None:
        async def has_succeeded() -> bool:
            async with httpx.AsyncClient(base_url=self.url, trust_env=False) as client:
                status = (await client.get(f"/jobs/{job_id}/status")).json()
            return bool(status.get("state") == "SUCCESS")

        await wait_until(has_succeeded, "the job to succeed", timeout=60)

    def kill_valkey(self) -> None:
        with self.valkey() as client:
            os.kill(int(client.info("server")["process_id"]), signal.SIGKILL)

    def valkey(self) -> redis.Redis:
        return redis.Redis.from_url((self._state / "valkey.url").read_text().strip())

    def programs(self) -> Counter[str]:
        """How many processes of each program run on this state directory."""
        return Counter(
            _program(_read(folder / "cmdline"))
            for folder in Path("/proc").iterdir()
            if folder.name.isdigit() and self._is_ours(folder)
        )

    def pid_of(self, program: str) -> int:
        [pid] = (
            int(folder.name)
            for folder in Path("/proc").iterdir()
            if folder.name.isdigit()
            and self._is_ours(folder)
            and _program(_read(folder / "cmdline")) == program
        )
        return pid

    def _is_ours(self, process: Path) -> bool:
        """By its environment, or as the server, which overwrites that, by its working directory."""
        mark = f"STATE_DIR={self._state}".encode()
        if mark in _read(process / "environ").split(b"\0"):
            return True
        try:
            return (process / "cwd").readlink() == self._state / "valkey"
        except OSError:  # it has ended, or is another user's
            return False


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError:  # it has ended meanwhile
        return b""


def _program(arguments: bytes) -> str:
    words = arguments.replace(b"\0", b" ").split(b" ")
    for name in ("valkey-server", "up", "web", "worker"):
        if any(word.rpartition(b"/")[2] == name.encode() for word in words):
            return name
    return "other"


def log_of(state: Path) -> Path:
    return state.with_name(f"{state.name}.log")


@asynccontextmanager
async def up(
    state: Path, port: int | None = None, *options: str, **environ: str
) -> AsyncIterator[Up]:
    port = port or free_port()
    with log_of(state).open("ab") as log:
        process = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "app.cli", "up", *options),
            env={
                **os.environ,
                "REDIS_URL": "",
                "STATE_DIR": str(state),
                "HTTP_PORT": str(port),
                "WORKER_LOG_LEVEL": "WARNING",
                **environ,
            },
            stdout=log,
            stderr=log,
            start_new_session=True,
        )
    try:
        yield Up(process, state, port)
    finally:
        if process.returncode is None:
            os.killpg(process.pid, signal.SIGKILL)
        await process.wait()


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


async def test_ctrl_c_ends_everything_and_the_next_start_continues(state: Path) -> None:
    async with up(state, EMBEDDED_VALKEY_MEMORY_MB="99") as first:
        await first.ready()
        job_id = await first.submit()
        valkey = first.valkey()
        assert valkey.config_get("maxmemory") == {"maxmemory": str(99 * 2**20)}
        os.killpg(first.process.pid, signal.SIGINT)  # as a terminal does: to the whole group
        assert await asyncio.wait_for(first.process.wait(), 60) == 0
    assert not await first.healthy()
    assert not is_up(valkey)
    valkey.close()

    async with up(state) as second:
        await second.ready()
        await second.succeeds(job_id)


def is_up(client: redis.Redis) -> bool:
    try:
        return bool(client.ping())
    except redis.ConnectionError:
        return False


async def test_the_port_can_be_an_option(state: Path) -> None:
    port = free_port()
    async with up(state, port, "--port", str(port), HTTP_PORT=str(free_port())) as running:
        await running.ready()


async def test_jobs_are_bounded_by_the_memory_of_the_server(state: Path) -> None:
    job = {"type": "batch_analysis", "urls": [f"http://site.example/{n}" for n in range(1000)]}
    async with up(state, EMBEDDED_VALKEY_MEMORY_MB="20") as running:
        await running.ready()
        async with httpx.AsyncClient(base_url=running.url, trust_env=False) as client:
            await client.post("/queue/pause")
            statuses = [(await client.post("/jobs", json=job)).status_code for _ in range(2)]
            assert statuses == [202, 429]
            assert (await client.get("/health/ready")).status_code == 200


async def test_a_second_up_on_the_same_state_dir_is_refused(state: Path) -> None:
    async with up(state) as first:
        await first.ready()
        async with up(state) as second:
            assert await asyncio.wait_for(second.process.wait(), 30) == 2
    assert "another `curator up` already runs" in second.log
    assert "Traceback" not in second.log


async def test_a_child_that_keeps_ending_ends_everything(state: Path) -> None:
    # The exporter of traces in web and worker does not start with this.
    spoilt = up(
        state, OTEL_EXPORTER_OTLP_ENDPOINT="http://127.0.0.1:1", OTEL_BSP_MAX_QUEUE_SIZE="-1"
    )
    async with spoilt as running:
        assert await asyncio.wait_for(running.process.wait(), 60) == 3
    assert running.log.count("process keeps ending early") == 1


async def test_a_port_in_use_is_one_line_before_anything_is_started(state: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        async with up(state, port, WORKER_LOG_LEVEL="INFO") as running:
            assert await asyncio.wait_for(running.process.wait(), 60) == 2
    [line] = running.log.splitlines()
    assert line.startswith(f"Error: HTTP_PORT={port}: another process listens on 127.0.0.1")
    assert not is_made(state)


async def test_web_is_started_again_on_the_port_that_stays_open(state: Path) -> None:
    async with up(state) as running:
        await running.ready()
        os.kill(running.pid_of("web"), signal.SIGKILL)
        # Refused at no moment: the connection waits for the next web.
        async with httpx.AsyncClient(base_url=running.url, trust_env=False, timeout=60) as client:
            assert (await client.get("/health/ready")).status_code == 200
        running.process.terminate()
        assert await asyncio.wait_for(running.process.wait(), 60) == 0


async def test_a_worker_without_an_engine_ends_everything(state: Path) -> None:
    async with up(state, EMBEDDER="onnx", MODELS_DIR=str(state / "no-models")) as running:
        assert await asyncio.wait_for(running.process.wait(), 120) == 3
    assert running.log.count("the worker ends, as its engine cannot be started") == 3
    assert running.log.count("process ended and is started again") == 2


async def test_all_goes_on_when_valkey_is_killed(state: Path) -> None:
    async with up(state) as running:
        await running.ready()
        job_ids = []
        for _ in range(3):
            job_ids += [await running.submit() for _ in range(10)]
            running.kill_valkey()
            await running.ready()
        for job_id in job_ids:
            await running.succeeds(job_id)
        assert running.process.returncode is None
        assert "process ended and is started again" not in running.log
        assert password_of(state) not in running.log


def password_of(state: Path) -> str:
    url = (state / "valkey.url").read_text()
    return url.removeprefix("unix://:").partition("@")[0]


async def test_sigterm_ends_everything_while_valkey_cannot_start(state: Path) -> None:
    """Even while the worker runs a step: the site that it fetches from never answers."""
    connected = asyncio.Event()

    async def never_answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        connected.set()
        await reader.read()

    async with tcp_server(never_answer) as site_port:
        proxy = f"http://127.0.0.1:{site_port}"
        async with up(state, EGRESS_PROXY=proxy) as running:
            await running.ready()
            await running.submit(type="batch_analysis", urls=["http://site.example/"])
            await asyncio.wait_for(connected.wait(), 20)
            spoil_data(state)
            running.kill_valkey()

            def ends() -> int:
                return running.log.count("the embedded Valkey ended and is started again")

            await wait_until(lambda: ends() >= 3, "Valkey to end three times")
            assert running.log.count("AOF manifest") == 1, "the cause is logged once"
            assert not await running.healthy()
            started = time.monotonic()
            running.process.terminate()
            assert await asyncio.wait_for(running.process.wait(), 30) == 0
            assert time.monotonic() - started < 12


def is_made(state: Path) -> bool:
    return state.exists()


def spoil_data(state: Path) -> None:
    (state / "valkey" / "appendonlydir" / "appendonly.aof.manifest").write_text("garbage\n")


@linux
@pytest.mark.parametrize(
    ("state_dir", "problem"),
    [
        ("/dev/null", "it is not a folder"),
        ("/dev/null/state", "it is not a folder"),
        ("/proc/state", "No such file or directory"),  # what a read-only file system says
    ],
)
@pytest.mark.parametrize("command", ["up", "web", "worker", "doctor"])
def test_a_state_dir_that_cannot_be_used_is_one_line(
    command: str, state_dir: str, problem: str
) -> None:
    completed = subprocess.run(
        [sys.executable, "-m", "app.cli", command],
        env={**os.environ, "REDIS_URL": "", "STATE_DIR": state_dir, "HTTP_PORT": str(free_port())},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    [line] = completed.stderr.splitlines()
    assert completed.returncode == 2
    if command == "up" or state_dir.startswith("/dev/null"):
        assert line.startswith(f"Error: STATE_DIR={state_dir!r}: ")
        assert problem in line
    else:
        assert f"no embedded Valkey runs on {state_dir}" in line


@linux
@pytest.mark.parametrize("delay", [0.2, 0.4, 0.6, 1.0])
async def test_a_kill_during_the_start_leaves_nothing_behind(state: Path, delay: float) -> None:
    port = free_port()
    async with up(state, port) as killed:
        await asyncio.wait({asyncio.create_task(killed.process.wait())}, timeout=delay)
        killed.process.kill()
        await killed.process.wait()
        async with up(state, port) as running:  # at once: the children may not have ended yet
            await running.ready()
            programs = running.programs()
            names = ("up", "valkey-server", "web", "worker")
            assert [programs[name] for name in names] == [1, 1, 1, 1]
            running.process.terminate()
            assert await asyncio.wait_for(running.process.wait(), 30) == 0
    assert running.log.count("process ended and is started again") == 0
    await wait_until(lambda: not running.programs(), "all processes to end")


@linux
async def test_what_a_killed_up_ran_ends(state: Path) -> None:
    async with up(state) as running:
        await running.ready()
        assert running.programs()["valkey-server"] == 1
        running.process.kill()
        await wait_until(lambda: not running.programs(), "all processes to end")
