"""One trace from the HTTP request to each stage of each article, through all processes."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import httpx
import pytest
from msgspec.structs import replace
from opentelemetry.sdk.trace import ReadableSpan
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.trace import SpanKind, StatusCode

from app.main import create_app
from tasks.composition import fetch_policy
from tasks.fetch.fetcher import build_fetcher
from tasks.resources import build_engine, open_traces, open_web
from tasks.settings import Settings
from tasks.worker.worker import Shutdown, serve
from tests.sampleweb.catalogue import trouble, urls
from tests.sampleweb.server import SampleWeb
from tests.spans import provider
from tests.waiting import wait_until

MISSING = trouble("/missing")


@pytest.fixture
def exporter() -> Iterator[InMemorySpanExporter]:
    """Takes all spans of this process. OpenTelemetry has one provider for a process's life."""
    exporter = InMemorySpanExporter()
    processor = SimpleSpanProcessor(exporter)
    provider().add_span_processor(processor)
    yield exporter
    processor.shutdown()


async def batch_of_three(settings: Settings) -> Mapping[str, object]:
    """Runs two articles and a 404 through web, queue, worker and engine; gives the status."""
    shutdown = Shutdown()
    app: Any = create_app(settings, open_web)
    engine = build_engine(settings)
    engine.start()
    async with contextlib.AsyncExitStack() as stack:
        stack.push_async_callback(engine.stop)
        fetcher = await stack.enter_async_context(
            contextlib.aclosing(build_fetcher(fetch_policy(settings)))
        )
        worker = asyncio.create_task(serve(settings, engine, fetcher, shutdown))
        await stack.enter_async_context(app.lifespan())
        client = await stack.enter_async_context(
            httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://localhost")
        )
        body = {"type": "batch_analysis", "urls": [*urls()[:2], MISSING], "query": "energy"}
        job_id = (await client.post("/jobs", json=body)).json()["job_id"]

        async def ended() -> bool:
            return bool((await client.get(f"/jobs/{job_id}/status")).json()["finished_at"])

        await wait_until(ended, "the batch to end", timeout=60)
        status: Mapping[str, object] = (await client.get(f"/jobs/{job_id}/status")).json()
        shutdown.requested.set()
        await worker
    return status


def trace_of(spans: tuple[ReadableSpan, ...], trace_id: object) -> dict[int, ReadableSpan]:
    return {
        span.context.span_id: span
        for span in spans
        if span.context and f"{span.context.trace_id:032x}" == trace_id
    }


async def test_one_trace_follows_a_batch_of_three(
    settings: Settings, exporter: InMemorySpanExporter
) -> None:
    async with SampleWeb() as web:
        status = await batch_of_three(replace(settings, egress_proxy=web.proxy_url))
    spans = trace_of(exporter.get_finished_spans(), status["trace_id"])
    async with open_traces(settings) as store:
        kept = await store.read(str(status["job_id"]))
    assert {int.from_bytes(span.span_id) for span in kept.spans} == set(spans)

    roots = [span for span in spans.values() if span.parent is None]
    assert [(root.name, root.kind) for root in roots] == [("POST /jobs", SpanKind.SERVER)]
    orphans = [span.name for span in spans.values() if span.parent and parent(span, spans) is None]
    assert orphans == []

    attempts = [span for span in spans.values() if span.kind is SpanKind.CONSUMER]
    steps = sorted(str((span.attributes or {})["curator.step"]) for span in attempts)
    assert steps == ["analyse:0", "analyse:1", "analyse:2", "discover", "rank"]

    for attempt in attempts:
        attributes = attempt.attributes or {}
        if attributes.get("url.full") == MISSING:
            assert attempt.status.status_code is StatusCode.ERROR
            assert attributes["error.type"] == "not_found"
            assert children(attempt, spans) == ["fetch"]
        elif attributes["messaging.operation.name"] == "analyse":
            assert attempt.status.status_code is not StatusCode.ERROR
            assert set(children(attempt, spans)) == {"fetch", "engine read", "engine study"}
    stages = {"extract", "embed", "entities"}
    assert stages <= {span.name for span in spans.values() if in_engine(span, spans)}

    document = (Path(__file__).parents[2] / "docs" / "telemetry.md").read_text()
    seen = {name for span in spans.values() for name in span.attributes or {}}
    assert [name for name in sorted(seen) if f"`{name}`" not in document] == []


def parent(span: ReadableSpan, spans: Mapping[int, ReadableSpan]) -> ReadableSpan | None:
    return spans.get(span.parent.span_id) if span.parent else None


def in_engine(span: ReadableSpan, spans: Mapping[int, ReadableSpan]) -> bool:
    above = parent(span, spans)
    return above is not None and above.name.startswith("engine ")


def children(span: ReadableSpan, spans: Mapping[int, ReadableSpan]) -> list[str]:
    return [child.name for child in spans.values() if parent(child, spans) is span]
