"""What answers look like of which parts are passed on as they are stored: for their description."""

from __future__ import annotations

from msgspec import Struct

from app.views import FailedView
from tasks.result import ArticleResult, ArticlesResult
from tasks.sources.search import SourceReport


class DescribedResult(ArticlesResult, kw_only=True):
    """The result of every job that is about articles."""

    results: list[ArticleResult]  # type: ignore[assignment]
    """Best first; of a job that did not succeed, in the order of the composite alone."""
    sources: list[SourceReport] | None = None  # type: ignore[assignment]
    """What each source of a topic found, or why it failed."""


class DescribedAnalysed(Struct, frozen=True, kw_only=True, tag="analysed"):
    """An article that was analysed: scored by itself, and not yet beside the others."""

    url: str
    result: ArticleResult


class DescribedListing(Struct, frozen=True, kw_only=True):
    """Outcomes so far, in the order of the job's articles."""

    articles: list[DescribedAnalysed | FailedView]
    next_cursor: int | None
    """What to ask for next; None on the last page."""
