"""The answer to a submit: 202, or the result itself where the client waits and it is done."""

from __future__ import annotations

from contextlib import suppress
from typing import Annotated, Any

import msgspec
from litestar import MediaType, Response
from litestar.datastructures import ResponseHeader
from litestar.params import HeaderParameter

from app.ending import Endings
from app.views import submitted_view
from tasks.errors import JobUnfinished, LedgerUnavailable, ResultExpired, UnknownJob
from tasks.queue import Queue, Submitted

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
        msgspec.json.encode(submitted_view(submitted.job)),
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
