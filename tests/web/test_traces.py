"""The HTTP request's span, and what hangs on it."""

from __future__ import annotations

import httpx
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

TRACE = "0af7651916cd43dd8448eb211c80319c"
PARENT = "b7ad6b7169203331"


async def test_the_request_is_the_root_and_the_submit_its_child(
    client: httpx.AsyncClient, spans: InMemorySpanExporter
) -> None:
    job = (await client.post("/jobs", json={"type": "health_check"})).json()

    submit, request = spans.get_finished_spans()
    assert (request.name, request.kind, request.parent) == ("POST /jobs", SpanKind.SERVER, None)
    assert request.attributes is not None
    assert request.attributes["http.request.method"] == "POST"
    assert request.attributes["http.route"] == "/jobs"
    assert request.attributes["url.path"] == "/jobs"
    assert request.attributes["url.scheme"] == "http"
    assert request.attributes["http.response.status_code"] == 202
    assert submit.kind == SpanKind.PRODUCER
    assert submit.parent is not None
    assert request.context is not None
    assert submit.parent.span_id == request.context.span_id

    status = (await client.get(f"/jobs/{job['job_id']}/status")).json()
    assert status["trace_id"] == format(request.context.trace_id, "032x")


async def test_the_callers_trace_continues(
    client: httpx.AsyncClient, spans: InMemorySpanExporter
) -> None:
    headers = {"traceparent": f"00-{TRACE}-{PARENT}-01"}
    job = (await client.post("/jobs", json={"type": "health_check"}, headers=headers)).json()

    [request] = [span for span in spans.get_finished_spans() if span.kind == SpanKind.SERVER]
    assert request.parent is not None
    assert format(request.parent.span_id, "016x") == PARENT
    status = (await client.get(f"/jobs/{job['job_id']}/status")).json()
    assert status["trace_id"] == TRACE


async def test_routes_are_named_by_their_template(
    client: httpx.AsyncClient, spans: InMemorySpanExporter
) -> None:
    await client.get("/jobs/01900000-0000-7000-8000-000000000001/status")
    await client.get("/nothing/of/the/kind")
    await client.request("BREW", "/jobs")

    unknown, nothing, odd = spans.get_finished_spans()
    assert unknown.name == "GET /jobs/{job_id}/status"
    assert unknown.status.status_code == StatusCode.UNSET
    assert nothing.name == "GET"
    assert nothing.attributes is not None
    assert "http.route" not in nothing.attributes
    assert nothing.attributes["http.response.status_code"] == 404
    assert odd.attributes is not None
    assert odd.attributes["http.request.method"] == "_OTHER"


async def test_an_unexpected_error_is_an_error_of_the_span(
    cut_off: httpx.AsyncClient, spans: InMemorySpanExporter
) -> None:
    problem = (await cut_off.get("/jobs")).json()
    [request] = spans.get_finished_spans()
    assert request.status.status_code == StatusCode.ERROR
    assert request.attributes is not None
    assert request.attributes["error.type"] == "503"
    assert request.context is not None
    assert problem["trace_id"] == format(request.context.trace_id, "032x")


async def test_probes_and_static_files_leave_no_trace(
    client: httpx.AsyncClient, spans: InMemorySpanExporter
) -> None:
    for path in ("/health/live", "/health/jobs", "/static/style.css"):
        await client.get(path)
    assert spans.get_finished_spans() == ()
