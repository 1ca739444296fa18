"""`curator web` as a process."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

import httpx
import pytest
import redis

from tasks.settings import Settings
from tests.loopback import free_port
from tests.waiting import wait_until
from tests.web.raw_client import GET, raw_clients


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


async def test_what_web_logs_of_its_life(settings: Settings, valkey: redis.Redis) -> None:
    port = free_port()
    process = start_web(settings, port, CELERY_CONCURRENCY="4")
    try:
        await wait_until(lambda: answers(port), "web to listen")
        async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
            assert (await client.get("/jobs")).status_code == 200
    finally:
        process.send_signal(signal.SIGTERM)
    _, log = process.communicate(timeout=20)
    celery, start, request, stop = map(json.loads, log.splitlines())
    assert (celery["variable"], celery["use"]) == ("CELERY_CONCURRENCY", "WORKER_CONCURRENCY")
    assert (start["event"], start["url"]) == ("web listens", f"http://127.0.0.1:{port}")
    assert (start["ledger"], start["version"]) == (settings.redis_url, version("content-curator"))
    assert (request["event"], request["path"], request["status"]) == ("request", "/jobs", 200)
    assert len(request["trace_id"]) == 32
    assert stop["event"] == "web stopped"


async def test_web_says_at_once_that_it_has_no_ledger(settings: Settings) -> None:
    """It keeps running, as Redis may come."""
    nowhere = f"redis://:secret@127.0.0.1:{free_port()}"
    process = start_web(settings, port := free_port(), REDIS_URL=nowhere)
    try:
        await wait_until(lambda: answers(port, status=503), "web to listen")
    finally:
        process.send_signal(signal.SIGTERM)
    _, log = process.communicate(timeout=20)
    start, outage, *_ = map(json.loads, log.splitlines())
    assert start["event"] == "web listens"
    assert (outage["event"], outage["cause"]) == (
        "the ledger cannot be reached",
        "nothing listens there",
    )
    assert log.count("the ledger cannot be reached") == 1
    assert "secret" not in log


async def test_half_a_request_is_answered_in_time(settings: Settings, valkey: redis.Redis) -> None:
    """On the event loop that the product uses."""
    port = free_port()
    process = start_web(settings, port, HTTP_HEADER_TIMEOUT="0.3")
    try:
        await wait_until(lambda: answers(port), "web to listen")
        async with raw_clients(f"http://127.0.0.1:{port}") as [client]:
            client.send(GET)
            assert (await client.rest()).startswith(b"HTTP/1.1 408")
    finally:
        process.send_signal(signal.SIGTERM)
    process.communicate(timeout=20)


async def test_options_take_precedence_over_the_settings(
    settings: Settings, valkey: redis.Redis
) -> None:
    port = free_port()
    options = ("--host", "127.0.0.2", "--port", str(port))
    process = start_web(settings, free_port(), *options, HTTP_HOST="127.0.0.1")
    try:
        await wait_until(lambda: answers(port, host="127.0.0.2"), "web to listen")
    finally:
        process.send_signal(signal.SIGTERM)
    process.communicate(timeout=20)


@pytest.mark.parametrize("command", ["web", "up", "web --host 0.0.0.0", "up --host 0.0.0.0"])
def test_web_does_not_listen_on_other_addresses_by_accident(command: str, tmp_path: Path) -> None:
    environ = {"REDIS_URL": "", "STATE_DIR": str(tmp_path)}
    if "--host" not in command:
        environ["HTTP_HOST"] = "0.0.0.0"
    completed = subprocess.run(
        [sys.executable, "-m", "app.cli", *command.split()],
        env={**os.environ, **environ},
        text=True,
        capture_output=True,
        timeout=60,
        check=False,
    )
    assert completed.returncode == 2
    [line] = completed.stderr.splitlines()
    assert line.startswith("Error: HTTP_HOST='0.0.0.0': there is no authentication")
    assert "UNSAFE_OPEN=1" in line
    assert list(tmp_path.iterdir()) == []


async def test_web_listens_on_other_addresses_on_purpose(
    settings: Settings, valkey: redis.Redis
) -> None:
    port = free_port()
    process = start_web(settings, port, HTTP_HOST="0.0.0.0", UNSAFE_OPEN="1")
    try:
        await wait_until(lambda: answers(port, host="127.0.0.2"), "web to listen")
    finally:
        process.send_signal(signal.SIGTERM)
    process.communicate(timeout=20)


def start_web(
    settings: Settings, port: int, *options: str, **environment: str
) -> subprocess.Popen[str]:
    environ = {
        **os.environ,
        "REDIS_URL": settings.redis_url or "",
        "KEY_PREFIX": settings.key_prefix,
        "HTTP_PORT": str(port),
        **environment,
    }
    return subprocess.Popen(
        [sys.executable, "-m", "app.cli", "web", *options],
        env=environ,
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def answers(port: int, host: str = "127.0.0.1", status: int = 200) -> bool:
    """A connection that comes early waits until web has started."""
    try:
        return httpx.get(f"http://{host}:{port}/health/ready", timeout=60).status_code == status
    except httpx.ConnectError:
        return False
