"""The client of the HTTP interface: one method for each call that a command makes."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any, Generic, Literal, Self, TypeVar
from urllib.parse import quote, urlsplit

import httpx
import msgspec
from msgspec import Struct

from app.api.models.admin import Draining, Paused, QueueReport, WorkerListing
from app.api.models.jobs import (
    AttemptListing,
    Cancellation,
    JobListing,
    JobRetried,
    JobSubmitted,
    Kept,
    StatusReport,
)
from app.api.models.schedules import ScheduleListing, ScheduleSummary
from app.api.models.traces import TraceDocument
from app.cli.context import CliContext
from app.cli.exits import CommandError, InvalidUsage, ResultGone, Unreachable
from app.http.hosts import PROXY_SECRET_HEADER, is_loopback
from tasks.jobs.record import BulkOutcome, BulkOutcomePage
from tasks.jobs.result import JobResult, read_result
from tasks.settings import read_settings

T = TypeVar("T")
ListingT = TypeVar("ListingT", JobListing, ScheduleListing)

BulkOperation = Literal["cancel", "retry", "purge"]

_PAGE_SIZE = 100
"""Jobs or schedules in one response; the server allows at most 200."""

_TIMEOUT = httpx.Timeout(30.0, connect=5.0)


class ApiResponse(Struct, Generic[T], frozen=True):
    """A successful response: decoded, and as it was sent."""

    body: T
    document: bytes
    """JSON, as the server sent it."""


class Problem(Struct, frozen=True, kw_only=True):
    """What this client reads of a problem document (RFC 9457), from the server or a proxy."""

    type: str = ""
    title: str
    detail: str = ""
    instance: str = ""

    def __str__(self) -> str:
        # The server's detail names calls of the interface.
        job_id = self.instance.removeprefix("/jobs/").partition("/")[0]
        detail = _ADVICE.get(self.type, self.detail).replace("JOB_ID", job_id)
        return f"{self.title}: {detail}" if detail else self.title


_ADVICE = {
    "/problems/unknown-job": "check the id, or see `curator jobs list`",
    "/problems/unknown-schedule": "check the id, or see `curator schedules list`",
    "/problems/unknown-worker": "check the id, or see `curator workers list`",
    "/problems/job-finished": "see `curator jobs result JOB_ID`",
    "/problems/job-unfinished": "follow it with `curator jobs watch JOB_ID`",
    "/problems/result-expired": "run the job again with `curator jobs rerun JOB_ID`",
}
"""What the user of the command can do, by the type of the problem."""


class ApiClient:
    """The web service at one URL.

    Every call raises InvalidUsage if the server refuses the request (4xx), and Unreachable if there
    is no usable response.
    """

    def __init__(
        self,
        url: str,
        transport: httpx.BaseTransport | None = None,
        *,
        proxy_secret: str | None = None,
        timeout: httpx.Timeout = _TIMEOUT,
    ) -> None:
        """`proxy_secret` is sent with each request, as the service may ask for it."""
        try:
            base = httpx.URL(url)
        except httpx.InvalidURL as error:
            raise InvalidUsage(f"{url!r} is not a URL: {error}") from error
        if base.scheme not in ("http", "https") or not base.host:
            raise InvalidUsage(
                f"{url!r} is not the URL of a web service: it must be http://… or https://…"
            )
        self.url = str(base.copy_with(userinfo=b"")).rstrip("/")
        """The URL without its password, safe to print."""
        self._http = httpx.Client(
            base_url=base,
            transport=transport,
            timeout=timeout,
            headers=_headers(proxy_secret),
            # A proxy configured in the environment would look for a loopback host on its own side.
            trust_env=not is_loopback(base.host),
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

    # Jobs

    def submit_job(
        self, request: Mapping[str, Any], idempotency_key: str | None = None
    ) -> ApiResponse[JobSubmitted]:
        # Encoded here: the server then rejects a key that is no valid header value, with its own
        # message. httpx would raise for it.
        headers = {} if idempotency_key is None else {"Idempotency-Key": idempotency_key.encode()}
        return self._call("POST", "/jobs", JobSubmitted, json=request, headers=headers)

    def list_jobs(
        self,
        states: Sequence[str],
        types: Sequence[str],
        limit: int | None,
        cursor: str | None = None,
    ) -> ApiResponse[JobListing]:
        """Jobs, newest first; only active jobs if no state is given, all if `limit` is None.

        With a cursor, only jobs whose id is below it.
        """
        return self._listing("jobs", JobListing, limit, {"state": states, "type": types}, cursor)

    def job_status(self, job_id: uuid.UUID) -> ApiResponse[StatusReport]:
        return self._call("GET", f"/jobs/{job_id}/status", StatusReport)

    def job_result(self, job_id: uuid.UUID) -> ApiResponse[JobResult]:
        return self._decode(self._send("GET", f"/jobs/{job_id}/result"), read_result)

    def job_attempts(self, job_id: uuid.UUID) -> ApiResponse[AttemptListing]:
        return self._call("GET", f"/jobs/{job_id}/attempts", AttemptListing)

    def job_trace(self, job_id: uuid.UUID) -> ApiResponse[TraceDocument]:
        return self._call("GET", f"/jobs/{job_id}/trace", TraceDocument)

    def retry_job(self, job_id: uuid.UUID) -> ApiResponse[JobRetried]:
        return self._call("POST", f"/jobs/{job_id}/retry", JobRetried)

    def rerun_job(self, job_id: uuid.UUID) -> ApiResponse[JobRetried]:
        return self._call("POST", f"/jobs/{job_id}/rerun", JobRetried)

    def keep_result(self, job_id: uuid.UUID, seconds: int) -> ApiResponse[Kept]:
        body = {"result_ttl_seconds": seconds}
        return self._call("POST", f"/jobs/{job_id}/keep", Kept, json=body)

    def purge_job(self, job_id: uuid.UUID) -> ApiResponse[BulkOutcome]:
        return self._call("POST", f"/jobs/{job_id}/purge", BulkOutcome)

    def cancel_job(self, job_id: uuid.UUID) -> ApiResponse[Cancellation]:
        return self._call("DELETE", f"/jobs/{job_id}", Cancellation)

    def apply_to_jobs(
        self, operation: BulkOperation, selection: Mapping[str, Any]
    ) -> Iterator[ApiResponse[BulkOutcomePage]]:
        """Applies the operation to all selected jobs. Yields each page once it is done."""
        cursor = None
        while True:
            request = {**selection, "limit": _PAGE_SIZE, **_from(cursor)}
            page = self._call("POST", f"/jobs/{operation}", BulkOutcomePage, json=request)
            yield page
            cursor = page.body.next_cursor
            if cursor is None:
                return

    def job_page_url(self, job_id: uuid.UUID) -> str:
        """The URL of the job's page, for a browser."""
        return f"{self.url}/jobs/{job_id}"

    # Schedules

    def add_schedule(self, request: Mapping[str, Any]) -> ApiResponse[ScheduleSummary]:
        return self._call("POST", "/schedules", ScheduleSummary, json=request)

    def list_schedules(self) -> ApiResponse[ScheduleListing]:
        """All schedules, newest first."""
        return self._listing("schedules", ScheduleListing)

    def schedule(self, schedule_id: uuid.UUID) -> ApiResponse[ScheduleSummary]:
        return self._call("GET", f"/schedules/{schedule_id}", ScheduleSummary)

    def change_schedule(
        self, schedule_id: uuid.UUID, changes: Mapping[str, Any]
    ) -> ApiResponse[ScheduleSummary]:
        return self._call("PATCH", f"/schedules/{schedule_id}", ScheduleSummary, json=changes)

    def pause_schedule(self, schedule_id: uuid.UUID) -> ApiResponse[ScheduleSummary]:
        return self._call("POST", f"/schedules/{schedule_id}/pause", ScheduleSummary)

    def resume_schedule(self, schedule_id: uuid.UUID) -> ApiResponse[ScheduleSummary]:
        return self._call("POST", f"/schedules/{schedule_id}/resume", ScheduleSummary)

    def run_schedule(self, schedule_id: uuid.UUID) -> ApiResponse[JobSubmitted]:
        return self._call("POST", f"/schedules/{schedule_id}/run", JobSubmitted)

    def remove_schedule(self, schedule_id: uuid.UUID) -> None:
        self._send("DELETE", f"/schedules/{schedule_id}")

    # Queue and workers

    def queue(self) -> ApiResponse[QueueReport]:
        return self._call("GET", "/queue", QueueReport)

    def pause_queue(self) -> ApiResponse[Paused]:
        return self._call("POST", "/queue/pause", Paused)

    def resume_queue(self) -> ApiResponse[Paused]:
        return self._call("POST", "/queue/resume", Paused)

    def list_workers(self) -> ApiResponse[WorkerListing]:
        return self._call("GET", "/workers", WorkerListing)

    def drain_worker(self, worker_id: str) -> ApiResponse[Draining]:
        return self._call("POST", f"/workers/{quote(worker_id, safe='')}/drain", Draining)

    def _listing(
        self,
        name: Literal["jobs", "schedules"],
        kind: type[ListingT],
        limit: int | None = None,
        query: Mapping[str, Sequence[str]] | None = None,
        cursor: str | None = None,
    ) -> ApiResponse[ListingT]:
        """Up to `limit` entries of GET /{name}, from as many pages as needed, as one response."""
        entries: list[Any] = []
        while limit is None or len(entries) < limit:
            size = _PAGE_SIZE if limit is None else min(_PAGE_SIZE, limit - len(entries))
            params = {**(query or {}), "limit": size, **_from(cursor)}
            page = self._call("GET", f"/{name}", kind, params=params)
            entries += msgspec.json.decode(page.document)[name]
            cursor = page.body.next_cursor
            if cursor is None:
                break
        document = msgspec.json.encode({name: entries, "next_cursor": cursor})
        return ApiResponse(msgspec.json.decode(document, type=kind), document)

    def _call(self, method: str, path: str, kind: type[T], **content: Any) -> ApiResponse[T]:
        response = self._send(method, path, **content)
        return self._decode(response, lambda document: msgspec.json.decode(document, type=kind))

    def _decode(self, response: httpx.Response, decode: Callable[[bytes], T]) -> ApiResponse[T]:
        try:
            return ApiResponse(decode(response.content), response.content)
        except (msgspec.DecodeError, UnicodeDecodeError) as error:
            raise self._not_a_curator(response) from error

    def _send(self, method: str, path: str, **content: Any) -> httpx.Response:
        try:
            response = self._http.request(method, path, **content)
        except httpx.TimeoutException as error:
            raise Unreachable(f"{self.url} cannot be reached: no response in time") from error
        except (httpx.HTTPError, OSError, ValueError) as error:
            # The resolver raises ValueError for a name that no host can have.
            raise Unreachable(f"{self.url} cannot be reached: {error}") from error
        if not response.is_success:
            raise self._refusal(response)
        return response

    def _refusal(self, response: httpx.Response) -> CommandError:
        if response.is_redirect:
            return Unreachable(
                f"{self.url} redirects to {response.headers['location']}:"
                " give the URL of the content curator itself"
            )
        try:
            problem = msgspec.json.decode(response.content, type=Problem)
        except (msgspec.DecodeError, UnicodeDecodeError):
            return self._not_a_curator(response)
        if response.status_code == httpx.codes.GONE:
            return ResultGone(str(problem))
        if response.is_client_error:
            return InvalidUsage(str(problem))
        return Unreachable(f"{self.url} cannot answer now: {problem}")

    def _not_a_curator(self, response: httpx.Response) -> Unreachable:
        content_type = response.headers.get("content-type", "no content type")
        return Unreachable(
            f"{self.url} does not respond like a content curator:"
            f" status {response.status_code}, {content_type}"
        )


def open_client(
    context: CliContext, url: str | None, timeout: httpx.Timeout = _TIMEOUT
) -> ApiClient:
    """The client of the web service at this URL, by default at CURATOR_URL.

    PROXY_SECRET is sent to CURATOR_URL and to this machine, and to no other host.
    """
    settings = read_settings(context.environ)
    ours = url is None or url == settings.curator_url or is_loopback(_host(url))
    return ApiClient(
        url or settings.curator_url,
        context.transport,
        proxy_secret=settings.proxy_secret if ours else None,
        timeout=timeout,
    )


def _host(url: str) -> str:
    try:
        return urlsplit(url).hostname or ""
    except ValueError:
        return ""


def _headers(proxy_secret: str | None) -> dict[str, str]:
    headers = {"Accept": "application/json, application/problem+json"}
    return {**headers, PROXY_SECRET_HEADER: proxy_secret} if proxy_secret else headers


def _from(cursor: str | None) -> dict[str, str]:
    """The parameter that continues a listing; none for its first page."""
    return {"cursor": cursor} if cursor else {}
