"""What an answer's status and headers mean."""

from __future__ import annotations

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.errors import PermanentFailure, Reason, TransientFailure
from tasks.fetch.content import ContentPolicy, document_policy, page_policy
from tasks.fetch.failures import MAX_RETRY_AFTER, failure_of, parse_retry_after, step_error_of

NOON = 1_790_337_600.0
"""2026-09-25 12:00:00 UTC."""

PAGE = page_policy(1_000)
DOCUMENT = document_policy(1_000)


@pytest.mark.parametrize("status", [200, 203, 204, 206])
def test_usable_responses(status: int) -> None:
    assert failure_of(httpx.Response(status), NOON) is None


@pytest.mark.parametrize(
    ("status", "reason"),
    [
        *((status, Reason.NOT_FOUND) for status in (404, 410)),
        *((status, Reason.HTTP_ERROR) for status in (300, 304, 400, 401, 402, 403, 405, 451, 499)),
    ],
)
def test_permanent_failures(status: int, reason: Reason) -> None:
    failure = failure_of(httpx.Response(status), NOON)
    assert isinstance(failure, PermanentFailure)
    assert failure.reason == reason
    assert str(status) in failure.detail


@pytest.mark.parametrize("status", [408, 425, 429, 500, 502, 503, 504, 599, 999])
def test_answers_that_may_pass(status: int) -> None:
    failure = failure_of(httpx.Response(status, headers={"retry-after": "7"}), NOON)
    assert isinstance(failure, TransientFailure)
    assert failure.reason == Reason.SERVER_ERROR
    assert failure.retry_after == 7.0


@pytest.mark.parametrize(
    ("status", "headers", "momentary"),
    [
        (500, {}, True),
        (503, {}, True),
        (503, {"retry-after": "5"}, False),
        (503, {"retry-after": "soon"}, True),
        (429, {}, False),
        (408, {}, True),
    ],
)
def test_what_is_often_over_after_seconds(
    status: int, headers: dict[str, str], momentary: bool
) -> None:
    failure = failure_of(httpx.Response(status, headers=headers), NOON)
    assert isinstance(failure, TransientFailure)
    assert failure.momentary is momentary


@pytest.mark.parametrize(
    ("error", "momentary"),
    [
        (httpx.ConnectError("refused"), True),
        (httpx.ReadError("reset"), True),
        (httpx.RemoteProtocolError("ended"), True),
        (httpx.ReadTimeout("slow"), False),
    ],
)
def test_which_errors_are_often_over_after_seconds(error: httpx.HTTPError, momentary: bool) -> None:
    failure = step_error_of(error)
    assert isinstance(failure, TransientFailure)
    assert failure.momentary is momentary


@pytest.mark.parametrize(
    ("value", "seconds"),
    [
        (None, None),
        ("0", 0.0),
        (" 120 ", 120.0),
        ("999999999999999999999999", MAX_RETRY_AFTER),
        ("Fri, 25 Sep 2026 12:01:00 GMT", 60.0),
        ("Fri, 25 Sep 2026 12:01:00", 60.0),
        ("Fri, 25 Sep 2026 11:00:00 GMT", 0.0),
        ("Fri, 25 Sep 9999 12:00:00 GMT", MAX_RETRY_AFTER),
        ("-5", None),
        ("1.5", None),
        ("soon", None),
        ("", None),
        ("٣", None),
        ("Fri, 99 Sep 2026 12:01:00 GMT", None),
    ],
)
def test_retry_after(value: str | None, seconds: float | None) -> None:
    assert parse_retry_after(value, NOON) == seconds


@given(st.text(max_size=40))
def test_any_retry_after_is_bounded_or_ignored(value: str) -> None:
    seconds = parse_retry_after(value, NOON)
    assert seconds is None or 0 <= seconds <= MAX_RETRY_AFTER


@pytest.mark.parametrize(
    ("policy", "content_type", "accepted"),
    [
        (PAGE, "text/html", True),
        (PAGE, "Text/HTML; charset=utf-8", True),
        (PAGE, "application/xhtml+xml", True),
        (PAGE, None, True),
        (PAGE, "", True),
        (PAGE, "application/pdf", False),
        (PAGE, "text/html, text/html; charset=utf-8", True),
        (PAGE, "image/png, text/html", True),
        (PAGE, "text/html charset=utf-8", True),
        (PAGE, "text/html: charset=utf-8", True),
        (PAGE, "text/html, image/png", False),
        (PAGE, "application/octet-stream", True),
        (PAGE, "text/plain", True),
        (PAGE, "html", True),
        (PAGE, "*/*", True),
        (PAGE, "application/json", False),
        (PAGE, "text/html-ish", False),
        (DOCUMENT, "application/rss+xml", True),
        (DOCUMENT, "application/atom+xml; charset=utf-8", True),
        (DOCUMENT, "text/xml", True),
        (DOCUMENT, "text/x-opml", True),
        (DOCUMENT, "application/json", True),
        (DOCUMENT, "application/feed+json", True),
        (DOCUMENT, "text/html", True),
        (DOCUMENT, "image/svg", False),
        (DOCUMENT, "video/mp4", False),
        (DOCUMENT, "application/octet-stream", True),
    ],
)
def test_content_types(policy: ContentPolicy, content_type: str | None, accepted: bool) -> None:
    assert policy.accepts(content_type) is accepted


def test_a_page_without_a_type_is_known_by_its_beginning() -> None:
    assert PAGE.recognises(None, b"\n<!-- hello --><!DOCTYPE html><p>x")
    assert not PAGE.recognises(None, b"%PDF-1.7 ...")
    assert PAGE.recognises("text/html", b"no tags at all")
    assert PAGE.recognises("text/plain", b"<!doctype html><p>x")
    assert not PAGE.recognises("text/plain", b"a plain text")
    assert PAGE.recognises("application/octet-stream", "<html><p>x".encode("utf-16"))
    assert not PAGE.recognises("text/xml", b"<?xml version='1.0'?><rss><channel><title>t</title>")
    assert PAGE.recognises("application/xml", b"<?xml version='1.0'?><html><title>t</title>")
    assert DOCUMENT.recognises("application/octet-stream", b"\xef\xbb\xbf\n<?xml version='1.0'?>")
    assert DOCUMENT.recognises("application/x-download", b"<rss version='2.0'>")
    assert DOCUMENT.recognises("binary/octet-stream", b'{"items": []}')
    assert not DOCUMENT.recognises("application/octet-stream", b"PK\x03\x04<rss>")
    assert DOCUMENT.recognises(None, b"anything")
