"""Each request is one line of the log."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import httpx
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from structlog.testing import capture_logs

from tasks.logs import add_ids
from tasks.settings import Settings
from tests.waiting import wait_until
from tests.web.conftest import client_of, served
from tests.web.raw_client import raw_clients


def of(logs: Sequence[Mapping[str, Any]]) -> list[tuple[object, ...]]:
    return [(line["method"], line["path"], line["status"]) for line in logs]


async def test_a_request_is_one_line_with_the_ids_of_its_trace(
    settings: Settings, spans: InMemorySpanExporter
) -> None:
    async with client_of(settings) as client:
        with capture_logs([add_ids]) as logs:
            await client.post("/jobs", json={"type": "health_check"})
    [line] = logs
    assert of(logs) == [("POST", "/jobs", 202)]
    assert 0 < line["seconds"] < 60
    [request] = [span for span in spans.get_finished_spans() if span.name == "POST /jobs"]
    assert request.context is not None
    assert line["trace_id"] == format(request.context.trace_id, "032x")
    assert line["span_id"] == format(request.context.span_id, "016x")


async def test_refusals_and_pages_are_lines_and_probes_are_not(client: httpx.AsyncClient) -> None:
    with capture_logs() as logs:
        for path in ("/nothing", "/health/live", "/health/ready", "/static/style.css", "/"):
            await client.get(path)
        await client.head("/jobs")
        await client.request("BREW", "/jobs")
    assert of(logs) == [
        ("GET", "/nothing", 404),
        ("GET", "/static/style.css", 200),
        ("GET", "/", 200),
        ("HEAD", "/jobs", 200),
        ("BREW", "/jobs", 405),
    ]


async def test_a_line_holds_no_query_and_nothing_that_a_terminal_obeys(
    client: httpx.AsyncClient,
) -> None:
    with capture_logs() as logs:
        await client.get("/jobs/%1b%5b2J%0aforged%20line?token=hush")
        await client.get(f"/{'long' * 500}")
    assert logs[0]["path"] == "/jobs/%1B%5B2J%0Aforged%20line"
    assert "hush" not in str(logs)
    assert len(logs[1]["path"]) == 200


async def test_a_request_that_never_becomes_one_is_a_line_too(settings: Settings) -> None:
    with capture_logs() as logs:
        async with served(settings) as url, raw_clients(url) as [client]:
            client.send(b"nonsense\r\n\r\n")
            await client.rest()
            await wait_until(lambda: logs, "the line")
    assert [(line["event"], line["status"]) for line in logs] == [("request refused", 400)]
