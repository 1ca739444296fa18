"""Traces as OTLP in JSON."""

from __future__ import annotations

import msgspec
from google.protobuf.json_format import ParseDict  # type: ignore[import-untyped]
from opentelemetry.proto.trace.v1.trace_pb2 import TracesData

from app.api.models.traces import TraceDocument, spans_of, trace_document
from tasks.telemetry.spans import FinishedSpan, JobTrace, SpanEvent, pack, unpack
from tests.spans import START_NS, attempt, span

ROOT = span("POST /jobs", 0, 0.1, url__path="/jobs", http__response__status_code=202)
FAILED = attempt("analyse:0", 1, 2, outcome="failed", error="It is gone.", curator__cached=["a"])
SPANS = (
    ROOT,
    span("send", 0, 0.1, ROOT, ok=True, share=0.5),
    msgspec.structs.replace(
        FAILED, events=(SpanEvent("exception", START_NS, {"exception.type": "ValueError"}),)
    ),
    FinishedSpan(b"\1" * 16, b"\2" * 8, b"", "other", 5, START_NS, START_NS, {}, service="b"),
)


def test_a_document_is_what_opentelemetry_reads() -> None:
    document = msgspec.to_builtins(trace_document(JobTrace(spans=SPANS)))
    data = ParseDict(document, TracesData())
    assert [len(each.scope_spans[0].spans) for each in data.resource_spans] == [1, 3]
    read = data.resource_spans[1].scope_spans[0].spans
    assert [each.name for each in read] == ["POST /jobs", "send", "process analyse"]
    assert read[0].attributes[1].value.int_value == 202
    assert read[1].attributes[0].value.bool_value is True
    assert read[2].status.code == 2
    assert read[2].events[0].attributes[0].value.string_value == "ValueError"
    assert read[0].start_time_unix_nano == START_NS


def test_a_document_is_read_back() -> None:
    encoded = msgspec.json.encode(trace_document(JobTrace(spans=SPANS)))
    decoded = msgspec.json.decode(encoded, type=TraceDocument)
    assert {each.span_id: each for each in spans_of(decoded)} == {s.span_id: s for s in SPANS}


def test_spans_are_packed_small() -> None:
    spans = [
        attempt(f"analyse:{n}", n, n + 1, url__full=f"https://a.example/{n}") for n in range(100)
    ]
    assert unpack(pack(spans)) == tuple(spans)
    assert len(pack(spans)) < 60 * len(spans)
