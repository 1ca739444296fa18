"""`python -m tests.bench.siege.caller PLAN`: the good caller, whom a siege must not harm.

A job of three good URLs every five seconds, and the status of its latest job ten times a second,
whether or not earlier answers have come. Prints a GoodCaller as JSON.
"""

from __future__ import annotations

import asyncio
import os
import sys
import time
from typing import Any

import httpx
import uvloop

from tasks.supervision import die_with_parent
from tests.bench.children import PARENT_PID
from tests.bench.siege.plan import GOOD_CALLER, GoodCaller, GoodJob, Plan, plan_of, report

JOB_INTERVAL_SECONDS = 5.0
STATUS_INTERVAL_SECONDS = 0.1
POLL_SECONDS = 0.1
URLS = 3

LONGEST_JOB_SECONDS = 90.0
TIMEOUT_SECONDS = 10.0
"""Of one request."""


class Caller:
    def __init__(self, plan: Plan, client: httpx.AsyncClient) -> None:
        self._plan = plan
        self._client = client
        self._latest: str | None = None
        self.report = GoodCaller()

    async def run(self) -> None:
        began = time.monotonic()
        async with asyncio.TaskGroup() as group:
            watching = group.create_task(self._watch_status())
            jobs = []
            for number in range(max(1, int(self._plan.seconds / JOB_INTERVAL_SECONDS))):
                due = began + number * JOB_INTERVAL_SECONDS
                await asyncio.sleep(due - time.monotonic())
                jobs.append(group.create_task(self._job(number)))
            await asyncio.sleep(began + self._plan.seconds - time.monotonic())
            watching.cancel()
        self.report.jobs = [job.result() for job in jobs]

    async def _job(self, number: int) -> GoodJob:
        began = time.monotonic()
        job_id = None
        try:
            job_id = await self._submit(number)
            self._latest = job_id
            status = await self._final(job_id, began + LONGEST_JOB_SECONDS)
        except (httpx.HTTPError, TimeoutError) as error:
            problem = f"{type(error).__name__}: {error}"
            return GoodJob(job_id=job_id, seconds=LONGEST_JOB_SECONDS, problem=problem)
        seconds = time.monotonic() - began
        failed = status["failed_count"] or status["processed_count"] < URLS
        problem = ""
        if status["state"] != "SUCCESS" or failed:
            problem = f"{status['state']}, {status['error']}, {status['failures']}"
        return GoodJob(job_id=job_id, seconds=seconds, problem=problem or None)

    async def _submit(self, number: int) -> str:
        first = self._plan.first + number * URLS
        pages = range(first, first + URLS)
        urls = [self._plan.url("good", page, f"/article/{page}") for page in pages]
        response = await self._client.post("/jobs", json={"type": "batch_analysis", "urls": urls})
        self.report.answers[f"submit: {response.status_code}"] += 1
        job_id: str = response.raise_for_status().json()["job_id"]
        return job_id

    async def _final(self, job_id: str, deadline: float) -> dict[str, Any]:
        while time.monotonic() < deadline:
            response = await self._client.get(f"/jobs/{job_id}/status")
            status: dict[str, Any] = response.raise_for_status().json()
            if status["finished_at"]:
                return status
            await asyncio.sleep(POLL_SECONDS)
        raise TimeoutError(f"not final after {LONGEST_JOB_SECONDS:g} s")

    async def _watch_status(self) -> None:
        """A look does not wait for the one before, so that slow ones are not left out."""
        async with asyncio.TaskGroup() as group:
            due = time.monotonic()
            while True:
                due += STATUS_INTERVAL_SECONDS
                await asyncio.sleep(due - time.monotonic())
                if self._latest:
                    group.create_task(self._look(self._latest))

    async def _look(self, job_id: str) -> None:
        began = time.monotonic()
        try:
            response = await self._client.get(f"/jobs/{job_id}/status")
            self.report.answers[f"status: {response.status_code}"] += 1
            milliseconds = (time.monotonic() - began) * 1000
        except httpx.HTTPError as error:
            self.report.answers[f"status: {type(error).__name__}"] += 1
            milliseconds = TIMEOUT_SECONDS * 1000
        self.report.status_ms.append(milliseconds)


async def _run(plan: Plan) -> None:
    transport = httpx.AsyncHTTPTransport(local_address=GOOD_CALLER)
    base_url = f"http://127.0.0.1:{plan.port}"
    async with httpx.AsyncClient(
        transport=transport, base_url=base_url, timeout=TIMEOUT_SECONDS
    ) as client:
        caller = Caller(plan, client)
        await caller.run()
    report(caller.report)


def main(arguments: list[str]) -> None:
    die_with_parent(int(os.environ[PARENT_PID]))
    uvloop.run(_run(plan_of(arguments)))


if __name__ == "__main__":
    main(sys.argv[1:])
