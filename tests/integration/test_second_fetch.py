"""A page that failed in a way which often passes at once is fetched again in the same try."""

from __future__ import annotations

import pytest

from nlp.analysis import Depth
from nlp.article import Page
from tasks.cache.memory import MemoryCache
from tasks.composition import analysis_cache, analysis_policy
from tasks.errors import CuratorError, HostBusy, PermanentFailure, Reason, TransientFailure
from tasks.jobs.job import Job, SingleAnalysis
from tasks.jobs.outcome import ArticleAnalysed, Candidate
from tasks.kinds.article_analysis import ArticleAnalyser
from tasks.settings import Settings
from tasks.step_context import soft_limit
from tests.fakes import FakeEngine, FakeFetcher

URL = "http://site.example/a"
MOMENTARY = TransientFailure(Reason.CONNECTION_FAILED, "Reset.", momentary=True)


class Flaky(FakeFetcher):
    """Raises these first, one at each fetch."""

    def __init__(self, *errors: CuratorError) -> None:
        super().__init__()
        self._errors = list(errors)
        self.fetches = 0

    async def page(self, url: str) -> Page:
        self.fetches += 1
        if self._errors:
            raise self._errors.pop(0)
        return await super().page(url)


async def analysed(fetcher: Flaky, delay: float = 0.01) -> ArticleAnalysed:
    settings = Settings()
    analyser = ArticleAnalyser(
        fetcher,
        FakeEngine(),
        analysis_cache(MemoryCache(1 << 20), settings),
        analysis_policy(settings),
        fetch_retry_delay=delay,
    )
    job = Job(id="", params=SingleAnalysis(url=URL), submitted_ms=0)
    return await analyser.analyse(job, Candidate(url=URL), Depth.DETAILS)


async def test_it_may_pass_at_once() -> None:
    fetcher = Flaky(MOMENTARY)
    assert (await analysed(fetcher)).url == URL
    assert fetcher.fetches == 2


@pytest.mark.parametrize(
    ("errors", "fetches", "raised"),
    [
        ([MOMENTARY, MOMENTARY, MOMENTARY], 2, TransientFailure),
        ([TransientFailure(Reason.TIMED_OUT, "Slow.")], 1, TransientFailure),
        ([PermanentFailure(Reason.NOT_FOUND, "Gone.")], 1, PermanentFailure),
        ([MOMENTARY, PermanentFailure(Reason.NOT_FOUND, "Gone.")], 2, PermanentFailure),
        ([HostBusy("site.example", 5.0)], 1, HostBusy),
        # Postponed, it would not count as a try, and could begin anew for ever.
        ([MOMENTARY, HostBusy("site.example", 5.0)], 2, TransientFailure),
    ],
)
async def test_what_remains_is_the_end_of_the_try(
    errors: list[CuratorError], fetches: int, raised: type[CuratorError]
) -> None:
    fetcher = Flaky(*errors)
    with pytest.raises(raised):
        await analysed(fetcher)
    assert fetcher.fetches == fetches


async def test_it_can_be_turned_off() -> None:
    fetcher = Flaky(MOMENTARY)
    with pytest.raises(TransientFailure):
        await analysed(fetcher, delay=0.0)
    assert fetcher.fetches == 1


async def test_the_time_until_then_is_not_that_of_the_work() -> None:
    async with soft_limit(0.2):
        await analysed(Flaky(MOMENTARY), delay=0.4)
