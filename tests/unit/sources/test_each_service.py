"""What is special to one service: how it is asked, how it says no, where its links lead."""

from __future__ import annotations

import base64
import json
from typing import Any
from urllib.parse import parse_qs, quote, urlsplit

import pytest

from tasks.errors import PermanentFailure, StepError, TransientFailure
from tasks.jobs.outcome import Candidate
from tasks.sources.base import first_recent_day, phrase, search_url
from tests.unit.sources.services import SERVICES, wikipedia_answer
from tests.unit.sources.web import PlayedService

BY_NAME = {service.name: service for service in SERVICES}
ARTICLE = "https://a.example/news?id=1&x=2"


async def requested(name: str, topic: str = "solar power", limit: int = 5) -> dict[str, list[str]]:
    service = BY_NAME[name]
    web = PlayedService(service.nothing)
    await service.build(web).find(topic, limit)
    return parse_qs(urlsplit(web.url).query)


async def found(name: str, answer: bytes) -> list[Candidate]:
    findings = await BY_NAME[name].build(PlayedService(answer)).find("wind", 10)
    return list(findings.candidates)


async def failure(name: str, answer: Any) -> StepError:
    with pytest.raises(StepError) as caught:
        await found(name, answer if isinstance(answer, bytes) else json.dumps(answer).encode())
    return caught.value


@pytest.mark.parametrize(
    ("topic", "expected"),
    [
        ("wind", "wind"),
        ("solar power", '"solar power"'),
        ('(solar OR "wind") domain:x.com', '"solar OR wind domain x.com"'),
        ("covid-19", '"covid-19"'),
        ("-wind", "wind"),
        ("+wind", "wind"),
    ],
)
def test_a_topic_is_one_phrase(topic: str, expected: str) -> None:
    assert phrase(topic) == expected


def test_a_search_keeps_the_parameters_of_the_url() -> None:
    assert search_url("https://a.example/s", {"q": "a b"}) == "https://a.example/s?q=a+b"
    assert search_url("https://a.example/s?hl=en", {"q": "&"}) == "https://a.example/s?hl=en&q=%26"


def test_a_search_is_the_same_all_day() -> None:
    assert first_recent_day(86_400 * 100) == first_recent_day(86_400 * 101 - 1) == 10


async def test_hacker_news_is_asked_for_recent_stories() -> None:
    assert await requested("hackernews", limit=5_000) == {
        "query": ["solar power"],
        "tags": ["story"],
        "hitsPerPage": ["1000"],
        "numericFilters": ["created_at_i>=1787184000"],
    }


async def test_hacker_news_says_no() -> None:
    error = await failure("hackernews", {"message": "Invalid filter", "status": 400})
    assert isinstance(error, PermanentFailure)
    assert error.detail == "Hacker News refused the search: Invalid filter"


async def test_arxiv_is_asked_for_the_newest_with_pauses() -> None:
    service = BY_NAME["arxiv"]
    web = PlayedService(service.nothing)
    await service.build(web).find("solar power", 5_000)
    assert web.interval == 3.0
    assert parse_qs(urlsplit(web.url).query) == {
        "search_query": ['all:"solar power"'],
        "max_results": ["200"],
        "sortBy": ["submittedDate"],
        "sortOrder": ["descending"],
    }


async def test_arxiv_leads_to_the_newest_version() -> None:
    answer = BY_NAME["arxiv"].answer(
        [
            ("https://arxiv.org/abs/2611.00017v3", "One"),
            ("https://arxiv.org/abs/2611.00017v1", "One"),
            ("https://arxiv.org/abs/hep-th/9901001v2", "Two"),
            ("https://arxiv.org/abs/2611.00018", "Three"),
        ]
    )
    assert [
        candidate.url.removeprefix("https://arxiv.org/abs/")
        for candidate in await found("arxiv", answer)
    ] == [
        "2611.00017",
        "hep-th/9901001",
        "2611.00018",
    ]


async def test_arxiv_says_no_with_a_feed() -> None:
    body = b"""<feed xmlns="http://www.w3.org/2005/Atom"><title>t</title><entry>
    <id>http://arxiv.org/api/errors#incorrect</id><title>Error</title>
    <link href="http://arxiv.org/api/errors#incorrect" rel="alternate"/>
    <summary>incorrect id format for 1234</summary></entry></feed>"""
    error = await failure("arxiv", body)
    assert isinstance(error, PermanentFailure)
    assert error.detail == "arXiv refused the search: incorrect id format for 1234"


async def test_wikipedia_is_asked_as_its_etiquette_wants() -> None:
    parameters = await requested("wikipedia", limit=5_000)
    assert parameters["srsearch"] == ["solar power"]
    assert parameters["srlimit"] == ["500"]
    assert parameters["maxlag"] == ["5"]
    assert parameters["formatversion"] == ["2"]


async def test_wikipedia_titles_become_addresses() -> None:
    answer = wikipedia_answer("Wind power", "C++ & C#?", "AC/DC", "Große Halle", " ", None, 3)
    assert [(candidate.url, candidate.title) for candidate in await found("wikipedia", answer)] == [
        ("https://en.wiki.example/wiki/Wind_power", "Wind power"),
        ("https://en.wiki.example/wiki/C%2B%2B_%26_C%23%3F", "C++ & C#?"),
        ("https://en.wiki.example/wiki/AC%2FDC", "AC/DC"),
        ("https://en.wiki.example/wiki/Gro%C3%9Fe_Halle", "Große Halle"),
    ]


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("maxlag", TransientFailure),
        ("ratelimited", TransientFailure),
        ("cirrussearch-backend-error", TransientFailure),
        ("internal_api_error_DBQueryError", TransientFailure),
        ("missingparam", PermanentFailure),
        ("badvalue", PermanentFailure),
    ],
)
async def test_wikipedia_says_no_with_200(code: str, kind: type[StepError]) -> None:
    error = await failure("wikipedia", {"error": {"code": code, "info": "<b>Not</b> now."}})
    assert isinstance(error, kind)
    assert error.detail.endswith(": Not now.")


async def test_newsapi_is_asked_within_its_limits() -> None:
    assert await requested("newsapi", limit=5_000) == {
        "q": ['"solar power"'],
        "sortBy": ["relevancy"],
        "pageSize": ["100"],
    }


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("rateLimited", TransientFailure),
        ("unexpectedError", TransientFailure),
        ("apiKeyExhausted", PermanentFailure),
        ("parameterInvalid", PermanentFailure),
    ],
)
async def test_newsapi_says_no(code: str, kind: type[StepError]) -> None:
    error = await failure("newsapi", {"status": "error", "code": code, "message": "Why."})
    assert isinstance(error, kind)
    assert error.detail.endswith(": Why.")


async def test_newsapi_marks_withdrawn_articles() -> None:
    service = BY_NAME["newsapi"]
    answer = service.answer([("https://removed.com", "[Removed]"), (ARTICLE, "Wind")])
    assert [candidate.url for candidate in await found("newsapi", answer)] == [ARTICLE]


async def test_the_guardian_is_asked_for_recent_articles() -> None:
    assert await requested("guardian", limit=5_000) == {
        "q": ['"solar power"'],
        "tag": ["type/article"],
        "from-date": ["2026-08-20"],
        "order-by": ["relevance"],
        "page-size": ["50"],
    }


@pytest.mark.parametrize(
    "answer",
    [
        {"response": {"status": "error", "message": "page-size is too large"}},
        {"message": "page-size is too large"},
    ],
)
async def test_the_guardian_says_no(answer: Any) -> None:
    error = await failure("guardian", answer)
    assert isinstance(error, PermanentFailure)
    assert error.detail == "The Guardian refused the search: page-size is too large"


def google_token(url: str) -> str:
    """As Google made them: a short record with the address in its fourth field."""
    held = b'\x08\x13"' + bytes([len(url)]) + url.encode() + b"\xd2\x01\x00"
    return base64.urlsafe_b64encode(held).decode().rstrip("=")


@pytest.mark.parametrize(
    ("service", "link", "leads_to"),
    [
        (
            "googlenews",
            f"https://news.google.com/rss/articles/{google_token(ARTICLE)}?oc=5",
            ARTICLE,
        ),
        (
            "googlenews",
            "https://news.google.com/rss/articles/CBMiWkFVX3lxTE1x?oc=5",
            "https://news.google.com/rss/articles/CBMiWkFVX3lxTE1x?oc=5",
        ),
        ("googlenews", ARTICLE, ARTICLE),
        (
            "bingnews",
            f"http://www.bing.com/news/apiclick.aspx?ref=FexRss&url={quote(ARTICLE, safe='')}&c=1",
            ARTICLE,
        ),
        ("bingnews", "http://www.bing.com/news/apiclick.aspx?ref=FexRss", None),
        ("bingnews", "http://www.bing.com/news/apiclick.aspx?url=javascript%3Aalert(1)", None),
        ("bingnews", ARTICLE, ARTICLE),
    ],
)
async def test_where_a_link_leads(service: str, link: str, leads_to: str | None) -> None:
    candidates = await found(service, BY_NAME[service].answer([(link, "Wind")]))
    assert [candidate.url for candidate in candidates] == ([leads_to] if leads_to else [])
