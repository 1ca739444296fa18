"""Traces: one from the HTTP request through every attempt to every stage.

Names follow the OpenTelemetry semantic conventions for messaging. A submit always makes its span,
so that every job has a trace id; spans are exported if OTEL_EXPORTER_OTLP_ENDPOINT is set.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

from opentelemetry import propagate, trace
from opentelemetry.sdk.resources import SERVICE_NAME, Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.trace import Span, SpanKind, Status, StatusCode

from nlp.analysis import ReadReport, Rejection, StudyReport
from tasks.errors import StepError
from tasks.redaction import without_secrets

tracer = trace.get_tracer("content-curator")

MESSAGING = {"messaging.system": "redis"}


class Unexported(TracerProvider):
    """The provider of a process that exports nothing.

    Its spans only give jobs their trace ids. Attempts at steps make no span then: each took 20 of
    the 61 us that a step costs a worker.
    """


def configure_tracing(service: str, environ: Mapping[str, str]) -> TracerProvider:
    """Installs this process's provider. `shutdown` flushes it at the end of the process."""
    exporting = bool(environ.get("OTEL_EXPORTER_OTLP_ENDPOINT"))
    provider_type = TracerProvider if exporting else Unexported
    provider = provider_type(resource=Resource.create({SERVICE_NAME: service}))
    if exporting:
        # Imported here: it costs web 100 ms, and most installations have no collector.
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter()))
    trace.set_tracer_provider(provider)
    return provider


@contextmanager
def submit_span(job_id: str, job_type: str) -> Iterator[str | None]:
    """The PRODUCER span of a submit. Yields the traceparent that the job keeps."""
    with tracer.start_as_current_span(
        f"send {job_type}",
        kind=SpanKind.PRODUCER,
        attributes={
            **MESSAGING,
            "messaging.operation.type": "send",
            "messaging.operation.name": "submit",
            "messaging.destination.name": job_type,
            "messaging.message.conversation_id": job_id,
            "curator.job.id": job_id,
        },
    ):
        carrier: dict[str, str] = {}
        propagate.inject(carrier)
        yield carrier.get("traceparent")


@contextmanager
def fetch_span(url: str) -> Iterator[None]:
    """The CLIENT span of one fetch; its status is an error if the fetch fails."""
    with tracer.start_as_current_span(
        "fetch",
        kind=SpanKind.CLIENT,
        attributes={"url.full": without_secrets(url), "http.request.method": "GET"},
        record_exception=False,
        set_status_on_exception=False,
    ) as span:
        try:
            yield
        except StepError as error:
            mark_failed(span, error.reason, error.detail)
            raise


def record_stages(report: ReadReport | StudyReport) -> None:
    """Adds the stages that ran in the engine to the current attempt, as the engine timed them."""
    rejection = None
    if isinstance(report, ReadReport) and isinstance(report.outcome, Rejection):
        rejection = report.outcome
    for stage in report.stages:
        span = tracer.start_span(stage.name, start_time=stage.started_ns)
        if stage.error:
            span.set_status(Status(StatusCode.ERROR, stage.error))
        elif rejection and stage is report.stages[-1]:
            mark_failed(span, rejection.reason, rejection.detail)
        span.end(end_time=stage.ended_ns)


def mark_failed(span: Span, reason: str, detail: str) -> None:
    """Sets the span's status to an error, with the reason as `error.type`."""
    span.set_attribute("error.type", reason)
    span.set_status(Status(StatusCode.ERROR, detail))
