"""`curator up`, `curator web` and `curator worker`: the processes of the product."""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
import socket
import sys
import time
from collections.abc import Mapping, Sequence
from functools import partial
from importlib.metadata import version
from typing import TYPE_CHECKING

import click
import structlog

from app.cli.context import Command
from app.cli.exits import CannotWork, Unreachable
from app.http.hosts import check_exposure
from app.http.listening import close, hand_over, listen, received, url_of
from tasks.embedded_valkey import EmbeddedValkey, embedded_valkey
from tasks.logs import configure_logging
from tasks.resources import ledger_address
from tasks.settings import Settings, ignored_variables, read_settings
from tasks.supervision import background, die_with_parent, module_command, module_environ
from tasks.telemetry.tracing import configure_tracing

if TYPE_CHECKING:
    from tasks.engine.process import LeftEngine

log = structlog.get_logger(__name__)

_STABLE_SECONDS = 10.0
"""A child that ends sooner than this after its start counts as an early end."""

_MAX_EARLY_ENDS = 3
"""Early ends in a row after which another restart would be of no use."""

_AWAY_SECONDS = 2.0
"""How long a stopped `curator up` waits for an embedded Valkey that has just ended."""

_parent_pid_option = click.option("--parent-pid", type=int, hidden=True)
"""The process id of `curator up`, set on its children: they end when it dies."""


def _listening_options(command: Command) -> Command:
    """Adds --host and --port, which `_environ` reads."""
    host = click.option(
        "--host", metavar="ADDRESS", help="The address that web listens on.  [default: HTTP_HOST]"
    )
    port = click.option(
        "--port",
        type=click.IntRange(0, 65_535),
        help="The port that web listens on.  [default: HTTP_PORT]",
    )
    return host(port(command))


@click.command()
@_listening_options
def up(host: str | None, port: int | None) -> None:
    """Run everything on this machine: Valkey (unless REDIS_URL is set), web and worker.

    Ctrl-C ends them all.
    """
    environ = _environ(host, port)
    settings = _start(None, environ)
    sockets = _listen(settings)
    if not asyncio.run(_run_everything(settings, environ, sockets)):
        raise Unreachable("a process keeps ending soon after its start; its log is above")


@click.command()
@_listening_options
@_parent_pid_option
@click.option("--sockets-from", "channel", type=int, hidden=True)
def web(host: str | None, port: int | None, parent_pid: int | None, channel: int | None) -> None:
    """Run the web service: the HTTP interface and the pages."""
    settings = _start(parent_pid, _environ(host, port))
    sockets = _listen(settings) if channel is None else received(socket.socket(fileno=channel))
    log.info("web listens", **_described(settings, sockets))
    from app.main import serve  # loads the web framework, which `up` does not need
    from tasks.resources import open_web
    from tasks.telemetry.exposition import configure_metrics

    tracing = configure_tracing("curator-web", os.environ, settings.trace_sample_ratio)
    exposition = configure_metrics("curator-web", os.environ)
    serve(settings, open_web, sockets, exposition)
    log.info("web stopped")
    tracing.shutdown()
    exposition.shutdown()


@click.command()
@_parent_pid_option
@click.option("--engine", "left", type=(int, int, int), hidden=True)
@click.option("--engine-loads", "loads", is_flag=True, hidden=True)
def worker(parent_pid: int | None, left: tuple[int, int, int] | None, loads: bool) -> None:
    """Run a worker. After WORKER_MAX_TASKS steps it replaces itself with a fresh one."""
    settings = _start(parent_pid, os.environ)
    import uvloop

    from tasks.engine.process import LeftEngine
    from tasks.telemetry.exposition import configure_metrics
    from tasks.worker.worker import run_worker

    tracing = configure_tracing("curator-worker", os.environ, settings.trace_sample_ratio)
    exposition = configure_metrics("curator-worker", os.environ)
    adopted = LeftEngine(*left, loaded=not loads) if left else None
    worker_exit = uvloop.run(run_worker(settings, left=adopted, exposition=exposition))
    tracing.shutdown()
    exposition.shutdown()
    if worker_exit.failure is not None:
        raise CannotWork(worker_exit.failure)
    if worker_exit.recycle:
        log.info("worker has run WORKER_MAX_TASKS steps and is replaced")
        command = [*module_command("app.cli"), "worker"]
        if parent_pid is not None:
            command.append(f"--parent-pid={parent_pid}")
        if worker_exit.engine is not None:
            command += _engine_options(worker_exit.engine)
        os.execve(  # noqa: S606 - the command that runs now
            sys.executable, command, module_environ(os.environ)
        )


def _engine_options(left: LeftEngine) -> list[str]:
    options = ["--engine", str(left.pid), str(left.descriptor), str(left.usual_bytes)]
    return options if left.loaded else [*options, "--engine-loads"]


def _environ(host: str | None, port: int | None) -> dict[str, str]:
    """The environment, with the given options in place of its settings."""
    given = {"HTTP_HOST": host, "HTTP_PORT": None if port is None else str(port)}
    return {**os.environ, **{name: text for name, text in given.items() if text is not None}}


def _start(parent_pid: int | None, environ: Mapping[str, str]) -> Settings:
    if parent_pid is not None:
        die_with_parent(parent_pid)
    settings = read_settings(environ)
    configure_logging(settings.worker_log_level, levels=settings.log_levels)
    if parent_pid is None:  # the children of `up` have its environment
        for name, successor in ignored_variables(environ).items():
            log.warning("a variable of Celery is not read", variable=name, use=successor)
    return settings


def _listen(settings: Settings) -> list[socket.socket]:
    """The sockets of web. Raises InvalidSettings if it cannot or may not listen there."""
    check_exposure(
        settings.http_host,
        unsafe_open=settings.unsafe_open,
        proxy_secret=settings.proxy_secret,
    )
    return listen(settings.http_host, settings.http_port)


def _described(settings: Settings, sockets: Sequence[socket.socket]) -> dict[str, str]:
    """What the first line of web, and of `curator up`, says."""
    return {
        "url": url_of(settings.http_host, sockets),
        "version": version("content-curator"),
        "ledger": ledger_address(settings),
    }


async def _run_everything(
    settings: Settings, environ: Mapping[str, str], sockets: Sequence[socket.socket]
) -> bool:
    """Runs all until a signal ends it. False: web or worker keeps ending early.

    A signal before web and worker are started ends this process at once, and the server with it.
    """
    if settings.redis_url:
        return await _supervise(settings, environ, sockets)
    limit_mb = settings.embedded_valkey_limit_mb
    async with embedded_valkey(settings.state_dir, max_memory_mb=limit_mb) as valkey:
        # The default of MAX_MB depends on the embedded Valkey, which REDIS_URL hides from them.
        environ = {**environ, "REDIS_URL": valkey.url, "MAX_MB": str(settings.jobs_limit_mb)}
        return await _supervise(settings, environ, sockets, valkey)


async def _supervise(
    settings: Settings,
    environ: Mapping[str, str],
    sockets: Sequence[socket.socket],
    valkey: EmbeddedValkey | None = None,
) -> bool:
    """Runs web and worker until a signal ends them. False: one of them keeps ending early."""
    supervisor = Supervisor(environ, sockets)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, supervisor.stop)
    log.info("curator is up", **_described(settings, sockets))
    async with contextlib.AsyncExitStack() as stack:
        if valkey is not None:
            end_without = partial(supervisor.end_without, valkey)
            await stack.enter_async_context(background("end without Valkey", end_without))
        return await supervisor.run("web", "worker")


class Supervisor:
    """The child processes of one `curator up`: each is started again when it ends."""

    def __init__(self, environ: Mapping[str, str], sockets: Sequence[socket.socket]) -> None:
        self._environ = module_environ(environ)
        self._sockets = sockets
        """Those of web, which stay open while it is started again."""
        self._children: dict[str, asyncio.subprocess.Process] = {}
        self._stopping = asyncio.Event()
        self._tasks = asyncio.TaskGroup()

    def stop(self) -> None:
        """Sends SIGTERM to every child, and again when called again. They may finish their work."""
        self._stopping.set()
        close(self._sockets)  # so that nobody connects who would not be served
        for child in self._children.values():
            with contextlib.suppress(ProcessLookupError):
                child.terminate()

    async def end_without(self, valkey: EmbeddedValkey) -> None:
        """After `stop`, sends SIGTERM again while the server is away: what the worker runs cannot
        be recorded then, and it would try to for as long as SHUTDOWN_GRACE."""
        await self._stopping.wait()
        while True:
            await asyncio.sleep(_AWAY_SECONDS)
            if not valkey.serving:
                log.warning("the embedded Valkey is away, what still runs is ended")
                self.stop()

    async def run(self, *commands: str) -> bool:
        """Runs `curator COMMAND` for each until `stop`. False: one of them keeps ending early."""
        async with self._tasks:
            tasks = [self._tasks.create_task(self._keep_running(command)) for command in commands]
        return all(task.result() for task in tasks)

    async def _keep_running(self, command: str) -> bool:
        early_ends = 0
        while not self._stopping.is_set():
            started = time.monotonic()
            child = await self._spawn(command)
            status = await child.wait()
            if self._stopping.is_set():
                break
            early = time.monotonic() - started <= _STABLE_SECONDS or status == CannotWork.exit_code
            early_ends = early_ends + 1 if early else 0
            if early_ends == _MAX_EARLY_ENDS:
                log.error("process keeps ending early", command=command, status=status)
                self.stop()
                return False
            log.warning("process ended and is started again", command=command, status=status)
        return True

    async def _spawn(self, command: str) -> asyncio.subprocess.Process:
        child = await (self._start_web() if command == "web" else self._start(command))
        self._children[command] = child
        if self._stopping.is_set():
            child.terminate()
        return child

    async def _start_web(self) -> asyncio.subprocess.Process:
        ours, theirs = socket.socketpair()
        with theirs:
            copies = [opened.dup() for opened in self._sockets]  # `stop` closes the originals
            self._tasks.create_task(hand_over(copies, ours))
            return await self._start(
                "web", f"--sockets-from={theirs.fileno()}", pass_fds=[theirs.fileno()]
            )

    async def _start(
        self, command: str, *options: str, pass_fds: Sequence[int] = ()
    ) -> asyncio.subprocess.Process:
        return await asyncio.create_subprocess_exec(
            *(*module_command("app.cli"), command, f"--parent-pid={os.getpid()}", *options),
            env=self._environ,
            pass_fds=pass_fds,
            start_new_session=True,  # Ctrl-C must reach only this process
        )
