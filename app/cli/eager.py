"""Runs a submitted job in this process, without Redis or a server (TASKS_EAGER=1).

It imports what a worker imports, so `submit` imports it only when the setting asks for it.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Mapping
from typing import Any

import msgspec

from app.api.models.job_requests import JobRequest, submission_of
from app.cli.exits import InvalidUsage, check_outcome
from app.cli.tables import show_result
from app.cli.terminal import print_json, terminal
from tasks.composition import fetch_policy
from tasks.eager import EagerOutcome, run_eagerly
from tasks.errors import InvalidRequest
from tasks.fetch.fetcher import build_fetcher
from tasks.jobs.result import read_result
from tasks.logs import configure_logging
from tasks.resources import build_engine
from tasks.settings import Settings


def run_job(request: Mapping[str, Any], settings: Settings, *, fail_on: str, as_json: bool) -> None:
    """Runs the job to its end, and prints its result.

    Raises InvalidUsage if the request is invalid, JobUnsuccessful as `check_outcome` does.
    """
    configure_logging(settings.worker_log_level, levels=settings.log_levels)
    try:
        outcome = asyncio.run(_run(msgspec.convert(request, JobRequest), settings))
    except (InvalidRequest, msgspec.ValidationError) as error:
        raise InvalidUsage(str(error)) from error
    result = read_result(outcome.result)
    if as_json:
        print_json(outcome.result)
    else:
        show_result(terminal(), result)
    check_outcome(result, fail_on)


async def _run(request: JobRequest, settings: Settings) -> EagerOutcome:
    engine = build_engine(settings)
    engine.start()
    try:
        async with contextlib.aclosing(build_fetcher(fetch_policy(settings))) as fetcher:
            return await run_eagerly(submission_of(request), settings, engine, fetcher)
    finally:
        await engine.stop()
