"""Failures of our own, and what every answer carries."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager

import httpx
import pytest
import structlog

from app.http.problems import PROBLEMS
from app.http.security import SECURITY_HEADERS
from tasks.composition import job_limits
from tasks.jobs.job import JobState, JobType
from tasks.jobs.queue import Queue
from tasks.jobs.record import JobPage
from tasks.resources import open_ledger
from tasks.settings import Settings
from tests.web.conftest import client_of
from tests.web.problem import problem


class Broken(Queue):
    """A queue with a mistake in it."""

    async def jobs(
        self,
        states: Sequence[JobState] = (),
        types: Sequence[JobType] = (),
        cursor: str | None = None,
        limit: int = 50,
    ) -> JobPage:
        raise ZeroDivisionError("redis://secret@127.0.0.1 in /srv/app.py")


@asynccontextmanager
async def open_broken(settings: Settings) -> AsyncIterator[Queue]:
    async with open_ledger(settings) as ledger:
        yield Broken(ledger, job_limits(settings))


async def test_an_unexpected_error_is_logged_and_not_disclosed(settings: Settings) -> None:
    with structlog.testing.capture_logs() as logs:
        async with client_of(settings, open_broken) as client:
            document = problem(await client.get("/jobs"), 500, "internal-error")

    assert "secret" not in str(document)
    assert [entry["event"] for entry in logs] == ["request failed", "request"]
    assert isinstance(logs[0]["exc_info"], ZeroDivisionError)


@pytest.mark.parametrize(
    "path", ["/", "/jobs", "/nothing", "/static/style.css", "/schema", "/health/live"]
)
async def test_responses_have_the_security_headers(client: httpx.AsyncClient, path: str) -> None:
    response = await client.get(path)
    for name, value in SECURITY_HEADERS.items():
        assert response.headers[name] == value
    assert "unsafe" not in response.headers["content-security-policy"]
    assert "server" not in response.headers


async def test_every_problem_type_is_explained_at_its_path(client: httpx.AsyncClient) -> None:
    for kind in PROBLEMS.values():
        response = await client.get(kind.type)
        assert response.status_code == 200
        assert kind.title in response.text
