"""GDELT's answers, those that are none included, and its turns."""

from __future__ import annotations

import asyncio
import json
from urllib.parse import parse_qs, urlsplit

import pytest

from nlp.article import Page
from tasks.errors import PermanentFailure, StepError, TransientFailure
from tasks.sources.gdelt import GdeltSource, search_terms
from tests.unit.sources.web import PlayedWeb

URL = "https://gdelt.example/api/v2/doc/doc"


class Gdelt(PlayedWeb):
    """Answers every search alike, and has a clock that only sleeping moves."""

    def __init__(self, body: bytes) -> None:
        super().__init__({})
        self.body = body
        self.now = 100.0
        self.asked_at: list[float] = []
        self.source = GdeltSource(self, URL, clock=lambda: self.now, sleep=self.sleep)

    async def document(self, url: str) -> Page:
        self.asked.append(url)
        self.asked_at.append(self.now)
        return Page(url=url, body=self.body)

    async def sleep(self, seconds: float) -> None:
        self.now += seconds

    async def failure(self) -> StepError:
        with pytest.raises(StepError) as caught:
            await self.source.find("wind", 10)
        return caught.value


def articles(*urls: str | None) -> bytes:
    return json.dumps(
        {"articles": [{"url": url, "title": "Wind", "domain": "x"} for url in urls]}
    ).encode()


async def test_articles_become_candidates() -> None:
    gdelt = Gdelt(articles("https://a.example/1", None, "ftp://a.example/2", "http://b.example/3"))
    candidates = await gdelt.source.find("wind", 10)
    assert [candidate.url for candidate in candidates] == [
        "https://a.example/1",
        "http://b.example/3",
    ]
    assert {(candidate.source, candidate.title) for candidate in candidates} == {("gdelt", "Wind")}


async def test_the_search_is_within_what_gdelt_takes() -> None:
    gdelt = Gdelt(articles(*(f"https://a.example/{number}" for number in range(300))))
    assert len(await gdelt.source.find('solar "power"', 1_000)) == 300
    asked = parse_qs(urlsplit(gdelt.asked[0]).query)
    assert asked == {
        "query": ['"solar power"'],
        "mode": ["artlist"],
        "format": ["json"],
        "maxrecords": ["250"],
        "sort": ["hybridrel"],
    }
    assert len(await gdelt.source.find("solar", 5)) == 5


@pytest.mark.parametrize(
    ("topic", "terms"),
    [
        ("wind", "wind"),
        ("solar power", '"solar power"'),
        ('(solar OR "wind") domain:x.com', '"solar OR wind domain x.com"'),
        ("covid-19", '"covid-19"'),
        ("-wind", "wind"),
    ],
)
def test_a_topic_is_one_phrase(topic: str, terms: str) -> None:
    assert search_terms(topic) == terms


async def test_nothing_found_is_no_failure() -> None:
    assert await Gdelt(b"{}").source.find("wind", 10) == []


async def test_line_breaks_in_titles_are_borne_with() -> None:
    body = b'{"articles": [{"url": "https://a.example/1", "title": "Wind\nand rain"}]}'
    assert len(await Gdelt(body).source.find("wind", 10)) == 1


async def test_a_complaint_in_plain_text_is_told() -> None:
    failure = await Gdelt(b"The specified phrase is too short.\n").failure()
    assert isinstance(failure, PermanentFailure)
    assert failure.detail == "GDELT refused the search: The specified phrase is too short."
    assert len((await Gdelt(b"x" * 100_000).failure()).detail) < 300


async def test_a_call_for_patience_is_heeded() -> None:
    failure = await Gdelt(b"Please limit requests to one every 5 seconds or contact ...").failure()
    assert isinstance(failure, TransientFailure)
    assert failure.retry_after == 5.0


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"<html>Down</html>",
        b'{"articles": [',
        b'{"articles": 3}',
        b'{"a":' * 100_000,
        b"{\xff}",
    ],
)
async def test_an_answer_that_makes_no_sense_may_pass(body: bytes) -> None:
    assert isinstance(await Gdelt(body).failure(), TransientFailure)


async def test_requests_are_five_seconds_apart() -> None:
    gdelt = Gdelt(articles("https://a.example/1"))
    await asyncio.gather(*(gdelt.source.find("wind", 10) for _ in range(3)))
    assert gdelt.asked_at == [100.0, 105.0, 110.0]
    gdelt.now = 200.0
    await gdelt.source.find("wind", 10)
    assert gdelt.asked_at[-1] == 200.0
