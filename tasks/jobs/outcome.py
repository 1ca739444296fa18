"""The stages of an article: a candidate at first, in the end one outcome."""

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
    """The names of the other sources that found it. Those that listed it higher come first."""
    title: str | None = None
    """The title that the source gave; shown if the article fails."""

    @property
    def sources(self) -> tuple[str, ...]:
        """The names of all sources that found it, the first of them first."""
        return (self.source, *self.also_found_by) if self.source else ()


class ErrorReport(Struct, frozen=True, kw_only=True):
    """Why something failed: a job, a source, the submission of a schedule's run."""

    reason: str
    """A stable word for programs."""
    detail: str
    """A sentence for readers."""

    def __str__(self) -> str:
        return f"{self.reason}: {self.detail}"

    @classmethod
    def parse(cls, text: str) -> ErrorReport:
        """Of the form in which the ledger stores it: the reason, a colon, the sentence."""
        reason, colon, detail = text.partition(": ")
        if colon and reason.isidentifier():
            return cls(reason=reason, detail=detail)
        return cls(reason=Reason.INTERNAL_ERROR, detail=text)


class SourceReport(Struct, frozen=True, kw_only=True):
    """What one source of a topic found, or why it failed; as the ledger stores it."""

    name: str
    found: int
    """Its candidates, before duplicates among the sources were merged."""
    seen: int | None = None
    """The results or entries among which it chose them; None where it failed."""
    error: str | None = None
    """A sentence for the reader; None where the source answered."""
    reason: Reason | None = None
    """The same for programs."""


class ArticleAnalysed(Struct, frozen=True, kw_only=True, tag="analysed"):
    """An article that settled with an analysis."""

    url: str
    result: msgspec.Raw
    """The part that clients read, as JSON: scorecard and article."""
    evidence: bytes = b""
    """The part that `rank` needs. It is stored apart, is not read back with the outcome, and is
    deleted when the job ends."""


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
    """The outcomes of a job's articles so far, in the order of the articles."""

    outcomes: tuple[ArticleOutcome, ...]
    next_cursor: int | None
