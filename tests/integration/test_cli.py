"""`curator` against the real web service, ledger and worker."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sys
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial

import pytest
from msgspec import Struct
from msgspec.structs import replace

from app.main import web_server
from tasks.resources import open_queue
from tasks.settings import Settings
from tests.integration.conftest import RunWorker
from tests.waiting import wait_until

UNKNOWN = "01900000-0000-7000-8000-000000000001"


class Completed(Struct):
    """A command that has ended."""

    exit_code: int
    stdout: str
    stderr: str


Curator = Callable[..., Awaitable[Completed]]


@asynccontextmanager
async def served(settings: Settings) -> AsyncIterator[str]:
    """The URL of a web service on the test's ledger."""
    server = web_server(settings, open_queue)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        await wait_until(lambda: server.started, "the web service to start")
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        server.should_exit = True
        await serving


async def run(*args: str, **environ: str) -> Completed:
    """Runs `curator` as a process of its own."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "app.cli", *args),
        env={**os.environ, **environ},
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    stdout, stderr = await process.communicate()
    return Completed(process.returncode or 0, stdout.decode(), stderr.decode())


@pytest.fixture
async def url(settings: Settings) -> AsyncIterator[str]:
    async with served(settings) as url:
        yield url


@pytest.fixture
def curator(url: str) -> Curator:
    """Runs `curator` against that web service."""
    return partial(run, CURATOR_URL=url)


async def test_a_batch_from_submit_to_result(curator: Curator, run_worker: RunWorker) -> None:
    urls = [f"http://site.example/{name}" for name in ("a", "b", "untitled")]
    async with run_worker():
        watched = await curator("jobs", "submit", *urls, "--watch", "--json")

    assert watched.exit_code == 0, watched.stderr
    printed = json.loads(watched.stdout)
    assert (printed["state"], printed["failed_count"]) == ("SUCCESS", 1)
    assert len(printed["results"]) == 2

    job_id = printed["job_id"]
    result = await curator("jobs", "result", job_id[-8:], "--scores", "--decisions")
    assert result.exit_code == 0
    assert "SUCCESS, 2 articles of 3 candidates, 1 failed\n" in result.stdout
    assert "no_title\thttp://site.example/untitled\t" in result.stdout
    assert "kept\t67.5\thttp://site.example/a\t" in result.stdout

    shown = await curator("jobs", "show", job_id[:23])
    assert "state\tSUCCESS" in shown.stdout


async def test_a_health_check_succeeds(curator: Curator, run_worker: RunWorker) -> None:
    async with run_worker():
        watched = await curator("jobs", "submit", "--type", "health_check", "--watch", "--json")
    result = await curator("jobs", "result", json.loads(watched.stdout)["job_id"])

    assert result.exit_code == 0
    assert result.stdout == "SUCCESS\n"


async def test_dependencies_and_idempotency_keys(curator: Curator, run_worker: RunWorker) -> None:
    keyed = ("submit", "http://site.example/a", "--idempotency-key", "k", "--json")
    first, again = [json.loads((await curator("jobs", *keyed)).stdout)["job_id"] for _ in range(2)]
    assert first == again
    after = ("submit", "http://site.example/b", "--depends-on", first, "--deadline", "600")
    second = json.loads((await curator("jobs", *after, "--json")).stdout)["job_id"]
    waiting = await curator("jobs", "show", second)
    assert "state\tWAITING" in waiting.stdout
    assert f"depends on\t{first}" in waiting.stdout

    async with run_worker():
        watched = await curator("jobs", "watch", second, "--json")
    assert json.loads(watched.stdout)["state"] == "SUCCESS"


async def test_failed_articles_are_retried_and_ended_jobs_purged(
    curator: Curator, run_worker: RunWorker
) -> None:
    urls = [f"http://site.example/{name}" for name in ("a", "untitled")]
    async with run_worker():
        watched = await curator("jobs", "submit", *urls, "--watch", "--json")
        job_id = json.loads(watched.stdout)["job_id"]
        attempts = await curator("jobs", "attempts", job_id)
        retried = await curator("jobs", "retry", job_id, "--json")
        new = json.loads(retried.stdout)
        await curator("jobs", "watch", new["job_id"])

    assert "analyse:1\t1\tfailed\t" in attempts.stdout
    assert (new["urls_count"], new["replayed_from"]) == (1, job_id)
    bulk = await curator("jobs", "retry", "--all", "--state", "SUCCESS", "--state", "FAILURE")
    assert bulk.stdout.count("retries") == 2
    assert (await curator("jobs", "cancel", "--all")).stdout.count("cancelled") == 2
    purged = await curator("jobs", "purge", "--all", "--older-than", "0", "--json")
    assert len(json.loads(purged.stdout)["jobs"]) == 4
    assert (await curator("jobs", "show", job_id)).exit_code == 2


async def test_a_job_is_listed_until_it_is_cancelled(curator: Curator) -> None:
    submitted = await curator("jobs", "submit", "--topic", "tides", "--priority", "low", "--json")
    job_id = json.loads(submitted.stdout)["job_id"]

    active = await curator("jobs", "list", "--active", "--json")
    cancelled = await curator("jobs", "cancel", job_id)
    still_active = await curator("jobs", "list", "--active", "--json")
    revoked = await curator("jobs", "list", "--type", "topic_curation", "--json")
    result = await curator("jobs", "result", job_id)
    again = await curator("jobs", "cancel", job_id)

    assert [job["job_id"] for job in json.loads(active.stdout)["jobs"]] == [job_id]
    assert cancelled.stdout == f"{job_id}  cancelled\n"
    assert json.loads(still_active.stdout)["jobs"] == []
    assert json.loads(revoked.stdout)["jobs"][0]["state"] == "REVOKED"
    assert result.exit_code == 1
    assert "the job ended in REVOKED" in result.stderr
    assert again.exit_code == 2


async def test_ctrl_c_while_watching_is_no_error(curator: Curator, url: str) -> None:
    submitted = await curator("jobs", "submit", "--topic", "tides", "--json")
    job_id = json.loads(submitted.stdout)["job_id"]
    watching = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "app.cli", "jobs", "watch", job_id, "--server", url),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert watching.stderr is not None
    assert await watching.stderr.readline() == b"PENDING\n"

    watching.send_signal(signal.SIGINT)

    stdout, stderr = await watching.communicate()
    assert watching.returncode == 0
    assert stdout == b""
    assert stderr.decode() == (
        f"The job keeps running; follow it again with `curator jobs watch {job_id}`.\n"
    )
    assert "state\tPENDING" in (await curator("jobs", "show", job_id)).stdout


@pytest.mark.parametrize(
    "command",
    [
        ("show", UNKNOWN),
        ("watch", UNKNOWN),
        ("result", UNKNOWN),
        ("cancel", UNKNOWN),
        ("submit", "ftp://files.example/a"),
        ("submit", "--topic", "x"),
        ("submit", "--topic", "tides", "--max-articles", "100000"),
        ("submit", "--topic", "tides", "--deadline", "-5"),
        ("submit", "--topic", "tides", "--not-before", "2099-01-01"),
        ("submit", "--topic", "tides", "--depends-on", UNKNOWN),
        ("submit", "--topic", "tides", "--idempotency-key", "x" * 300),
        ("submit", "--topic", "tides", "--idempotency-key", "clé"),
        ("attempts", UNKNOWN),
        ("retry", UNKNOWN),
    ],
    ids=" ".join,
)
async def test_a_refusal_of_the_server_is_exit_code_2(
    curator: Curator, command: tuple[str, ...]
) -> None:
    refused = await curator("jobs", *command)

    assert refused.exit_code == 2
    assert refused.stdout == ""
    assert "Traceback" not in refused.stderr


async def test_an_unfinished_job_has_no_result_yet(curator: Curator) -> None:
    submitted = await curator("jobs", "submit", "http://site.example/a", "--json")

    result = await curator("jobs", "result", json.loads(submitted.stdout)["job_id"])

    assert result.exit_code == 2
    assert "has not ended yet" in result.stderr


async def test_a_schedule_is_added_shown_and_removed(curator: Curator) -> None:
    add = ("schedules", "add", "0 7 * * 1-5", "--zone", "Europe/Berlin", "--topic", "tides")
    schedule_id = json.loads((await curator(*add, "--json")).stdout)["schedule_id"]

    listing = await curator("schedules", "list")
    paused = await curator("schedules", "pause", schedule_id[-6:])
    edited = await curator("schedules", "edit", schedule_id, "--deadline", "10m", "--name", "Sea")
    job = await curator("schedules", "run", schedule_id)
    shown = await curator("schedules", "show", schedule_id, "--json")
    resumed = await curator("schedules", "resume", schedule_id)
    removed = await curator("schedules", "remove", schedule_id)
    again = await curator("schedules", "remove", schedule_id)

    assert f"{schedule_id}\t0 7 * * 1-5\tEurope/Berlin\ttopic_curation\t" in listing.stdout
    assert paused.stdout == f"{schedule_id}  paused\n"
    assert "next run\tpaused\n" in edited.stdout
    assert job.stdout.endswith("  submitted\n")
    now = json.loads(shown.stdout)
    assert (now["paused"], now["name"], now["job"]["topic"]) == (True, "Sea", "tides")
    assert now["job"]["deadline_seconds"] == 600
    assert resumed.stdout == f"{schedule_id}  resumed\n"
    assert removed.stdout == f"{schedule_id}  removed\n"
    assert again.exit_code == 2


async def test_the_proxys_secret_opens_a_service_behind_a_proxy(settings: Settings) -> None:
    secret = "0123456789abcdef"
    async with served(replace(settings, proxy_secret=secret)) as url:
        without = await run("jobs", "list", CURATOR_URL=url)
        wrong = await run("jobs", "list", CURATOR_URL=url, PROXY_SECRET=secret[::-1])
        right = await run("jobs", "list", CURATOR_URL=url, PROXY_SECRET=secret)

    assert (without.exit_code, wrong.exit_code, right.exit_code) == (2, 2, 0)
    assert "Not sent through the proxy" in without.stderr


async def test_the_queue_is_paused_and_resumed(curator: Curator) -> None:
    paused = await curator("queue", "pause")
    stats = await curator("queue", "stats")
    resumed = await curator("queue", "resume", "--json")

    assert paused.stdout == "The queue is paused.\n"
    assert stats.stdout.startswith("queue\tpaused\n")
    assert json.loads(resumed.stdout) == {"paused": False}


async def test_a_worker_is_listed_and_drained(curator: Curator, run_worker: RunWorker) -> None:
    async with run_worker():

        async def workers() -> list[str]:
            listing = json.loads((await curator("workers", "list", "--json")).stdout)
            return [worker["worker_id"] for worker in listing["workers"]]

        await wait_until(workers, "the worker to report")
        (worker_id,) = await workers()
        drained = await curator("workers", "drain", worker_id)

    assert drained.stdout.startswith(f"{worker_id}  ")
    assert (await curator("workers", "drain", "no-such-worker")).exit_code == 2
