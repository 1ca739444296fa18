"""All sources together."""

from __future__ import annotations

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.composition import source_policy
from tasks.errors import (
    InvalidSettings,
    LedgerUnavailable,
    PermanentFailure,
    Reason,
    TransientFailure,
)
from tasks.jobs.outcome import Candidate, SourceReport
from tasks.ports import Findings, Source
from tasks.settings import SOURCE_KEYS, Settings, read_settings, setting_rows
from tasks.sources.base import TimeLimitedSource
from tasks.sources.feeds import interleaved
from tasks.sources.search import build_sources, find_candidates
from tests.fakes import FEED_READER
from tests.unit.sources.web import PlayedWeb

BUSY = TransientFailure(Reason.SERVER_ERROR, "Busy.", retry_after=8)
REFUSED = PermanentFailure(Reason.HTTP_ERROR, "Refused.")


class Listed:
    """A source with these URLs, or this failure."""

    def __init__(self, name: str, *urls: str, failure: Exception | None = None) -> None:
        self.name = name
        self.urls = urls
        self.failure = failure

    async def find(self, topic: str, limit: int) -> Findings:
        if self.failure:
            raise self.failure
        candidates = (Candidate(url=url, source=self.name) for url in self.urls[:limit])
        return Findings(candidates=tuple(candidates), seen=len(self.urls))


class Hanging:
    """A source that never answers."""

    name = "hanging"

    async def find(self, topic: str, limit: int) -> Findings:
        await asyncio.Event().wait()
        return Findings()


async def test_sources_are_interleaved_and_articles_come_once() -> None:
    result = await find_candidates(
        "wind",
        10,
        [
            Listed("a", "https://x.example/1", "https://x.example/2", "https://x.example/3"),
            Listed("b", "https://X.example/2?utm_source=b#top", "not a url", "https://y.example/"),
        ],
    )
    assert [(candidate.sources, candidate.url) for candidate in result.candidates] == [
        (("b", "a"), "https://X.example/2?utm_source=b#top"),
        (("a",), "https://x.example/1"),
        (("a",), "https://x.example/3"),
        (("b",), "https://y.example/"),
    ]
    assert [(report.name, report.found) for report in result.reports] == [("a", 3), ("b", 3)]


async def test_a_report_says_how_many_were_seen_and_taken() -> None:
    sources = [Listed("a", *(f"https://a.example/{number}" for number in range(9)))]
    (report,) = (await find_candidates("wind", 4, sources)).reports
    assert (report.seen, report.found) == (9, 4)


async def test_the_limit_holds_for_all_together() -> None:
    sources = [Listed(name, *(f"https://{name}.example/{n}" for n in range(9))) for name in "abc"]
    result = await find_candidates("wind", 4, sources)
    assert [candidate.url[8:11] for candidate in result.candidates] == ["a.e", "b.e", "c.e", "a.e"]


async def test_a_source_that_fails_is_reported() -> None:
    sources = [Listed("a", failure=BUSY), Listed("b", "https://b.example/1")]
    result = await find_candidates("wind", 10, sources)
    assert len(result.candidates) == 1
    assert result.reports[0] == SourceReport(
        name="a", found=0, error="Busy.", reason=Reason.SERVER_ERROR
    )


async def test_a_source_that_breaks_is_reported_and_the_others_count() -> None:
    sources = [Listed("a", failure=KeyError("key=secret")), Listed("b", "https://b.example/1")]
    result = await find_candidates("wind", 10, sources)
    assert len(result.candidates) == 1
    assert result.reports[0] == SourceReport(
        name="a", found=0, error="The source itself failed.", reason=Reason.INTERNAL_ERROR
    )


async def test_a_failure_of_our_own_is_not_blamed_on_the_source() -> None:
    sources = [Listed("a", failure=LedgerUnavailable()), Listed("b", "https://b.example/1")]
    with pytest.raises(LedgerUnavailable):
        await find_candidates("wind", 10, sources)


async def test_a_source_that_hangs_is_reported_in_time() -> None:
    sources: list[Source] = [
        TimeLimitedSource(Hanging(), 0.01),
        Listed("b", "https://b.example/1"),
    ]
    result = await find_candidates("wind", 10, sources)
    assert [(report.name, report.found) for report in result.reports] == [("hanging", 0), ("b", 1)]
    assert result.reports[0].reason is Reason.TIMED_OUT
    assert result.reports[0].error == "It found nothing within 0.01 seconds."


async def test_a_source_that_is_cancelled_stays_cancelled() -> None:
    searching = asyncio.ensure_future(
        find_candidates("wind", 10, [TimeLimitedSource(Hanging(), 60)])
    )
    await asyncio.sleep(0)
    searching.cancel()
    with pytest.raises(asyncio.CancelledError):
        await searching


async def test_when_all_fail_the_search_fails() -> None:
    with pytest.raises(PermanentFailure) as permanent:
        await find_candidates("wind", 10, [Listed("a", failure=REFUSED)])
    assert permanent.value.reason == Reason.SOURCES_FAILED
    assert permanent.value.detail == "No source could be searched: a: Refused."
    with pytest.raises(TransientFailure) as transient:
        await find_candidates("wind", 10, [Listed("a", failure=REFUSED), Listed("b", failure=BUSY)])
    assert transient.value.reason == Reason.SOURCES_FAILED
    assert transient.value.retry_after == 8


async def test_an_empty_result_is_no_failure() -> None:
    result = await find_candidates("wind", 10, [Listed("a")])
    assert result.candidates == ()


def test_sources_are_built_in_the_order_of_the_setting() -> None:
    web = PlayedWeb({})
    names = [
        source.name
        for source in build_sources(
            source_policy(Settings(sources=("gdelt", "feeds"))), web, FEED_READER
        )
    ]
    assert names == ["gdelt", "feeds"]
    with pytest.raises(InvalidSettings, match="SOURCES: there is no source 'bing'; there are feed"):
        source_policy(Settings(sources=("feeds", "bing")))


def test_every_source_there_is_can_be_built() -> None:
    settings = Settings(
        sources=(*SOURCE_KEYS, "feeds"), newsapi_key="a-sample-key", guardian_key="a-sample-key"
    )
    sources = build_sources(source_policy(settings), PlayedWeb({}), FEED_READER)
    names = [source.name for source in sources]
    assert names == list(SOURCE_KEYS)


@pytest.mark.parametrize(("source", "setting"), [(n, k) for n, k in SOURCE_KEYS.items() if k])
def test_a_source_without_its_key_is_refused_at_start(source: str, setting: str) -> None:
    settings = Settings(sources=("feeds", source))
    with pytest.raises(InvalidSettings, match=f"{setting.upper()}: the source {source}"):
        source_policy(settings)
    with pytest.raises(InvalidSettings, match=f"{setting.upper()}: the source {source}"):
        read_settings({"SOURCES": f"feeds,{source}"})
    assert read_settings({"SOURCES": source, setting.upper(): "a-sample-key"}).sources == (source,)


def test_a_key_that_cannot_be_one_is_refused_and_not_shown() -> None:
    with pytest.raises(InvalidSettings) as refused:
        read_settings({"NEWSAPI_KEY": "two words of it"})
    assert str(refused.value).startswith("NEWSAPI_KEY=(hidden): ")
    assert "words" not in str(refused.value)


def test_keys_are_hidden_among_the_settings() -> None:
    settings = Settings(newsapi_key="a-sample-key", guardian_key="a-sample-key")
    shown = {row.name: row.value for row in setting_rows(settings)}
    assert (shown["NEWSAPI_KEY"], shown["GUARDIAN_KEY"]) == ("(hidden)", "(hidden)")
    assert "a-sample-key" not in str(setting_rows(settings))


@given(st.lists(st.lists(st.integers()), max_size=5))
def test_interleaving_loses_nothing_and_keeps_each_order(lists: list[list[int]]) -> None:
    tagged = [[(which, item) for item in items] for which, items in enumerate(lists)]
    mixed = list(interleaved(tagged))
    assert [[item for item in mixed if item[0] == which] for which in range(len(lists))] == tagged
    assert [which for which, _ in mixed[: len(lists)]] == [
        which for which in range(len(lists)) if lists[which]
    ] or not all(lists)
