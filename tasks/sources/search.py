"""The search for a topic in all configured sources, and the merging of their candidates."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from itertools import zip_longest

import structlog
from msgspec import Struct
from msgspec.structs import replace

from nlp.urls import canonical_url
from tasks.errors import CuratorError, PermanentFailure, Reason, StepError
from tasks.jobs.outcome import Candidate, SourceReport
from tasks.ports import FeedReader, Fetcher, Findings, Source
from tasks.sources.arxiv import ArxivSource
from tasks.sources.base import TimeLimitedSource, combined_failure
from tasks.sources.bingnews import BingNewsSource
from tasks.sources.feeds import FeedSource
from tasks.sources.gdelt import GdeltSource
from tasks.sources.googlenews import GoogleNewsSource
from tasks.sources.guardian import GuardianSource
from tasks.sources.hackernews import HackerNewsSource
from tasks.sources.newsapi import NewsApiSource
from tasks.sources.wikipedia import WikipediaSource
from tasks.telemetry.metrics import SOURCE_CANDIDATES, SOURCE_SEARCHES
from tasks.telemetry.names import FOUND, SEARCH, SOURCE
from tasks.telemetry.tracing import child_span

log = structlog.get_logger(__name__)

_SERVICES: Mapping[str, Callable[[Fetcher, str], Source]] = {
    "gdelt": GdeltSource,
    "hackernews": HackerNewsSource,
    "wikipedia": WikipediaSource,
}

_FEED_SERVICES: Mapping[str, Callable[[Fetcher, FeedReader, str], Source]] = {
    "arxiv": ArxivSource,
    "googlenews": GoogleNewsSource,
    "bingnews": BingNewsSource,
}
"""They answer with a feed."""

_KEYED_SERVICES: Mapping[str, Callable[[Fetcher, str, str], Source]] = {
    "newsapi": NewsApiSource,
    "guardian": GuardianSource,
}

FEEDS_TIME_SHARE = 0.9
"""The feeds' own share of a source's time limit, so that the feeds that answered count in time."""


class SourcePolicy(Struct, frozen=True, kw_only=True):
    """Which sources are searched, and how."""

    names: tuple[str, ...]
    """In their order, each once."""
    timeout: float
    """Seconds that each source has for one topic."""
    feed_urls: tuple[str, ...]
    """Feeds and OPML lists; empty: the built-in list."""
    service_urls: Mapping[str, str]
    """By name of the source."""
    service_keys: Mapping[str, str]
    """By name of the source, for those that need a key."""


def build_sources(policy: SourcePolicy, fetcher: Fetcher, reader: FeedReader) -> list[Source]:
    """The sources of the policy, in its order. Raises KeyError for an unknown name."""
    return [
        TimeLimitedSource(_build_source(name, policy, fetcher, reader), policy.timeout)
        for name in policy.names
    ]


def _build_source(name: str, policy: SourcePolicy, fetcher: Fetcher, reader: FeedReader) -> Source:
    if name == "feeds":
        seconds = FEEDS_TIME_SHARE * policy.timeout
        return FeedSource(fetcher, reader, policy.feed_urls, seconds=seconds)
    if name in _FEED_SERVICES:
        return _FEED_SERVICES[name](fetcher, reader, policy.service_urls[name])
    if name in _KEYED_SERVICES:
        key = policy.service_keys[name]
        return _KEYED_SERVICES[name](fetcher, policy.service_urls[name], key)
    return _SERVICES[name](fetcher, policy.service_urls[name])


class SearchResult(Struct, frozen=True, kw_only=True):
    """The candidates for a topic, and the outcome of each source."""

    candidates: tuple[Candidate, ...]
    reports: tuple[SourceReport, ...]


async def find_candidates(
    topic: str,
    limit: int,
    sources: Sequence[Source],
    accepts: Callable[[str], bool] = lambda _: True,
) -> SearchResult:
    """At most `limit` candidates, interleaved from all sources, each article once.

    Candidates whose URL `accepts` does not take are left out before they are counted.
    Raises PermanentFailure or TransientFailure where every source failed.
    """
    outcomes = await asyncio.gather(*(_search(source, topic, limit) for source in sources))
    for outcome in outcomes:
        outcome.count()
    failures = [outcome.failure for outcome in outcomes if outcome.failure]
    if len(failures) == len(outcomes):
        reasons = "; ".join(f"{outcome.source}: {outcome.failure}" for outcome in outcomes)
        raise combined_failure(f"No source could be searched: {reasons}", failures)
    merged = merge_candidates([outcome.findings.candidates for outcome in outcomes])
    candidates = [candidate for candidate in merged if accepts(candidate.url)]
    return SearchResult(
        candidates=tuple(candidates[:limit]),
        reports=tuple(outcome.report for outcome in outcomes),
    )


class _Outcome(Struct, frozen=True, kw_only=True):
    source: str
    findings: Findings = Findings()
    failure: StepError | None = None

    @property
    def report(self) -> SourceReport:
        return SourceReport(
            name=self.source,
            found=len(self.findings.candidates),
            seen=None if self.failure else self.findings.seen,
            error=self.failure.detail if self.failure else None,
            reason=self.failure.reason if self.failure else None,
        )

    def count(self) -> None:
        """For the metrics."""
        found = len(self.findings.candidates)
        word = self.failure.reason if self.failure else "ok" if found else "empty"
        SOURCE_SEARCHES.add(1, {"source": self.source, "outcome": word})
        SOURCE_CANDIDATES.add(found, {"source": self.source})


async def _search(source: Source, topic: str, limit: int) -> _Outcome:
    try:
        with child_span(SEARCH, attributes={SOURCE: source.name}) as span:
            findings = await source.find(topic, limit)
            span.set_attribute(FOUND, len(findings.candidates))
    except StepError as failure:
        log.warning(
            "source failed", source=source.name, reason=failure.reason, detail=failure.detail
        )
        return _Outcome(source=source.name, failure=failure)
    except CuratorError:
        raise  # a failure of our own and not of the source, such as an unavailable ledger
    except Exception:
        # A bug in one source is no reason to lose the candidates of the others.
        log.exception("source broke", source=source.name)
        broken = PermanentFailure(Reason.INTERNAL_ERROR, "The source itself failed.")
        return _Outcome(source=source.name, failure=broken)
    return _Outcome(source=source.name, findings=findings)


def merge_candidates(lists: Sequence[Sequence[Candidate]]) -> list[Candidate]:
    """Each article once, with the names of all sources that found it; invalid URLs are omitted.

    The lists are interleaved: first the first candidate of each, then the second of each, and so
    on. Within one place, a candidate that more sources found comes first, then that of the earlier
    source.
    """
    placed: dict[str, tuple[int, Candidate]] = {}
    for place, row in enumerate(zip_longest(*lists)):
        for candidate in row:
            if candidate is not None:
                _add(placed, place, candidate)
    ordered = sorted(placed.values(), key=lambda entry: (entry[0], -len(entry[1].sources)))
    return [candidate for _, candidate in ordered]


def _add(placed: dict[str, tuple[int, Candidate]], place: int, candidate: Candidate) -> None:
    try:
        key = canonical_url(candidate.url)
    except ValueError:
        return
    earlier = placed.get(key)
    if earlier is None:
        placed[key] = (place, candidate)
    else:
        placed[key] = (earlier[0], _also_found(earlier[1], candidate))


def _also_found(candidate: Candidate, duplicate: Candidate) -> Candidate:
    """The candidate with the sources of the duplicate, and its title where it has none itself."""
    others = dict.fromkeys((*candidate.also_found_by, *duplicate.sources))
    others.pop(candidate.source or "", None)
    return replace(candidate, also_found_by=tuple(others), title=candidate.title or duplicate.title)
