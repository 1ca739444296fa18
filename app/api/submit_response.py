"""Waiting for jobs to end, for clients that would rather wait than ask again."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Annotated, Any

import msgspec
from litestar import MediaType, Response
from litestar.datastructures import ResponseHeader
from litestar.params import HeaderParameter

from app.api.models.jobs import submitted_model
from tasks.errors import JobUnfinished, LedgerUnavailable, ResultExpired, UnknownJob
from tasks.jobs.queue import Queue, Submitted

LOOK_SECONDS = 0.05

MOST_WAITS = 100
"""Requests that may wait at once: each holds a connection open, and is one more job to look at."""


class Endings:
    """Tells when jobs have ended. However many are waited for, one round trip looks at them all."""

    def __init__(self, queue: Queue) -> None:
        self._queue = queue
        self._waits: dict[asyncio.Event, str] = {}
        self._looking: asyncio.Task[None] | None = None

    @property
    def full(self) -> bool:
        """Whether nobody else may wait now."""
        return len(self._waits) >= MOST_WAITS

    async def wait(self, job_id: str, seconds: float) -> bool:
        """Whether the job ended within that time. Redis may be away meanwhile."""
        ended = asyncio.Event()
        self._waits[ended] = job_id
        if self._looking is None:
            self._looking = asyncio.create_task(self._look())
        try:
            async with asyncio.timeout(seconds):
                return await ended.wait()
        except TimeoutError:
            return False
        finally:
            del self._waits[ended]

    async def _look(self) -> None:
        try:
            while self._waits:
                await self._tell()
                await asyncio.sleep(LOOK_SECONDS)
        finally:
            self._looking = None

    async def _tell(self) -> None:
        try:
            over = await self._queue.ended(list(set(self._waits.values())))
        except LedgerUnavailable:
            return
        for event, job_id in self._waits.items():
            if job_id in over:
                event.set()


IdempotencyKeyHeader = Annotated[
    str | None,
    HeaderParameter(
        name="Idempotency-Key",
        description=(
            "1 to 255 printable ASCII characters. The same request sent again within 24 h with "
            "the same key is answered with the same job."
        ),
    ),
]

HEADERS = [
    ResponseHeader(name="Location", description="The job's page.", documentation_only=True),
    ResponseHeader(
        name="Idempotent-Replayed",
        description="`true`: an earlier request with this key had submitted the job.",
        documentation_only=True,
    ),
]
WAIT_HEADERS = [
    *HEADERS,
    ResponseHeader(
        name="Preference-Applied",
        description="`wait=N`: for how long the answer was ready to wait.",
        documentation_only=True,
    ),
]


def accepted(submitted: Submitted, **headers: str) -> Response[Any]:
    """The job as it was submitted, now or before."""
    return Response(
        msgspec.json.encode(submitted_model(submitted.job)),
        status_code=202,
        media_type=MediaType.JSON,
        headers=_headers(submitted) | headers,
    )


async def result_or_accepted(
    queue: Queue, endings: Endings, submitted: Submitted, wait: int | None
) -> Response[Any]:
    """The result if the job ends in that time. Whatever fails, the job is submitted."""
    if wait is None or endings.full:
        return accepted(submitted)
    applied = {"Preference-Applied": f"wait={wait}"}
    job_id = submitted.job.id
    if await endings.wait(job_id, wait):
        with suppress(JobUnfinished, LedgerUnavailable, ResultExpired, UnknownJob):
            headers = applied | {"Content-Location": f"/jobs/{job_id}/result"}
            result = await queue.result(job_id)
            return Response(
                result,
                status_code=200,
                media_type=MediaType.JSON,
                headers=_headers(submitted) | headers,
            )
    return accepted(submitted, **applied)


def _headers(submitted: Submitted) -> dict[str, str]:
    replayed = {"Idempotent-Replayed": "true"} if submitted.replayed else {}
    return {"Location": f"/jobs/{submitted.job.id}", **replayed}
