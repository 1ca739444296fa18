"""Responses and errors of HTTP as step errors: which of them may pass, and when to retry.

The details are for readers. They never repeat an error's own text, which may contain addresses of
our own network.
"""

from __future__ import annotations

import datetime as dt
import email.utils
import math
import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus

import httpx

from tasks.errors import PermanentFailure, Reason, StepError, TransientFailure

MAX_RETRY_AFTER = 900.0
"""Seconds. A site that asks for a longer wait is asked again after this time."""

MAX_DATE_CHARS = 100
"""Of a `Retry-After`; a date is shorter."""

_TRANSIENT_STATUSES = frozenset({408, 425, 429})


def failure_of(response: httpx.Response, now: float, host: str | None = None) -> StepError | None:
    """The failure that the response's status stands for; None if the response is usable.

    `now` is in seconds since the epoch; `host` is the one that sent the response.
    """
    status = response.status_code
    if 200 <= status < 300:
        return None
    detail = f"The site answered {_phrase(status)}."
    if status in (404, 410):
        return PermanentFailure(Reason.NOT_FOUND, detail)
    if status in _TRANSIENT_STATUSES or status >= 500:
        wait = parse_retry_after(response.headers.get("retry-after"), now)
        momentary = wait is None and status != HTTPStatus.TOO_MANY_REQUESTS
        return TransientFailure(
            Reason.SERVER_ERROR, detail, retry_after=wait, host=host, momentary=momentary
        )
    return PermanentFailure(Reason.HTTP_ERROR, detail)


def parse_retry_after(value: str | None, now: float) -> float | None:
    """Seconds from `now`, at most MAX_RETRY_AFTER; None where the header is invalid."""
    if value is None:
        return None
    value = value[:MAX_DATE_CHARS].strip()
    if value.isascii() and value.isdigit():
        return min(float(value[:9]), MAX_RETRY_AFTER)
    try:
        date = email.utils.parsedate_to_datetime(value)
        aware = date if date.tzinfo else date.replace(tzinfo=dt.UTC)
        wait = aware.timestamp() - now
    except (ValueError, TypeError, OverflowError, IndexError):
        return None
    return min(max(wait, 0.0), MAX_RETRY_AFTER) if math.isfinite(wait) else None


def _phrase(status: int) -> str:
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)


@contextmanager
def http_errors_as_step_errors() -> Iterator[None]:
    """Raises httpx's errors as step errors."""
    try:
        yield
    except httpx.HTTPError as error:
        raise step_error_of(error) from error


def step_error_of(error: httpx.HTTPError) -> StepError:
    if isinstance(error, httpx.TimeoutException):
        return TransientFailure(Reason.TIMED_OUT, "The site took too long to answer.")
    if _is_certificate_error(error):
        return PermanentFailure(
            Reason.CONNECTION_FAILED, "The site's certificate could not be verified."
        )
    if isinstance(error, httpx.ProxyError) and str(error).startswith("4"):
        return PermanentFailure(
            Reason.CONNECTION_FAILED, "The egress proxy refused to connect to the site."
        )
    if isinstance(error, httpx.ProtocolError):
        detail = "The site did not speak proper HTTP."
    else:
        detail = "The connection to the site failed."
    return TransientFailure(Reason.CONNECTION_FAILED, detail, momentary=True)


def _is_certificate_error(error: BaseException) -> bool:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return True
        cause = cause.__cause__ or cause.__context__
    return False
