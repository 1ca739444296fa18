"""What can go wrong, as one tree.

CuratorError
├── InvalidSettings          a value in the environment; the process stops at start
├── InvalidRequest           a request of a caller; says what to change
│   └── InvalidUrls          some of its URLs cannot be used; has the first of them
├── IdempotencyConflict      an idempotency key that was used for another request
├── QuotaExceeded            as much as one caller may have; it can be sent again later
├── LedgerFull               as much as all callers together may have
├── UnknownJob               no such job, or its time to live has ended
├── UnknownSchedule          no such schedule
├── UnknownWorker            no such worker has reported lately
├── JobFinished              too late to change it
├── JobUnfinished            too early for its result
├── ResultExpired            the job is known, but its result's time to live has ended
├── LedgerUnavailable        Redis cannot be reached
├── HostBusy                 a step has to wait for its host; not a failure
└── StepError                why a step did not succeed, with a reason
    ├── PermanentFailure     trying again would give the same
    └── TransientFailure     may succeed later; retried after a delay

A class's docstring is its default message.
"""

from __future__ import annotations

import enum
import inspect
from collections.abc import Sequence

from msgspec import Struct


class Reason(enum.StrEnum):
    """Why an article failed: a stable word for programs. A sentence for readers goes with it."""

    INVALID_URL = "invalid_url"
    BLOCKED_ADDRESS = "blocked_address"
    ROBOTS_DENIED = "robots_denied"
    NOT_FOUND = "not_found"
    """404 or 410."""
    HTTP_ERROR = "http_error"
    """Any other 4xx: permanent."""
    SERVER_ERROR = "server_error"
    """5xx or 429: transient."""
    CONNECTION_FAILED = "connection_failed"
    TIMED_OUT = "timed_out"
    TOO_LARGE = "too_large"
    TOO_MANY_REDIRECTS = "too_many_redirects"
    UNSUPPORTED_CONTENT = "unsupported_content"
    """Not HTML or XML, or an encoding that cannot be undone."""
    NO_TEXT = "no_text"
    NO_ARTICLE = "no_article"
    """A front or section page, or one that asks for consent."""
    NO_TITLE = "no_title"
    TOO_SHORT = "too_short"
    NOT_READABLE = "not_readable"
    """The extractor itself failed on the page."""
    SOURCES_FAILED = "sources_failed"
    """Every source of a topic failed."""
    WORKER_LOST = "worker_lost"
    """The worker died or its lease expired, on every try that the step had."""
    ENGINE_CRASHED = "engine_crashed"
    OUT_OF_MEMORY = "out_of_memory"
    """The analysis needed more memory than ENGINE_MEMORY_MB."""
    DEADLINE_REACHED = "deadline_reached"
    ALL_FAILED = "all_failed"
    """Of a job: each of its articles failed."""
    DEPENDENCY_FAILED = "dependency_failed"
    """Of a job: another job that it depends on did not succeed."""
    INTERNAL_ERROR = "internal_error"


class CuratorError(Exception):
    """Something went wrong."""

    def __init__(self, message: str | None = None) -> None:
        super().__init__(message or inspect.getdoc(type(self)) or "")


class InvalidSettings(CuratorError):
    """A setting has a value that cannot be used."""


class InvalidRequest(CuratorError):
    """The request cannot be carried out as it is."""


class InvalidUrl(Struct, frozen=True, kw_only=True):
    """A URL that cannot be used."""

    index: int
    """Its place in the list, from 0."""
    problem: str
    """“tea” is no http address"""


class InvalidUrls(InvalidRequest):
    """Some of the URLs cannot be used."""

    def __init__(self, urls: Sequence[InvalidUrl], number: int, total: int) -> None:
        self.urls = urls
        """The first of them."""
        self.summary = f"{number} of {total} URLs cannot be used"
        places = [f"urls[{url.index}]: {url.problem}" for url in urls]
        super().__init__(". ".join([self.summary, *places]) + ".")


class IdempotencyConflict(CuratorError):
    """This idempotency key was used for another request; use a new one."""


class QuotaExceeded(CuratorError):
    """You have as much as one caller may have."""


class LedgerFull(CuratorError):
    """All callers together have as much as this service takes."""


class UnknownJob(CuratorError):
    """There is no such job, or its time to live has ended."""


class UnknownSchedule(CuratorError):
    """There is no such schedule."""


class UnknownWorker(CuratorError):
    """No such worker has reported lately."""


class JobFinished(CuratorError):
    """The job has already ended."""


class JobUnfinished(CuratorError):
    """The job has not ended yet."""


class ResultExpired(CuratorError):
    """The result was kept for its time to live and is gone."""


class LedgerUnavailable(CuratorError):
    """The ledger cannot be reached at the moment."""


class HostBusy(CuratorError):
    """The host cannot take this request yet."""

    def __init__(self, host: str, seconds: float) -> None:
        super().__init__()
        self.host = host
        self.seconds = seconds
        """Until the step's turn. Until then it keeps its place in the host's queue, if it has
        one."""


class StepError(CuratorError):
    """A step did not succeed."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason = reason
        self.detail = detail


class PermanentFailure(StepError):
    """The step would fail in the same way again."""


class TransientFailure(StepError):
    """The step may succeed later."""

    def __init__(
        self,
        reason: Reason,
        detail: str,
        *,
        retry_after: float | None = None,
        host: str | None = None,
        momentary: bool = False,
    ) -> None:
        super().__init__(reason, detail)
        self.retry_after = retry_after
        """Seconds that the site or service asked us to wait; None if it did not."""
        self.host = host
        """The host that asked for it, if it was a site."""
        self.momentary = momentary
        """Whether it is often over after a few seconds."""
