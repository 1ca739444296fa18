"""The sources through the real fetcher, against the services that the sample web plays."""

from __future__ import annotations

import json
import logging
from collections.abc import AsyncIterator, Sequence
from itertools import product

import msgspec
import pytest
from msgspec.structs import replace
from structlog.testing import capture_logs

from tasks.composition import fetch_policy, source_policy
from tasks.errors import Reason, StepError
from tasks.fetch.fetcher import HttpFetcher, build_fetcher
from tasks.jobs.outcome import SourceReport
from tasks.settings import SOURCE_KEYS, Settings, read_settings
from tasks.sources.search import SearchResult, build_sources, find_candidates
from tests.fakes import FEED_READER
from tests.sampleweb.catalogue import ARTICLES, OPML_URL
from tests.sampleweb.server import SampleWeb
from tests.sampleweb.services.asked import KEY, UNTIDY
from tests.sampleweb.services.directory import ENVIRON
from tests.sampleweb.services.forms import address

TOPIC = "artificial intelligence"
SERVICES = tuple(name for name in SOURCE_KEYS if name != "feeds")
JSON_SERVICES = ("gdelt", "hackernews", "wikipedia", "newsapi", "guardian")
FEED_SERVICES = ("arxiv", "googlenews", "bingnews")
LINKING = ("hackernews", "newsapi", "guardian", "bingnews")
WRONG_KEY = "wrong-key-9876543210"


@pytest.fixture
async def web() -> AsyncIterator[SampleWeb]:
    async with SampleWeb() as web:
        yield web


@pytest.fixture
def settings(web: SampleWeb) -> Settings:
    return read_settings(
        {
            **ENVIRON,
            "EGRESS_PROXY": web.proxy_url,
            "FEED_URLS": OPML_URL,
            "SOURCES": ",".join(SOURCE_KEYS),
            "FETCH_TIMEOUT": "5",
        }
    )


@pytest.fixture
async def fetcher(settings: Settings) -> AsyncIterator[HttpFetcher]:
    fetcher = build_fetcher(fetch_policy(settings))
    yield fetcher
    await fetcher.aclose()


def only(settings: Settings, *names: str) -> Settings:
    return replace(settings, sources=names)


def answering_in(settings: Settings, name: str, form: str) -> Settings:
    """The settings with one source whose service always answers in this form."""
    changed = {f"{name}_url": address(form)}
    return replace(settings, sources=(name,), **changed)


async def search(
    settings: Settings, fetcher: HttpFetcher, topic: str = TOPIC, limit: int = 60
) -> SearchResult:
    return await find_candidates(
        topic, limit, build_sources(source_policy(settings), fetcher, FEED_READER)
    )


async def test_every_source_finds_the_topic(settings: Settings, fetcher: HttpFetcher) -> None:
    result = await search(settings, fetcher)
    assert [(report.name, report.error) for report in result.reports] == [
        (name, None) for name in SOURCE_KEYS
    ]
    assert all(report.found for report in result.reports)


async def test_an_article_of_several_sources_is_one_candidate(
    settings: Settings, fetcher: HttpFetcher
) -> None:
    result = await search(settings, fetcher)
    most = max(result.candidates, key=lambda candidate: len(candidate.sources))
    # Wikipedia and arXiv lead to pages of their own.
    assert set(most.sources) <= set(SOURCE_KEYS) - {"wikipedia", "arxiv"}
    assert len(most.sources) >= 5
    assert sum(report.found for report in result.reports) > 2 * len(result.candidates)


@pytest.mark.parametrize("name", SERVICES)
async def test_the_candidates_of_a_source_can_be_fetched(
    settings: Settings, fetcher: HttpFetcher, name: str
) -> None:
    result = await search(only(settings, name), fetcher, limit=3)
    assert len(result.candidates) >= 2
    for candidate in result.candidates:
        page = await fetcher.page(candidate.url)
        assert b"<article" in page.body or b"<main" in page.body or b"<p>" in page.body


@pytest.mark.parametrize("name", LINKING)
async def test_untidy_records_cost_only_themselves(
    settings: Settings, fetcher: HttpFetcher, name: str
) -> None:
    result = await search(only(settings, name), fetcher, UNTIDY)
    assert [candidate.url for candidate in result.candidates] == [ARTICLES[0].url, ARTICLES[1].url]
    assert result.candidates[0].title == "Tidy & bold title"


async def test_untidy_titles_are_addresses_all_the_same(
    settings: Settings, fetcher: HttpFetcher
) -> None:
    result = await search(only(settings, "wikipedia"), fetcher, UNTIDY)
    assert all(
        candidate.url.startswith("http://wikipedia.sampleweb.example/wiki/")
        for candidate in result.candidates
    )


@pytest.mark.parametrize(
    ("form", "reason", "retry_after"),
    [
        ("busy", Reason.SERVER_ERROR, 7.0),
        ("down", Reason.SERVER_ERROR, 9.0),
        ("forbidden", Reason.HTTP_ERROR, None),
        ("refused", Reason.HTTP_ERROR, None),
        ("page", Reason.SERVER_ERROR, None),
        ("nothing", Reason.SERVER_ERROR, None),
        ("cut-off", Reason.CONNECTION_FAILED, None),
        ("huge", Reason.TOO_LARGE, None),
        ("hanging", Reason.TIMED_OUT, None),
    ],
)
@pytest.mark.parametrize("name", ["gdelt", "newsapi", "arxiv", "wikipedia"])
async def test_answers_that_are_no_results(
    settings: Settings, name: str, form: str, reason: Reason, retry_after: float | None
) -> None:
    hurried = replace(answering_in(settings, name, form), source_timeout=0.5)
    fetcher = build_fetcher(fetch_policy(hurried))
    (source,) = build_sources(source_policy(hurried), fetcher, FEED_READER)
    with pytest.raises(StepError) as caught:
        await source.find(TOPIC, 10)
    await fetcher.aclose()
    assert caught.value.reason == reason
    assert getattr(caught.value, "retry_after", None) == retry_after
    assert len(caught.value.detail) < 300


@pytest.mark.parametrize(
    ("name", "form"),
    [
        *product(JSON_SERVICES, ["array", "half-json", "half-xml", "deep", "patience"]),
        *product(FEED_SERVICES, ["array", "half-json", "deep", "patience"]),
    ],
)
async def test_answers_in_another_form_than_promised(
    settings: Settings, fetcher: HttpFetcher, name: str, form: str
) -> None:
    (source,) = build_sources(
        source_policy(answering_in(settings, name, form)), fetcher, FEED_READER
    )
    with pytest.raises(StepError) as caught:
        await source.find(TOPIC, 10)
    assert caught.value.reason in (Reason.SERVER_ERROR, Reason.HTTP_ERROR)


@pytest.mark.parametrize("name", FEED_SERVICES)
async def test_a_truncated_feed_has_its_complete_entries(
    settings: Settings, fetcher: HttpFetcher, name: str
) -> None:
    (source,) = build_sources(
        source_policy(answering_in(settings, name, "half-xml")), fetcher, FEED_READER
    )
    assert (await source.find(TOPIC, 10)).candidates == ()


async def test_a_source_that_fails_is_reported_and_the_others_count(
    settings: Settings, fetcher: HttpFetcher
) -> None:
    broken = replace(
        settings,
        sources=("hackernews", "newsapi", "arxiv", "wikipedia"),
        newsapi_url=address("busy"),
        arxiv_url=address("hanging"),
        wikipedia_url=address("page"),
        source_timeout=1.0,
    )
    result = await search(broken, fetcher)
    assert result.candidates
    hackernews, *failed = result.reports
    assert hackernews.error is None
    assert [(report.name, report.found, report.reason) for report in failed] == [
        ("newsapi", 0, Reason.SERVER_ERROR),
        ("arxiv", 0, Reason.TIMED_OUT),
        ("wikipedia", 0, Reason.SERVER_ERROR),
    ]
    assert all(report.error for report in failed)
    assert msgspec.json.decode(
        msgspec.json.encode(result.reports), type=tuple[SourceReport, ...]
    ) == (result.reports)


@pytest.mark.parametrize("name", ["newsapi", "guardian"])
async def test_a_wrong_key_is_reported_without_the_key(
    settings: Settings, name: str, web: SampleWeb, caplog: pytest.LogCaptureFixture
) -> None:
    wrong = replace(only(settings, name, "hackernews"), **{f"{name}_key": WRONG_KEY})
    fetcher = build_fetcher(fetch_policy(wrong))
    with capture_logs() as logged, caplog.at_level(logging.DEBUG):
        result = await search(wrong, fetcher)
    await fetcher.aclose()
    report = result.reports[0]
    assert report.reason is Reason.HTTP_ERROR
    assert report.error == (
        f"The site answered 401 Unauthorized. {name.upper()}_KEY may be wrong, or used up."
    )
    assert [entry["event"] for entry in logged] == ["source failed"]
    requested = [url for _, url in web.requests]
    assert WRONG_KEY not in repr((logged, caplog.text, requested, result))


@pytest.mark.parametrize("name", ["newsapi", "guardian"])
async def test_a_key_does_not_follow_a_redirect_to_another_host(
    settings: Settings, fetcher: HttpFetcher, name: str
) -> None:
    header = {"newsapi": "x-api-key", "guardian": "api-key"}[name]
    page = await fetcher.document(address("elsewhere"), headers={header: KEY})
    assert page.url == "http://echo.sampleweb.example/headers"
    reached: Sequence[str] = json.loads(page.body)["message"].split()
    assert "user-agent" in reached
    assert header not in reached
    direct = await fetcher.document("http://echo.sampleweb.example/", headers={header: KEY})
    assert header in json.loads(direct.body)["message"].split()
