"""Writes the spans of jobs to where they are kept, a few times a second.

No job waits for it, and no job fails because of it: what cannot be written in time is dropped.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping, Sequence
from typing import Protocol

import structlog
from msgspec import Struct
from opentelemetry.sdk.resources import SERVICE_NAME
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.trace import SpanKind, StatusCode

from tasks.errors import LedgerUnavailable
from tasks.telemetry.names import JOB_ID, STEP
from tasks.telemetry.spans import FinishedSpan, SpanEvent, pack

log = structlog.get_logger(__name__)

WRITE_SECONDS = 0.5
"""Between two writes. After its last step a job's trace is complete this much later."""

MAX_PENDING = 20_000
"""Spans that wait to be written. Beyond that they are dropped: the ledger is away or slow."""

SLOW_SECONDS = 10.0
"""A tree that took this long is one that somebody may look for."""

LAST_WRITE_SECONDS = 2.0
"""How long the end of a process may wait for its last write."""


OTLP_KINDS = {
    SpanKind.INTERNAL: 1,
    SpanKind.SERVER: 2,
    SpanKind.CLIENT: 3,
    SpanKind.PRODUCER: 4,
    SpanKind.CONSUMER: 5,
}


class SpanPack(Struct, frozen=True, kw_only=True):
    """Spans of one job, as `pack` makes them."""

    job_id: str
    spans: bytes
    important: bool
    """Whether it is kept also where the job's ordinary spans have filled their room."""


class SpanStore(Protocol):
    """Where the traces of jobs are kept."""

    async def add(self, packs: Sequence[SpanPack]) -> None:
        """Keeps those for which their job has room. Spans of an unknown job are dropped.

        Raises LedgerUnavailable."""
        ...


class SpanRecorder:
    """Keeps the spans of the trees that it is given."""

    def __init__(self, store: SpanStore) -> None:
        self._store = store
        self._pending: dict[tuple[str, bool], list[FinishedSpan]] = {}
        """By job, and whether they are important."""
        self._count = 0
        self._full = False

    def add(self, tree: Sequence[ReadableSpan]) -> None:
        """A sink of `LocalTrees`."""
        jobs = {
            str(span.attributes[JOB_ID])
            for span in tree
            if span.attributes and JOB_ID in span.attributes
        }
        for job_id in jobs:
            if self._count >= MAX_PENDING:
                self._note_full()
                return
            spans = [_finished(span) for span in tree if _concerns(span, job_id)]
            self._pending.setdefault((job_id, _is_important(tree)), []).extend(spans)
            self._count += len(spans)

    async def run_forever(self) -> None:
        while True:
            await asyncio.sleep(WRITE_SECONDS)
            with contextlib.suppress(LedgerUnavailable):
                await self.write()

    async def write(self) -> None:
        """Writes what is pending. Raises LedgerUnavailable; it is pending again then."""
        pending, self._pending, self._count = self._pending, {}, 0
        if not pending:
            return
        packs = [
            SpanPack(job_id=job_id, spans=pack(spans), important=important)
            for (job_id, important), spans in pending.items()
        ]
        try:
            await self._store.add(packs)
        except (LedgerUnavailable, asyncio.CancelledError):
            self._return(pending)
            raise
        self._full = False

    async def write_last(self) -> None:
        """Writes what is pending, if that is possible soon."""
        with contextlib.suppress(LedgerUnavailable, TimeoutError):
            async with asyncio.timeout(LAST_WRITE_SECONDS):
                await self.write()

    def _return(self, pending: Mapping[tuple[str, bool], list[FinishedSpan]]) -> None:
        for key, spans in pending.items():
            if self._count + len(spans) > MAX_PENDING:
                self._note_full()
                continue
            self._pending[key] = [*spans, *self._pending.get(key, ())]
            self._count += len(spans)

    def _note_full(self) -> None:
        """Once, until spans can be written again."""
        if not self._full:
            self._full = True
            log.warning("spans of jobs are dropped, as they cannot be written", waiting=self._count)


def _finished(span: ReadableSpan) -> FinishedSpan:
    context, status = span.get_span_context(), span.status
    assert context is not None  # noqa: S101 - only a span that was never started has none
    failed = status.status_code is StatusCode.ERROR
    return FinishedSpan(
        trace_id=context.trace_id.to_bytes(16),
        span_id=context.span_id.to_bytes(8),
        parent_id=span.parent.span_id.to_bytes(8) if span.parent else b"",
        name=span.name,
        kind=OTLP_KINDS[span.kind],
        start_ns=span.start_time or 0,
        end_ns=span.end_time or 0,
        attributes=dict(span.attributes or {}),
        error=(status.description or "") if failed else None,
        events=tuple(
            SpanEvent(event.name, event.timestamp, dict(event.attributes or {}))
            for event in span.events
        ),
        service=str(span.resource.attributes.get(SERVICE_NAME, "")),
    )


def _concerns(span: ReadableSpan, job_id: str) -> bool:
    """One request may submit several jobs."""
    return (span.attributes or {}).get(JOB_ID, job_id) == job_id


def _is_important(tree: Sequence[ReadableSpan]) -> bool:
    """Every tree but those of ordinary articles: of a large job there are many of them."""
    root = tree[-1]
    step = str((root.attributes or {}).get(STEP, ""))
    seconds = ((root.end_time or 0) - (root.start_time or 0)) / 1e9
    return (
        root.kind is not SpanKind.CONSUMER
        or not step.startswith("analyse")
        or root.status.status_code is StatusCode.ERROR
        or seconds >= SLOW_SECONDS
    )
