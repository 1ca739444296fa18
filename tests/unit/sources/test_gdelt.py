"""GDELT's answers, those that are none included."""

from __future__ import annotations

import json
from urllib.parse import parse_qs, urlsplit

import pytest

from tasks.errors import PermanentFailure, StepError, TransientFailure
from tasks.sources.gdelt import GdeltSource
from tests.unit.sources.web import PlayedService

URL = "https://gdelt.example/api/v2/doc/doc"


def answering(body: bytes) -> GdeltSource:
    return GdeltSource(PlayedService(body), URL)


async def failure(body: bytes) -> StepError:
    with pytest.raises(StepError) as caught:
        await answering(body).find("wind", 10)
    return caught.value


def articles(*urls: str | None) -> bytes:
    return json.dumps(
        {"articles": [{"url": url, "title": "Wind", "domain": "x"} for url in urls]}
    ).encode()


async def test_articles_become_candidates() -> None:
    body = articles("https://a.example/1", None, "ftp://a.example/2", "http://b.example/3")
    candidates = (await answering(body).find("wind", 10)).candidates
    assert [candidate.url for candidate in candidates] == [
        "https://a.example/1",
        "http://b.example/3",
    ]
    assert {(candidate.source, candidate.title) for candidate in candidates} == {("gdelt", "Wind")}


async def test_the_search_is_within_the_limits_of_gdelt() -> None:
    service = PlayedService(articles(*(f"https://a.example/{number}" for number in range(300))))
    gdelt = GdeltSource(service, URL)
    assert len((await gdelt.find('solar "power"', 1_000)).candidates) == 300
    assert parse_qs(urlsplit(service.url).query) == {
        "query": ['"solar power"'],
        "mode": ["artlist"],
        "format": ["json"],
        "maxrecords": ["250"],
        "sort": ["hybridrel"],
    }
    assert service.interval == 5.0
    assert len((await gdelt.find("solar", 5)).candidates) == 5


async def test_an_empty_result_is_no_failure() -> None:
    assert (await answering(b"{}").find("wind", 10)).candidates == ()


async def test_line_breaks_in_titles_are_borne_with() -> None:
    body = b'{"articles": [{"url": "https://a.example/1", "title": "Wind\nand rain"}]}'
    (candidate,) = (await answering(body).find("wind", 10)).candidates
    assert candidate.title == "Wind and rain"


async def test_an_error_in_plain_text_is_reported() -> None:
    error = await failure(b"The specified phrase is too short.\n")
    assert isinstance(error, PermanentFailure)
    assert error.detail == "GDELT refused the search: The specified phrase is too short."
    assert len((await failure(b"x" * 100_000)).detail) < 300


async def test_a_call_for_patience_is_heeded() -> None:
    error = await failure(b"Please limit requests to one every 5 seconds or contact ...")
    assert isinstance(error, TransientFailure)
    assert error.retry_after == 5.0
