"""Looking a topic up in all sources together."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import structlog
from msgspec import Struct

from tasks.errors import CuratorError, PermanentFailure, Reason, StepError
from tasks.outcome import Candidate
from tasks.ports import Fetcher, Source
from tasks.settings import Settings, check_sources
from tasks.sources.bounded import BoundedSource
from tasks.sources.failure import all_failed
from tasks.sources.merging import merged
from tasks.sources.registry import build_source

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
