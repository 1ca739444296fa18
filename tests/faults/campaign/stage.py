"""The processes of a campaign: a Valkey, web and two workers, each started again when it dies."""

from __future__ import annotations

import asyncio
import contextlib
import os
import random
import signal
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path

import httpx

from tasks.settings import Settings
from tests.faults.campaign.journal import Journal
from tests.faults.campaign.site import FEED_URL
from tests.loopback import free_port
from tests.processes import Process, start_program
from tests.valkey import DurableValkey, durable_valkey
from tests.waiting import wait_until

WORKERS = 2
START_SECONDS = 60.0


class Actor:
    """A process that is restarted whenever it ends: the web service, or a worker."""

    def __init__(self, role: str, module: str, *arguments: str, environ: Mapping[str, str]) -> None:
        self.role = role
        self.life = 0
        self.deaths = 0
        """Unexpected ends, our kills included."""
        self._module = module
        self._arguments = arguments
        self._environ = environ
        self._process: Process | None = None

    @property
    def name(self) -> str:
        return f"{self.role}.{self.life}"

    @property
    def running(self) -> bool:
        return self._process is not None and self._process.returncode is None

    def send(self, number: signal.Signals) -> None:
        if self._process and self.running:
            self._process.send_signal(number)

    async def keep_up(self, folder: Path) -> None:
        """Restarts it until cancelled; then kills it, whatever it is doing."""
        try:
            while True:
                self.life += 1
                own = {"CAMPAIGN_FOLDER": str(folder), "CAMPAIGN_ACTOR": self.name}
                self._process = await start_program(
                    self._module,
                    *self._arguments,
                    environ={**self._environ, **own},
                    log=folder / f"{self.role}.log",
                )
                self.deaths += await self._process.wait() != 0
                await asyncio.sleep(random.uniform(0, 0.3))
        finally:
            self.send(signal.SIGKILL)
            if self._process:
                await self._process.wait()


class Stage:
    """Everything that runs, and the ways to harm it."""

    def __init__(self, folder: Path, valkey: DurableValkey) -> None:
        self.folder = folder
        self.valkey = valkey
        self.journal = Journal(folder, "campaign")
        self.port = free_port()
        self.settings = Settings(redis_url=valkey.url)
        environ = {
            "REDIS_URL": valkey.url,
            "HTTP_PORT": str(self.port),
            "FEED_URLS": FEED_URL,
            "SOURCES": "feeds",
            "WORKER_LOG_LEVEL": "WARNING",
            "WORKER_MAX_TASKS": "300",
        }
        worker = "tests.faults.campaign.worker"
        self.web = Actor("web", "app.cli", "web", "--parent-pid", str(os.getpid()), environ=environ)
        self.workers = [Actor(f"worker-{n}", worker, environ=environ) for n in range(WORKERS)]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def ready_workers(self) -> list[Actor]:
        """Those that have begun to take steps."""
        return [
            worker
            for worker in self.workers
            if worker.running and (self.folder / worker.name).exists()
        ]

    async def answers(self) -> bool:
        with contextlib.suppress(httpx.TransportError):
            async with httpx.AsyncClient(base_url=self.url, trust_env=False) as client:
                return (await client.get("/health/ready")).is_success
        return False


@asynccontextmanager
async def staged(folder: Path) -> AsyncIterator[Stage]:
    """A stage on which everything runs. At the end all of it is killed."""
    with durable_valkey(folder / "valkey") as valkey:
        stage = Stage(folder, valkey)
        kept = [asyncio.create_task(actor.keep_up(folder)) for actor in (stage.web, *stage.workers)]
        try:
            await wait_until(stage.answers, "web to answer", timeout=START_SECONDS)
            await wait_until(stage.ready_workers, "a worker to be ready", timeout=START_SECONDS)
            yield stage
        finally:
            for task in kept:
                task.cancel()
            await asyncio.gather(*kept, return_exceptions=True)
