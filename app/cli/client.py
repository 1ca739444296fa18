"""A small client of the HTTP interface."""

from __future__ import annotations

import datetime as dt
import ipaddress
import uuid
from collections.abc import Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any, Literal, Self, TypeVar
from urllib.parse import quote

import httpx
import msgspec
from msgspec import Struct

from app.cli.context import Surroundings
from app.cli.exits import CommandError, Unreachable, WrongUse
from app.cli.responses import (
    Answer,
    AttemptListing,
    Handled,
    JobListing,
    JobResult,
    JobStatus,
    Problem,
    Submitted,
)
from tasks.jobs.job import JobType
from tasks.settings import read_settings

T = TypeVar("T")

_TIMEOUT = httpx.Timeout(30.0, connect=5.0)


class Service:
    """The web service. Every call raises WrongUse for what it refuses, Unreachable for the rest."""

    def __init__(self, url: str, transport: httpx.BaseTransport | None = None) -> None:
        try:
            base = httpx.URL(url)
        except httpx.InvalidURL as error:
            raise WrongUse(f"{url!r} is not a URL: {error}") from error
        if base.scheme not in ("http", "https") or not base.host:
            raise WrongUse(f"{url!r} is not an address: it must be http://… or https://…")
        self.url = str(base.copy_with(userinfo=b"")).rstrip("/")
        """The address as it may be shown: without a password."""
        self._http = httpx.Client(
            base_url=base,
            transport=transport,
            timeout=_TIMEOUT,
            headers={"Accept": "application/json, application/problem+json"},
            # A proxy that is meant for the world would look for this host at its own side.
            trust_env=not _is_loopback(base.host),
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._http.close()

    def submit(
        self, request: Mapping[str, Any], idempotency_key: str | None = None
    ) -> Answer[Submitted]:
        # Encoded here, so that a key that no header can hold is refused by the server's sentence.
        headers = {} if idempotency_key is None else {"Idempotency-Key": idempotency_key.encode()}
        return self._call("POST", "/jobs", Submitted, json=request, headers=headers)

    def jobs(
        self, states: Sequence[str], types: Sequence[str], limit: int, cursor: str | None
    ) -> Answer[JobListing]:
        """A page of jobs, newest first; the active ones where no state is given."""
        query: dict[str, Any] = {"state": states, "type": types, "limit": limit}
        return self._call(
            "GET", "/jobs", JobListing, params=query | ({"cursor": cursor} if cursor else {})
        )

    def status(self, job_id: uuid.UUID) -> Answer[JobStatus]:
        return self._call("GET", f"/jobs/{job_id}/status", JobStatus)

    def result(self, job_id: uuid.UUID) -> Answer[JobResult]:
        return self._call("GET", f"/jobs/{job_id}/result", JobResult)

    def attempts(self, job_id: uuid.UUID) -> Answer[AttemptListing]:
        return self._call("GET", f"/jobs/{job_id}/attempts", AttemptListing)

    def retry(self, job_id: uuid.UUID) -> Answer[Handled]:
        return self._call("POST", f"/jobs/{job_id}/retry", Handled)

    def cancel(self, job_id: uuid.UUID) -> Answer[Handled]:
        return self._call("DELETE", f"/jobs/{job_id}", Handled)

    def page(self, job_id: uuid.UUID) -> str:
        """The address of the job's page."""
        return f"{self.url}/jobs/{job_id}"

    def _call(self, method: str, path: str, kind: type[T], **content: Any) -> Answer[T]:
        response = self._send(method, path, **content)
        try:
            return Answer(msgspec.json.decode(response.content, type=kind), response.content)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise self._stranger(response) from error

    def _send(self, method: str, path: str, **content: Any) -> httpx.Response:
        try:
            response = self._http.request(method, path, **content)
        except httpx.TimeoutException as error:
            raise Unreachable(f"{self.url} cannot be reached: no answer in time") from error
        except (httpx.HTTPError, OSError, ValueError) as error:
            # ValueError: the resolver's, for names that no host can have.
            raise Unreachable(f"{self.url} cannot be reached: {error}") from error
        if not response.is_success:
            raise self._refusal(response)
        return response

    def _refusal(self, response: httpx.Response) -> CommandError:
        if response.is_redirect:
            return Unreachable(
                f"{self.url} redirects to {response.headers['location']}:"
                " give the address of the content curator itself"
            )
        try:
            problem = msgspec.json.decode(response.content, type=Problem)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return self._stranger(response)
        if response.is_client_error:
            return WrongUse(str(problem))
        return Unreachable(f"{self.url} cannot answer now: {problem}")

    def _stranger(self, response: httpx.Response) -> Unreachable:
        kind = response.headers.get("content-type", "no content type")
        return Unreachable(
            f"{self.url} does not answer like a content curator:"
            f" status {response.status_code}, {kind}"
        )


def open_service(around: Surroundings, url: str | None) -> Service:
    """The service at this address, else at CURATOR_URL."""
    return Service(url or read_settings(around.environ).curator_url, around.transport)


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")


Operation = Literal["cancel", "retry", "purge"]

_PAGE = 100


class QueueReport(Struct, frozen=True, kw_only=True):
    paused: bool
    active_jobs: int = 0
    queued: int = 0
    wakeups: dict[str, int] = {}
    running: int = 0
    outstanding: int = 0
    oldest_queued_seconds: float | None = None
    workers: int = 0


class Paused(Struct, frozen=True, kw_only=True):
    paused: bool


class Worker(Struct, frozen=True, kw_only=True):
    worker_id: str
    seen_at: dt.datetime | None = None
    slots: int = 0
    running: int = 0
    draining: bool = False


class WorkerListing(Struct, frozen=True, kw_only=True):
    workers: tuple[Worker, ...]


class HandledPage(Struct, frozen=True, kw_only=True):
    jobs: tuple[Handled, ...]
    next_cursor: str | None = None


class AdminService(Service):
    """The web service, as whoever runs it asks it."""

    def queue(self) -> Answer[QueueReport]:
        return self._call("GET", "/queue", QueueReport)

    def pause(self) -> Answer[Paused]:
        return self._call("POST", "/queue/pause", Paused)

    def resume(self) -> Answer[Paused]:
        return self._call("POST", "/queue/resume", Paused)

    def workers(self) -> Answer[WorkerListing]:
        return self._call("GET", "/workers", WorkerListing)

    def drain(self, worker: str) -> Answer[Worker]:
        return self._call("POST", f"/workers/{quote(worker, safe='')}/drain", Worker)

    def handle(
        self, operation: Operation, selection: Mapping[str, Any]
    ) -> Iterator[Answer[HandledPage]]:
        """Does it to the selected jobs, a page at a time."""
        cursor = None
        while True:
            request = {**selection, "limit": _PAGE} | ({"cursor": cursor} if cursor else {})
            page = self._call("POST", f"/jobs/{operation}", HandledPage, json=request)
            yield page
            cursor = page.body.next_cursor
            if cursor is None:
                return


def open_admin(around: Surroundings, url: str | None) -> AdminService:
    """The service at this address, else at CURATOR_URL."""
    return AdminService(url or read_settings(around.environ).curator_url, around.transport)


class Schedule(Struct, frozen=True, kw_only=True):
    schedule_id: uuid.UUID
    name: str | None = None
    cron: str
    time_zone: str = "UTC"
    missed: str = "run_once"
    type: JobType
    created_at: dt.datetime | None = None
    next_run_at: dt.datetime | None = None
    last_run_at: dt.datetime | None = None
    """None before the first."""
    last_job_id: str | None = None
    last_error: str | None = None
    """Why the last run was refused its job."""


class ScheduleListing(Struct, frozen=True, kw_only=True):
    schedules: tuple[Schedule, ...]
    next_cursor: str | None = None


class ScheduleService(Service):
    """The web service, where schedules are asked for."""

    def add(self, request: Mapping[str, Any]) -> Answer[Schedule]:
        return self._call("POST", "/schedules", Schedule, json=request)

    def schedules(self, limit: int, cursor: str | None) -> Answer[ScheduleListing]:
        """A page of schedules, newest first."""
        query: dict[str, Any] = {"limit": limit} | ({"cursor": cursor} if cursor else {})
        return self._call("GET", "/schedules", ScheduleListing, params=query)

    def schedule(self, schedule_id: uuid.UUID) -> Answer[Schedule]:
        return self._call("GET", f"/schedules/{schedule_id}", Schedule)

    def remove(self, schedule_id: uuid.UUID) -> None:
        self._send("DELETE", f"/schedules/{schedule_id}")


def open_schedules(around: Surroundings, url: str | None) -> ScheduleService:
    """The service at this address, else at CURATOR_URL."""
    return ScheduleService(url or read_settings(around.environ).curator_url, around.transport)
