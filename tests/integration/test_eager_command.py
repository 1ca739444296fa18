"""`TASKS_EAGER=1 curator jobs submit`: a job with the real engine, and without Redis."""

from __future__ import annotations

import asyncio
import os
import sys

import msgspec

from tests.sampleweb.catalogue import trouble, urls
from tests.sampleweb.server import SampleWeb


async def submit_here(*arguments: str, proxy: str) -> tuple[int | None, bytes, bytes]:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "app.cli", "jobs", "submit", "--json", *arguments),
        env={
            **os.environ,
            "TASKS_EAGER": "1",
            "REDIS_URL": "redis://127.0.0.1:1",  # nothing answers there
            "EGRESS_PROXY": proxy,
            "WORKER_LOG_LEVEL": "ERROR",
        },
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    out, err = await process.communicate()
    return process.returncode, out, err


async def test_a_batch_runs_in_the_process_of_the_command() -> None:
    async with SampleWeb() as web:
        batch = (*urls()[:2], trouble("/missing"))
        status, out, err = await submit_here(*batch, "--query", "energy", proxy=web.proxy_url)
    assert status == 0, err
    result = msgspec.json.decode(out)
    assert (result["processed_count"], result["failed_count"]) == (2, 1)
    assert len(result["decisions"]) == 3


async def test_a_failed_job_is_exit_code_1_and_an_invalid_one_2() -> None:
    async with SampleWeb() as web:
        status, _, _ = await submit_here(trouble("/missing"), proxy=web.proxy_url)
        assert status == 1
        status, _, err = await submit_here("--topic", "x", proxy=web.proxy_url)
        assert status == 2
        assert b"topic must have" in err
