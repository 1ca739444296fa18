"""Keeps the traces of jobs beside their records."""

from __future__ import annotations

from collections.abc import Sequence

import structlog
from redis.asyncio import Redis

from tasks.ledger.connection import redis_errors_as_unavailable
from tasks.ledger.keys import job_key
from tasks.ledger.scripts import Scripts
from tasks.telemetry.recorder import SpanPack
from tasks.telemetry.spans import FinishedSpan, JobTrace, unpack

log = structlog.get_logger(__name__)

PACKS_PER_CALL = 50
"""No call of the ledger takes long."""


class RedisSpanStore:
    """The `SpanStore` in Redis, for one ledger."""

    def __init__(self, redis: Redis, scripts: Scripts, max_bytes: int) -> None:
        """`max_bytes`: of the packs of one job."""
        self._redis = redis
        self._scripts = scripts
        self._max_bytes = max_bytes

    async def add(self, packs: Sequence[SpanPack]) -> None:
        """Raises LedgerUnavailable; some of them may be kept then."""
        for start in range(0, len(packs), PACKS_PER_CALL):
            words = [
                word
                for each in packs[start : start + PACKS_PER_CALL]
                for word in (each.job_id, int(each.important), each.spans)
            ]
            await self._scripts.run("add_spans", self._max_bytes, *words)

    async def read(self, job_id: str) -> JobTrace:
        """Empty where nothing is kept. Raises LedgerUnavailable."""
        prefix = self._scripts.key_prefix.text
        pipeline = self._redis.pipeline(transaction=False)
        pipeline.lrange(prefix + job_key(job_id, "spans"), 0, -1)
        pipeline.hget(prefix + job_key(job_id), "spans_dropped")
        with redis_errors_as_unavailable():
            packs, dropped = await pipeline.execute()
        spans: dict[bytes, FinishedSpan] = {}
        for packed in packs:
            try:
                spans.update((span.span_id, span) for span in unpack(packed))
            except ValueError as error:  # of a newer release
                log.warning("kept spans cannot be read", job_id=job_id, error=str(error))
        return JobTrace(spans=tuple(spans.values()), dropped=int(dropped or 0))
