"""Errors as the client reads them: RFC 9457 problem documents, or a page for a browser.

`PROBLEMS` is the one table: the class of each error, or its HTTP status where the framework raised
it, with its problem type. Nothing else of an error leaves the process.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

import msgspec
import structlog
from litestar import Request, Response
from litestar.exceptions import HTTPException, ValidationException
from litestar.response import Template
from msgspec import Struct
from opentelemetry import trace

from app.http.methods import allow_header
from app.http.negotiation import prefers_page
from app.http.security import CrossOrigin, NotThroughProxy, WrongHost
from tasks.errors import (
    CuratorError,
    IdempotencyConflict,
    InvalidRequest,
    InvalidUrls,
    JobFinished,
    JobUnfinished,
    LedgerFull,
    LedgerUnavailable,
    QuotaExceeded,
    ResultExpired,
    UnknownJob,
    UnknownSchedule,
    UnknownWorker,
)

log = structlog.get_logger(__name__)

MEDIA_TYPE = "application/problem+json"


class ProblemType(Struct, frozen=True, kw_only=True):
    """One kind of problem."""

    name: str
    """Stable: the last part of the problem's `type`."""
    status: int
    title: str
    advice: str = ""
    """What a caller of the interface can do, where the error itself does not say. `{job_id}` stands
    for the job of the request."""
    page_advice: str | None = None
    """What the reader of a page can do; None for the same."""
    retry_after: int | None = None
    """Seconds after which the same request may succeed."""

    @property
    def type(self) -> str:
        return f"/problems/{self.name}"


class UrlProblem(Struct, frozen=True, kw_only=True):
    """One of the URLs of a request that cannot be used."""

    index: int
    """Its place in `urls`, from 0."""
    detail: str


class Problem(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A problem document (RFC 9457)."""

    type: str
    title: str
    status: int
    detail: str
    """What was wrong with this request, and what to change."""
    instance: str
    """The path of the request."""
    trace_id: str | None = None
    """The trace of the request, for its investigation."""
    errors: tuple[UrlProblem, ...] = ()
    """Where URLs cannot be used, the first 20 of them."""


INVALID_REQUEST = ProblemType(
    name="invalid-request", status=422, title="The request cannot be carried out as it is"
)

PROBLEMS: Mapping[type[Exception] | int, ProblemType] = {
    InvalidRequest: INVALID_REQUEST,
    InvalidUrls: INVALID_REQUEST,
    ValidationException: INVALID_REQUEST,
    IdempotencyConflict: ProblemType(
        name="idempotency-conflict",
        status=422,
        title="The idempotency key was used for another request",
    ),
    QuotaExceeded: ProblemType(
        name="quota-exceeded",
        status=429,
        title="The quota of this caller is used up",
        advice="Nothing was submitted.",
        retry_after=30,
    ),
    LedgerFull: ProblemType(
        name="full",
        status=503,
        title="The service takes no more at the moment",
        advice="Nothing was submitted; try again later.",
        retry_after=30,
    ),
    UnknownJob: ProblemType(
        name="unknown-job",
        status=404,
        title="Unknown job",
        advice="Check the id, or list the jobs with GET /jobs.",
        page_advice="Check the address, or look for the job on the start page.",
    ),
    UnknownSchedule: ProblemType(
        name="unknown-schedule",
        status=404,
        title="Unknown schedule",
        advice="Check the id, or list the schedules with GET /schedules.",
    ),
    UnknownWorker: ProblemType(
        name="unknown-worker",
        status=404,
        title="Unknown worker",
        advice="Check the id, or list the workers with GET /workers.",
    ),
    JobFinished: ProblemType(
        name="job-finished",
        status=409,
        title="The job has ended",
        advice="There is nothing to cancel; its result is at /jobs/{job_id}/result.",
        page_advice="There is nothing to cancel; its page has the result.",
    ),
    JobUnfinished: ProblemType(
        name="job-unfinished",
        status=409,
        title="The job has not ended yet",
        advice="Ask again later, or follow /jobs/{job_id}/status.",
        page_advice="Wait for its end; its page shows how far it is.",
        retry_after=2,
    ),
    ResultExpired: ProblemType(
        name="result-expired",
        status=410,
        title="The result is no longer kept",
        advice="Run the job again with POST /jobs/{job_id}/rerun.",
        page_advice="Its page can run the job again.",
    ),
    LedgerUnavailable: ProblemType(
        name="unavailable",
        status=503,
        title="The service is unavailable at the moment",
        advice=(
            "Nothing is lost; try again in a few seconds. If it lasts, the log of web says why."
        ),
        retry_after=5,
    ),
    CrossOrigin: ProblemType(name="cross-origin", status=403, title="Sent from another site"),
    NotThroughProxy: ProblemType(
        name="not-through-proxy", status=403, title="Not sent through the proxy"
    ),
    WrongHost: ProblemType(
        name="wrong-host", status=421, title="The request names another service"
    ),
    400: ProblemType(name="malformed-request", status=400, title="Malformed request"),
    404: ProblemType(
        name="unknown-path",
        status=404,
        title="There is nothing here",
        advice="Check the path; /docs lists all paths.",
        page_advice="Check the address, or begin at the start page.",
    ),
    405: ProblemType(name="method-not-allowed", status=405, title="Method not allowed"),
    406: ProblemType(name="not-acceptable", status=406, title="Not available in this media type"),
    408: ProblemType(
        name="request-timeout",
        status=408,
        title="The request took too long to arrive",
        advice="Send the headers and the body without pauses.",
    ),
    413: ProblemType(name="body-too-large", status=413, title="The body is too large"),
    415: ProblemType(name="unsupported-media-type", status=415, title="Unsupported media type"),
    500: ProblemType(
        name="internal-error",
        status=500,
        title="Unexpected error",
        advice="The request may be correct: try again, and report the trace id if it fails again.",
    ),
}


def problem_type_of(error: Exception) -> ProblemType:
    for kind in type(error).__mro__:
        if problem_type := PROBLEMS.get(kind):
            return problem_type
    status = error.status_code if isinstance(error, HTTPException) else 500
    return PROBLEMS.get(status) or PROBLEMS[400 if 400 <= status < 500 else 500]


def problem_response(request: Request[Any, Any, Any], error: Exception) -> Response[Any]:
    """The response to a request that raised; Litestar's exception handler."""
    kind = problem_type_of(error)
    if kind.status == 500:
        log.error("request failed", method=request.method, path=request.url.path, exc_info=error)
    as_page = prefers_page(request, otherwise=MEDIA_TYPE)
    problem = Problem(
        type=kind.type,
        title=kind.title,
        status=kind.status,
        detail=_detail(request, kind, error, as_page=as_page),
        instance=quote(request.scope["path"], safe="/:"),
        trace_id=_trace_id(),
        errors=_errors(error),
    )
    headers = {"Vary": "Accept", "Cache-Control": "no-store", **_headers(kind, error)}
    if as_page:
        page: Response[Any] = Template(
            "problem.html",
            context={"problem": problem, "job_id": _job_id(request, kind)},
            status_code=kind.status,
            headers=headers,
        )
        return page
    return Response(
        msgspec.json.encode(problem),
        media_type=MEDIA_TYPE,
        status_code=kind.status,
        headers=headers,
    )


def _detail(
    request: Request[Any, Any, Any], kind: ProblemType, error: Exception, *, as_page: bool
) -> str:
    advice = kind.page_advice if as_page and kind.page_advice is not None else kind.advice
    advice = advice.replace("{job_id}", request.path_params.get("job_id", ""))
    if isinstance(error, CuratorError) and kind.status != 500:
        return f"{error} {advice}".strip()
    if isinstance(error, ValidationException):
        return _wrong_parameters(error)
    if kind.status == 405:
        return f"{request.method} is not allowed here; use {_allow(error)}."
    if kind.status == 413:
        limit = request.route_handler.resolve_request_max_body_size()
        return f"The body may have {limit} bytes; send fewer URLs in one job."
    if advice or not isinstance(error, HTTPException):
        return advice
    return error.detail


def _job_id(request: Request[Any, Any, Any], kind: ProblemType) -> str | None:
    """The job whose page to link to."""
    return None if kind.status == 404 else request.path_params.get("job_id")


def _errors(error: Exception) -> tuple[UrlProblem, ...]:
    if not isinstance(error, InvalidUrls):
        return ()
    return tuple(UrlProblem(index=url.index, detail=url.problem) for url in error.urls)


def _wrong_parameters(error: ValidationException) -> str:
    wrong = error.extra if isinstance(error.extra, list) else []
    sentences = [
        f"{parameter['key']} {_requirement(parameter['message'])}."
        for parameter in wrong
        if "key" in parameter
    ]
    return " ".join(sentences) or "Check the parameters against /docs."


def _requirement(message: str) -> str:
    """msgspec's message as the rest of a sentence."""
    return message.replace("Expected ", "must be ").replace(", got ", ", and is ").replace("`", "")


def _headers(kind: ProblemType, error: Exception) -> dict[str, str]:
    headers = {"Allow": _allow(error)} if kind.status == 405 else {}
    if kind.retry_after is not None:
        headers["Retry-After"] = str(kind.retry_after)
    return headers


def _allow(error: Exception) -> str:
    given = error.headers if isinstance(error, HTTPException) else None
    return allow_header((given or {}).get("allow", "").split(", "))


def _trace_id() -> str | None:
    context = trace.get_current_span().get_span_context()
    return trace.format_trace_id(context.trace_id) if context.is_valid else None
