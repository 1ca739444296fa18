"""Extraction on 120 news pages annotated by people, beside trafilatura, which it builds on.

The metric is that of the collection, scrapinghub/article-extraction-benchmark: multisets of 4-word
shingles; F1 is the harmonic mean of the mean precision and the mean recall of the pages.
"""

from __future__ import annotations

import random
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from statistics import mean

import click
from msgspec import Struct
from trafilatura import bare_extraction
from trafilatura.settings import Document

from nlp.article import Article, Page
from nlp.extraction.charset import decode
from nlp.extraction.extract import extract
from tests.bench.figure import Figure
from tests.bench.shared_data import NewsPage, news_pages

GOAL = 0.970
SHINGLE = 4
HALVES = 200
"""Random halves of the pages; their spread shows how much a figure depends on the pages."""

_TOKEN = re.compile(r"\w+")


class Measured(Struct, frozen=True, kw_only=True):
    """The results of one extractor on all pages, in their order."""

    precisions: tuple[float, ...]
    recalls: tuple[float, ...]
    seconds: tuple[float, ...]
    """Of processor time."""

    def f1(self, chosen: list[int] | None = None) -> float:
        pages = range(len(self.precisions)) if chosen is None else chosen
        precision = mean(self.precisions[at] for at in pages)
        recall = mean(self.recalls[at] for at in pages)
        return 2 * precision * recall / (precision + recall)


def extraction_figures() -> Iterator[Figure]:
    """F1, precision, recall and time; only a message on stderr where the pages are missing."""
    pages = news_pages()
    if not pages:
        click.echo("extraction: skipped, the annotated pages are missing", err=True)
        return
    for extractor in (_ours, _trafilatura, _trafilatura_alone):
        extractor(pages[0].page)  # loads word lists
    ours, best, alone = (
        _measured(extractor, pages) for extractor in (_ours, _trafilatura, _trafilatura_alone)
    )
    against, value = "trafilatura, favor_precision", best.f1()
    yield Figure(
        name=f"extraction, F1 on {len(pages)} pages",
        value=ours.f1(),
        unit="",
        against=against,
        against_value=value,
        goal=f">= {GOAL}",
        met=ours.f1() >= GOAL,
    )
    yield _beside("extraction, precision", mean(ours.precisions), against, mean(best.precisions))
    yield _beside("extraction, recall", mean(ours.recalls), against, mean(best.recalls))
    yield _beside("extraction, F1", ours.f1(), "the same without its fallbacks", alone.f1())
    yield _beside(
        "extraction, F1 of the worst of the halves", min(_halves(ours)), against, min(_halves(best))
    )
    yield _beside(
        "extraction, CPU a page with title and date",
        1000 * mean(ours.seconds),
        f"{against}, text alone",
        1000 * mean(best.seconds),
        "ms",
    )
    yield Figure(name="extraction, slowest page", value=1000 * max(ours.seconds), unit="ms")


def _beside(name: str, value: float, against: str, other: float, unit: str = "") -> Figure:
    return Figure(name=name, value=value, unit=unit, against=against, against_value=other)


def _ours(page: Page) -> str:
    outcome = extract(page, 1)
    return outcome.text if isinstance(outcome, Article) else ""


def _trafilatura(page: Page) -> str:
    return _by_trafilatura(page, fast=False)


def _trafilatura_alone(page: Page) -> str:
    return _by_trafilatura(page, fast=True)


def _by_trafilatura(page: Page, *, fast: bool) -> str:
    document = bare_extraction(
        decode(page.body), url=page.url, fast=fast, favor_precision=True, include_comments=False
    )
    return str(document.text or "") if isinstance(document, Document) else ""


def _measured(extractor: Callable[[Page], str], pages: Sequence[NewsPage]) -> Measured:
    scores: list[tuple[float, float]] = []
    seconds: list[float] = []
    for news_page in pages:
        started = time.process_time()
        text = extractor(news_page.page)
        seconds.append(time.process_time() - started)
        scores.append(_precision_and_recall(_shingles(news_page.text), _shingles(text)))
    precisions, recalls = zip(*scores, strict=True)
    return Measured(precisions=precisions, recalls=recalls, seconds=tuple(seconds))


def _halves(of: Measured) -> Iterator[float]:
    rng = random.Random(5)
    for _ in range(HALVES):
        yield of.f1(rng.sample(range(len(of.precisions)), len(of.precisions) // 2))


def _shingles(text: str) -> Counter[tuple[str, ...]]:
    tokens = _TOKEN.findall(text)
    last = max(1, len(tokens) - SHINGLE + 1) if tokens else 0
    return Counter(tuple(tokens[at : at + SHINGLE]) for at in range(last))


def _precision_and_recall(
    true: Counter[tuple[str, ...]], extracted: Counter[tuple[str, ...]]
) -> tuple[float, float]:
    """Both 1 where neither has a text; precision 0 where no text was extracted from one.

    The script of the collection leaves such a page out of the mean, which is more lenient.
    """
    if not true and not extracted:
        return 1.0, 1.0
    common = (true & extracted).total()
    return common / max(1, extracted.total()), common / max(1, true.total())
