"""What is known is not done again, and only what may be kept is looked at closely."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from nlp.analysis import Depth, ReadReport, ReadRequest, StageRun, StudyReport, StudyRequest
from nlp.article import Article, Page
from tasks.cache.memory import MemoryCache
from tasks.composition import analysis_cache, analysis_policy
from tasks.eager import run_eagerly
from tasks.errors import PermanentFailure, Reason, TransientFailure
from tasks.jobs.job import BatchAnalysis, Job, JobState, Params, TopicCuration
from tasks.jobs.options import JobOptions
from tasks.jobs.submission import Submission
from tasks.kinds.article_analysis import ArticleAnalyser
from tasks.settings import Settings
from tasks.step_context import SoftLimit, soft_limit, soft_limit_paused
from tests.fakes import FakeEngine, FakeFetcher, fake_read_report
from tests.waiting import wait_until

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


def without_cost(results: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What an analysis took differs with the machine."""
    return [{**each, "cost": None} for each in results]


async def test_a_repeated_job_does_nothing_twice_and_gives_the_same(
    engine: FakeEngine, cache: MemoryCache
) -> None:
    first = await run(TOPIC, engine, cache)
    second = await run(TOPIC, engine, cache)
    assert set(engine.calls.values()) == {1}
    assert set(engine.detailed.values()) == {1}
    assert not any(one.pop("cached") for one in first["results"])
    assert all(one.pop("cached") for one in second["results"])
    assert without_cost(first["results"]) == without_cost(second["results"])
    assert first["decisions"] == second["decisions"]


async def test_what_is_known_from_another_job_changes_no_decision(
    engine: FakeEngine, cache: MemoryCache
) -> None:
    settings = replace(SETTINGS, use_embedding_clustering=True, dup_sim_threshold=0.8)
    unknown = await run(TOPIC, engine, MemoryCache(0), settings)
    await run(BatchAnalysis(urls=FOUND, query="tea"), engine, cache, settings)
    known = await run(TOPIC, engine, cache, settings)
    assert known["decisions"] == unknown["decisions"]
    assert {one["verdict"] for one in known["decisions"]} > {"kept", "duplicate"}


async def test_without_a_cache_everything_is_done_again(engine: FakeEngine) -> None:
    for _ in range(2):
        result = await run(BatchAnalysis(urls=FOUND[:3]), engine, MemoryCache(0))
        assert not any(one["cached"] for one in result["results"])
    assert set(engine.calls.values()) == {2}


async def test_with_another_word_count_a_page_is_read_again_and_its_text_is_known(
    engine: FakeEngine, cache: MemoryCache
) -> None:
    await run(BatchAnalysis(urls=FOUND[:1]), engine, cache)
    own = JobOptions(min_word_count=90)
    for expected in (False, True):
        again = await run(BatchAnalysis(urls=FOUND[:1], options=own), engine, cache)
        assert again["results"][0]["cached"] is expected
    assert (engine.calls[FOUND[0]], engine.detailed[FOUND[0]]) == (2, 1)


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


class Recording(FakeEngine):
    """Notes what is asked for."""

    def __init__(self) -> None:
        super().__init__()
        self.studied: list[StudyRequest] = []

    async def study(self, request: StudyRequest) -> StudyReport:
        self.studied.append(request)
        return await super().study(request)


async def test_what_other_jobs_have_looked_at_counts_no_earlier(cache: MemoryCache) -> None:
    engine = Recording()
    await run(BatchAnalysis(urls=FOUND[::2], query="tea"), engine, cache)
    engine.studied.clear()
    await run(TOPIC, engine, cache)
    impressions = [one for one in engine.studied if one.depth is Depth.IMPRESSION]
    assert len(impressions) == len(FOUND)
    assert all(one.details is None for one in impressions)
    assert any(one.details for one in engine.studied)


class FailingStage(FakeEngine):
    """Everything has something in the place of what a stage could not tell."""

    async def read(self, request: ReadRequest) -> ReadReport:
        return replace(await super().read(request), stages=(FAILED,))

    async def study(self, request: StudyRequest) -> StudyReport:
        return replace(await super().study(request), stages=(FAILED,))


FAILED = StageRun(name="embed", started_ns=0, ended_ns=1, error="MemoryError")


async def test_what_only_stands_in_is_not_kept_for_others(cache: MemoryCache) -> None:
    urls = FOUND[:3]
    await run(BatchAnalysis(urls=urls), FailingStage(), cache)
    engine = FakeEngine()
    result = await run(BatchAnalysis(urls=urls), engine, cache)
    assert engine.calls.keys() == engine.detailed.keys() == set(urls)
    assert not any(one["cached"] for one in result["results"])


class BusyEngine(FakeEngine):
    """Lets everybody wait in line until it is let go."""

    def __init__(self) -> None:
        super().__init__()
        self.free = asyncio.Event()

    async def study(self, request: StudyRequest) -> StudyReport:
        with soft_limit_paused():
            await self.free.wait()
        return await super().study(request)


async def test_waiting_for_the_same_text_in_another_job_is_not_counted(cache: MemoryCache) -> None:
    engine = BusyEngine()
    analyser = ArticleAnalyser(
        Web(), engine, analysis_cache(cache, SETTINGS), analysis_policy(SETTINGS)
    )
    job = Job(id="", params=BatchAnalysis(urls=FOUND[:1]), submitted_ms=0)
    article = fake_read_report(ReadRequest(page=Page(url=FOUND[0], body=b""))).outcome
    assert isinstance(article, Article)
    limits: list[SoftLimit] = []

    async def studied() -> bool:
        async with soft_limit(100) as limit:
            limits.append(limit)
            _, known = await analyser.study(job, article, Depth.DETAILS)
            return known

    tasks = [asyncio.create_task(studied()) for _ in range(2)]
    await wait_until(lambda: [one.is_running for one in limits] == [False, False], "both to wait")
    engine.free.set()
    assert await asyncio.gather(*tasks) == [False, True]


class HangingDetails(FakeEngine):
    """Never comes back from the details of the first."""

    async def study(self, request: StudyRequest) -> StudyReport:
        if request.impression and request.article.url == FOUND[0]:
            await asyncio.Event().wait()
        return await super().study(request)


async def test_details_that_hang_are_held_against_nothing_else(cache: MemoryCache) -> None:
    settings = replace(SETTINGS, task_soft_time_limit=1.0)
    topic = TopicCuration(topic="tea", max_articles=len(FOUND))
    result = await run(topic, HangingDetails(), cache, settings)
    unseen = [
        one["article"]["url"]
        for one in result["results"]
        if any("longer than 1 s" in neutral["reason"] for neutral in one["neutral"])
    ]
    assert unseen == [FOUND[0]]
