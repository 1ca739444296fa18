"""The trace of a job, as OTLP has it in JSON: what Jaeger and Tempo import.

Source: https://opentelemetry.io/docs/specs/otlp/#json-protobuf-encoding
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby
from typing import Any

from msgspec import Struct

from tasks.telemetry.spans import Attributes, FinishedSpan, JobTrace, SpanEvent

SCOPE = "content-curator"

OK, ERROR = 0, 2
"""Status codes: unset, and an error."""


class AnyValue(Struct, frozen=True, rename="camel", omit_defaults=True):
    """One of its fields is set. Integers are text, as JSON has no 64 bits."""

    string_value: str | None = None
    bool_value: bool | None = None
    int_value: str | None = None
    double_value: float | None = None
    array_value: ArrayValue | None = None


class ArrayValue(Struct, frozen=True):
    values: tuple[AnyValue, ...]


class KeyValue(Struct, frozen=True):
    key: str
    value: AnyValue


class SpanStatus(Struct, frozen=True, omit_defaults=True):
    code: int = OK
    """2 for an error, else 0."""
    message: str = ""


class Event(Struct, frozen=True, rename="camel"):
    time_unix_nano: str
    name: str
    attributes: tuple[KeyValue, ...]


class Span(Struct, frozen=True, rename="camel", kw_only=True):
    trace_id: str
    """32 hexadecimal digits."""
    span_id: str
    """16 hexadecimal digits."""
    parent_span_id: str
    """Empty for the root."""
    name: str
    kind: int
    start_time_unix_nano: str
    end_time_unix_nano: str
    attributes: tuple[KeyValue, ...]
    events: tuple[Event, ...]
    status: SpanStatus


class Scope(Struct, frozen=True):
    name: str


class ScopeSpans(Struct, frozen=True):
    scope: Scope
    spans: tuple[Span, ...]


class Resource(Struct, frozen=True):
    attributes: tuple[KeyValue, ...]


class ResourceSpans(Struct, frozen=True, rename="camel"):
    resource: Resource
    scope_spans: tuple[ScopeSpans, ...]


class TraceDocument(Struct, frozen=True, rename="camel"):
    """The spans of a job that have ended, by the service that made them."""

    resource_spans: tuple[ResourceSpans, ...]


def trace_document(trace: JobTrace) -> TraceDocument:
    by_service = sorted(trace.spans, key=lambda span: span.service)
    return TraceDocument(
        tuple(
            ResourceSpans(
                Resource(_key_values({"service.name": service})),
                (ScopeSpans(Scope(SCOPE), tuple(map(_span, spans))),),
            )
            for service, spans in groupby(by_service, key=lambda span: span.service)
        )
    )


def spans_of(document: TraceDocument) -> Iterator[FinishedSpan]:
    """The reverse of `trace_document`."""
    for resource in document.resource_spans:
        service = str(_attributes(resource.resource.attributes).get("service.name", ""))
        for scope in resource.scope_spans:
            for span in scope.spans:
                yield _finished(span, service)


def _span(span: FinishedSpan) -> Span:
    return Span(
        trace_id=span.trace_id.hex(),
        span_id=span.span_id.hex(),
        parent_span_id=span.parent_id.hex(),
        name=span.name,
        kind=span.kind,
        start_time_unix_nano=str(span.start_ns),
        end_time_unix_nano=str(span.end_ns),
        attributes=_key_values(span.attributes),
        events=tuple(
            Event(str(event.time_ns), event.name, _key_values(event.attributes))
            for event in span.events
        ),
        status=SpanStatus() if span.error is None else SpanStatus(ERROR, span.error),
    )


def _finished(span: Span, service: str) -> FinishedSpan:
    return FinishedSpan(
        trace_id=bytes.fromhex(span.trace_id),
        span_id=bytes.fromhex(span.span_id),
        parent_id=bytes.fromhex(span.parent_span_id),
        name=span.name,
        kind=span.kind,
        start_ns=int(span.start_time_unix_nano),
        end_ns=int(span.end_time_unix_nano),
        attributes=_attributes(span.attributes),
        error=span.status.message if span.status.code == ERROR else None,
        events=tuple(
            SpanEvent(event.name, int(event.time_unix_nano), _attributes(event.attributes))
            for event in span.events
        ),
        service=service,
    )


def _key_values(attributes: Attributes) -> tuple[KeyValue, ...]:
    return tuple(KeyValue(name, _any_value(value)) for name, value in attributes.items())


def _any_value(value: Any) -> AnyValue:
    match value:
        case bool():
            return AnyValue(bool_value=value)
        case int():
            return AnyValue(int_value=str(value))
        case float():
            return AnyValue(double_value=value)
        case list() | tuple():
            return AnyValue(array_value=ArrayValue(tuple(map(_any_value, value))))
    return AnyValue(string_value=str(value))


def _attributes(pairs: tuple[KeyValue, ...]) -> dict[str, Any]:
    return {pair.key: _plain(pair.value) for pair in pairs}


def _plain(value: AnyValue) -> Any:
    if value.int_value is not None:
        return int(value.int_value)
    if value.array_value is not None:
        return [_plain(each) for each in value.array_value.values]
    for plain in (value.string_value, value.bool_value, value.double_value):
        if plain is not None:
            return plain
    return ""
