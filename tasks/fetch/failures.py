"""From what goes wrong on the wire to why a step did not succeed.

The details are for readers. They never repeat an error's own text, which may name addresses of
the network that we stand in.
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from tasks.errors import PermanentFailure, Reason, StepError, TransientFailure


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
