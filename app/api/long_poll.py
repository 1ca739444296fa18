"""Long polls: a submission can wait for its job to end, and is then answered with the result."""

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

POLL_INTERVAL_SECONDS = 0.05

MAX_LONG_POLLS = 100
"""Requests that may wait at once: each keeps a connection open, and adds one job to each look."""


class LongPolls:
    """The requests that wait for jobs to end. One round trip to the ledger checks all of them."""

    def __init__(self, queue: Queue) -> None:
        self._queue = queue
        self._waiting: dict[asyncio.Event, str] = {}
        self._polling: asyncio.Task[None] | None = None

    @property
    def full(self) -> bool:
        """Whether no further request may wait now."""
        return len(self._waiting) >= MAX_LONG_POLLS

    async def wait(self, job_id: str, seconds: float) -> bool:
        """Whether the job ended within that time. Redis may be unavailable meanwhile."""
        ended = asyncio.Event()
        self._waiting[ended] = job_id
        if self._polling is None:
            self._polling = asyncio.create_task(self._poll())
        try:
            async with asyncio.timeout(seconds):
                return await ended.wait()
        except TimeoutError:
            return False
        finally:
            del self._waiting[ended]

    async def _poll(self) -> None:
        try:
            while self._waiting:
                await self._wake_ended()
                await asyncio.sleep(POLL_INTERVAL_SECONDS)
        finally:
            self._polling = None

    async def _wake_ended(self) -> None:
        try:
            ended = await self._queue.ended(list(set(self._waiting.values())))
        except LedgerUnavailable:
            return
        for event, job_id in self._waiting.items():
            if job_id in ended:
                event.set()


IdempotencyKeyHeader = Annotated[
    str | None,
    HeaderParameter(
        name="Idempotency-Key",
        description=(
            "1 to 255 printable ASCII characters. The same request sent again within 24 h with "
            "the same key returns the same job."
        ),
    ),
]

SUBMIT_HEADERS = [
    ResponseHeader(name="Location", description="The job.", documentation_only=True),
    ResponseHeader(
        name="Idempotent-Replayed",
        description="`true`: an earlier request with this key had submitted the job.",
        documentation_only=True,
    ),
]
LONG_POLL_HEADERS = [
    *SUBMIT_HEADERS,
    ResponseHeader(
        name="Preference-Applied",
        description="`wait=N`: the server was ready to wait N seconds.",
        documentation_only=True,
    ),
]


def submitted_response(submitted: Submitted, **headers: str) -> Response[Any]:
    """202 with the job, which this request or an earlier one with the same key submitted."""
    return Response(
        msgspec.json.encode(submitted_model(submitted.job)),
        status_code=202,
        media_type=MediaType.JSON,
        headers=_headers(submitted) | headers,
    )


async def result_or_submitted_response(
    queue: Queue, long_polls: LongPolls, submitted: Submitted, wait: int | None
) -> Response[Any]:
    """The result if the job ends within `wait` seconds, else 202."""
    if wait is None or long_polls.full:
        return submitted_response(submitted)
    applied = {"Preference-Applied": f"wait={wait}"}
    job_id = submitted.job.id
    if await long_polls.wait(job_id, wait):
        with suppress(JobUnfinished, LedgerUnavailable, ResultExpired, UnknownJob):
            headers = applied | {"Content-Location": f"/jobs/{job_id}/result"}
            result = await queue.result(job_id)
            return Response(
                result,
                status_code=200,
                media_type=MediaType.JSON,
                headers=_headers(submitted) | headers,
            )
    return submitted_response(submitted, **applied)


def _headers(submitted: Submitted) -> dict[str, str]:
    replayed = {"Idempotent-Replayed": "true"} if submitted.replayed else {}
    return {"Location": f"/jobs/{submitted.job.id}", **replayed}
