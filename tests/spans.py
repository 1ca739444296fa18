"""Spans that are made up, and the provider of the spans that tests make."""

from __future__ import annotations

import itertools
from typing import Any

from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider

from tasks.telemetry import names
from tasks.telemetry.spans import FinishedSpan
from tasks.telemetry.tracing import configure_tracing

TRACE_ID = bytes(range(16))
START_NS = 1_790_000_000_000_000_000

_ids = itertools.count(1)


def provider() -> TracerProvider:
    """That of this process. OpenTelemetry has one for a process's life."""
    known = trace.get_tracer_provider()
    return known if isinstance(known, TracerProvider) else configure_tracing("tests", {})


def span(
    name: str,
    start: float,
    end: float,
    parent: FinishedSpan | None = None,
    *,
    error: str | None = None,
    **attributes: Any,
) -> FinishedSpan:
    """From `start` to `end` in seconds; a `__` in an attribute's name is a dot."""
    return FinishedSpan(
        trace_id=TRACE_ID,
        span_id=next(_ids).to_bytes(8),
        parent_id=parent.span_id if parent else b"",
        name=name,
        kind=1,
        start_ns=START_NS + round(start * 1e9),
        end_ns=START_NS + round(end * 1e9),
        attributes={key.replace("__", "."): value for key, value in attributes.items()},
        error=error,
        service="tests",
    )


def attempt(
    step: str,
    start: float,
    end: float,
    *,
    number: int = 1,
    waited: float = 0.0,
    outcome: str = "succeeded",
    error: str | None = None,
    **attributes: Any,
) -> FinishedSpan:
    kind = step.partition(":")[0]
    made = span(f"process {kind}", start, end, error=error, **attributes)
    own = {
        names.STEP: step,
        names.ATTEMPT: number,
        names.QUEUE_WAIT: waited,
        names.OUTCOME: outcome,
    }
    made.attributes.update(own)  # type: ignore[attr-defined]
    return made
