"""What may be submitted: a job, its bounds, and what makes two requests the same request."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from urllib.parse import urlsplit

import msgspec
from msgspec import Struct, field

from nlp.analysis import Weights
from tasks.errors import InvalidRequest, InvalidUrl, InvalidUrls
from tasks.jobs.ids import is_job_id
from tasks.jobs.job import (
    BatchAnalysis,
    HealthCheck,
    Params,
    Priority,
    SingleAnalysis,
    TopicCuration,
)
from tasks.jobs.options import JobOptions, validate_options
from tasks.jobs.record import IdempotencyKey
from tasks.redaction import without_secrets


class Submission(Struct, frozen=True, kw_only=True):
    """What a client asks for: the parameters of a job's type, and when and how the job runs."""

    params: Params
    priority: Priority = Priority.NORMAL
    depends_on: tuple[str, ...] = ()
    """Ids of the jobs that must be SUCCESS before this one starts."""
    not_before_ms: int | None = None
    """The earliest start, in ms since the epoch."""
    deadline_seconds: float | None = None
    """The time after the submission at which the job ranks the articles that it has."""
    replayed_from: str | None = None
    """Id of the job that this one retries."""
    result_ttl_seconds: int | None = None
    """How long its result is kept after its end; None for the setting's time."""


def client_key(submission: Submission, key: str) -> IdempotencyKey:
    """The key that a client sent with this submission."""
    return IdempotencyKey(
        name=_digest(key.encode()), submission_digest=_digest(_canonical(submission))
    )


def _canonical(submission: Submission) -> bytes:
    """What makes two submissions the same. Without what there was not before, it is as it was then,
    so that a request which is sent again across an upgrade is still recognised."""
    fields = msgspec.to_builtins(submission)
    if fields["result_ttl_seconds"] is None:
        del fields["result_ttl_seconds"]
    if fields["params"].get("options") is None:
        fields["params"].pop("options", None)
    return msgspec.msgpack.encode(fields)


def retry_key(job_id: str) -> IdempotencyKey:
    """The key of our own that allows one retry of this job. No client's key has such a name.

    A job that has ended never changes, so its id stands for the submission that retries it. A
    digest of that would make the retry of an earlier release a conflict.
    """
    return IdempotencyKey(name=f"retry:{job_id}", submission_digest=_digest(job_id.encode()))


def _digest(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


TOPIC_LENGTH = range(2, 201)
QUERY_LENGTH = range(2, 501)
MAX_URL_LENGTH = 2048
"""The longest URL that common browsers and sitemaps handle."""

IDEMPOTENCY_KEY_LENGTH = range(1, 256)
MAX_INVALID_URLS = 20
"""How many URLs that cannot be used one refusal names."""

MAX_URL_QUOTED = 80
"""Characters of such a URL in the refusal."""

MAX_DEPENDENCIES = 100
MAX_DAYS_AHEAD = 366
EARLIEST_START_MS = 946_684_800_000
"""2000-01-01 in UTC. Earlier times are mistakes, and those before the year 1 cannot be shown."""
MAX_DEADLINE_SECONDS = 7 * 86_400.0


class JobLimits(Struct, frozen=True, kw_only=True):
    """What an operator allows jobs. Each value comes from a setting."""

    max_urls_per_job: int
    max_articles_per_topic: int
    result_ttl_seconds: int
    """How long a result is kept after its job has ended, unless the job says otherwise."""
    schedule_result_ttl_seconds: int
    """The same for the job of a schedule."""
    max_result_ttl_seconds: int
    """The longest time that may be asked for."""
    max_schedules_per_caller: int
    weights: Weights = field(default_factory=Weights)
    """Of jobs that give none of their own."""
    sources: tuple[str, ...] = ()
    """Those that the operator has turned on, of which a topic may choose."""


def validate_params(params: Params, limits: JobLimits) -> None:
    """Raises InvalidRequest with what to change, if these parameters cannot make a job."""
    match params:
        case TopicCuration():
            _check_text("topic", params.topic, TOPIC_LENGTH)
            if not 1 <= params.max_articles <= limits.max_articles_per_topic:
                raise InvalidRequest(
                    f"max_articles must be from 1 to {limits.max_articles_per_topic}."
                )
            _check_options(params.options, limits, has_caps=params.apply_diversity)
        case BatchAnalysis():
            _check_urls(params.urls, limits.max_urls_per_job)
            _check_query(params.query)
            _check_options(params.options, limits, has_caps=params.apply_diversity)
            if params.options and params.options.min_relevance and params.query is None:
                raise InvalidRequest("min_relevance needs a query.")
        case SingleAnalysis():
            _check_url("url", params.url)
            _check_query(params.query)
            _check_options(params.options, limits, has_caps=False)
        case HealthCheck():
            pass


def validate_result_ttl(seconds: int | None, limits: JobLimits) -> None:
    """Raises InvalidRequest unless a result may be kept for so long."""
    longest = limits.max_result_ttl_seconds
    if seconds is not None and not 1 <= seconds <= longest:
        raise InvalidRequest(
            f"result_ttl_seconds must be from 1 to {longest} ({longest / 86_400:.3g} days)."
        )


def validate_timing(submission: Submission, now_ms: int) -> None:
    """Raises InvalidRequest with what to change, if the job cannot run at the requested time."""
    _check_dependencies(submission.depends_on)
    start, deadline = submission.not_before_ms, submission.deadline_seconds
    if start is not None and start < EARLIEST_START_MS:
        raise InvalidRequest("not_before must not be before the year 2000.")
    if start is not None and start > now_ms + MAX_DAYS_AHEAD * 86_400_000:
        raise InvalidRequest(f"not_before must be at most {MAX_DAYS_AHEAD} days away.")
    if deadline is not None and not 0 < deadline <= MAX_DEADLINE_SECONDS:
        raise InvalidRequest(
            f"deadline_seconds must be above 0 and at most {MAX_DEADLINE_SECONDS:g} (7 days)."
        )
    if start is not None and deadline is not None and start >= now_ms + deadline * 1000:
        raise InvalidRequest("deadline_seconds must end after not_before.")


def validate_idempotency_key(key: str) -> None:
    """Raises InvalidRequest unless a client may use this as its idempotency key."""
    shortest, longest = IDEMPOTENCY_KEY_LENGTH[0], IDEMPOTENCY_KEY_LENGTH[-1]
    printable = all("!" <= character <= "~" for character in key)
    if len(key) not in IDEMPOTENCY_KEY_LENGTH or not printable:
        raise InvalidRequest(
            f"Idempotency-Key must be {shortest} to {longest} printable ASCII characters "
            "without spaces."
        )


def _check_dependencies(job_ids: Sequence[str]) -> None:
    if len(job_ids) > MAX_DEPENDENCIES:
        raise InvalidRequest(
            f"depends_on has {len(job_ids)} ids; one job may have {MAX_DEPENDENCIES}."
        )
    for index, job_id in enumerate(job_ids):
        if not is_job_id(job_id):
            raise InvalidRequest(f"depends_on[{index}] is not the id of a job.")


def _check_text(name: str, text: str, length: range) -> None:
    if len(text.strip()) not in length:
        raise InvalidRequest(f"{name} must have {length[0]} to {length[-1]} characters.")
    if not any(character.isalnum() for character in text):
        raise InvalidRequest(f"{name} must contain a letter or a digit.")
    if any(character < " " or character == "\x7f" for character in text):
        raise InvalidRequest(f"{name} must be one line without control characters.")


def _check_options(options: JobOptions | None, limits: JobLimits, *, has_caps: bool) -> None:
    if options is None:
        return
    validate_options(options, limits.weights, limits.sources)
    for name in ("domain_cap", "cluster_cap"):
        if getattr(options, name) is not None and not has_caps:
            raise InvalidRequest(f"{name} needs apply_diversity.")


def _check_query(query: str | None) -> None:
    if query is not None:
        _check_text("query", query, QUERY_LENGTH)


def _check_urls(urls: Sequence[str], limit: int) -> None:
    """Raises InvalidRequest; for URLs that cannot be used InvalidUrls, with all of them at once."""
    if not urls:
        raise InvalidRequest("urls must name at least one URL.")
    if len(urls) > limit:
        raise InvalidRequest(f"urls has {len(urls)} URLs; one job may have {limit}.")
    invalid = [
        InvalidUrl(index=index, problem=problem)
        for index, url in enumerate(urls)
        if (problem := _problem_with(url))
    ]
    if invalid:
        raise InvalidUrls(invalid[:MAX_INVALID_URLS], len(invalid), len(urls))


def _check_url(name: str, url: str) -> None:
    if problem := _problem_with(url):
        raise InvalidRequest(f"{name}: {problem}.")


def _problem_with(url: str) -> str | None:
    fault = url_fault(url)
    if fault is None:
        return None
    shown = without_secrets(url)
    return f"“{shown[:MAX_URL_QUOTED]}{'…' if len(shown) > MAX_URL_QUOTED else ''}” {fault}"


def url_fault(url: str) -> str | None:
    """Why no job can have this URL, as the rest of a sentence about it; None if one can."""
    if len(url) > MAX_URL_LENGTH:
        return f"is longer than {MAX_URL_LENGTH} characters"
    try:
        parts = urlsplit(url)
        absolute = parts.scheme in ("http", "https") and bool(parts.hostname)
        absolute = absolute and (parts.port is None or parts.port > 0)
    except ValueError:
        absolute = False
    if not absolute or any(character <= " " for character in url):
        return "is no http address"
    if "@" in parts.netloc:
        return "has a user name or a password, which would be stored: leave it out"
    return None
