"""What a job tells of its sources, and what it never tells."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlsplit

import msgspec
import pytest

from tasks.composition import fetch_policy
from tasks.eager import EagerOutcome, run_eagerly
from tasks.fetch.fetcher import build_fetcher
from tasks.jobs.job import JobState, TopicCuration
from tasks.jobs.options import JobOptions
from tasks.jobs.submission import Submission
from tasks.settings import read_settings
from tests.fakes import FakeEngine
from tests.sampleweb.server import SampleWeb
from tests.sampleweb.services.asked import KEY
from tests.sampleweb.services.directory import ENVIRON
from tests.sampleweb.services.forms import address

WRONG_KEY = "wrong-key-9876543210"


@pytest.fixture
async def web() -> AsyncIterator[SampleWeb]:
    async with SampleWeb() as web:
        yield web


async def curated(
    web: SampleWeb, options: JobOptions | None = None, **environ: str
) -> EagerOutcome:
    """The topic job with these settings, on the sample web, without models."""
    settings = read_settings(
        {**ENVIRON, "EGRESS_PROXY": web.proxy_url, "TASK_MAX_RETRIES": "0", **environ}
    )
    fetcher = build_fetcher(fetch_policy(settings))
    params = TopicCuration(topic="artificial intelligence", max_articles=3, options=options)
    try:
        return await run_eagerly(Submission(params=params), settings, FakeEngine(), fetcher)
    finally:
        await fetcher.aclose()


def result_of(outcome: EagerOutcome) -> Any:
    return msgspec.json.decode(outcome.result)


async def test_a_failed_source_is_reported_in_the_result_and_fails_no_job(web: SampleWeb) -> None:
    outcome = await curated(
        web,
        SOURCES="hackernews,newsapi,guardian",
        NEWSAPI_KEY=WRONG_KEY,
        GUARDIAN_URL=address("page"),
    )
    assert outcome.status.record.state is JobState.SUCCESS
    assert result_of(outcome)["results"]
    hackernews, newsapi, guardian = result_of(outcome)["sources"]
    assert hackernews["error"] is None
    assert hackernews["seen_count"] >= hackernews["found_count"] > 0
    assert (newsapi["name"], newsapi["found_count"]) == ("newsapi", 0)
    assert newsapi["seen_count"] is None
    assert newsapi["error"]["reason"] == "http_error"
    assert "NEWSAPI_KEY may be wrong" in newsapi["error"]["detail"]
    assert guardian["error"]["detail"] == "The Guardian answered with no result."
    assert WRONG_KEY not in repr(outcome) + str(outcome.result)
    assert KEY not in repr(outcome) + str(outcome.result)


async def test_a_job_fails_where_all_its_sources_do(web: SampleWeb) -> None:
    outcome = await curated(
        web, SOURCES="newsapi,wikipedia", NEWSAPI_KEY=WRONG_KEY, WIKIPEDIA_URL=address("refused")
    )
    record = outcome.status.record
    assert record.state is JobState.FAILURE
    assert "newsapi: The site answered 401 Unauthorized." in repr(outcome)
    assert "wikipedia: Wikipedia refused the search: The query is not understood." in repr(outcome)
    assert WRONG_KEY not in repr(outcome)


async def test_a_job_asks_only_its_own_sources_and_takes_no_candidate_of_an_excluded_domain(
    web: SampleWeb,
) -> None:
    environ = {"SOURCES": "hackernews,newsapi", "NEWSAPI_KEY": WRONG_KEY}
    plain = result_of(await curated(web, JobOptions(sources=("hackernews",)), **environ))
    assert [source["name"] for source in plain["sources"]] == ["hackernews"]
    hosts = {urlsplit(decision["url"]).hostname for decision in plain["decisions"]}
    excluded = min(hosts)
    own = JobOptions(sources=("hackernews",), exclude_domains=(excluded,))
    result = result_of(await curated(web, own, **environ))
    assert result["decisions"]
    assert excluded not in {urlsplit(decision["url"]).hostname for decision in result["decisions"]}
