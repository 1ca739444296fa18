"""`curator up`: one command starts everything, Ctrl-C ends it, and the next start continues."""

from __future__ import annotations

import asyncio
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import redis

from tests.loopback import free_port
from tests.waiting import wait_until


@asynccontextmanager
async def up(state_dir: Path, port: int) -> AsyncIterator[asyncio.subprocess.Process]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "app.cli", "up"),
        env={
            **os.environ,
            "REDIS_URL": "",
            "STATE_DIR": str(state_dir),
            "HTTP_PORT": str(port),
            "WORKER_LOG_LEVEL": "WARNING",
        },
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        start_new_session=True,
    )
    try:
        yield process
    finally:
        if process.returncode is None:
            os.killpg(process.pid, signal.SIGKILL)
        await process.communicate()


async def healthy(url: str) -> bool:
    async with httpx.AsyncClient(base_url=url, trust_env=False) as client:
        try:
            health = (await client.get("/health/jobs")).json()
        except (httpx.TransportError, ValueError):
            return False
    return bool(health["redis_connected"] and health["workers"])


async def submit_health_check(url: str) -> str:
    async with httpx.AsyncClient(base_url=url, trust_env=False) as client:
        response = await client.post("/jobs", json={"type": "health_check"})
    job_id: str = response.json()["job_id"]
    return job_id


async def state_of(url: str, job_id: str) -> str:
    async with httpx.AsyncClient(base_url=url, trust_env=False) as client:
        state: str = (await client.get(f"/jobs/{job_id}/status")).json()["state"]
    return state


async def test_ctrl_c_ends_everything_and_the_next_start_continues(tmp_path: Path) -> None:
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    async with up(tmp_path, port) as process:
        await wait_until(lambda: healthy(url), "curator to be up", timeout=60)
        job_id = await submit_health_check(url)
        valkey = redis.Redis.from_url((tmp_path / "valkey.url").read_text())
        os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to the whole group
        assert await asyncio.wait_for(process.wait(), 60) == 0
    assert not await healthy(url)
    assert not is_up(valkey)
    valkey.close()

    async with up(tmp_path, port):
        await wait_until(lambda: healthy(url), "curator to be up again", timeout=60)

        async def done() -> bool:
            return await state_of(url, job_id) == "SUCCESS"

        await wait_until(done, "the earlier job to end", timeout=60)


async def test_a_second_up_on_the_same_state_dir_is_refused(tmp_path: Path) -> None:
    port = free_port()
    async with up(tmp_path, port):
        url = f"http://127.0.0.1:{port}"
        await wait_until(lambda: healthy(url), "curator to be up", timeout=60)
        async with up(tmp_path, free_port()) as second:
            _, complaint = await second.communicate()
            assert second.returncode == 2
            assert b"another `curator up` already runs" in complaint
            assert b"Traceback" not in complaint


async def test_a_child_that_keeps_ending_ends_everything(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:  # web cannot listen on this port
        async with up(tmp_path, listener.getsockname()[1]) as process:
            stdout, stderr = await asyncio.wait_for(process.communicate(), 60)
    assert process.returncode == 3
    assert (stdout + stderr).count(b"process ended and is started again") == 2


def is_up(client: redis.Redis) -> bool:
    try:
        return bool(client.ping())
    except redis.ConnectionError:
        return False
