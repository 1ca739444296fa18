"""What becomes of an article: first a candidate, in the end one outcome."""

from __future__ import annotations

import msgspec
from msgspec import Struct

from tasks.errors import Reason


class Candidate(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """A URL that `discover` found, before it is an article."""

    url: str
    source: str | None = None
    """The name of the source that found it first; None for a URL that the client gave."""
    also_found_by: tuple[str, ...] = ()
    """The names of the other sources that found it, who had it higher up first."""
    title: str | None = None
    """As the source tells it; for the reader of a failed article."""

    @property
    def sources(self) -> tuple[str, ...]:
        """The names of all sources that found it, the first of them first."""
        return (self.source, *self.also_found_by) if self.source else ()


class SourceReport(Struct, frozen=True, kw_only=True):
    """What one source of a topic found, or why it failed."""

    name: str
    found: int
    """Its candidates, before duplicates among the sources were merged."""
    error: str | None = None
    """A sentence for the reader; None where the source answered."""
    reason: Reason | None = None
    """The same for programs."""


class ArticleAnalysed(Struct, frozen=True, kw_only=True, tag="analysed"):
    """An article that settled well."""

    url: str
    result: msgspec.Raw
    """What the client will read of it, as JSON: scorecard and article."""
    evidence: bytes = b""
    """What `rank` needs of it. Stored apart, dropped when the job has ended, and not read back
    with the outcome."""


class ArticleFailed(Struct, frozen=True, kw_only=True, tag="failed"):
    """An article that settled without an analysis."""

    url: str
    reason: Reason
    detail: str


ArticleOutcome = ArticleAnalysed | ArticleFailed


class Failure(Struct, frozen=True, kw_only=True):
    """A failed article, as the status of its job lists it."""

    url: str
    reason: str
    detail: str


class OutcomePage(Struct, frozen=True, kw_only=True):
    """Outcomes of a job's articles so far, by the articles' places."""

    outcomes: tuple[ArticleOutcome, ...]
    next_cursor: int | None
