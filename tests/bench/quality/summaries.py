"""Summaries and keywords, against the descriptions and keywords that news pages declare."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence

import click
from msgspec.structs import replace

from nlp.text.summary import MAX_CHARS, lead_summary
from nlp.text.words import TokenizedText, sentences, words
from tests.bench.figure import Figure, compared
from tests.bench.quality.described import Described, described_pages
from tests.bench.quality.keyphrases import keyword_figures
from tests.bench.quality.rouge import rouge

MIN_WORDS, MAX_WORDS = 10, 80
"""Words of a description that is a summary; shorter ones are slogans, longer ones the article."""

COPIED_SHARE = 0.6
"""Share of a description's word triples in the first 250 words from which it counts as a copy."""


def summary_figures() -> Iterator[Figure]:
    """ROUGE beside that of the first three sentences, keywords beside simpler methods; the cost."""
    pages = described_pages()
    if not pages:
        click.echo("No pages in ../shared/data: summaries and keywords are skipped.", err=True)
        return
    yield from _summary_figures([page for page in pages if _has_summary(page)])
    yield from keyword_figures(pages)


def _summary_figures(pages: Sequence[Described]) -> Iterator[Figure]:
    original = [page for page in pages if not _is_copied(page)]
    groups = ((f"{len(pages)} pages", pages), (f"{len(original)} with their own words", original))
    for name, group in groups:
        for column, kind in enumerate(("ROUGE-1", "ROUGE-2", "ROUGE-L")):
            ours, lead = _mean(group, _ours, column), _mean(group, _lead, column)
            figure = compared(f"summary {kind}, {name}", ours, "", "lead-3", lead)
            yield replace(figure, goal=">= lead-3", met=ours >= lead)
    yield _cost(pages)


def _cost(pages: Sequence[Described]) -> Figure:
    texts = [TokenizedText(page.text) for page in pages]
    started = time.process_time()
    for page, text in zip(pages, texts, strict=True):
        lead_summary(page.title, text)
    spent = 1000 * (time.process_time() - started) / len(pages)
    return Figure(name="summary, processor time", value=spent, unit="ms an article")


def _mean(pages: Sequence[Described], summary: Callable[[Described], str], column: int) -> float:
    return sum(rouge(summary(page), page.description)[column] for page in pages) / len(pages)


def _ours(page: Described) -> str:
    return lead_summary(page.title, TokenizedText(page.text))


def _lead(page: Described) -> str:
    return " ".join(sentences(page.text)[:3])[:MAX_CHARS]


def _has_summary(page: Described) -> bool:
    return MIN_WORDS <= len(words(page.description)) <= MAX_WORDS


def _is_copied(page: Described) -> bool:
    triples = _triples(words(page.description))
    copied = triples & _triples(words(page.text)[:250])
    return len(copied) >= COPIED_SHARE * len(triples)


def _triples(tokens: Sequence[str]) -> set[tuple[str, str, str]]:
    return set(zip(tokens, tokens[1:], tokens[2:], strict=False))
