"""Traces: one from the HTTP request through every attempt to every stage.

Names follow the OpenTelemetry semantic conventions for HTTP and messaging; docs/telemetry.md lists
them. A submit always makes its span, so that every job has a trace id. Finished spans are kept with
their job (`recorder.py`), and exported if OTEL_EXPORTER_OTLP_ENDPOINT is set.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from importlib.metadata import version
from urllib.parse import urlsplit

from opentelemetry import propagate, trace
from opentelemetry.sdk.resources import SERVICE_NAME, SERVICE_VERSION, Resource
from opentelemetry.sdk.trace import ReadableSpan, SpanProcessor, TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ParentBased, TraceIdRatioBased
from opentelemetry.trace import (
    INVALID_SPAN,
    Span,
    SpanKind,
    Status,
    StatusCode,
    TraceFlags,
)
from opentelemetry.util.types import Attributes, AttributeValue

from nlp.analysis import ReadReport, Rejection, StudyReport
from tasks.errors import StepError
from tasks.redaction import without_secrets
from tasks.telemetry import names
from tasks.telemetry.local_trees import LocalTrees

EXPORT_SECONDS = 3.0

LEAST_WAIT_NS = 1_000_000
"""Shorter waits are not worth a span."""

tracer = trace.get_tracer("content-curator")

MESSAGING = {"messaging.system": "redis"}


trees = LocalTrees()
"""The processor of this process's spans: the provider of a process cannot be changed either."""


def configure_tracing(
    service: str, environ: Mapping[str, str], sample_ratio: float = 1.0
) -> TracerProvider:
    """Installs this process's provider. `shutdown` flushes it at the end of the process.

    A trace is sampled as its caller says. Of the traces that begin here, this share is sampled; the
    others give their jobs ids and make no spans.
    """
    provider = TracerProvider(
        sampler=ParentBased(TraceIdRatioBased(sample_ratio)),
        resource=Resource.create(
            {SERVICE_NAME: service, SERVICE_VERSION: version("content-curator")}
        ),
    )
    provider.add_span_processor(trees)
    if exports_traces(environ):
        # Imported here: it costs web 100 ms, and most installations have no collector.
        from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter

        exporting = BatchSpanProcessor(OTLPSpanExporter())
        provider.add_span_processor(_Flushed(exporting))
        trees.add_sink(partial(_export, exporting))
    trace.set_tracer_provider(provider)
    return provider


def exports_traces(environ: Mapping[str, str]) -> bool:
    """Whether the environment names a collector, by OpenTelemetry's own variables."""
    named = environ.get("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") or environ.get(
        "OTEL_EXPORTER_OTLP_ENDPOINT"
    )
    return bool(named) and environ.get("OTEL_TRACES_EXPORTER", "otlp") == "otlp"


def _export(processor: BatchSpanProcessor, tree: Sequence[ReadableSpan]) -> None:
    for span in tree:
        processor.on_end(span)


class _Flushed(SpanProcessor):
    """Ends a processor that gets its spans otherwise. It waits no longer than EXPORT_SECONDS for a
    collector that does not answer."""

    def __init__(self, processor: BatchSpanProcessor) -> None:
        self._processor = processor

    def shutdown(self) -> None:
        ending = threading.Thread(target=self._processor.shutdown, daemon=True)
        ending.start()
        ending.join(EXPORT_SECONDS)


@contextmanager
def child_span(
    name: str, kind: SpanKind = SpanKind.INTERNAL, attributes: Attributes | None = None
) -> Iterator[Span]:
    """A span below the current one; none where that is not sampled.

    Its status is an error if a step error leaves the body.
    """
    if not trace.get_current_span().is_recording():
        yield INVALID_SPAN
        return
    with tracer.start_as_current_span(
        name,
        kind=kind,
        attributes=attributes,
        record_exception=False,
        set_status_on_exception=False,
    ) as span:
        try:
            yield span
        except StepError as error:
            mark_failed(span, error.reason, error.detail)
            raise


def past_span(name: str, start_ns: int, end_ns: int, attributes: Attributes | None = None) -> None:
    """A span below the current one, of what is over already."""
    if trace.get_current_span().is_recording():
        span = tracer.start_span(name, start_time=start_ns, attributes=attributes)
        span.end(end_time=end_ns)


def is_sampled(traceparent: str | None) -> bool:
    """Whether spans are made in the trace of a job; a job of an early release has none."""
    return traceparent is None or bool(int(traceparent[-2:], 16) & TraceFlags.SAMPLED)


def annotate(name: str, value: AttributeValue) -> None:
    """Sets an attribute of the current span."""
    trace.get_current_span().set_attribute(name, value)


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
            names.JOB_ID: job_id,
        },
    ):
        carrier: dict[str, str] = {}
        propagate.inject(carrier)
        yield carrier.get("traceparent")


def fetch_span(url: str) -> AbstractContextManager[Span]:
    """The CLIENT span of one fetch, with its redirects and its waits for our own limits."""
    attributes = {
        "url.full": without_secrets(url),
        "server.address": urlsplit(url).hostname or "",
        "http.request.method": "GET",
    }
    return child_span(names.FETCH, SpanKind.CLIENT, attributes)


@contextmanager
def host_wait_span(host: str) -> Iterator[None]:
    """The wait for the turn of a request to this host, unless that is short."""
    started_ns = time.time_ns()
    try:
        yield
    finally:
        ended_ns = time.time_ns()
        if ended_ns - started_ns >= LEAST_WAIT_NS:
            past_span(names.HOST_WAIT, started_ns, ended_ns, {"server.address": host})


def record_stages(report: ReadReport | StudyReport) -> None:
    """A span below the current one for each stage that ran, as the engine timed it."""
    if not trace.get_current_span().is_recording():
        return
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
