"""The trace of a job, over HTTP and on its page."""

from __future__ import annotations

import uuid

import httpx
import msgspec
import pytest

from app.api.models.traces import TraceDocument, spans_of
from tasks.resources import open_traces
from tasks.settings import Settings
from tasks.telemetry.recorder import SpanPack
from tasks.telemetry.spans import FinishedSpan, pack
from tests.spans import attempt, provider, span
from tests.waiting import wait_until

HTML = {"accept": "text/html"}


async def submitted(client: httpx.AsyncClient) -> str:
    urls = ["https://a.example/1", "https://b.example/2"]
    response = await client.post("/jobs", json={"type": "batch_analysis", "urls": urls})
    return str(response.json()["job_id"])


async def keep(settings: Settings, job_id: str, *spans: FinishedSpan) -> None:
    async with open_traces(settings) as store:
        await store.add([SpanPack(job_id=job_id, spans=pack(spans), important=True)])


async def test_a_job_that_nobody_ran_has_the_spans_of_its_submit(
    client: httpx.AsyncClient,
) -> None:
    provider()
    response = await client.post("/jobs", json={"type": "health_check"})
    job_id = response.json()["job_id"]

    async def spans() -> list[FinishedSpan]:
        answer = await client.get(f"/jobs/{job_id}/trace")
        return list(spans_of(msgspec.json.decode(answer.content, type=TraceDocument)))

    async def kept() -> bool:
        return len(await spans()) == 2

    await wait_until(kept, "the spans of the submit to be kept")
    by_name = {each.name: each for each in await spans()}
    request, submit = by_name["POST /jobs"], by_name["send health_check"]
    assert submit.parent_id == request.span_id
    expected = f"00-{request.trace_id.hex()}-{request.span_id.hex()}-"
    assert response.headers["traceresponse"].startswith(expected)
    status = (await client.get(f"/jobs/{job_id}/status")).json()
    assert status["trace_id"] == request.trace_id.hex()
    page = await client.get(f"/jobs/{job_id}", headers=HTML)
    assert 'id="time"' not in page.text


async def test_an_unknown_job_has_no_trace(client: httpx.AsyncClient) -> None:
    assert (await client.get(f"/jobs/{uuid.uuid4()}/trace")).status_code == 404


@pytest.mark.parametrize("flags", ["00", "01"])
async def test_a_callers_trace_is_sampled_as_the_caller_says(
    client: httpx.AsyncClient, flags: str
) -> None:
    provider()
    header = {"traceparent": f"00-{'a' * 32}-{'b' * 16}-{flags}"}
    response = await client.post("/jobs", json={"type": "health_check"}, headers=header)
    assert response.headers["traceresponse"].startswith(f"00-{'a' * 32}-")
    assert response.headers["traceresponse"].endswith(flags)
    status = (await client.get(f"/jobs/{response.json()['job_id']}/status")).json()
    assert status["trace_id"] == "a" * 32


async def test_the_page_shows_where_the_time_went(
    client: httpx.AsyncClient, settings: Settings
) -> None:
    job_id = await submitted(client)
    slow = attempt("analyse:0", 2, 9, waited=1.5, url__full="https://a.example/1")
    fetch = span("fetch", 2, 8, slow, server__address="a.example")
    await keep(settings, job_id, attempt("discover", 0.5, 1, waited=0.5), slow, fetch)
    page = (await client.get(f"/jobs/{job_id}", headers=HTML)).text
    assert '<dd id="started-after">0.50 s</dd>' in page
    assert '<th scope="row">a.example</th><td>1</td><td>6.0 s</td>' in page
    assert "in the queue 1.5 s" in page
    assert "fetching 6.0 s" in page


async def test_a_trace_of_strangers_text_stays_text(
    client: httpx.AsyncClient, settings: Settings
) -> None:
    job_id = await submitted(client)
    odd = attempt(
        *("analyse:0", 0, 1),
        outcome="failed",
        error="<script>alert(1)</script>",
        url__full="https://a.example/<b>",
    )
    await keep(settings, job_id, odd)
    page = (await client.get(f"/jobs/{job_id}", headers=HTML)).text
    assert "<script>alert" not in page
    assert "<b>" not in page
