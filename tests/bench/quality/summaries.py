"""Summaries and keywords, against what news pages say of themselves."""

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

SHORTEST, LONGEST = 10, 80
"""Words of a description that is a summary; shorter ones are slogans, longer ones the article."""

COPIED_SHARE = 0.6
"""Share of a description's word triples in the first 250 words at which it is taken for a copy."""


def summary_figures() -> Iterator[Figure]:
    """ROUGE beside that of the first three sentences, keywords beside plain counts; the cost."""
    pages = described_pages()
    if not pages:
        click.echo("No pages in ../shared/data: summaries and keywords are skipped.", err=True)
        return
    yield from _summary_figures([page for page in pages if _has_summary(page)])
    yield from keyword_figures(pages)


def _summary_figures(pages: Sequence[Described]) -> Iterator[Figure]:
    own = [page for page in pages if not _is_copied(page)]
    for name, some in ((f"{len(pages)} pages", pages), (f"{len(own)} with their own words", own)):
        for place, kind in enumerate(("ROUGE-1", "ROUGE-2", "ROUGE-L")):
            ours, lead = _mean(some, _ours, place), _mean(some, _lead, place)
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


def _mean(pages: Sequence[Described], summary: Callable[[Described], str], place: int) -> float:
    return sum(rouge(summary(page), page.description)[place] for page in pages) / len(pages)


def _ours(page: Described) -> str:
    return lead_summary(page.title, TokenizedText(page.text))


def _lead(page: Described) -> str:
    return " ".join(sentences(page.text)[:3])[:MAX_CHARS]


def _has_summary(page: Described) -> bool:
    return SHORTEST <= len(words(page.description)) <= LONGEST


def _is_copied(page: Described) -> bool:
    told = _triples(words(page.description))
    return len(told & _triples(words(page.text)[:250])) >= COPIED_SHARE * len(told)


def _triples(tokens: Sequence[str]) -> set[tuple[str, str, str]]:
    return set(zip(tokens, tokens[1:], tokens[2:], strict=False))
