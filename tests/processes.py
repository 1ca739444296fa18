"""Python programs of ours that run beside a test, and end with it."""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import httpx

from tasks.settings import Settings
from tasks.supervision import die_with_parent
from tests.loopback import free_port
from tests.waiting import wait_until

PARENT_PID = "TEST_PARENT_PID"

Process = asyncio.subprocess.Process


@asynccontextmanager
async def program(
    module: str, *arguments: object, environ: Mapping[str, str], log: Path
) -> AsyncIterator[Process]:
    """Runs `python -m MODULE …`; kills it at the end if it still runs."""
    process = await start_program(module, *arguments, environ=environ, log=log)
    try:
        yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


async def start_program(
    module: str, *arguments: object, environ: Mapping[str, str], log: Path
) -> Process:
    """What it writes to stderr is appended to `log`."""
    with log.open("ab") as stderr:
        return await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", module, *map(str, arguments)),
            env={**os.environ, **environ, PARENT_PID: str(os.getpid())},
            stderr=stderr,
        )


def end_with_starter() -> None:
    """For such a program: it ends when the process dies that started it."""
    die_with_parent(int(os.environ[PARENT_PID]))


def worker_environ(settings: Settings, **others: object) -> dict[str, str]:
    """The environment of a worker on the test's ledger, with these settings beside."""
    shared = ("redis_url", "key_prefix", "lease_seconds", "wakeup_grace")
    delays = ("task_retry_delay", "fetch_retry_delay")
    own = {name: getattr(settings, name) for name in (*shared, *delays)}
    return {name.upper(): str(value) for name, value in {**own, **others}.items()}


@asynccontextmanager
async def web_process(settings: Settings, log: Path, **others: str) -> AsyncIterator[str]:
    """Runs web, and yields its address."""
    url = f"http://127.0.0.1:{(port := free_port())}"
    environ = {**worker_environ(settings), "HTTP_PORT": str(port), **others}
    async with program("app.cli", "web", environ=environ, log=log), httpx.AsyncClient() as client:

        async def ready() -> bool:
            try:
                return (await client.get(f"{url}/health/ready")).status_code == 200
            except httpx.TransportError:
                return False

        await wait_until(ready, "web to be ready", timeout=60)
        yield url
