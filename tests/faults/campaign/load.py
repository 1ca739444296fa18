"""The client of a campaign: submits mixed jobs over HTTP, and keeps what was answered 202."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import httpx

from tests.faults.campaign.site import DEEDS, page_url

JOBS_PER_SECOND = 2.5

MOST_ACTIVE = 60
"""Active jobs above which the client waits: it is steady, and no flood."""

PRIORITIES = ("high", "normal", "normal", "low")


class Load:
    """A steady stream of jobs until it is cancelled."""

    def __init__(self, url: str, rng: random.Random) -> None:
        self._url = url
        self._rng = rng
        self._serial = 0
        self._cancelling: set[asyncio.Task[None]] = set()
        self.answered: list[str] = []
        """Ids of the jobs whose submission was answered with 202."""
        self.refused = 0
        """Submissions that were not: web or Valkey was away."""

    async def run(self) -> None:
        async with httpx.AsyncClient(base_url=self._url, trust_env=False, timeout=30) as client:
            try:
                while True:
                    if await self._active(client) < MOST_ACTIVE:
                        await self._submit(client)
                    await asyncio.sleep(self._rng.expovariate(JOBS_PER_SECOND))
            finally:
                await asyncio.gather(*self._cancelling, return_exceptions=True)

    async def _active(self, client: httpx.AsyncClient) -> int:
        try:
            health = (await client.get("/health/jobs")).json()
        except httpx.TransportError:
            return 0
        return health["active_jobs"] or 0

    async def _submit(self, client: httpx.AsyncClient) -> None:
        self._serial += 1
        body = {**self._job(), "priority": self._rng.choice(PRIORITIES)}
        try:
            answer = await client.post("/jobs", json=body)
        except httpx.TransportError:
            self.refused += 1
            return
        if answer.status_code != 202:
            self.refused += 1
            return
        job_id = answer.json()["job_id"]
        self.answered.append(job_id)
        if self._rng.random() < 0.08:
            task = asyncio.create_task(self._cancel(client, job_id, self._rng.random()))
            self._cancelling.add(task)
            task.add_done_callback(self._cancelling.discard)

    async def _cancel(self, client: httpx.AsyncClient, job_id: str, after: float) -> None:
        await asyncio.sleep(after)
        try:
            await client.delete(f"/jobs/{job_id}")
        except httpx.TransportError:
            return

    def _job(self) -> dict[str, Any]:
        chance = self._rng.random()
        if chance < 0.1:
            return {"type": "health_check"}
        if chance < 0.2:
            return {"type": "topic_curation", "topic": f"campaign {self._serial}"}
        if chance < 0.4:
            return {"type": "single_analysis", "url": self._urls(1)[0]}
        return {"type": "batch_analysis", "urls": self._urls(self._rng.choice((5, 8, 12, 20, 50)))}

    def _urls(self, count: int) -> list[str]:
        return [page_url(self._serial, n, self._rng.choice(DEEDS)) for n in range(count)]
