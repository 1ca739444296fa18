"""What a status means for the one who asked."""

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
"""Seconds. Who asks for more is asked again then."""

_MAY_PASS = frozenset({408, 425, 429})
_REDIRECTS = frozenset({301, 302, 303, 307, 308})


def redirect_location(response: httpx.Response) -> str | None:
    """Where the answer sends us; None if it is not a redirect."""
    location: str | None = response.headers.get("location")
    return location if response.status_code in _REDIRECTS else None


def failure_of(response: httpx.Response, now: float, host: str | None = None) -> StepError | None:
    """Why this answer is of no use, by its status; None if it is. `now` is the time of day, `host`
    whoever gave the answer."""
    status = response.status_code
    if 200 <= status < 300:
        return None
    said = f"The site answered {_phrase(status)}."
    if status in (404, 410):
        return PermanentFailure(Reason.NOT_FOUND, said)
    if status in _MAY_PASS or status >= 500:
        wait = parse_retry_after(response.headers.get("retry-after"), now)
        return TransientFailure(Reason.SERVER_ERROR, said, retry_after=wait, host=host)
    return PermanentFailure(Reason.HTTP_ERROR, said)


def parse_retry_after(value: str | None, now: float) -> float | None:
    """Seconds from `now`, at most MAX_RETRY_AFTER; None where the header makes no sense."""
    if value is None:
        return None
    value = value.strip()
    if value.isascii() and value.isdigit():
        return min(float(value[:9]), MAX_RETRY_AFTER)
    try:
        when = email.utils.parsedate_to_datetime(value)
        aware = when if when.tzinfo else when.replace(tzinfo=dt.UTC)
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
def told_as_step_errors() -> Iterator[None]:
    """Turns httpx's errors into ours."""
    try:
        yield
    except httpx.HTTPError as error:
        raise step_error(error) from error


def step_error(error: httpx.HTTPError) -> StepError:
    if isinstance(error, httpx.TimeoutException):
        return TransientFailure(Reason.TIMED_OUT, "The site took too long to answer.")
    if _by_certificate(error):
        return PermanentFailure(
            Reason.CONNECTION_FAILED, "The site's certificate could not be verified."
        )
    if isinstance(error, httpx.ProxyError) and str(error).startswith("4"):
        return PermanentFailure(
            Reason.CONNECTION_FAILED, "The egress proxy refused to connect to the site."
        )
    if isinstance(error, httpx.ProtocolError):
        return TransientFailure(Reason.CONNECTION_FAILED, "The site did not speak proper HTTP.")
    return TransientFailure(Reason.CONNECTION_FAILED, "The connection to the site failed.")


def _by_certificate(error: BaseException) -> bool:
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, ssl.SSLCertVerificationError):
            return True
        cause = cause.__cause__ or cause.__context__
    return False
