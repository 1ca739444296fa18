"""`GET /metrics` of web, for Prometheus: its own metrics, and those of the ledger."""

from __future__ import annotations

import asyncio
import math
import time

from litestar import Response, get
from litestar.di import NamedDependency
from litestar.openapi import ResponseSpec

from app.http.security import ANY_CLIENT
from tasks.ledger_metrics import LedgerMetrics
from tasks.telemetry.exposition import CONTENT_TYPE, Exposition

MEDIA_TYPE = CONTENT_TYPE.partition("; charset")[0]  # which Litestar adds

KEPT_SECONDS = 1.0
"""How long one text serves: it takes some milliseconds to write, however many ask for it."""


class MetricsText:
    """What Prometheus gets."""

    def __init__(self, exposition: Exposition, ledger: LedgerMetrics) -> None:
        self._exposition = exposition
        self._ledger = ledger
        self._one_writes = asyncio.Lock()
        self._text = b""
        self._written_at = -math.inf

    async def get(self) -> bytes:
        async with self._one_writes:
            if time.monotonic() - self._written_at >= KEPT_SECONDS:
                await self._ledger.refresh()
                self._text = await asyncio.to_thread(self._exposition.text)
                self._written_at = time.monotonic()
            return self._text


@get(
    "/metrics",
    opt=ANY_CLIENT,
    tags=["health"],
    media_type=MEDIA_TYPE,
    responses={
        200: ResponseSpec(
            str,
            description="In its text format.",
            media_type="text/plain",
            generate_examples=False,
        )
    },
)
async def get_metrics(metrics: NamedDependency[MetricsText]) -> Response[bytes]:
    """The metrics of this process and of the ledger, for Prometheus."""
    return Response(await metrics.get(), media_type=MEDIA_TYPE)
