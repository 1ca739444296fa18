"""`curator alive`, the health check of the image."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from pathlib import Path

import httpx
import pytest

from tasks.settings import Settings
from tests.loopback import free_port
from tests.processes import program, worker_environ
from tests.waiting import wait_until

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="finds processes in /proc")


async def alive(**environ: str) -> int:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "app.cli", "alive"),
        env={**os.environ, **environ},
        stderr=asyncio.subprocess.DEVNULL,
    )
    return await process.wait()


async def test_web_is_alive_while_it_answers(settings: Settings, tmp_path: Path) -> None:
    port = free_port()
    environ = worker_environ(settings, http_port=port, http_host="0.0.0.0")
    environ["UNSAFE_OPEN"] = "1"

    async def answers() -> bool:
        async with httpx.AsyncClient(trust_env=False) as client:
            try:
                return (await client.get(f"http://127.0.0.1:{port}/health/live")).is_success
            except httpx.TransportError:
                return False

    async with program("app.cli", "web", environ=environ, log=tmp_path / "log"):
        await wait_until(answers, "web to answer", timeout=60)
        assert await alive(**environ) == 0
        assert await alive(**{**environ, "HTTP_PORT": str(free_port())}) == 3


async def test_a_worker_is_alive_while_it_runs(settings: Settings, tmp_path: Path) -> None:
    """Other tests of this machine may run a worker too, so only its presence is looked at."""
    environ = worker_environ(settings)
    async with program("app.cli", "worker", environ=environ, log=tmp_path / "log") as worker:
        assert await alive(**environ) == 0
        os.kill(worker.pid, signal.SIGKILL)
        await worker.wait()
