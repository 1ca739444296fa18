"""What a collector and the ledger have of the traces of jobs whose workers are killed."""

from __future__ import annotations

import asyncio
import time
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from pathlib import Path
from typing import Any

import httpx
import pytest
from opentelemetry.proto.trace.v1.trace_pb2 import Span

from tasks.jobs.job import BatchAnalysis, JobState
from tasks.jobs.submission import Submission
from tasks.resources import open_queue, open_traces
from tasks.settings import Settings
from tests.loopback import free_port
from tests.otlp_receiver import otlp_receiver
from tests.processes import Process, program, worker_environ
from tests.sampleweb.catalogue import BATCH_OF_50, trouble
from tests.sampleweb.server import SampleWeb
from tests.tcp_server import tcp_server
from tests.waiting import wait_until

WORKER = "messaging.client.id"

DEPTH = 4
"""Levels below an attempt."""


def environ_of(settings: Settings, web: SampleWeb, collector: str, **others: object) -> Any:
    return {
        **worker_environ(settings, egress_proxy=web.proxy_url, worker_concurrency=4),
        "OTEL_EXPORTER_OTLP_ENDPOINT": collector,
        "OTEL_BSP_SCHEDULE_DELAY": "300",
        **{name: str(value) for name, value in others.items()},
    }


async def submit(client: httpx.AsyncClient, urls: Sequence[str]) -> str:
    body = {"type": "batch_analysis", "urls": list(urls)}
    return str((await client.post("/jobs", json=body)).json()["job_id"])


async def status(client: httpx.AsyncClient, job_id: str) -> Mapping[str, Any]:
    report: Mapping[str, Any] = (await client.get(f"/jobs/{job_id}/status")).json()
    return report


async def end(process: Process) -> float:
    """The seconds that it took to end."""
    started = time.monotonic()
    process.terminate()
    assert await process.wait() == 0
    return time.monotonic() - started


async def test_each_job_has_one_tree_whatever_happens_to_its_workers(
    settings: Settings, tmp_path: Path
) -> None:
    """A mixed load: retries, a 404, a cancelled job, a worker that is killed, one that ends."""
    port = free_port()
    with otlp_receiver() as collector:
        async with SampleWeb() as sample:
            environ = environ_of(settings, sample, collector.url, HTTP_PORT=port)
            async with (
                program("app.cli", "web", environ=environ, log=tmp_path / "web") as web,
                httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}", timeout=30) as client,
            ):

                async def answers() -> bool:
                    try:
                        return (await client.get("/health/live")).status_code == 200
                    except httpx.HTTPError:
                        return False

                await wait_until(answers, "web to answer", timeout=30)
                troubles = [trouble(path) for path in ("/missing", "/flaky/1", "/flaky/2")]
                jobs = [
                    await submit(client, urls) for urls in (BATCH_OF_50[:15], BATCH_OF_50[15:40])
                ]
                cancelled = await submit(client, BATCH_OF_50[40:])

                async def some_are_done() -> bool:
                    return int((await status(client, jobs[0]))["current"]) >= 3

                async def all_have_ended() -> bool:
                    reports = [await status(client, job) for job in (*jobs, cancelled)]
                    return all(report["finished_at"] for report in reports)

                async with program(
                    "app.cli", "worker", environ=environ, log=tmp_path / "doomed"
                ) as doomed:
                    await wait_until(some_are_done, "some articles to be done", timeout=90)
                    doomed.kill()
                    await doomed.wait()
                # What the killed worker did last is in no trace, so it must not have tried these.
                jobs.append(await submit(client, troubles))
                async with program(
                    "app.cli", "worker", environ=environ, log=tmp_path / "worker"
                ) as worker:
                    await client.delete(f"/jobs/{cancelled}")
                    await wait_until(all_have_ended, "the jobs to end", timeout=90)
                    reports = {job: await status(client, job) for job in (*jobs, cancelled)}
                    await end(worker)
                await end(web)
        exported = collector.spans()
    by_trace = defaultdict(list)
    for span in exported:
        by_trace[span.trace_id.hex()].append(span)
    async with open_traces(settings) as store:
        for job_id, report in reports.items():
            spans = by_trace[report["trace_id"]]
            ids = {span.span_id for span in spans}
            assert len(ids) == len(spans)
            assert [span.name for span in spans if span.parent_span_id not in ids] == ["POST /jobs"]
            assert all(span.end_time_unix_nano >= span.start_time_unix_nano > 0 for span in spans)
            kept = (await store.read(job_id)).spans
            kept_ids = {span.span_id for span in kept}
            assert [span.name for span in kept if span.parent_id not in kept_ids] == ["POST /jobs"]
            # A worker that is killed may have handed a tree to one of the two only.
            assert of_others(spans, doomed.pid) == of_others(kept_by(spans, kept_ids), doomed.pid)
    names = [span.name for span in by_trace[reports[jobs[-1]]["trace_id"]]]
    assert names.count("process analyse") >= 5  # two of its three articles are tried again


def kept_by(spans: Sequence[Span], ids: Collection[bytes]) -> list[Span]:
    return [span for span in spans if span.span_id in ids]


def of_others(spans: Sequence[Span], pid: int) -> set[bytes]:
    """The ids of spans that this process has not made: its attempts, and what is below them."""
    own: set[bytes] = set()
    for span in spans:
        worker = next((a.value.string_value for a in span.attributes if a.key == WORKER), "")
        if f"-{pid}-" in worker:
            own.add(span.span_id)
    for _ in range(DEPTH):
        own |= {span.span_id for span in spans if span.parent_span_id in own}
    return {span.span_id for span in spans} - own


@pytest.mark.parametrize("collector", ["500", "silent", "away"])
async def test_a_collector_in_trouble_changes_nothing(
    settings: Settings, tmp_path: Path, collector: str
) -> None:
    async with SampleWeb() as sample, tcp_server(never_answer) as silent, asyncio.timeout(120):
        with otlp_receiver(status=500) as failing:
            address = {
                "500": failing.url,
                "silent": f"http://127.0.0.1:{silent}",
                "away": "http://127.0.0.1:1",
            }[collector]
            environ = environ_of(settings, sample, address)
            async with (
                open_queue(settings) as queue,
                program("app.cli", "worker", environ=environ, log=tmp_path / "worker") as worker,
            ):
                params = BatchAnalysis(urls=tuple(BATCH_OF_50[:3]))
                job = (await queue.submit(Submission(params=params))).job

                async def has_ended() -> bool:
                    return (await queue.status(job.id)).record.state.final

                await wait_until(has_ended, "the job to end", timeout=90)
                assert (await queue.status(job.id)).record.state is JobState.SUCCESS
                assert await end(worker) < 20


async def never_answer(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    while await reader.read(4096):
        pass
