"""Looking a topic up in all sources together."""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Sequence

from msgspec import Struct

from nlp.urls import canonical_url
from tasks.errors import InvalidSettings, StepError
from tasks.outcome import Candidate
from tasks.ports import Fetcher, Source
from tasks.settings import Settings
from tasks.sources.failure import all_failed
from tasks.sources.feeds import FeedSource
from tasks.sources.gdelt import GdeltSource
from tasks.sources.interleaving import interleaved


class SourceReport(Struct, frozen=True, kw_only=True):
    """What came of one source."""

    name: str
    found: int
    """Its candidates, before those that others found too were merged."""
    error: str | None = None
    """A sentence for the reader; None where the source answered."""


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
        error = self.failure.detail if self.failure else None
        return SourceReport(name=self.source, found=len(self.candidates), error=error)


def build_sources(settings: Settings, fetcher: Fetcher) -> list[Source]:
    """The sources that SOURCES names, in its order, each once. Raises InvalidSettings."""
    return [_build(name, settings, fetcher) for name in dict.fromkeys(settings.sources)]


def _build(name: str, settings: Settings, fetcher: Fetcher) -> Source:
    match name:
        case "feeds":
            return FeedSource(fetcher, settings.feed_urls)
        case "gdelt":
            return GdeltSource(fetcher, settings.gdelt_url)
    raise InvalidSettings(f"SOURCES: there is no source {name[:80]!r}; there are feeds and gdelt")


async def find_candidates(topic: str, limit: int, sources: Sequence[Source]) -> Found:
    """At most `limit` candidates, the sources taking turns, each article once.

    Raises PermanentFailure or TransientFailure where every source failed.
    """
    answers = await asyncio.gather(*(_ask(source, topic, limit) for source in sources))
    failures = [answer.failure for answer in answers if answer.failure]
    if len(failures) == len(answers):
        raise all_failed(_told(answers), failures)
    merged = each_once(interleaved([answer.candidates for answer in answers]))
    return Found(
        candidates=tuple(merged[:limit]), reports=tuple(answer.report for answer in answers)
    )


async def _ask(source: Source, topic: str, limit: int) -> _Answer:
    try:
        found = await source.find(topic, limit)
    except StepError as failure:
        return _Answer(source=source.name, failure=failure)
    return _Answer(source=source.name, candidates=tuple(found))


def each_once(candidates: Iterable[Candidate]) -> list[Candidate]:
    """The first candidate of each article; what is no URL is left out."""
    first: dict[str, Candidate] = {}
    for candidate in candidates:
        try:
            first.setdefault(canonical_url(candidate.url), candidate)
        except ValueError:
            continue
    return list(first.values())


def _told(answers: Sequence[_Answer]) -> str:
    said = "; ".join(f"{answer.source}: {answer.failure}" for answer in answers)
    return f"No source could be searched: {said}"
