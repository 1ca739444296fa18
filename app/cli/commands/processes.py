"""Runs web and worker as children, and starts again whichever dies."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys
import time
from collections.abc import Mapping

import click
import structlog

from app.cli.exits import Unreachable
from tasks.embedded_valkey import embedded_valkey
from tasks.logs import configure_logging
from tasks.settings import Settings, read_settings
from tasks.supervision import die_with_parent
from tasks.telemetry import configure_tracing

log = structlog.get_logger()

STABLE_SECONDS = 10.0
"""A child that ran that long was well; one that ends sooner is counted."""

HOPELESS = 3
"""Early ends in a row after which there is no use in another try."""


class Supervisor:
    """The children of one `curator up`."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = dict(environ)
        self._children: dict[str, asyncio.subprocess.Process] = {}
        self._stopping = asyncio.Event()

    def stop(self) -> None:
        """Tells every child to end, in its own time; a second call tells them again."""
        self._stopping.set()
        for child in self._children.values():
            with contextlib.suppress(ProcessLookupError):
                child.terminate()

    async def run(self, *commands: str) -> bool:
        """Runs `curator COMMAND` for each until `stop`. False: one of them cannot be kept up."""
        async with asyncio.TaskGroup() as group:
            kept = [group.create_task(self._keep_up(command)) for command in commands]
        return all(task.result() for task in kept)

    async def _keep_up(self, command: str) -> bool:
        early_ends = 0
        while not self._stopping.is_set():
            started = time.monotonic()
            child = await self._start(command)
            status = await child.wait()
            if self._stopping.is_set():
                break
            early_ends = 0 if time.monotonic() - started > STABLE_SECONDS else early_ends + 1
            log.warning("a process ended and is started again", command=command, status=status)
            if early_ends == HOPELESS:
                log.error("a process cannot be kept up", command=command)
                self.stop()
                return False
        return True

    async def _start(self, command: str) -> asyncio.subprocess.Process:
        child = await asyncio.create_subprocess_exec(
            *(sys.executable, "-m", "app.cli", command, "--parent-pid", str(os.getpid())),
            env=self._environ,
            start_new_session=True,  # Ctrl-C is for us; the children are told by us
        )
        self._children[command] = child
        if self._stopping.is_set():
            child.terminate()
        return child


def child_environ(redis_url: str) -> dict[str, str]:
    """Our environment, with the Redis that the children are to use."""
    return {**os.environ, "REDIS_URL": redis_url}


parent_pid = click.option("--parent-pid", type=int, hidden=True)
"""Of the `curator up` that started this process, with which it ends."""


@click.command()
def up() -> None:
    """Run everything here: Valkey (unless REDIS_URL is set), web and worker. Ctrl-C ends all."""
    settings = read_settings(os.environ)
    configure_logging(settings.worker_log_level)
    with contextlib.ExitStack() as stack:
        redis_url = settings.redis_url or stack.enter_context(embedded_valkey(settings.state_dir))
        kept_up = asyncio.run(_supervise(settings, redis_url))
    if not kept_up:
        raise Unreachable("a process could not be kept up; its log is above")


@click.command()
@parent_pid
def web(parent_pid: int | None) -> None:
    """Run the web service: the HTTP interface and the pages."""
    settings = _begin(parent_pid)
    from app.main import serve  # loads the web framework, which `up` does not need
    from tasks.resources import open_web

    tracing = configure_tracing("curator-web", os.environ)
    serve(settings, open_web)
    tracing.shutdown()


@click.command()
@parent_pid
def worker(parent_pid: int | None) -> None:
    """Run a worker. After WORKER_MAX_TASKS steps it replaces itself by a fresh one."""
    settings = _begin(parent_pid)
    import uvloop

    from tasks.worker.worker import run_worker

    tracing = configure_tracing("curator-worker", os.environ)
    ended = uvloop.run(run_worker(settings))
    tracing.shutdown()
    if ended.recycle:
        log.info("the worker has run its share of steps and is replaced")
        again = [sys.executable, "-m", "app.cli", *sys.argv[1:]]
        os.execv(sys.executable, again)  # noqa: S606 - the very command that runs now


def _begin(parent_pid: int | None) -> Settings:
    if parent_pid is not None:
        die_with_parent(parent_pid)
    settings = read_settings(os.environ)
    configure_logging(settings.worker_log_level)
    return settings


async def _supervise(settings: Settings, redis_url: str) -> bool:
    supervisor = Supervisor(child_environ(redis_url))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, supervisor.stop)
    log.info("curator is up", url=f"http://{settings.http_host}:{settings.http_port}")
    return await supervisor.run("web", "worker")
