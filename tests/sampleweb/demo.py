"""The demo: everything in one go, on the sample web. See scripts/demo."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import click
import httpx
import msgspec
from rich.console import Console
from rich.markup import escape

from tests.loopback import free_port
from tests.sampleweb.catalogue import OPML_URL, SEARCH_URL
from tests.sampleweb.server import SampleWeb
from tests.sampleweb.services.directory import ENVIRON

TOPIC = "artificial intelligence"
READY_SECONDS = 60.0
JOB_SECONDS = 600.0


class DemoError(Exception):
    """The demo could not be shown."""


@click.command()
@click.argument("topic", nargs=-1)
@click.option("--once", is_flag=True, help="End when the list has been printed.")
@click.option("--json", "as_json", is_flag=True, help="Print the result as one JSON document.")
@click.option("--live", is_flag=True, help="Use the real sources instead of the sample web.")
def demo(topic: tuple[str, ...], once: bool, as_json: bool, live: bool) -> None:
    """Curate TOPIC and print the ranked list."""
    try:
        asyncio.run(_demo(" ".join(topic) or TOPIC, once, as_json, live))
    except KeyboardInterrupt:
        pass
    except DemoError as error:
        raise click.ClickException(str(error)) from error


async def _demo(topic: str, once: bool, as_json: bool, live: bool) -> None:
    with tempfile.TemporaryDirectory(prefix="curator-demo-") as folder:
        port = free_port()
        async with contextlib.AsyncExitStack() as stack:
            environ = {"HTTP_PORT": str(port), "STATE_DIR": folder, "WORKER_LOG_LEVEL": "WARNING"}
            if not live:
                web = await stack.enter_async_context(SampleWeb())
                environ |= sample_web_environ(web.proxy_url)
            url = await stack.enter_async_context(curator_up(port, environ))
            result = await curate(url, topic)
            if as_json:
                sys.stdout.write(msgspec.json.encode(result).decode() + "\n")
                sys.stdout.flush()
            else:
                show(result)
            if not once:
                click.echo(f"The job's page: {url}/jobs/{result['job_id']}", err=as_json)
                click.echo("Ctrl-C ends it.", err=True)
                await _interrupted()


def sample_web_environ(proxy_url: str) -> dict[str, str]:
    """The settings that make the sample web all that there is."""
    return {
        "EGRESS_PROXY": proxy_url,
        "SOURCES": "feeds,gdelt",
        "FEED_URLS": f"{OPML_URL} {SEARCH_URL}",
        **ENVIRON,
    }


@asynccontextmanager
async def curator_up(port: int, environ: dict[str, str]) -> AsyncIterator[str]:
    """Runs `curator up`, and gives its URL once it answers."""
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "app.cli", "up"),
        env={**os.environ, "REDIS_URL": "", **environ},
        stdout=sys.stderr,
        start_new_session=True,  # Ctrl-C is for the demo, which then ends it in order
    )
    url = f"http://127.0.0.1:{port}"
    try:
        await ready(url, process)
        yield url
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.send_signal(signal.SIGTERM)
        await process.wait()


async def ready(url: str, process: asyncio.subprocess.Process) -> None:
    """Waits until web answers. Raises DemoError if it does not."""
    deadline = time.monotonic() + READY_SECONDS
    async with httpx.AsyncClient(base_url=url, trust_env=False) as client:
        while time.monotonic() < deadline and process.returncode is None:
            with contextlib.suppress(httpx.TransportError):
                if (await client.get("/health/ready")).is_success:
                    return
            await asyncio.sleep(0.1)
    raise DemoError("curator did not come up; its log is above")


async def curate(url: str, topic: str) -> Any:
    """Submits the topic and waits for the result."""
    async with httpx.AsyncClient(base_url=url, trust_env=False) as client:
        answer = await client.post("/jobs", json={"type": "topic_curation", "topic": topic})
        if not answer.is_success:
            raise DemoError(answer.json().get("detail", answer.text))
        job_id = answer.json()["job_id"]
        deadline = time.monotonic() + JOB_SECONDS
        while time.monotonic() < deadline:
            status = (await client.get(f"/jobs/{job_id}/status")).json()
            if status["finished_at"]:
                return (await client.get(f"/jobs/{job_id}/result")).json()
            await asyncio.sleep(0.2)
    raise DemoError("the job did not end in time")


def show(result: Any) -> None:
    """Prints the ranked list."""
    console = Console(soft_wrap=True, highlight=False)
    console.print(f"\n[bold]{escape(result['topic'])}[/bold]\n")
    kept = {one["url"]: one for one in result["decisions"] if one["verdict"] == "kept"}
    for rank, one in enumerate(result["results"], 1):
        article = one["article"]
        date = (article["publish_date"] or "")[:10]
        about = " · ".join(part for part in (article["domain"], article["author"], date) if part)
        console.print(f"{rank:3}. [bold]{escape(article['title'])}[/bold]")
        console.print(f"     {escape(about)}", style="dim")
        console.print(f"     {escape(kept[article['url']]['explanation'])}")
    merged = sum(one["verdict"] == "duplicate" for one in result["decisions"])
    console.print(
        f"\n{len(result['results'])} of {result['total_urls']} candidates kept, "
        f"{merged} merged as duplicates, {result['failed_count']} failed."
    )


async def _interrupted() -> None:
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    await stop.wait()


if __name__ == "__main__":
    demo()
