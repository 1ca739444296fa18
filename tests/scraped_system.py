"""Web and two workers on the sample web, which a real Prometheus scrapes each second."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import yaml
from msgspec import Struct

from tasks.jobs.queue import Queue
from tasks.settings import Settings
from tests.integration.conftest import ended
from tests.loopback import free_port
from tests.processes import program, web_process, worker_environ
from tests.sampleweb.catalogue import trouble, urls
from tests.sampleweb.server import SampleWeb
from tests.sampleweb.services.directory import ENVIRON
from tests.waiting import wait_until

ALERTS = Path(__file__).parents[1] / "infra" / "prometheus"


class ScrapedSystem(Struct, frozen=True):
    url: str
    """Of web."""
    prometheus: httpx.AsyncClient
    """A client of its interface."""


@asynccontextmanager
async def scraped_system(
    settings: Settings, queue: Queue, folder: Path
) -> AsyncIterator[ScrapedSystem]:
    """Runs it during the body, once all three are scraped."""
    async with AsyncExitStack() as stack:
        web = await stack.enter_async_context(SampleWeb())
        environ = {
            **ENVIRON,
            **worker_environ(settings, egress_proxy=web.proxy_url, task_max_retries=1),
            "SOURCES": "feeds,hackernews",
        }
        for name in ("first", "second"):
            await stack.enter_async_context(
                program("app.cli", "worker", environ=environ, log=folder / name)
            )
        url = await stack.enter_async_context(web_process(settings, folder / "web"))
        ports = await worker_ports(queue, 2)
        targets = {
            "curator-web": [url.removeprefix("http://")],
            "curator-worker": [f"127.0.0.1:{port}" for port in ports],
        }
        client = await stack.enter_async_context(prometheus(folder, targets))

        async def scraped() -> bool:
            return len(await answer(client, "up == 1")) == 3

        await wait_until(scraped, "Prometheus to scrape all three", timeout=60)
        yield ScrapedSystem(url, client)


@asynccontextmanager
async def prometheus(
    folder: Path, targets: dict[str, list[str]]
) -> AsyncIterator[httpx.AsyncClient]:
    """Scrapes these each second. Yields a client of its interface."""
    config = {
        "global": {"scrape_interval": "1s", "evaluation_interval": "1s"},
        "rule_files": [str(ALERTS / "alerts.yaml")],
        "scrape_configs": [
            {"job_name": job, "static_configs": [{"targets": addresses}]}
            for job, addresses in targets.items()
        ],
    }
    (folder / "prometheus.yaml").write_text(yaml.safe_dump(config))
    address = f"127.0.0.1:{free_port()}"
    with (folder / "prometheus.log").open("wb") as log:
        process = await asyncio.create_subprocess_exec(
            "prometheus",
            f"--config.file={folder / 'prometheus.yaml'}",
            f"--storage.tsdb.path={folder / 'data'}",
            f"--web.listen-address={address}",
            stderr=log,
        )
    try:
        async with httpx.AsyncClient(
            base_url=f"http://{address}/api/v1", trust_env=False
        ) as client:
            yield client
    finally:
        process.kill()
        await process.wait()


async def answer(client: httpx.AsyncClient, expression: str) -> list[Any]:
    """What it says to the expression; nothing while it starts."""
    try:
        response = await client.get("/query", params={"query": expression})
    except httpx.TransportError:
        return []
    if response.status_code == 503:
        return []
    assert response.status_code == 200, (expression, response.text)
    result: list[Any] = response.json()["data"]["result"]
    return result


async def worker_ports(queue: Queue, count: int) -> list[int]:
    async def there() -> bool:
        return sum(it.metrics_port is not None for it in await queue.workers()) == count

    await wait_until(there, "the workers", timeout=60)
    return [it.metrics_port for it in await queue.workers() if it.metrics_port is not None]


async def load(url: str, queue: Queue) -> None:
    """Jobs of all kinds that end, one of them twice, and requests of readers."""
    batch = {
        "type": "batch_analysis",
        "urls": [*urls()[:4], *map(trouble, ("/missing", "/private/story", "/always500"))],
    }
    topic = {"type": "topic_curation", "topic": "artificial intelligence", "max_articles": 3}
    async with httpx.AsyncClient(base_url=url) as client:
        for jobs in ([batch, topic], [batch, {"type": "health_check"}]):
            posted = [(await client.post("/jobs", json=job)).raise_for_status() for job in jobs]
            for response in posted:
                await ended(queue, response.json()["job_id"], timeout=120)
        await client.get("/")
