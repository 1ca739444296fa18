"""`curator up`, `curator web` and `curator worker`: the processes of the product."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import sys

import click
import structlog

from app.cli.exits import Unreachable
from app.supervisor import Supervisor, child_environ
from tasks.embedded import embedded_valkey
from tasks.lifeline import die_with_parent
from tasks.logs import configure_logging
from tasks.settings import Settings, read_settings
from tasks.telemetry import configure_tracing

log = structlog.get_logger()

supervised = click.option("--supervised", is_flag=True, hidden=True)


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
@supervised
def web(supervised: bool) -> None:
    """Run the web service: the HTTP interface and the pages."""
    settings = _begin(supervised)
    from app.main import serve  # loads the web framework, which `up` does not need
    from tasks.resources import open_web

    tracing = configure_tracing("curator-web", os.environ)
    serve(settings, open_web)
    tracing.shutdown()


@click.command()
@supervised
def worker(supervised: bool) -> None:
    """Run a worker. After WORKER_MAX_TASKS steps it replaces itself by a fresh one."""
    settings = _begin(supervised)
    import uvloop

    from tasks.worker import run_worker  # loads Taskiq, which `up` does not need

    tracing = configure_tracing("curator-worker", os.environ)
    ended = uvloop.run(run_worker(settings))
    tracing.shutdown()
    if ended.recycle:
        log.info("the worker has run its share of steps and is replaced")
        again = [sys.executable, "-m", "app.cli", *sys.argv[1:]]
        os.execv(sys.executable, again)  # noqa: S606 - the very command that runs now


def _begin(supervised: bool) -> Settings:
    if supervised:
        die_with_parent()
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
