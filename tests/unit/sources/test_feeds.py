"""Feeds as a source: what of them becomes a candidate."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping

import pytest

from nlp.article import Page
from tasks.errors import PermanentFailure, Reason, StepError, TransientFailure
from tasks.sources.feeds import MAX_FEEDS, FeedSource
from tests.fakes import FEED_READER
from tests.unit.sources.web import PlayedWeb, opml, rss

A, B, C = "https://a.example/feed", "https://b.example/feed", "https://c.example/feed"
SEARCH = "https://search.example/rss?q={query}"

OLD, NEW = "Mon, 21 Sep 2026 12:00:00 GMT", "Fri, 25 Sep 2026 12:00:00 GMT"


async def found(
    web: PlayedWeb, *urls: str, topic: str = "solar power", limit: int = 100
) -> list[str]:
    findings = await FeedSource(web, FEED_READER, urls).find(topic, limit)
    return [candidate.url for candidate in findings.candidates]


async def test_a_candidate_says_where_it_comes_from() -> None:
    web = PlayedWeb({A: rss(("https://a.example/1", "Solar power grows"))})
    (candidate,) = (await FeedSource(web, FEED_READER, [A]).find("solar power", 10)).candidates
    assert candidate.source == "feeds"
    assert candidate.title == "Solar power grows"


async def test_the_entries_that_match_best_come_first() -> None:
    web = PlayedWeb(
        {
            A: rss(
                ("https://a.example/1", "Power cut in the city", NEW),
                ("https://a.example/2", "Solar panels", NEW),
                ("https://a.example/3", "Powerless in the solarium", NEW),
                ("https://a.example/4", "SOLAR-POWERED ships", OLD),
            ),
            B: rss(("https://b.example/1", "Power from the solar plant", OLD)),
        }
    )
    assert await found(web, A, B) == [
        "https://a.example/4",
        "https://b.example/1",
        "https://a.example/2",
    ]


async def test_what_was_seen_is_counted() -> None:
    web = PlayedWeb(
        {
            A: rss(("https://a.example/1", "Solar power"), ("https://a.example/2", "Rain")),
            B: rss(("https://b.example/1", "Rain")),
        }
    )
    findings = await FeedSource(web, FEED_READER, [A, B]).find("solar power", 10)
    assert (len(findings.candidates), findings.seen) == (1, 3)


class Stuck(PlayedWeb):
    """One of its documents never comes."""

    async def document(
        self, url: str, *, headers: Mapping[str, str] | None = None, interval: float = 0.0
    ) -> Page:
        if url == B:
            await asyncio.Event().wait()
        return await super().document(url)


async def test_a_feed_that_hangs_does_not_affect_the_others() -> None:
    web = Stuck({A: rss(("https://a.example/1", "Solar power"))})
    found = await FeedSource(web, FEED_READER, [A, B], seconds=0.05).find("solar power", 10)
    assert [candidate.url for candidate in found.candidates] == ["https://a.example/1"]
    with pytest.raises(TransientFailure, match="None of the feeds"):
        await FeedSource(web, FEED_READER, [B], seconds=0.01).find("solar power", 10)


async def test_ai_is_not_found_in_said() -> None:
    web = PlayedWeb(
        {A: rss(("https://a.example/1", "She said so"), ("https://a.example/2", "AI!"))}
    )
    assert await found(web, A, topic="AI") == ["https://a.example/2"]


async def test_newest_first_across_feeds_and_undated_last() -> None:
    web = PlayedWeb(
        {
            A: rss(
                ("https://a.example/0", "Solar power"), ("https://a.example/1", "Solar power", OLD)
            ),
            B: rss(("https://b.example/1", "Solar power", NEW)),
        }
    )
    assert await found(web, A, B) == [
        "https://b.example/1",
        "https://a.example/1",
        "https://a.example/0",
    ]


async def test_a_search_feed_is_asked_for_the_topic_and_believed() -> None:
    requested = "https://search.example/rss?q=solar%20power%20%26%20wind%2Frain"
    web = PlayedWeb(
        {requested: rss(("https://x.example/1", "Anything"), ("https://x.example/2", "At all"))}
    )
    urls = await found(web, SEARCH, topic="solar power & wind/rain")
    assert web.requested == [requested]
    assert urls == ["https://x.example/1", "https://x.example/2"]


async def test_search_feeds_and_others_are_interleaved_and_urls_come_once() -> None:
    web = PlayedWeb(
        {
            SEARCH.replace("{query}", "wind"): rss(
                ("https://x.example/1", "x"),
                ("https://a.example/1", "x"),
                ("https://x.example/3", "x"),
            ),
            A: rss(("https://a.example/1", "Wind"), ("https://a.example/2", "Wind")),
        }
    )
    urls = await found(web, A, SEARCH, topic="wind")
    assert [url[8:] for url in urls] == ["x.example/1", "a.example/1", "a.example/2", "x.example/3"]
    assert await found(web, A, SEARCH, topic="wind", limit=2) == urls[:2]


async def test_lists_are_read_and_their_feeds_too() -> None:
    web = PlayedWeb(
        {
            "https://lists.example/": opml(A, B, "https://lists.example/more"),
            "https://lists.example/more": opml(C),
            A: rss(("https://a.example/1", "Solar power")),
            B: rss(("https://b.example/1", "Solar power")),
        }
    )
    urls = await found(web, A, "https://lists.example/")
    assert urls == ["https://a.example/1", "https://b.example/1"]
    assert web.requested.count(A) == 1
    assert C not in web.requested


async def test_a_list_without_end_is_cut() -> None:
    many = [f"https://a.example/{number}" for number in range(10_000)]
    web = PlayedWeb({"https://lists.example/": opml(*many), many[0]: rss()})
    assert await found(web, "https://lists.example/") == []
    assert len(web.requested) == MAX_FEEDS


@pytest.mark.parametrize(
    "broken",
    [
        b"<html>Not here</html>",
        b"<opml>",
        PermanentFailure(Reason.NOT_FOUND, "The site answered 404 Not Found."),
        TransientFailure(Reason.TIMED_OUT, "The site took too long to answer."),
    ],
)
async def test_a_broken_feed_is_omitted(broken: bytes | StepError) -> None:
    web = PlayedWeb({A: broken, B: rss(("https://b.example/1", "Solar power"))})
    assert await found(web, A, B) == ["https://b.example/1"]


async def test_when_all_feeds_fail_the_source_fails() -> None:
    web = PlayedWeb({A: b"<html>"})
    with pytest.raises(PermanentFailure) as permanent:
        await found(web, A, B)
    assert permanent.value.reason == Reason.SOURCES_FAILED
    web = PlayedWeb({A: TransientFailure(Reason.SERVER_ERROR, "Busy.", retry_after=8)})
    with pytest.raises(TransientFailure) as transient:
        await found(web, A, B)
    assert transient.value.reason == Reason.SOURCES_FAILED
    assert transient.value.retry_after == 8


async def test_feeds_that_say_nothing_of_the_topic_are_no_failure() -> None:
    web = PlayedWeb({A: rss(("https://a.example/1", "Something else"))})
    assert await found(web, A) == []
    assert await found(web, A, topic="!!!") == []


async def test_without_feeds_the_builtin_list_is_read() -> None:
    web = PlayedWeb({})
    with pytest.raises(PermanentFailure):
        await found(web)
    assert len(web.requested) >= 20
