"""What Prometheus gets of real processes that run real jobs on the sample web."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from opentelemetry.proto.metrics.v1.metrics_pb2 import HistogramDataPoint

from tasks.jobs.job import BatchAnalysis, JobState, TopicCuration
from tasks.jobs.queue import Queue
from tasks.jobs.submission import Submission
from tasks.settings import Settings
from tests.integration.conftest import ended
from tests.loopback import free_port
from tests.otlp_receiver import otlp_receiver
from tests.processes import program, web_process, worker_environ
from tests.prometheus import Scrape, scrape
from tests.sampleweb.catalogue import trouble, urls
from tests.sampleweb.server import SampleWeb
from tests.sampleweb.services.directory import ENVIRON
from tests.tcp_server import tcp_server
from tests.waiting import wait_until

SLOTS = Settings().worker_concurrency

BATCH = {"type": "batch_analysis"}


@pytest.fixture
async def web() -> AsyncIterator[SampleWeb]:
    async with SampleWeb() as web:
        yield web


@asynccontextmanager
async def worker(
    settings: Settings, queue: Queue, web: SampleWeb, log: Path, **others: object
) -> AsyncIterator[str]:
    """A worker process. Yields the address of its metrics, where `GET /workers` says."""
    environ = worker_environ(settings, egress_proxy=web.proxy_url, **others)
    async with program(
        "app.cli", "worker", environ={**ENVIRON, **environ, "SOURCES": "feeds,hackernews"}, log=log
    ):
        yield f"http://127.0.0.1:{await metrics_port(queue)}/metrics"


async def metrics_port(queue: Queue) -> int:
    async def ports() -> bool:
        return any(it.metrics_port for it in await queue.workers())

    await wait_until(ports, "the worker to say where its metrics are", timeout=60)
    [port] = [it.metrics_port for it in await queue.workers() if it.metrics_port]
    return port


async def test_a_worker_shows_what_was_submitted(
    settings: Settings, queue: Queue, web: SampleWeb, tmp_path: Path
) -> None:
    good = urls()[:3]
    bad = (trouble("/missing"), trouble("/private/story"), trouble("/always500"))
    async with worker(settings, queue, web, tmp_path / "log", task_max_retries=1) as url:
        batch = (await queue.submit(Submission(params=BatchAnalysis(urls=(*good, *bad))))).job
        status = await ended(queue, batch.id, timeout=120)
        first = await scrape(url)
        again = (await queue.submit(Submission(params=BatchAnalysis(urls=good)))).job
        assert (await ended(queue, again.id, timeout=60)).record.state is JobState.SUCCESS
        second = await scrape(url)
        topic = Submission(params=TopicCuration(topic="artificial intelligence", max_articles=2))
        job = (await queue.submit(topic)).job
        await ended(queue, job.id, timeout=120)
        third = await scrape(url)
    assert (status.record.processed, status.record.failed) == (3, 3)
    assert_steps(first)
    assert_fetches(first)
    assert_engine(first)
    assert_process(first)
    assert_caches(first, second)
    assert_sources(third)
    assert [*first.undeclared(), *third.undeclared()] == []


def assert_steps(shown: Scrape) -> None:
    def steps(step: str, outcome: str) -> float:
        return shown.value(
            "curator_step_duration_seconds_count", **BATCH, step=step, outcome=outcome
        )

    assert (steps("discover", "succeeded"), steps("rank", "succeeded")) == (1, 1)
    assert steps("analyse", "succeeded") == 3
    assert steps("analyse", "failed") == 2
    assert steps("analyse", "retried") == 2  # the second time it has no try left
    for reason, outcome, number in (
        ("not_found", "failed", 1),
        ("robots_denied", "failed", 1),
        ("server_error", "retried", 2),
    ):
        labels = {**BATCH, "step": "analyse", "outcome": outcome, "reason": reason}
        assert shown.value("curator_step_failures_total", **labels) == number
    assert shown.value("curator_slots") == SLOTS
    assert shown.value("curator_steps_running") == 0


def assert_fetches(shown: Scrape) -> None:
    def fetches(outcome: str) -> float:
        return shown.value("curator_fetches_total", kind="page", outcome=outcome)

    assert (fetches("ok"), fetches("not_found"), fetches("robots_denied")) == (3, 1, 1)
    assert fetches("server_error") == 2
    assert shown.value("curator_fetch_duration_seconds_count", kind="page") == 7
    assert shown.value("curator_fetched_bytes_total") > 3000
    assert shown.value("curator_host_wait_seconds_count") >= 6


def assert_engine(shown: Scrape) -> None:
    assert shown.value("curator_engine_starts_total", outcome="ready") == 1
    assert shown.value("curator_engine_tasks_total", task="read") == 3
    assert shown.value("curator_engine_tasks_total", task="study") >= 3
    assert shown.value("curator_engine_batches_total", outcome="answered") >= 1
    assert shown.value("curator_engine_tokens_total") > 3 * 256
    assert shown.value("curator_engine_busy_seconds_total") > 0
    assert shown.value("curator_engine_pending") == 0
    assert shown.value("curator_stage_duration_seconds_count", stage="extract") == 3
    assert shown.total("curator_stage_failures_total") == 0


def assert_process(shown: Scrape) -> None:
    for part in ("own", "engine"):
        assert shown.value("curator_process_memory_bytes", part=part) > 10_000_000
        assert shown.value("curator_process_cpu_seconds_total", part=part) > 0.1
    assert shown.value("curator_loop_lag_seconds_count") > 0
    assert shown.labels_of("curator_background_running", "loop") >= {
        "reaper",
        "scheduler",
        "renewing leases",
        "engine dispatch",
        "loop lag",
    }
    assert shown.total("curator_background_restarts_total") == 0
    assert shown.labels_of("target_info", "service_name") == {"curator-worker"}


def assert_caches(first: Scrape, second: Scrape) -> None:
    """The second time nothing is fetched, read or embedded again."""

    def hits(shown: Scrape, cache: str) -> float:
        return shown.value("curator_cache_lookups_total", cache=cache, outcome="hit")

    assert hits(first, "analyses") == 0
    assert hits(second, "analyses") >= 3
    assert hits(second, "http") >= 3
    assert first.value("curator_cache_traffic_bytes_total", cache="http", direction="written") > 0
    assert second.value("curator_cache_traffic_bytes_total", cache="http", direction="read") > 0
    assert second.value("curator_engine_tasks_total", task="read") == 3


def assert_sources(shown: Scrape) -> None:
    for source in ("feeds", "hackernews"):
        assert shown.total("curator_source_searches_total", source=source) == 1
    assert shown.total("curator_source_candidates_total") > 0


async def test_the_server_answers_nothing_else(
    settings: Settings, queue: Queue, web: SampleWeb, tmp_path: Path
) -> None:
    async with worker(settings, queue, web, tmp_path / "log") as url:
        async with httpx.AsyncClient(trust_env=False) as client:
            assert (await client.get(url, headers={"host": "10.2.3.4:9100"})).status_code == 200
            assert (await client.post(url)).status_code == 405
            assert (await client.get(f"{url}/x")).status_code == 404
        address = httpx.URL(url)
        for sent in (b"\x16\x03\x01\r\n\r\n", b"x" * 20_000):
            reader, writer = await asyncio.open_connection(address.host, address.port)
            writer.write(sent)
            answer = await reader.read()
            assert answer == b"" or answer.startswith(b"HTTP/1.1 400 ")
            writer.close()
        assert (await scrape(url)).value("curator_slots") == SLOTS


async def test_a_worker_works_where_its_port_is_taken(
    settings: Settings, queue: Queue, web: SampleWeb, tmp_path: Path
) -> None:
    async with (
        worker(settings, queue, web, tmp_path / "log") as url,
        program(
            "app.cli",
            "worker",
            environ=worker_environ(settings, metrics_port=httpx.URL(url).port),
            log=tmp_path / "second",
        ),
    ):

        async def two() -> bool:
            return len(await queue.workers()) == 2

        await wait_until(two, "the second worker", timeout=60)
        assert sorted(it.metrics_port is None for it in await queue.workers()) == [False, True]
        assert b"no metrics are served" in (tmp_path / "second").read_bytes()


async def test_webs_show_the_same_ledger_and_their_own_requests(
    settings: Settings, queue: Queue, web: SampleWeb, tmp_path: Path
) -> None:
    job = {"type": "batch_analysis", "urls": [*urls()[:2], trouble("/missing")]}
    async with worker(settings, queue, web, tmp_path / "worker"):
        async with web_process(settings, tmp_path / "web") as url, httpx.AsyncClient() as client:
            for _ in range(2):
                posted = await client.post(f"{url}/jobs", json=job)
                await ended(queue, posted.raise_for_status().json()["job_id"], timeout=120)
            await client.get(f"{url}/no/such/page")
            shown = await scrape(f"{url}/metrics")
        async with web_process(settings, tmp_path / "next") as url:
            after = await scrape(f"{url}/metrics")
    for seen in (shown, after):
        assert_ledger(seen)
    request = "http_server_request_duration_seconds_count"
    posts = {"http_request_method": "POST", "http_route": "/jobs"}
    gets = {"http_request_method": "GET", "http_route": ""}
    assert shown.value(request, **posts, http_response_status_code="202") == 2
    assert shown.value(request, **gets, http_response_status_code="404") == 1
    assert after.total(request, http_request_method="POST") == 0
    assert shown.labels_of("target_info", "service_name") == {"curator-web"}
    assert shown.labels_of("curator_background_running", "loop") >= {"reaper", "scaling"}
    assert [*shown.undeclared(), *after.undeclared()] == []


def assert_ledger(shown: Scrape) -> None:
    assert shown.value("curator_ledger_up") == 1
    assert shown.value("curator_jobs_submitted_total", **BATCH) == 2
    assert shown.value("curator_jobs_ended_total", **BATCH, state="SUCCESS", reason="") == 2
    assert shown.value("curator_jobs", **BATCH, state="SUCCESS") == 2
    assert shown.value("curator_articles_total", outcome="analysed") == 4
    assert shown.value("curator_articles_total", outcome="failed") == 2
    failed = {"step": "analyse", "outcome": "failed", "reason": "not_found"}
    assert shown.value("curator_attempts_total", **failed) == 2
    assert shown.value("curator_workers") == 1
    assert shown.value("curator_workers_metered") == 1
    assert shown.value("curator_workers_slots") == SLOTS
    assert shown.total("curator_queue_depth") == 0
    assert shown.value("curator_cache_entries", cache="http") > 0
    assert shown.value("curator_cache_size_bytes", cache="analyses") > 0


PUSHES = {"OTEL_METRIC_EXPORT_INTERVAL": "200", "OTEL_TRACES_EXPORTER": "none"}


async def test_metrics_are_pushed_with_exemplars(
    settings: Settings, queue: Queue, web: SampleWeb, tmp_path: Path
) -> None:
    with otlp_receiver() as collector:
        pushes = {**PUSHES, "OTEL_EXPORTER_OTLP_ENDPOINT": collector.url}
        async with (
            worker(settings, queue, web, tmp_path / "worker", **pushes),
            web_process(settings, tmp_path / "web", **pushes) as url,
            httpx.AsyncClient() as client,
        ):
            job = {"type": "batch_analysis", "urls": urls()[:2]}
            posted = (await client.post(f"{url}/jobs", json=job)).raise_for_status()
            await ended(queue, posted.json()["job_id"], timeout=120)
            trace_id = bytes.fromhex(
                (await queue.status(posted.json()["job_id"])).record.trace_id or ""
            )

            def steps() -> list[HistogramDataPoint]:
                pushed = collector.metric("curator-worker", "curator.step.duration")
                return list(pushed.histogram.data_points) if pushed else []

            await wait_until(lambda: sum(it.count for it in steps()) == 4, "the steps", timeout=30)
            stages = collector.metric("curator-worker", "curator.stage.duration")

            def jobs() -> float:
                pushed = collector.metric("curator-web", "curator.jobs.submitted")
                return (
                    sum(it.as_int + it.as_double for it in pushed.sum.data_points) if pushed else 0
                )

            await wait_until(lambda: jobs() == 1, "the ledger's counters", timeout=40)
    assert stages is not None
    for points in (steps(), stages.histogram.data_points):
        exemplars = [exemplar for point in points for exemplar in point.exemplars]
        assert exemplars
        assert {exemplar.trace_id for exemplar in exemplars} == {trace_id}


@pytest.mark.parametrize("collector", ["away", "silent", "failing"])
async def test_a_collector_that_does_not_work_changes_nothing(
    settings: Settings, queue: Queue, web: SampleWeb, tmp_path: Path, collector: str
) -> None:
    """Not even the end: a push may take ten minutes here, which nothing waits for."""
    async with contextlib.AsyncExitStack() as stack:
        if collector == "away":
            address = f"http://127.0.0.1:{free_port()}"
        elif collector == "silent":
            port = await stack.enter_async_context(tcp_server(never_answer))
            address = f"http://127.0.0.1:{port}"
        else:
            address = stack.enter_context(otlp_receiver(status=500)).url
        pushes = {
            **PUSHES,
            "OTEL_EXPORTER_OTLP_ENDPOINT": address,
            "OTEL_EXPORTER_OTLP_TIMEOUT": "600",
        }
        environ = worker_environ(settings, egress_proxy=web.proxy_url)
        process = await stack.enter_async_context(
            program("app.cli", "worker", environ={**environ, **pushes}, log=tmp_path / "log")
        )
        shown = f"http://127.0.0.1:{await metrics_port(queue)}/metrics"
        job = (await queue.submit(Submission(params=BatchAnalysis(urls=urls()[:2])))).job
        assert (await ended(queue, job.id, timeout=120)).record.state is JobState.SUCCESS
        counted = await scrape(shown)
        process.terminate()
        async with asyncio.timeout(25):
            assert await process.wait() == 0
    assert counted.total("curator_step_duration_seconds_count", step="analyse") == 2


async def never_answer(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
    while await reader.read(65_536):
        pass
