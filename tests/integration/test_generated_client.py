"""A client generated from the OpenAPI document, against the real web service and worker."""

from __future__ import annotations

import asyncio
import importlib
import socket
import subprocess
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.main import web_server
from tasks.resources import open_queue
from tasks.settings import Settings
from tests.integration.conftest import RunWorker
from tests.waiting import wait_until

PACKAGE = "generated_curator_client"


@pytest.fixture
async def url(settings: Settings) -> AsyncIterator[str]:
    server = web_server(settings, open_queue)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        serving = asyncio.create_task(server.serve(sockets=[listener]))
        await wait_until(lambda: server.started, "the web service to start")
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        server.should_exit = True
        await serving


def generate(document: bytes, folder: Path) -> None:
    """Writes the package PACKAGE to the folder; raises if the generator warns of anything."""
    source = folder / "openapi.json"
    source.write_bytes(document)
    config = folder / "config.yaml"
    config.write_text("post_hooks: []\n")
    subprocess.run(
        [
            *(sys.executable, "-m", "openapi_python_client", "generate", "--meta", "none"),
            *("--path", source, "--config", config, "--output-path", folder / PACKAGE),
            "--fail-on-warning",
        ],
        check=True,
        capture_output=True,
    )


async def test_it_submits_a_job_and_reads_its_result(
    url: str, run_worker: RunWorker, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with httpx.AsyncClient() as plain:
        document = (await plain.get(f"{url}/schema/openapi.json")).content
    await asyncio.to_thread(generate, document, tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    models = importlib.import_module(f"{PACKAGE}.models")
    client = importlib.import_module(f"{PACKAGE}.client").Client(base_url=url)

    async def call(operation: str, *args: Any, **arguments: Any) -> Any:
        module = importlib.import_module(f"{PACKAGE}.api.jobs.{operation}")
        return await module.asyncio(*args, client=client, **arguments)

    urls = ["http://site.example/a", "http://site.example/b", "http://site.example/untitled"]
    request = models.BatchAnalysisRequest(type_="batch_analysis", urls=urls, query="tea")
    async with client, run_worker():
        submitted = await call("submit_job", body=request, idempotency_key="key")
        assert isinstance(submitted, models.JobSubmitted)

        async def ended() -> bool:
            status = await call("get_job_status", submitted.job_id)
            return bool(status.state == models.JobState.SUCCESS)

        await wait_until(ended, "the job to succeed")
        result = await call("get_job_result", submitted.job_id)
        articles = await call("list_job_articles", submitted.job_id)
        listing = await call("list_jobs", state=[models.JobState.SUCCESS])
        missing = await call("get_job_status", "01900000-0000-7000-8000-000000000001")

    assert isinstance(result, models.ArticlesResult)
    assert {ranked.article.url for ranked in result.results} == set(urls[:2])
    assert [type(article) for article in articles.articles] == [
        models.AnalysedArticle,
        models.AnalysedArticle,
        models.FailedArticle,
    ]
    assert [job.job_id for job in listing.jobs] == [submitted.job_id]
    assert missing.type_ == "/problems/unknown-job"
