"""All sources together."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tasks.errors import InvalidSettings, PermanentFailure, Reason, StepError, TransientFailure
from tasks.outcome import Candidate
from tasks.settings import Settings
from tasks.sources.interleaving import interleaved
from tasks.sources.search import SourceReport, build_sources, find_candidates
from tests.unit.sources.web import PlayedWeb

BUSY = TransientFailure(Reason.SERVER_ERROR, "Busy.", retry_after=8)
REFUSED = PermanentFailure(Reason.HTTP_ERROR, "Refused.")


class Listed:
    """A source with these URLs, or this failure."""

    def __init__(self, name: str, *urls: str, failure: StepError | None = None) -> None:
        self.name = name
        self.urls = urls
        self.failure = failure

    async def find(self, topic: str, limit: int) -> list[Candidate]:
        if self.failure:
            raise self.failure
        return [Candidate(url=url, source=self.name) for url in self.urls[:limit]]


async def test_sources_take_turns_and_articles_come_once() -> None:
    found = await find_candidates(
        "wind",
        10,
        [
            Listed("a", "https://x.example/1", "https://x.example/2", "https://x.example/3"),
            Listed("b", "https://X.example/2?utm_source=b#top", "not a url", "https://y.example/"),
        ],
    )
    assert [(candidate.source, candidate.url) for candidate in found.candidates] == [
        ("a", "https://x.example/1"),
        ("b", "https://X.example/2?utm_source=b#top"),
        ("a", "https://x.example/3"),
        ("b", "https://y.example/"),
    ]
    assert [(report.name, report.found) for report in found.reports] == [("a", 3), ("b", 3)]


async def test_the_limit_holds_for_all_together() -> None:
    sources = [Listed(name, *(f"https://{name}.example/{n}" for n in range(9))) for name in "abc"]
    found = await find_candidates("wind", 4, sources)
    assert [candidate.url[8:11] for candidate in found.candidates] == ["a.e", "b.e", "c.e", "a.e"]


async def test_a_source_that_fails_is_reported() -> None:
    sources = [Listed("a", failure=BUSY), Listed("b", "https://b.example/1")]
    found = await find_candidates("wind", 10, sources)
    assert len(found.candidates) == 1
    assert found.reports[0] == SourceReport(name="a", found=0, error="Busy.")


async def test_when_all_fail_the_search_fails() -> None:
    with pytest.raises(PermanentFailure) as permanent:
        await find_candidates("wind", 10, [Listed("a", failure=REFUSED)])
    assert permanent.value.reason == Reason.SOURCES_FAILED
    assert permanent.value.detail == "No source could be searched: a: Refused."
    with pytest.raises(TransientFailure) as transient:
        await find_candidates("wind", 10, [Listed("a", failure=REFUSED), Listed("b", failure=BUSY)])
    assert transient.value.reason == Reason.SOURCES_FAILED
    assert transient.value.retry_after == 8


async def test_nothing_found_is_no_failure() -> None:
    found = await find_candidates("wind", 10, [Listed("a")])
    assert found.candidates == ()


def test_sources_are_built_in_the_order_of_the_setting() -> None:
    web = PlayedWeb({})
    names = [source.name for source in build_sources(Settings(sources=("gdelt", "feeds")), web)]
    assert names == ["gdelt", "feeds"]
    with pytest.raises(InvalidSettings, match="SOURCES: there is no source 'bing'"):
        build_sources(Settings(sources=("feeds", "bing")), web)


@given(st.lists(st.lists(st.integers()), max_size=5))
def test_taking_turns_loses_nothing_and_keeps_each_order(lists: list[list[int]]) -> None:
    tagged = [[(which, item) for item in items] for which, items in enumerate(lists)]
    mixed = list(interleaved(tagged))
    assert [[item for item in mixed if item[0] == which] for which in range(len(lists))] == tagged
    assert [which for which, _ in mixed[: len(lists)]] == [
        which for which in range(len(lists)) if lists[which]
    ] or not all(lists)
