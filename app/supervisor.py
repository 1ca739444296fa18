"""Runs web and worker as children, and starts again whichever dies."""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
import time
from collections.abc import Mapping

import structlog

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
            *(sys.executable, "-m", "app.cli", command, "--supervised"),
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
