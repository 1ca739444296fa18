"""Extraction on 120 news pages and on pages of every sort, annotated by people, beside its peers.

The metric is that of the collection, scrapinghub/article-extraction-benchmark: multisets of 4-word
shingles; F1 is the harmonic mean of the mean precision and the mean recall of the pages. The judge
of lines was learned on these pages, so each figure has its counterpart from a judge that has seen
no page of the same site.
"""

from __future__ import annotations

import random
import re
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from statistics import mean

import click
from msgspec import Struct
from trafilatura import bare_extraction
from trafilatura.baseline import basic_cleaning
from trafilatura.external import try_justext, try_readability
from trafilatura.settings import Document

from nlp.article import Article, Page
from nlp.extraction.charset import decode
from nlp.extraction.extract import extract
from nlp.extraction.markup import parse
from tests.bench.figure import Figure
from tests.bench.quality.judging import held_out, samples
from tests.bench.shared_data import NewsPage, news_pages, reader_pages

GOALS = {"news": (0.980, 0.970), "reader": (0.955, 0.945)}
"""Of F1: on the given pages, and on sites that the judge has not seen."""

TITLE_GOAL, BYLINE_GOAL = 0.9, 0.8
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
    collections = {"news": news_pages(), "reader": reader_pages()}
    if not all(collections.values()):
        click.echo("extraction: skipped, the annotated pages are missing", err=True)
        return
    unseen = _on_unseen_sites()
    for name, pages in collections.items():
        for extractor in (_ours, *PEERS.values()):
            extractor(pages[0].page)  # loads word lists
        ours = _measured(_ours, pages)
        peers = {peer: _measured(extractor, pages) for peer, extractor in PEERS.items()}
        yield from _figures_of(name, pages, ours, peers, unseen)
    yield from _title_figures(collections["reader"])


def _figures_of(
    name: str,
    pages: Sequence[NewsPage],
    ours: Measured,
    peers: Mapping[str, Measured],
    unseen: Mapping[tuple[str, bool], Measured],
) -> Iterator[Figure]:
    best = max(peers, key=lambda peer: peers[peer].f1())
    given, held = GOALS[name]
    title = f"extraction, {name} pages"
    yield _beside(f"{title}: F1 on {len(pages)}", ours.f1(), best, peers[best].f1(), goal=given)
    other = unseen[name, False].f1()
    yield _beside(
        f"{title}: F1 of a judge of other sites", other, best, peers[best].f1(), goal=held
    )
    yield _beside(
        f"{title}: the same, the box of the article renamed",
        unseen[name, True].f1(),
        "as they are",
        other,
    )
    for peer, measured in peers.items():
        yield _beside(f"{title}: F1", ours.f1(), peer, measured.f1())
    yield _beside(f"{title}: precision", mean(ours.precisions), best, mean(peers[best].precisions))
    yield _beside(f"{title}: recall", mean(ours.recalls), best, mean(peers[best].recalls))
    yield _beside(
        f"{title}: F1 of the worst of the halves",
        min(_halves(ours)),
        best,
        min(_halves(peers[best])),
    )
    yield _beside(
        f"{title}: CPU a page with title and date",
        1000 * mean(ours.seconds),
        f"{best}, text alone",
        1000 * mean(peers[best].seconds),
        "ms",
    )
    yield Figure(name=f"{title}: slowest", value=1000 * max(ours.seconds), unit="ms")


def _on_unseen_sites() -> dict[tuple[str, bool], Measured]:
    """By collection and whether the box of the article is renamed."""
    scores: dict[tuple[str, bool], list[tuple[float, float]]] = {}
    for page, text in held_out(samples()):
        score = _precision_and_recall(_shingles(page.text), _shingles(text))
        scores.setdefault((page.collection, page.is_renamed), []).append(score)
    return {kind: _as_measured(of_kind, (0.0,)) for kind, of_kind in scores.items()}


def _title_figures(pages: Sequence[NewsPage]) -> Iterator[Figure]:
    """Titles and bylines, alike when lower-cased; and with what the collection leaves in them.

    It keeps the name of a site in a title that declares it, and "By" and a date in a byline.
    """
    articles = [(page, extract(page.page, 1)) for page in pages]
    titles = [(page.title or "", getattr(article, "title", "")) for page, article in articles]
    bylines = [
        (page.byline, getattr(article, "author", None) or "")
        for page, article in articles
        if page.byline
    ]
    alike = mean(_folded(expected) == _folded(title) for expected, title in titles)
    begins = mean(
        bool(title) and _folded(expected).startswith(_folded(title)) for expected, title in titles
    )
    yield _beside("titles alike", alike, "or without an end of it", begins, goal=TITLE_GOAL)
    by_names = [(_without_by(_folded(byline)), _folded(author)) for byline, author in bylines]
    exact = mean(_folded(byline) == _folded(author) for byline, author in bylines)
    names = mean(expected == author for expected, author in by_names)
    yield _beside("bylines alike, without 'by'", names, "with it", exact, goal=BYLINE_GOAL)


def _folded(text: str) -> str:
    return " ".join(text.lower().replace("; ", ", ").split())


def _without_by(byline: str) -> str:
    return byline.removeprefix("by ")


def _beside(
    name: str, value: float, against: str, other: float, unit: str = "", goal: float | None = None
) -> Figure:
    return Figure(
        name=name,
        value=value,
        unit=unit,
        against=against,
        against_value=other,
        goal=None if goal is None else f">= {goal}",
        met=None if goal is None else value >= goal,
    )


def _ours(page: Page) -> str:
    outcome = extract(page, 1)
    return outcome.text if isinstance(outcome, Article) else ""


def _by_trafilatura(page: Page, *, precise: bool) -> str:
    document = bare_extraction(
        decode(page.body), url=page.url, favor_precision=precise, include_comments=False
    )
    return str(document.text or "") if isinstance(document, Document) else ""


def _by_readability(page: Page) -> str:
    tree = parse(decode(page.body))
    return "" if tree is None else " ".join(try_readability(tree).itertext())


def _by_justext(page: Page) -> str:
    tree = parse(decode(page.body))
    return (
        "" if tree is None else " ".join(try_justext(basic_cleaning(tree), None, None).itertext())
    )


PEERS: dict[str, Callable[[Page], str]] = {
    "trafilatura": partial(_by_trafilatura, precise=False),
    "trafilatura, favor_precision": partial(_by_trafilatura, precise=True),
    "readability-lxml, as in trafilatura": _by_readability,
    "jusText": _by_justext,
}


def _measured(extractor: Callable[[Page], str], pages: Sequence[NewsPage]) -> Measured:
    scores: list[tuple[float, float]] = []
    seconds: list[float] = []
    for news_page in pages:
        started = time.process_time()
        text = extractor(news_page.page)
        seconds.append(time.process_time() - started)
        scores.append(_precision_and_recall(_shingles(news_page.text), _shingles(text)))
    return _as_measured(scores, tuple(seconds))


def _as_measured(scores: Sequence[tuple[float, float]], seconds: tuple[float, ...]) -> Measured:
    precisions, recalls = zip(*scores, strict=True)
    return Measured(precisions=precisions, recalls=recalls, seconds=seconds)


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
