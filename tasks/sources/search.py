"""One list of candidates from the lists of several sources."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from itertools import zip_longest

import structlog
from msgspec import Struct
from msgspec.structs import replace

from nlp.urls import canonical_url
from tasks.errors import CuratorError, PermanentFailure, Reason, StepError
from tasks.jobs.outcome import Candidate
from tasks.ports import Fetcher, Source
from tasks.settings import Settings, check_sources, unknown_source
from tasks.sources.arxiv import ArxivSource
from tasks.sources.base import BoundedSource, all_failed
from tasks.sources.bingnews import BingNewsSource
from tasks.sources.feeds import FeedSource
from tasks.sources.gdelt import GdeltSource
from tasks.sources.googlenews import GoogleNewsSource
from tasks.sources.guardian import GuardianSource
from tasks.sources.hackernews import HackerNewsSource
from tasks.sources.newsapi import NewsApiSource
from tasks.sources.wikipedia import WikipediaSource


def merged(lists: Sequence[Sequence[Candidate]]) -> list[Candidate]:
    """Each article once, named by all that found it; what is no URL is left out.

    The sources take turns: first what any has in its first place, then in its second, and so on.
    Of one place, what more sources found comes first, then what an earlier source found.
    """
    first: dict[str, tuple[int, Candidate]] = {}
    for place, row in enumerate(zip_longest(*lists)):
        for candidate in row:
            if candidate is not None:
                _add(first, place, candidate)
    placed = sorted(first.values(), key=lambda one: (one[0], -len(one[1].sources)))
    return [candidate for _, candidate in placed]


def _add(first: dict[str, tuple[int, Candidate]], place: int, candidate: Candidate) -> None:
    try:
        key = canonical_url(candidate.url)
    except ValueError:
        return
    earlier = first.get(key)
    if earlier is None:
        first[key] = (place, candidate)
    else:
        first[key] = (earlier[0], _also_found(earlier[1], candidate))


def _also_found(candidate: Candidate, again: Candidate) -> Candidate:
    """The candidate with the source of the other, and with its title where it has none."""
    others = dict.fromkeys((*candidate.also_found_by, *again.sources))
    others.pop(candidate.source or "", None)
    return replace(candidate, also_found_by=tuple(others), title=candidate.title or again.title)


FEEDS_SHARE = 0.9
"""Of a source's time that the feeds have, so that those which answered are told in time."""


def build_source(name: str, settings: Settings, fetcher: Fetcher) -> Source:
    """The source of that name. Raises InvalidSettings where there is none."""
    match name:
        case "feeds":
            seconds = FEEDS_SHARE * settings.source_timeout
            return FeedSource(fetcher, settings.feed_urls, seconds=seconds)
        case "gdelt":
            return GdeltSource(fetcher, settings.gdelt_url)
        case "hackernews":
            return HackerNewsSource(fetcher, settings.hackernews_url)
        case "arxiv":
            return ArxivSource(fetcher, settings.arxiv_url)
        case "wikipedia":
            return WikipediaSource(fetcher, settings.wikipedia_url)
        case "newsapi":
            return NewsApiSource(fetcher, settings.newsapi_url, settings.newsapi_key or "")
        case "guardian":
            return GuardianSource(fetcher, settings.guardian_url, settings.guardian_key or "")
        case "googlenews":
            return GoogleNewsSource(fetcher, settings.googlenews_url)
        case "bingnews":
            return BingNewsSource(fetcher, settings.bingnews_url)
    raise unknown_source(name)


_log = structlog.get_logger(__name__)


class SourceReport(Struct, frozen=True, kw_only=True):
    """What came of one source."""

    name: str
    found: int
    """Its candidates, before those that others found too were merged."""
    error: str | None = None
    """A sentence for the reader; None where the source answered."""
    reason: Reason | None = None
    """The same for programs."""


class Found(Struct, frozen=True, kw_only=True):
    """What was found on a topic, and by whom."""

    candidates: tuple[Candidate, ...]
    reports: tuple[SourceReport, ...]


class _Answer(Struct, frozen=True, kw_only=True):
    source: str
    candidates: tuple[Candidate, ...] = ()
    failure: StepError | None = None

    @property
    def report(self) -> SourceReport:
        return SourceReport(
            name=self.source,
            found=len(self.candidates),
            error=self.failure.detail if self.failure else None,
            reason=self.failure.reason if self.failure else None,
        )


def build_sources(settings: Settings, fetcher: Fetcher) -> list[Source]:
    """The sources that SOURCES names, in its order, each once. Raises InvalidSettings."""
    check_sources(settings)
    return [
        BoundedSource(build_source(name, settings, fetcher), settings.source_timeout)
        for name in dict.fromkeys(settings.sources)
    ]


async def find_candidates(topic: str, limit: int, sources: Sequence[Source]) -> Found:
    """At most `limit` candidates, the sources taking turns, each article once.

    Raises PermanentFailure or TransientFailure where every source failed.
    """
    answers = await asyncio.gather(*(_ask(source, topic, limit) for source in sources))
    failures = [answer.failure for answer in answers if answer.failure]
    if len(failures) == len(answers):
        raise all_failed(_told(answers), failures)
    candidates = merged([answer.candidates for answer in answers])
    return Found(
        candidates=tuple(candidates[:limit]),
        reports=tuple(answer.report for answer in answers),
    )


async def _ask(source: Source, topic: str, limit: int) -> _Answer:
    try:
        found = await source.find(topic, limit)
    except StepError as failure:
        _log.warning(
            "source failed", source=source.name, reason=failure.reason, detail=failure.detail
        )
        return _Answer(source=source.name, failure=failure)
    except CuratorError:
        raise  # about us and not about the source: the ledger is away, for one
    except Exception:
        # A mistake of ours in one source is no reason to lose what the others found.
        _log.exception("source broke", source=source.name)
        broken = PermanentFailure(Reason.INTERNAL_ERROR, "The source itself failed.")
        return _Answer(source=source.name, failure=broken)
    return _Answer(source=source.name, candidates=tuple(found))


def _told(answers: Sequence[_Answer]) -> str:
    said = "; ".join(f"{answer.source}: {answer.failure}" for answer in answers)
    return f"No source could be searched: {said}"
