"""What may be submitted: the bounds of every parameter, each with the sentence that says so."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urlsplit

from tasks.errors import InvalidRequest
from tasks.job import BatchAnalysis, HealthCheck, Params, SingleAnalysis, TopicCuration
from tasks.settings import Settings

TOPIC_LENGTH = range(2, 201)
QUERY_LENGTH = range(2, 501)
URL_LENGTH = 2048
"""The longest that common browsers and sitemaps handle."""


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
