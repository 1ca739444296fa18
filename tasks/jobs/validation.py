"""What may be submitted: the bounds of every parameter, each with the sentence that says so."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlsplit

from tasks.errors import InvalidRequest
from tasks.jobs.ids import is_job_id
from tasks.jobs.job import BatchAnalysis, HealthCheck, Params, SingleAnalysis, TopicCuration
from tasks.jobs.submission import Submission
from tasks.settings import Settings

TOPIC_LENGTH = range(2, 201)
QUERY_LENGTH = range(2, 501)
URL_LENGTH = 2048
"""The longest that common browsers and sitemaps handle."""

KEY_LENGTH = range(1, 256)
MOST_DEPENDENCIES = 100
FURTHEST_DAYS = 366
LONGEST_DEADLINE = 7 * 86_400.0


def admit(params: Params, settings: Settings) -> None:
    """Raises InvalidRequest with what to change, if these parameters cannot make a job."""
    match params:
        case TopicCuration():
            _check_text("topic", params.topic, TOPIC_LENGTH)
            most = settings.max_articles_per_topic
            if not 1 <= params.max_articles <= most:
                raise InvalidRequest(f"max_articles must be from 1 to {most}.")
        case BatchAnalysis():
            _check_urls(params.urls, settings.max_urls_per_job)
            _check_query(params.query)
        case SingleAnalysis():
            _check_url("url", params.url)
            _check_query(params.query)
        case HealthCheck():
            pass


def admit_timing(submission: Submission, now_ms: int) -> None:
    """Raises InvalidRequest with what to change, if the job cannot be run when it is asked."""
    _check_dependencies(submission.depends_on)
    start, deadline = submission.not_before_ms, submission.deadline_seconds
    if start is not None and start > now_ms + FURTHEST_DAYS * 86_400_000:
        raise InvalidRequest(f"not_before must be at most {FURTHEST_DAYS} days away.")
    if deadline is not None and not 0 < deadline <= LONGEST_DEADLINE:
        raise InvalidRequest(
            f"deadline_seconds must be above 0 and at most {LONGEST_DEADLINE:g} (7 days)."
        )
    if start is not None and deadline is not None and start >= now_ms + deadline * 1000:
        raise InvalidRequest("deadline_seconds must end after not_before.")


def admit_key(key: str) -> None:
    """Raises InvalidRequest unless this can be an idempotency key."""
    printable = all("!" <= character <= "~" for character in key)
    if len(key) not in KEY_LENGTH or not printable:
        raise InvalidRequest(
            f"Idempotency-Key must be {KEY_LENGTH[0]} to {KEY_LENGTH[-1]} printable ASCII "
            "characters without spaces."
        )


def _check_dependencies(job_ids: Sequence[str]) -> None:
    if len(job_ids) > MOST_DEPENDENCIES:
        raise InvalidRequest(
            f"depends_on has {len(job_ids)} ids; one job may have {MOST_DEPENDENCIES}."
        )
    for place, job_id in enumerate(job_ids):
        if not is_job_id(job_id):
            raise InvalidRequest(f"depends_on[{place}] is not the id of a job.")


def _check_text(name: str, text: str, length: range) -> None:
    if len(text.strip()) not in length:
        raise InvalidRequest(f"{name} must have {length[0]} to {length[-1]} characters.")
    if not any(character.isalnum() for character in text):
        raise InvalidRequest(f"{name} must contain a letter or a digit.")
    if any(character < " " or character == "\x7f" for character in text):
        raise InvalidRequest(f"{name} must be one line without control characters.")


def _check_query(query: str | None) -> None:
    if query is not None:
        _check_text("query", query, QUERY_LENGTH)


def _check_urls(urls: Sequence[str], most: int) -> None:
    if not urls:
        raise InvalidRequest("urls must name at least one URL.")
    if len(urls) > most:
        raise InvalidRequest(f"urls has {len(urls)} URLs; one job may have {most}.")
    for place, url in enumerate(urls):
        _check_url(f"urls[{place}]", url)


def _check_url(name: str, url: str) -> None:
    if len(url) > URL_LENGTH:
        raise InvalidRequest(f"{name} is longer than {URL_LENGTH} characters.")
    try:
        parts = urlsplit(url)
        absolute = parts.scheme in ("http", "https") and bool(parts.hostname)
        absolute = absolute and (parts.port is None or parts.port > 0)
    except ValueError:
        absolute = False
    if not absolute or any(character <= " " for character in url):
        raise InvalidRequest(f"{name} must be an absolute http or https URL.")
