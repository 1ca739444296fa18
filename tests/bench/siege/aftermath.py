"""After a siege: every accepted job ends, and nothing is left over."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Container, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import httpx
import msgspec
from msgspec import Struct
from msgspec.structs import replace

from tasks.doctor import Level
from tasks.embedded_valkey import embedded_valkey_url
from tasks.errors import UnknownJob
from tasks.jobs.job import FINAL_STATES
from tasks.jobs.queue import Queue
from tasks.resources import examine_redis, open_queue
from tasks.settings import Settings
from tests.bench.siege.watch import connections_to
from tests.waiting import wait_until

END_SECONDS = 120.0
"""Within which all jobs end once they are cancelled."""

CLOSE_SECONDS = 60.0
"""Within which connections end that their clients have left."""

AT_ONCE = 50


class Aftermath(Struct, kw_only=True):
    cancel_calls: int = 0
    cancelled: int = 0
    longest_call_ms: float = 0.0
    """Of the calls that cancel jobs, and delete schedules."""
    schedules: int = 0
    """Deleted."""
    seconds: float = 0.0
    """Until no job was active."""
    active: int = 0
    """Jobs that still were, after END_SECONDS."""
    lost: int = 0
    """Accepted jobs that are not known."""
    not_final: int = 0
    states: Counter[str] = msgspec.field(default_factory=Counter)
    problems: list[str] = msgspec.field(default_factory=list)
    """What `curator doctor` finds now and did not find before."""
    connections: int = 0
    """Connections to web that remain."""


async def doctor_problems(state_dir: Path) -> dict[str, str]:
    """What `curator doctor` finds, errors and warnings: check → sentence."""
    findings = await examine_redis(_settings(state_dir))
    return {finding.check: finding.sentence for finding in findings if finding.level != Level.OK}


async def clear_up(
    port: int, state_dir: Path, accepted: Sequence[str], *, known: Container[str]
) -> Aftermath:
    """Cancels what the attackers left, in bounded calls, and looks at what remains.

    `known` are the checks of the doctor that had found something before.
    """
    found = Aftermath()
    base_url = f"http://127.0.0.1:{port}"
    async with httpx.AsyncClient(base_url=base_url, timeout=60, trust_env=False) as client:
        began = time.monotonic()
        await _delete_schedules(client, found)
        async with open_queue(_settings(state_dir)) as queue:
            await _end_jobs(client, queue, found)
            found.seconds = time.monotonic() - began
            await _judge(queue, accepted, found)
    problems = await doctor_problems(state_dir)
    found.problems = [sentence for check, sentence in problems.items() if check not in known]
    found.connections = await _remaining(port)
    return found


def _settings(state_dir: Path) -> Settings:
    return replace(Settings(), redis_url=embedded_valkey_url(state_dir))


async def _delete_schedules(client: httpx.AsyncClient, found: Aftermath) -> None:
    while True:
        page = (await _called(client, found, "GET", "/schedules?limit=200"))["schedules"]
        if not page:
            return
        for schedule in page:
            response = await client.delete(f"/schedules/{schedule['schedule_id']}")
            response.raise_for_status()
            found.schedules += 1


async def _end_jobs(client: httpx.AsyncClient, queue: Queue, found: Aftermath) -> None:
    deadline = time.monotonic() + END_SECONDS
    while True:
        cursor = None
        while True:
            page = await _called(client, found, "POST", "/jobs/cancel", limit=200, cursor=cursor)
            found.cancel_calls += 1
            found.cancelled += len(page["jobs"])
            cursor = page["next_cursor"]
            if cursor is None:
                break
        found.active = (await queue.depth()).active_jobs
        if found.active == 0 or time.monotonic() > deadline:
            return
        await asyncio.sleep(0.5)


async def _called(
    client: httpx.AsyncClient, found: Aftermath, method: str, path: str, **body: object
) -> Any:
    began = time.monotonic()
    response = await client.request(method, path, json=body or None)
    found.longest_call_ms = max(found.longest_call_ms, (time.monotonic() - began) * 1000)
    return response.raise_for_status().json()


async def _judge(queue: Queue, accepted: Sequence[str], found: Aftermath) -> None:
    slots = asyncio.Semaphore(AT_ONCE)

    async def look(job_id: str) -> None:
        async with slots:
            try:
                state = (await queue.status(job_id)).record.state
            except UnknownJob:
                found.lost += 1
                return
        found.states[state] += 1
        found.not_final += state not in FINAL_STATES

    await asyncio.gather(*map(look, dict.fromkeys(accepted)))


async def _remaining(port: int) -> int:
    with suppress(AssertionError):
        await wait_until(lambda: not connections_to(port), "connections to end", CLOSE_SECONDS)
    return connections_to(port)
