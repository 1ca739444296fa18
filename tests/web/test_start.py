"""`curator web` as a process."""

from __future__ import annotations

import os
import signal
import subprocess
import sys

import httpx
import redis

from tasks.settings import Settings
from tests.loopback import free_port
from tests.waiting import wait_until


async def test_web_listens_and_stops_cleanly(settings: Settings, valkey: redis.Redis) -> None:
    port = free_port()
    process = start_web(settings, port)
    try:
        await wait_until(lambda: answers(port), "web to listen")
    finally:
        process.send_signal(signal.SIGTERM)
    _, log = process.communicate(timeout=20)
    assert process.returncode == 0
    assert "Traceback" not in log


def start_web(settings: Settings, port: int) -> subprocess.Popen[str]:
    environ = {
        **os.environ,
        "REDIS_URL": settings.redis_url or "",
        "KEY_PREFIX": settings.key_prefix,
        "HTTP_PORT": str(port),
    }
    return subprocess.Popen(
        [sys.executable, "-m", "app.cli", "web"],
        env=environ,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def answers(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/health/ready").status_code == 200
    except httpx.ConnectError:
        return False
