"""`curator jobs submit` with TASKS_EAGER=1: the job runs in this very process, with no Redis."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from typing import Any

import msgspec

from app.cli.answers import JobResult
from app.cli.exits import JobUnsuccessful, WrongUse
from app.cli.options import print_json
from app.cli.tables import show_result
from app.cli.terminal import terminal
from app.requests import JobRequest, submission_of
from tasks.eager import EagerOutcome, run_eagerly
from tasks.engine.process import EngineProcess
from tasks.errors import InvalidRequest
from tasks.fetch.fetcher import build_fetcher
from tasks.job import JobState
from tasks.logs import configure_logging
from tasks.settings import Settings


def run_here(request: Mapping[str, Any], settings: Settings, *, as_json: bool) -> None:
    """Runs the job to its end, and prints its result."""
    configure_logging(settings.worker_log_level)
    try:
        outcome = asyncio.run(_run(msgspec.convert(request, JobRequest), settings))
    except (InvalidRequest, msgspec.ValidationError) as error:
        raise WrongUse(str(error)) from error
    result = msgspec.json.decode(outcome.result, type=JobResult)
    if as_json:
        print_json(outcome.result)
    else:
        show_result(terminal(), result)
    if result.status is not JobState.SUCCESS:
        raise JobUnsuccessful.of(result.status, result.error)


async def _run(request: JobRequest, settings: Settings) -> EagerOutcome:
    engine = EngineProcess(settings)
    engine.start()
    try:
        async with contextlib.aclosing(build_fetcher(settings)) as fetcher:
            return await run_eagerly(submission_of(request), settings, engine, fetcher)
    finally:
        await engine.stop()
