"""A result as a document: JSON, CSV or Markdown.

Titles and summaries come from other people's pages. In Markdown they are escaped, so that they
stay text. In CSV a cell that a spreadsheet would take for a formula gets an apostrophe.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Callable, Iterable, Iterator, Mapping

from app.cli.client import ApiResponse
from app.cli.tables import COMPONENTS, headline, published
from app.cli.terminal import printable
from tasks.jobs.outcome import Failure
from tasks.jobs.result import ArticleResult, ArticlesResult, JobResult

_MARKUP = re.compile(r"([\\`*_{}\[\]<>#|~!&])")
_BLOCK_START = re.compile(r"^(\s*(?:[0-9]+(?=[.)])|(?=[-+=])))")
"""What makes a list or a heading at the start of a line."""

_FORMULA_STARTS = ("=", "+", "-", "@")


def _json(response: ApiResponse[JobResult]) -> bytes:
    return response.document


def _csv(response: ApiResponse[JobResult]) -> bytes:
    """One line for each article, best first, under a line of headings."""
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(_HEADINGS)
    for rank, ranked in enumerate(_articles(response.body), 1):
        writer.writerow(_row(rank, ranked))
    return text.getvalue().encode()


_HEADINGS = (
    *("rank", "overall_score", "title", "url", "domain", "author", "publish_date"),
    *("language", "word_count", "summary", "keywords", *COMPONENTS.values()),
)


def _row(rank: int, ranked: ArticleResult) -> list[str | int | float]:
    article = ranked.article
    return [
        rank,
        ranked.overall_score,
        _cell(article.title),
        _cell(article.url),
        _cell(article.domain),
        _cell(article.author or ""),
        published(ranked) or "",
        _cell(article.language or ""),
        article.word_count,
        _cell(article.summary),
        _cell("; ".join(article.keywords)),
        *(getattr(ranked, field) for field in COMPONENTS.values()),
    ]


def _cell(text: str) -> str:
    text = printable(text)
    return f"'{text}" if text.startswith(_FORMULA_STARTS) else text


def _markdown(response: ApiResponse[JobResult]) -> bytes:
    """A numbered list: each article as a link, with its summary."""
    return ("\n".join(_lines(response.body)) + "\n").encode()


def _lines(result: JobResult) -> Iterator[str]:
    if not isinstance(result, ArticlesResult):
        yield _escape(headline(result))
        return
    title = result.topic or result.query
    if title:
        yield f"# {_escape(title)}"
        yield ""
    yield _escape(headline(result))
    for rank, ranked in enumerate(result.results, 1):
        article = ranked.article
        facts = (article.domain, article.author, published(ranked))
        known = [_escape(fact) for fact in facts if fact]
        yield ""
        yield f"{rank}. {_link(article.title, article.url)}  "
        yield f"   {' · '.join([*known, f'score {ranked.overall_score:.0f}'])}"
        if article.summary:
            yield ""
            yield f"   {_escape(article.summary)}"
    yield from _failures(result.failures)


def _failures(failures: Iterable[Failure]) -> Iterator[str]:
    for index, failure in enumerate(failures):
        if index == 0:
            yield from ("", "## Failed", "")
        yield f"- {_link(failure.url, failure.url)}: {_escape(failure.detail)}"


def _link(text: str, url: str) -> str:
    """A link to a web page; of any other address only the text."""
    if not url.startswith(("http://", "https://")):
        return _escape(text)
    address = printable(url).replace(" ", "%20").replace("<", "%3C").replace(">", "%3E")
    return f"[{_escape(text)}](<{address}>)"


def _escape(text: str) -> str:
    escaped = _MARKUP.sub(r"\\\1", printable(text))
    return _BLOCK_START.sub(r"\1\\", escaped)


def _articles(result: JobResult) -> tuple[ArticleResult, ...]:
    return result.results if isinstance(result, ArticlesResult) else ()


FORMATS: Mapping[str, Callable[[ApiResponse[JobResult]], bytes]] = {
    "json": _json,
    "csv": _csv,
    "markdown": _markdown,
}
"""Each format by its name: makes the document of a result."""
