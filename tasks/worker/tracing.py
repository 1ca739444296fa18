"""Tracing of attempts."""

from __future__ import annotations

from contextlib import AbstractContextManager, nullcontext

from opentelemetry import propagate, trace
from opentelemetry.context import Context
from opentelemetry.trace import INVALID_SPAN, Span, SpanKind

from tasks.jobs.step import Claim
from tasks.telemetry import MESSAGING, Unexported, tracer


def attempt_span(claim: Claim) -> AbstractContextManager[Span]:
    """The CONSUMER span of one attempt at one step, in the trace of the job."""
    if isinstance(trace.get_tracer_provider(), Unexported):
        return nullcontext(INVALID_SPAN)
    traceparent = claim.job.traceparent
    carrier = {"traceparent": traceparent} if traceparent else {}
    return tracer.start_as_current_span(
        f"process {claim.lease.ref.kind}",
        context=propagate.extract(carrier, context=Context()),
        kind=SpanKind.CONSUMER,
        attributes=_attempt_attributes(claim),
    )


def _attempt_attributes(claim: Claim) -> dict[str, str | int]:
    job, lease = claim.job, claim.lease
    return {
        **MESSAGING,
        "messaging.operation.type": "process",
        "messaging.operation.name": lease.ref.kind,
        "messaging.destination.name": job.type,
        "messaging.message.id": str(lease.ref),
        "messaging.message.conversation_id": job.id,
        "messaging.client.id": lease.worker,
        "curator.job.id": job.id,
        "curator.step": lease.ref.name,
        "curator.attempt": lease.attempt,
        **({"url.full": claim.candidate.url} if claim.candidate else {}),
    }
