"""What is known is not done again, and only what may be kept is looked at closely."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from nlp.analysis import StudyReport, StudyRequest
from nlp.article import Page
from tasks.cache.memory import MemoryCache
from tasks.eager import run_eagerly
from tasks.errors import PermanentFailure, Reason, TransientFailure
from tasks.job import BatchAnalysis, JobState, Params, TopicCuration
from tasks.settings import Settings
from tasks.submission import Submission
from tests.fakes import FakeEngine, FakeFetcher

FEED = "http://feeds.example/rss?q={query}"
SETTINGS = Settings(
    tasks_eager=True,
    task_retry_delay=0.05,
    sources=("feeds",),
    feed_urls=(FEED,),
    use_embedding_clustering=False,
    domain_cap=100,
    min_relevance=0,
)
FOUND = tuple(f"http://site.example/{n}" for n in range(30))


class Web(FakeFetcher):
    """Pages, and a feed that finds all of them."""

    async def document(self, url: str, **_: object) -> Page:
        items = "".join(f"<item><title>T</title><link>{one}</link></item>" for one in FOUND)
        feed = f"<rss version='2.0'><channel><title>F</title>{items}</channel></rss>"
        return Page(url=url, body=feed.encode(), content_type="application/rss+xml")


class FailingDetails(FakeEngine):
    """Cannot look closely at anything."""

    def __init__(self, failure: Exception) -> None:
        super().__init__()
        self._failure = failure
        self.tries = 0

    async def study(self, request: StudyRequest) -> StudyReport:
        if request.impression:
            self.tries += 1
            raise self._failure
        return await super().study(request)


@pytest.fixture
def cache() -> MemoryCache:
    return MemoryCache(1 << 24)


@pytest.fixture
def engine() -> FakeEngine:
    return FakeEngine()


async def run(
    params: Params, engine: FakeEngine, cache: MemoryCache, settings: Settings = SETTINGS
) -> dict[str, Any]:
    outcome = await run_eagerly(Submission(params=params), settings, engine, Web(), cache)
    assert outcome.status.record.state is JobState.SUCCESS
    result: dict[str, Any] = msgspec.json.decode(outcome.result)
    return result


TOPIC = TopicCuration(topic="tea", max_articles=6)


async def test_only_what_may_be_kept_is_looked_at_closely(
    engine: FakeEngine, cache: MemoryCache
) -> None:
    result = await run(TOPIC, engine, cache)
    kept = {one["article"]["url"] for one in result["results"]}
    assert len(kept) == 6
    assert kept <= engine.detailed.keys()
    assert len(engine.calls) == 30
    assert len(engine.detailed) < 20
    assert set(engine.detailed.values()) == {1}
    assert all(one["article"]["summary"] for one in result["results"])


async def test_all_looked_at_gives_the_same_ranking(engine: FakeEngine, cache: MemoryCache) -> None:
    some = await run(TOPIC, engine, cache)
    everything = await run(BatchAnalysis(urls=FOUND, query="tea"), engine, cache)
    best = [one["article"]["url"] for one in everything["results"]][:6]
    assert [one["article"]["url"] for one in some["results"]] == best


async def test_a_repeated_job_does_nothing_twice_and_gives_the_same(
    engine: FakeEngine, cache: MemoryCache
) -> None:
    first = await run(TOPIC, engine, cache)
    second = await run(TOPIC, engine, cache)
    assert set(engine.calls.values()) == {1}
    assert set(engine.detailed.values()) == {1}
    assert not any(one.pop("cached") for one in first["results"])
    assert all(one.pop("cached") for one in second["results"])
    assert first["results"] == second["results"]
    assert first["decisions"] == second["decisions"]


async def test_without_a_cache_everything_is_done_again(engine: FakeEngine) -> None:
    for _ in range(2):
        result = await run(BatchAnalysis(urls=FOUND[:3]), engine, MemoryCache(0))
        assert not any(one["cached"] for one in result["results"])
    assert set(engine.calls.values()) == {2}


async def test_another_word_count_is_another_analysis(
    engine: FakeEngine, cache: MemoryCache
) -> None:
    await run(BatchAnalysis(urls=FOUND[:1]), engine, cache)
    await run(BatchAnalysis(urls=FOUND[:1]), engine, cache, replace(SETTINGS, min_word_count=100))
    assert engine.calls[FOUND[0]] == 2


@pytest.mark.parametrize(
    ("failure", "tries"),
    [
        (TransientFailure(Reason.ENGINE_CRASHED, "The engine died."), 2),
        (PermanentFailure(Reason.TIMED_OUT, "It took too long."), 1),
    ],
)
async def test_details_that_cannot_be_seen_fail_nothing(
    failure: Exception, tries: int, cache: MemoryCache
) -> None:
    engine = FailingDetails(failure)
    result = await run(TOPIC, engine, cache)
    assert len(result["results"]) == 6
    assert engine.tries % tries == 0
    neutral = {one["score"]: one["reason"] for one in result["results"][0]["neutral"]}
    assert str(failure) in neutral["ner_density_score"]
